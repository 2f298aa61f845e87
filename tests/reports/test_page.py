"""Pages: templates show the numbers of their section, values are escaped, files are written whole or not at all."""

import json
import re

import jinja2
import matplotlib.pyplot as plt
import numpy as np
import pytest

from closedform.files import write_text
from reports.models import sections
from reports.shared.markdown import to_html
from reports.shared.page import STYLE, TEMPLATES, Link, Page, write_index


@pytest.fixture
def templates(monkeypatch):
    """Templates of a test by name, before those of the pages."""
    words: dict[str, str] = {}
    monkeypatch.setattr(TEMPLATES, "loader", jinja2.ChoiceLoader([jinja2.DictLoader(words), TEMPLATES.loader]))
    monkeypatch.setattr(TEMPLATES, "cache", None)
    return words


@pytest.fixture
def page_of(templates):
    """Return a function that makes a page with one section of these words and numbers."""

    def make(words, **numbers):
        templates["example.md"] = f"# First things\n\n{words}\n"
        page = Page("example", "A <title>", "A claim.")
        page.provenance = {"Seed": "1"}
        page.section("example.md", numbers)
        return page

    return make


def numbers_in_file(page):
    return json.loads(page.json())["numbers"]


def test_a_number_is_formatted_in_the_template_and_whole_in_the_json(page_of):
    page = page_of('It is {{ value | format(".2f") }} nats.', value=np.float64(1.23456))
    assert "<p>It is 1.23 nats.</p>" in page.html()
    assert numbers_in_file(page) == {"example": {"value": 1.23456}}


def test_numbers_are_local_to_their_section(page_of, templates):
    page = page_of("{{ n }} points.", n=1)
    templates["other.md"] = "# Other\n\n{{ n }} here.\n"
    page.section("other.md", {"n": 2})
    page.section("other.md", {"n": 3}, key="third")
    assert numbers_in_file(page) == {"example": {"n": 1}, "other": {"n": 2}, "third": {"n": 3}}
    assert [str(section.body).strip() for section in page.sections] == [
        *["<p>1 points.</p>", "<p>2 here.</p>", "<p>3 here.</p>"]
    ]
    with pytest.raises(ValueError, match=r"page example has a section other already; give the one of other\.md"):
        page.section("other.md", {"n": 4})


def test_editing_only_a_template_changes_the_page(templates):
    def overview():
        page = Page("models", "Title", "Claim.")
        columns = {"model": ["m"], "log p(y), nats": [-1.5], "chain rule, gap": [1e-15]}
        page.section("models/overview.md", {"models": columns, "largest_gap": 1e-15, "rounding": sections.ROUNDING})
        return page

    before = overview()
    source, _, _ = TEMPLATES.loader.get_source(TEMPLATES, "models/overview.md")
    edited = source.replace("The largest gap is", "At most, the gap is").replace('format(".1e")', 'format(".3e")')
    templates["models/overview.md"] = edited.replace("# The models,", "# Our models,")
    after = overview()
    assert "The largest gap is 1.0e-15 of the terms" in before.sections[0].body
    assert "At most, the gap is 1.000e-15 of the terms" in after.sections[0].body
    assert after.sections[0].title == "Our models, and how their formulas are checked"
    assert after.json() == before.json()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{{ mena }}", "'mena' is undefined"),
        ('{{ mena | format(".3f") }}', "'mena' is undefined"),
        ("{{ run.sd }}", "has no attribute 'sd'"),
        ("{% if mena > 3 %}large{% endif %}", "'mena' is undefined"),
        ('{% call table(t, {"mean": ".1f"}) %}A table.{% endcall %}', "no column 'mean', but n"),
        ('{% call figure(mena, alt="") %}A figure.{% endcall %}', "'mena' is undefined"),
    ],
)
def test_a_template_that_asks_for_what_is_not_there_is_named_with_the_name(page_of, words, message):
    with pytest.raises(ValueError, match=rf"^example\.md: .*{re.escape(message)}.*section example has mean, run, t\."):
        page_of(words, mean=1.0, run={"mean": 2.0}, t={"n": [1]})


def test_a_template_without_a_heading_is_named(templates):
    templates["bare.md"] = "No heading.\n"
    with pytest.raises(ValueError, match=r"bare\.md must begin with a heading, `# Title`"):
        Page("p", "t", "c").section("bare.md", {})


