"""The models page: each model with its formulas and both samplers, and able to fail."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bayes.registry import NAMES, Model, get_model
from bayes.sampling import inference
from bayes.sampling.smc_kernels import TooManyStagesError
from reports import models
from reports.models import figures, sections
from reports.shared.formula import typeset
from reports.shared.page import drawing
from tests.reports import stand_ins

SHOWN = ("normal_normal", "dirichlet_multinomial")


def page_of(monkeypatch, *names, change=lambda values: values, **options):
    """A page from samplers that draw exactly, with ``change`` made to their draws."""
    shown = [get_model(name) for name in names]
    monkeypatch.setattr(inference, "mcmc", stand_ins.mcmc(*shown, change=change))
    monkeypatch.setattr(inference, "smc", stand_ins.smc(*(model.exact.log_evidence(model.y) for model in shown)))
    options = models.Options(model=names, **options)
    with drawing():
        return stand_ins.built(models, options)


@pytest.fixture(scope="module")
def page():
    with pytest.MonkeyPatch.context() as monkeypatch:
        return page_of(monkeypatch, *SHOWN, draws=1000)


def test_a_model_has_its_formulas_its_example_and_a_row_for_each_parameter(page):
    assert [section.title for section in page.sections[2:]] == [get_model(name).example.title for name in SHOWN]
    body = page.sections[3].body
    assert body.count('class="formula"') == 4
    assert "(315, 108, 101, 32)" in body
    assert "concentration&nbsp;=&nbsp;(1, 1, 1, 1), trials&nbsp;=&nbsp;556" in body
    rows = page.numbers["dirichlet_multinomial"]["by_parameter"]
    assert rows["parameter"][:4] == ["p[0]", "p[1]", "p[2]", "p[3]"]
    assert rows["parameter"][-1] == "log evidence"
    assert rows["exact mean"][0] == pytest.approx(316 / 560)
    assert rows["sampled"][0] == pytest.approx(316 / 560, rel=0.01)
    assert all(row in {"pass", "fail", "inconclusive"} for row in rows["verdict"])


def test_every_check_is_in_the_file_and_the_verdict_is_that_of_the_checks(page):
    verdicts = page.numbers["verdicts"]
    checks = verdicts["checks_in_full"]
    assert len(checks) == verdicts["checks"] == sum(verdicts["runs"]["checks"])
    assert {check["model"] for check in checks} == set(SHOWN)
    assert {check["run"] for check in checks} == {"NUTS, nutpie", "SMC"}
    assert page.verdict == verdicts["verdict"] == "pass"
    assert page.numbers["overview"]["largest_gap"] < sections.ROUNDING
    assert "Nothing here speaks against the samplers." in page.html()


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_typeset_at_a_readable_height(name):
    for latex in get_model(name).example.formulas.values():
        height = re.search(r'height="([\d.]+)em"', typeset(latex, inline=False))
        assert height
        assert float(height[1]) < 8


def test_a_sampler_that_is_wrong_fails_the_page(monkeypatch):
    monkeypatch.setattr(figures, "posterior_and_predictive", stand_ins.blank_figure)
    page = page_of(monkeypatch, "normal_normal", change=lambda mu: 2.0866 + 1.1 * (mu - 2.0866), draws=2000)
    assert page.verdict == "fail"
    assert page.numbers["verdicts"]["runs"]["verdict"] == ["fail", "pass"]
    assert "A check fails" in page.html()


def test_why_a_run_is_inconclusive_is_said_with_its_model(monkeypatch):
    monkeypatch.setattr(figures, "posterior_and_predictive", stand_ins.blank_figure)

    def unreachable(*_, **__):
        raise TooManyStagesError("SMC is not through after 100 stages.")

    with monkeypatch.context() as patch:
        patch.setattr(stand_ins, "smc", lambda *_: unreachable)
        page = page_of(patch, "normal_normal", draws=1000)
    assert page.verdict == "inconclusive"
    assert "<p>SMC: SMC is not through after 100 stages.</p>" in page.sections[2].body


class Wrong:
    """A closed form that forgets a hundredth of a nat."""

    def __init__(self, exact):
        self.exact = exact

    def __getattr__(self, name):
        return getattr(self.exact, name)

    def log_evidence(self, y):
        return self.exact.log_evidence(y) + 0.01


def test_a_closed_form_that_contradicts_itself_fails_the_page(monkeypatch):
    model = get_model("gamma_poisson")
    wrong: Model = replace(model, exact=Wrong(model.exact))
    known = sections.overview_section([wrong])
    assert known["models"]["chain rule, gap"] == (pytest.approx(0.01, rel=1e-6),)
    monkeypatch.setattr(figures, "posterior_and_predictive", stand_ins.blank_figure)
    monkeypatch.setattr(sections, "overview_section", lambda _: known)
    page = page_of(monkeypatch, "gamma_poisson", draws=1000)
    assert page.numbers["verdicts"]["verdict"] == "pass"
    assert page.verdict == "fail"
    assert "<strong>more than rounding.</strong>" in page.html()


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
