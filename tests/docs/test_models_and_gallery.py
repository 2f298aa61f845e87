"""What the pages of the models and the gallery say is what the code has."""

import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from sphinx.errors import ExtensionError

from bayes.registry import NAMES, models
from docs.extensions import formulas, gallery, model_figures
from docs.extensions.files import write_pages
from docs.extensions.models import UNITS, pages
from reports.gradients import derivation
from reports.pages import PAGES
from reports.shared.page import Page


@cache
def texts():
    return pages()


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_model_has_its_formulas_priors_data_and_references(name):
    text, model = texts()[name], models[name]
    parts = [part.strip() for latex in model.example.formulas.values() for part in re.split(r"\\q?quad\b", latex)]
    assert all(f"$$\n{part}\n$$" in text for part in parts)
    table = text[text.index("| hyperparameter |") : text.index("All logarithms")]
    assert set(UNITS[name]) == set(vars(model.exact))
    assert set(vars(model.exact)) <= set(re.findall(r"`(\w+)`", table))
    assert all(f"`{data_set}`\n: " in text for data_set in model.example.data)
    assert model.source[1:] in text
    assert model.example.references in text
    assert f"{{doc}}`{name} <{name}>`" in texts()["index"]


def test_a_figure_is_the_same_bytes_each_time_and_differs_by_theme(tmp_path):
    def svgs():
        model_figures.write(tmp_path, "normal_normal", models["normal_normal"])
        return [file.read_bytes() for file in sorted((tmp_path / "figures").iterdir())]

    first = svgs()
    assert first == svgs()
    assert len(set(first)) == 2


def test_the_gallery_says_what_it_has(tmp_path):
    assert "does not have the page" in gallery.entry("gradients", tmp_path)
    made = Page("gradients", "Title", "Claim.")
    made.section("gradients/saturation.md", derivation.saturation_section())
    made.provenance = {"Command": "python -m reports gradients", "Commit": "abc"}
    made.write(tmp_path)
    site = SimpleNamespace(
        builder=SimpleNamespace(format="html"),
        config=SimpleNamespace(gallery_reports=str(tmp_path)),
        outdir=tmp_path / "site",
    )
    gallery.copy_pages(site, None)
    copied = sorted(file.name for file in (tmp_path / "site" / "gallery" / "report").iterdir())
    assert copied == ["gradients.html", "gradients.json"]
    entry = gallery.entry("gradients", tmp_path)
    assert 'href="report/gradients.html#saturation"' in entry
    assert "does not have the page" not in entry
    (tmp_path / "gradients.html").write_text("<p>An old page.</p>", encoding="utf-8")
    with pytest.raises(ExtensionError, match=r"gradients\.html is damaged or of another version \(it has no sections"):
        gallery.entry("gradients", tmp_path)
    for numbers, reason in [("{", "Expecting"), ("{}", "no 'verdict'"), (None, "No such file")]:
        file = tmp_path / "gradients.json"
        file.unlink() if numbers is None else file.write_text(numbers, encoding="utf-8")
        with pytest.raises(ExtensionError, match=reason):
            gallery.entry("gradients", tmp_path)


def test_every_page_is_in_the_gallery_under_its_title():
    text = (Path(__file__).parents[2] / "docs/gallery/index.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.*?)\n\n!\[[^\n]*\n\n.*?```\{report\} (\S+)$", text, re.MULTILINE | re.DOTALL)
    assert sections == [(module.TITLE, name) for name, module in PAGES.items()]


def test_a_formula_that_cannot_be_typeset_is_named(caplog):
    assert formulas.svg(nodes.math_block(text=r"\frac{1}{"), inline=False) == r"\frac{1}{"
    assert "cannot be typeset" in caplog.text


def test_pages_that_are_no_longer_wanted_go(tmp_path):
    folder = tmp_path / "new"
    write_pages(folder, {"a": "1", "b": "2"}, suffix=".md")
    before = (folder / "a.md").stat().st_mtime_ns
    write_pages(folder, {"a": "1"}, suffix=".md")
    assert [file.name for file in folder.iterdir()] == ["a.md"]
    assert (folder / "a.md").stat().st_mtime_ns == before