def test_what_a_user_typed_is_escaped_and_neither_markdown_nor_latex_nor_jinja(page_of):
    nasty = "<script>alert('&')</script>${x}$ **a** `b` {{ c }}"
    page = page_of(
        "From {{ source }}.\n\n> {{ source }}\n\n{% call table(t) %}By {{ source }}.{% endcall %}",
        source=nasty,
        t={"who": [nasty], nasty: [Link(nasty, nasty, "pass")]},
    )
    page.provenance["Command"] = nasty
    html = page.html()
    assert "<script>" not in html
    escaped = "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;${x}$ **a** `b` {{ c }}"
    assert html.count(escaped) == 8
    assert "<title>A &lt;title&gt;" in html
    assert numbers_in_file(page)["example"]["t"] == {"who": [nasty], nasty: [nasty]}


def test_a_title_is_a_number_like_any_other(templates):
    templates["named.md"] = "# {{ name }} of a normal\n\nText.\n"
    page = Page("p", "t", "c")
    page.section("named.md", {"name": "<Mean>"})
    assert '<a href="#named">&lt;Mean&gt; of a normal</a>' in page.html()


def test_the_address_of_a_section_outlives_its_title(templates):
    for title in ["Before", "After"]:
        templates["named.md"] = f"# {title}\n\nText.\n"
        page = Page("p", "t", "c")
        page.section("named.md", {}, key="rates")
        html = page.html()
        assert '<section id="rates">' in html
        assert f'1. {title} <a class="anchor" href="#rates"' in html
        assert list(numbers_in_file(page)) == ["rates"]


def test_latex_becomes_a_picture_with_the_latex_as_its_name(page_of):
    html = page_of("With $\\tau^2$ and $a\nb$ known.\n\n$$\\frac{1}{2} {{x}}$$\n\nIt costs \\$3.").html()
    assert 'aria-label="\\tau^2"' in html
    assert 'aria-label="a b"' in html
    assert 'aria-label="\\frac{1}{2} {{x}}"' in html
    assert html.count('<div class="formula"><svg') == 1
    assert html.count("<svg") == 3
    assert "It costs $3." in html


def test_tags_on_their_own_lines_are_outside_paragraphs_and_in_a_sentence_within():
    assert to_html("{% if a %}\nText\nof {% if b %}one{% endif %}\n{% else %}\n> Shown.\n{% endif %}\n") == (
        "{% if a %}\n<p>Text\nof {% if b %}one{% endif %}</p>\n{% else %}\n"
        '<div class="conclusion">\n<p>Shown.</p>\n</div>\n{% endif %}\n'
    )
    assert to_html('{% call f(a,\n          alt="b") %}\nText.\n{% endcall %}\n') == (
        '{% call f(a,\n          alt="b") %}\n<p>Text.</p>\n{% endcall %}\n'
    )
    assert to_html("> Text {{ a['b'] }}\n> {% if c %}d{% endif %}") == (
        "<div class=\"conclusion\">\n<p>Text {{ a['b'] }}\n{% if c %}d{% endif %}</p>\n</div>\n"
    )


def test_a_bar_in_a_field_or_a_formula_splits_no_cell_of_a_table():
    html = to_html('| a | b |\n|---|---|\n| {{ x | format(".2f") }} | $|x|$ |\n')
    assert '<td>{{ x | format(".2f") }}</td>' in html
    assert 'aria-label="|x|"' in html
    assert html.count("<td>") == 2


def test_code_is_shown_as_it_stands_and_escaped(page_of):
    page = page_of(
        '```\n{{ source }}\n```\n\n{% call table(t, {"call": "code"}) %}Caption{% endcall %}',
        source="if a < b:\n    return {x} = -1",
        t={"call": ["f(<x>)"]},
    )
    assert "<pre><code>if a &lt; b:\n    return {x} = -1\n</code></pre>" in page.html()
    assert "<td><code>f(&lt;x&gt;)</code></td>" in page.html()
    assert numbers_in_file(page)["example"]["t"] == {"call": ["f(<x>)"]}


