"""Pages: values are escaped and recorded, formulas are pictures, files are written whole or not at all."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest

from closedform.files import write_text
from reports.shared.page import STYLE, Page, write_index


@pytest.fixture
def page():
    page = Page("example", "A <title>", "A claim.")
    page.section("First things")
    page.provenance = {"Seed": "1"}
    return page


def test_a_number_is_formatted_in_the_sentence_and_whole_in_the_json(page):
    page.text("It is {value:.2f} nats.", value=np.float64(1.23456))
    assert "It is 1.23 nats." in page.html()
    assert json.loads(page.json())["numbers"] == {"value": 1.23456}


def test_a_sentence_may_use_an_earlier_number(page):
    page.text("{n} points.", n=14)
    page.text("After {n}.")
    assert "After 14." in page.html()


def test_one_name_cannot_stand_for_two_numbers(page):
    page.text("{n}", n=1)
    with pytest.raises(ValueError, match="`n` is on page example as 1, got 2"):
        page.text("{n}", n=2)


def test_what_a_user_typed_is_escaped_everywhere(page):
    nasty = "<script>alert('&')</script>${x}$"
    page.text("From {source}.", source=nasty)
    page.table("t", "Caption", {"who": [nasty]}, {})
    page.provenance["Command"] = nasty
    html = page.html()
    assert "<script>" not in html
    assert html.count("&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;${x}$") == 3
    assert "<title>A &lt;title&gt;" in html


def test_latex_becomes_a_picture_with_the_latex_as_its_name(page):
    page.text("With $\\tau^2$ known.")
    page.formula(r"\frac{1}{2}")
    html = page.html()
    assert 'aria-label="\\tau^2"' in html
    assert 'aria-label="\\frac{1}{2}"' in html
    assert "$" not in html
    assert html.count("<svg") == 2


def test_code_is_shown_as_it_stands_and_escaped(page):
    page.code("if a < b:\n    return {x}")
    page.table("t", "Caption", {"call": ["f(<x>)"]}, {"call": "code"})
    assert "<pre><code>if a &lt; b:\n    return {x}</code></pre>" in page.html()
    assert "<td><code>f(&lt;x&gt;)</code></td>" in page.html()
    assert page.numbers["t"] == {"call": ["f(<x>)"]}


def test_a_table_shows_missing_numbers_as_a_dash_and_null(page):
    page.table("t", "Caption", {"$n$": [0, 1], "mean": [np.nan, 2.5]}, {"mean": ".3f"})
    assert "&ndash;" in page.html()
    assert "2.500" in page.html()
    assert json.loads(page.json())["numbers"]["t"] == {"n": [0, 1], "mean": [None, 2.5]}


def test_a_page_needs_no_other_file(page):
    figure, axis = plt.subplots()
    axis.plot([1, 2])
    page.figure(figure, "A line", "A rising line.")
    html = page.html()
    assert 'alt="A rising line."' in html
    for outside in ["http://", "https://", "<link", "<script", "@import", "url("]:
        assert outside not in html.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert not plt.get_fignums()


def test_the_same_figure_is_the_same_bytes():
    def render():
        page = Page("p", "t", "c")
        page.section("s")
        with plt.style.context(STYLE):
            figure, axis = plt.subplots()
            axis.plot([1, 2], label="x")
            axis.fill_between([0, 1], [1, 2])
            axis.legend()
            page.figure(figure, "c", "a")
        return page.html()

    assert render() == render()


def test_files_are_whole_and_listed(page, tmp_path):
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


def test_numbers_about_something_are_kept_apart_and_called_by_their_own_names():
    page = Page("p", "t", "c")
    page.section("s")
    for key, name in [("r1", "<one>"), ("r2", "two")]:
        with page.about(key):
            page.record(name=name)
            page.text("{name} has {parts} parts", parts=len(name))
    page.text("{r1_name} and {r2_name}")
    assert [str(block["body"]) for block in page.sections[0]["blocks"]] == [
        "&lt;one&gt; has 5 parts",
        "two has 3 parts",
        "&lt;one&gt; and two",
    ]
    assert page.numbers == {"r1_name": "<one>", "r1_parts": 5, "r2_name": "two", "r2_parts": 3}


def test_a_file_name_that_is_no_utf8_is_written_escaped(tmp_path):
    write_text(tmp_path / "page.html", "bad\udcff.csv")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "bad\\udcff.csv"


def test_negative_numbers_have_a_minus_sign(page):
    page.text("{x:.1f} and {low:.2g}, sd-weighted, a = {x:.0f}.", x=-1.5, low=-1e-16)
    assert "−1.5 and −1e-16, sd-weighted, a&nbsp;=&nbsp;−2." in page.html()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "page.html"
    write_text(target, "old")
    with pytest.raises(TypeError):
        write_text(target, 3)
    assert target.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["page.html"]
