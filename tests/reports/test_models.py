"""The models page: each model with its formulas and both samplers, and able to fail."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bayes.registry import NAMES, Model, get_model
from bayes.sampling import inference
from reports import models
from reports.models import sections
from reports.shared.formula import typeset
from reports.shared.page import Page, drawing


def page_of(**options):
    options = models.Options(**options)
    messages = []
    with drawing():
        page = models.build(models.read(options), options, messages.append)
    assert len(messages) == models.steps(options)
    return page


@pytest.fixture(scope="module")
def page():
    return page_of(model=("normal_normal", "dirichlet_multinomial"), draws=1000)


def test_a_model_has_its_formulas_its_example_and_a_row_for_each_parameter(page):
    assert [section["title"] for section in page.sections[2:]] == [
        get_model("normal_normal").example.title,
        get_model("dirichlet_multinomial").example.title,
    ]
    formulas = [block for block in page.sections[3]["blocks"] if block["kind"] == "formula"]
    assert len(formulas) == 4
    text = " ".join(str(block["body"]) for block in page.sections[3]["blocks"] if block["kind"] == "text")
    assert "(315, 108, 101, 32)" in text
    assert "concentration&nbsp;=&nbsp;(1, 1, 1, 1), trials&nbsp;=&nbsp;556" in text
    rows = page.numbers["dirichlet_multinomial_by_parameter"]
    assert rows["parameter"][:4] == ["p[0]", "p[1]", "p[2]", "p[3]"]
    assert rows["parameter"][-1] == "log evidence"
    assert rows["exact mean"][0] == pytest.approx(316 / 560)
    assert rows["sampled"][0] == pytest.approx(316 / 560, rel=0.01)
    assert all(row in {"pass", "fail", "inconclusive"} for row in rows["verdict"])


def test_every_check_is_in_the_file_and_the_verdict_is_that_of_the_checks(page):
    checks = page.numbers["checks_in_full"]
    assert len(checks) == page.numbers["checks"] == sum(page.numbers["verdicts"]["checks"])
    assert {check["model"] for check in checks} == {"normal_normal", "dirichlet_multinomial"}
    assert {check["run"] for check in checks} == {"NUTS, nutpie", "SMC"}
    assert page.verdict == "pass"
    assert page.numbers["largest_gap"] < sections.ROUNDING


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_typeset_at_a_readable_height(name):
    for latex in get_model(name).example.formulas.values():
        height = re.search(r'height="([\d.]+)em"', typeset(latex, inline=False))
        assert height
        assert float(height[1]) < 8


def test_a_sampler_that_is_wrong_fails_the_page(monkeypatch):
    nuts = inference.nuts

    def too_wide(*args, **kwargs):
        tree = nuts(*args, **kwargs)
        mu = tree.posterior["mu"]
        tree["posterior"] = tree.posterior.dataset.assign(mu=2.0866 + 1.1 * (mu - 2.0866))
        return tree

    monkeypatch.setattr(inference, "nuts", too_wide)
    page = page_of(model=("normal_normal",), draws=2000)
    assert page.verdict == "fail"
    assert page.numbers["verdicts"]["verdict"] == ["fail", "pass"]
    assert "A check fails" in page.html()


class Wrong:
    """A closed form that forgets a hundredth of a nat."""

    def __init__(self, exact):
        self.exact = exact

    def __getattr__(self, name):
        return getattr(self.exact, name)

    def log_evidence(self, y):
        return self.exact.log_evidence(y) + 0.01


def test_a_closed_form_that_contradicts_itself_fails_the_page():
    model: Model = get_model("gamma_poisson")
    page = Page("models", "", "")
    sections.add_overview(page, [replace(model, exact=Wrong(model.exact))])
    assert sections.chain_rule_fails(page)
    assert "more than rounding" in page.html()
    assert page.numbers["models"]["chain rule, gap"] == [pytest.approx(0.01, rel=1e-6)]


def test_many_data_are_counted_and_long_hyperparameters_have_a_shape():
    text = sections._data_text(get_model("gamma_poisson").y)
    assert text == "109 times 0, 65 times 1, 22 times 2, 3 times 3, 1 times 4"
    assert "design of shape (18, 2)" in sections._hyperparameter_text(get_model("linear_regression").exact)
    assert sections._data_text(np.array([[1.0, 2.5]])) == "(1, 2.5)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ("normal",)}, "`model` must be one of normal_normal, .*, got 'normal'"),
        ({"draws": 10}, "`draws` must lie between 100"),
        ({"seed": -1}, "`seed` must be 0 or more"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        models.read(models.Options(**options))