def test_a_table_shows_missing_numbers_as_a_dash_and_null(page_of):
    page = page_of(
        '{% call table(t, {"$n$": "d"}, others=".3f") %}\nThe $n$ **so** far.\n{% endcall %}',
        t={"n": np.array([0, 1]), "mean": [np.nan, 2.5], "sd": (None, np.inf), "who": ["a", "b"]},
    )
    html = page.html()
    assert re.search(r"<figcaption>The <svg.*?</svg> <strong>so</strong> far.</figcaption>", html)
    assert re.search(r'<th scope="col" class="number"><svg[^>]*aria-label="n"', html)
    assert '<td class="number">0</td><td class="number">&ndash;</td><td class="number">&ndash;</td><td>a</td>' in html
    assert '<td class="number">1</td><td class="number">2.500</td><td class="number">inf</td><td>b</td>' in html
    assert numbers_in_file(page)["example"]["t"] == {
        "n": [0, 1],
        "mean": [None, 2.5],
        "sd": [None, None],
        "who": ["a", "b"],
    }


def test_a_table_with_an_anchor_is_closed_until_a_link_opens_it(page_of):
    html = page_of('{% call table(t, anchor="a-b") %}Caption{% endcall %}', t={"x": [1]}).html()
    assert '<details class="scroll"><summary>Caption</summary><table id="a-b">' in html
    assert "</table></details>" in html


def test_a_figure_is_on_the_page_and_not_in_the_file_and_a_page_needs_no_other_file(page_of):
    figure, axis = plt.subplots()
    axis.plot([1, 2])
    unused = plt.figure()
    page = page_of(
        '{% call figure(line, alt="A rising <line>.") %}\nA line of {{ n }}.\n{% endcall %}',
        line=figure,
        n=2,
        runs=[{"unused": unused}],
    )
    html = page.html()
    assert 'alt="A rising &lt;line&gt;."><figcaption>A line of 2.</figcaption>' in html
    for outside in ["http://", "https://", "<link", "<script", "@import", "url("]:
        assert outside not in html.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert numbers_in_file(page) == {"example": {"n": 2, "runs": [{}]}}
    assert not plt.get_fignums()


def test_the_same_figure_is_the_same_bytes(page_of):
    def render():
        with plt.style.context(STYLE):
            figure, axis = plt.subplots()
            axis.plot([1, 2], label="x")
            axis.fill_between([0, 1], [1, 2])
            axis.legend()
            return page_of('{% call figure(f, alt="a") %}c{% endcall %}', f=figure).html()

    assert render() == render()


def test_files_are_whole_and_listed(page_of, tmp_path):
    page = page_of("Text.")
    html_file = page.write(tmp_path)
    index = write_index(tmp_path, ["example", "not-made-yet"])
    assert html_file.read_text(encoding="utf-8") == page.html()
    assert 'href="example.html"' in index.read_text(encoding="utf-8")
    assert "A &lt;title&gt;" in index.read_text(encoding="utf-8")
    assert "not-made-yet" not in index.read_text(encoding="utf-8")
    assert '<span class="verdict pass">pass</span>' in index.read_text(encoding="utf-8")
    page.verdict = "fail"
    page.write(tmp_path)
    write_index(tmp_path, ["example"])
    assert '<span class="verdict fail">fail</span>' in index.read_text(encoding="utf-8")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["example.html", "example.json", "index.html"]


def test_a_file_name_that_is_no_utf8_is_written_escaped(tmp_path):
    write_text(tmp_path / "page.html", "bad\udcff.csv")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "bad\\udcff.csv"


def test_negative_numbers_have_a_minus_sign_and_equals_signs_stay_with_what_is_beside_them(page_of):
    html = page_of(
        '{{ x | format(".1f") }} and {{ low | format(".2g") }}, sd-weighted, a = {{ x | format(".0f") }}, b =\n'
        '{{ x | format("+.0f") }}, `-1 = c`.',
        x=-1.5,
        low=-1e-16,
    ).html()
    assert "−1.5 and −1e-16, sd-weighted, a&nbsp;=&nbsp;−2, b&nbsp;=&nbsp;−2, <code>-1 = c</code>." in html


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "page.html"
    write_text(target, "old")
    with pytest.raises(TypeError):
        write_text(target, 3)
    assert target.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["page.html"]
