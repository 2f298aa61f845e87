"""The approximations page, from made results: what each section says, what fails it, and what is missing."""

import re
from functools import cache
from math import inf, nan

import numpy as np
import pytest

import reports.__main__
from bayes import check_loo
from bayes.approximations.exact_losses import Losses
from bayes.approximations.marginal_losses import MarginalLoss
from bayes.approximations.predictive_losses import PredictiveLoss
from bayes.checking.evidence import compare_estimate
from bayes.checking.judging import judge
from bayes.evidence.results import Diagnostic, EvidenceEstimate
from bayes.registry import get_model
from reports import approximations, pages
from reports.approximations import figures, measurements, sections
from reports.approximations.measurements import Estimates, Posteriors, Sampled
from reports.approximations.problem import IN_ALL, WITH_OUTLIER
from reports.shared.page import drawing
from tests.reports import stand_ins

MODELS = ("normal_normal", "gamma_poisson")
CLAIMED = 0.001
ERRORS = (0.001, -0.001, 0.0025)
"""Errors of the three estimates of bridge sampling on each model, in nats."""
REASON = "`model` has no mode that was found; use `pathfinder`."
WARNS = Diagnostic(name="overlap", value=1.0, threshold=50.0, at_least=True, meaning="few draws overlap")


def estimates(method, errors, claimed=CLAIMED, exact=-20.0, diagnostics=()):
    """Return estimates with these errors."""
    made = [
        EvidenceEstimate(
            log_evidence=exact + error,
            standard_error=claimed,
            method=method,
            evaluations=1,
            diagnostics=diagnostics,
        )
        for error in errors
    ]
    return Estimates(method=method, exact=exact, estimates=made, seconds=0.2)


@cache
def loo(shift=0.0):
    """Return leave-one-out of exact draws that are off by ``shift``."""
    model = get_model("normal_normal")
    draws = model.exact.posterior(model.y).rvs((4, 500), random_state=np.random.default_rng(0))
    return check_loo({"mu": draws + shift}, model, model.y)


def sampled(bridge=ERRORS, diagnostics=(), shift=0.0):
    """Return what was estimated from draws of one model."""
    return Sampled(
        evidence=[
            estimates("bridge", bridge, diagnostics=diagnostics),
            estimates("importance", [2 * error for error in ERRORS], claimed=2 * CLAIMED),
            estimates("harmonic_mean", [0.5, 1.5, 2.0], claimed=nan),
            estimates("laplace", [1.25], claimed=nan),
        ],
        loo=loo(shift),
        seconds=1.0,
    )


def lost(name, kl, k, checks):
    """Return the losses of an approximation with one parameter, whose 90 % interval has 0.85."""
    marginal = MarginalLoss(name="mu", location_error=-0.3, log_sd_ratio=0.2, kl=kl, coverage=(0.5, 0.85, 0.9))
    return Losses(
        name=name,
        model="normal_normal",
        kl=kl,
        kl_se=1e-16,
        marginals=(marginal,),
        predictive=PredictiveLoss(nats=kl / 10, standard_error=0.0),
        pareto_k=k,
        checks=checks,
        seconds=1.0,
    )


def posteriors():
    """Return an exact approximation, a bad one, resampled draws, and one that is missing."""
    right, wrong = (judge([compare_estimate(0.0, estimates("bridge", [e], exact=0.0).estimates[0])]) for e in (0, 1))
    return Posteriors(
        approximations={
            "laplace": REASON,
            "advi mean field": lost("advi mean field", 0.5, 0.9, wrong),
            "pathfinder": lost("pathfinder", -3.6e-15, -inf, right),
            "multipathfinder": lost("multipathfinder", 0.01, 0.3, None),
        },
        points={"MLE": REASON, "MAP": PredictiveLoss(nats=0.02, standard_error=0.0)},
    )


def page(first=None):
    """Return the page of two models, with the estimates ``first`` on the first of them."""
    options = approximations.Options(model=MODELS, replicates=3)
    problem = approximations.read(options)
    results = [first or sampled(), sampled(), posteriors(), posteriors(), *[loo()] * len(WITH_OUTLIER)]
    assert len(results) == len(approximations.tasks(problem, options))
    with drawing():
        return approximations.build(problem, options, results)


@pytest.fixture(scope="module")
def made():
    built = page()
    return built, re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", built.html()))


@pytest.fixture
def blank(monkeypatch):
    """Draw no figures, which take most of the time."""
    for name in ("evidence_errors", "claims", "predictive_losses", "divergences", "pareto_k"):
        monkeypatch.setattr(figures, name, stand_ins.blank_figure)


def test_estimates_of_the_evidence_have_their_bias_claim_and_coverage(made):
    built, text = made
    numbers = built.numbers["evidence"]
    table = numbers["evidence"]
    assert table["model"] == [label for label in MODELS for _ in range(4)]
    assert table["estimator"][:4] == ["bridge", "importance", "harmonic mean", "laplace"]
    assert table["bias"][0] == pytest.approx(np.mean(ERRORS))
    assert table["RMSE"][0] == pytest.approx(np.sqrt(np.mean(np.square(ERRORS))))
    assert table["claimed"][:4] == [CLAIMED, 2 * CLAIMED, None, None]
    assert [cell[:5] for cell in table["covers"][:4]] == ["66.7%", "66.7%", "", ""]  # two of three within 1.96 errors
    assert table["flagged"][:4] == [0, 0, 1, 1]  # what claims no error is flagged
    assert "cover the exact value in 66.7% [22%, 96%] of 6 runs" in text
    assert "Of 12 estimates that claim an error, 0 are off by more than 3 of it." in text
    table = numbers["estimators"]
    assert table["estimator"] == ["bridge", "importance", "harmonic mean", "laplace"]
    assert (table["models"], table["runs"]) == ([2] * 4, [6, 6, 6, 2])
    assert table["largest RMSE"][1] == pytest.approx(2 * table["median RMSE"][0])
    assert table["covers"][2:] == ["none claimed"] * 2


def test_the_page_says_which_estimator_to_use(made):
    _, text = made
    assert "bridge sampling is best on 2 of 2 models" in text
    assert "the error of importance sampling is 2 times as large (median)" in text
    assert "It is off by 1 nat or more on normal_normal (1.2), gamma_poisson (1.2), and does not say so." in text
    assert "The harmonic mean is off by 1.5 nats (median)" in text
    assert "is within 0.1 nats on" not in text


def test_approximate_posteriors_have_their_losses_and_what_is_missing_has_its_reason(made):
    built, text = made
    numbers = built.numbers["posteriors"]
    table = numbers["posteriors"]
    assert table["approximation"][:3] == ["advi mean field", "pathfinder", "multipathfinder"]
    assert table["KL, nats"][:3] == [0.5, 0.0, 0.01]  # a divergence of -3.6e-15 is rounding
    assert table["verdict"][:3] == ["fail", "pass", "not judged"]
    assert table["90 % covers"][0] == 85.0
    assert table["k"][:3] == [0.9, None, 0.3]
    assert "2 of 4 approximations that are judged cannot be told from the exact posterior: pathfinder of" in text
    assert "warns of 2 of the 2 approximations that lose more than 0.1 nats of divergence, and of 0 of the other 4" in (
        text
    )
    for name in ("laplace", "MLE"):
        assert f"{name} of normal_normal is missing: {REASON}" in built.html()


def test_leave_one_out_has_every_data_set(made):
    built, text = made
    numbers = built.numbers["loo"]
    labels = [*MODELS, *(f"{name}, with an outlier" for name in WITH_OUTLIER)]
    assert numbers["loo"]["data"] == list(numbers["points"]) == labels
    assert numbers["loo"]["exact"][0] == pytest.approx(loo().exact.sum())
    assert numbers["observations"] == 14 * len(labels)
    assert "0 of 70 observations have a high k." in text


@pytest.mark.usefixtures("blank")
def test_a_wrong_claim_fails_the_page_unless_its_diagnostic_warns(made):
    assert made[0].verdict == "pass"
    wrong = page(sampled(bridge=(0.01, -0.01, 0.01)))  # ten claimed errors
    assert wrong.verdict == "fail"
    assert wrong.numbers["evidence"]["wrong"] == 3
    assert wrong.numbers["evidence"]["wrong_flagged"] == 0
    warned = page(sampled(bridge=(0.01, -0.01, 0.01), diagnostics=(WARNS,)))
    assert warned.verdict == "pass"
    assert warned.numbers["evidence"]["wrong_flagged"] == 3


def test_wrong_leave_one_out_fails_the_page():
    results = [loo(), loo(shift=1.0)]
    evidence = {"normal_normal": sampled().evidence}
    assert sections.verdict(evidence, results[:1]) == "pass"
    assert sections.verdict(evidence, results) == "fail"


@pytest.mark.usefixtures("blank")
def test_a_method_that_is_refused_has_its_reason():
    refused = Estimates(method="laplace", exact=-20.0, estimates=[], seconds=nan, reason=REASON)
    cells = {"normal_normal": [*sampled().evidence[:3], refused]}
    numbers = sections.evidence_section(cells)
    assert numbers["reasons"] == {"laplace of normal_normal": REASON}
    assert numbers["laplace_far"] == {}


def test_among_all_pages_it_has_the_models_that_the_time_allows(monkeypatch):
    selected = {}
    monkeypatch.setattr(reports.__main__, "render", lambda chosen, _: selected.update(chosen) or ["pass"])
    assert reports.__main__.main(["all", "--seed", "7"]) == 0
    assert list(selected) == [name for name in pages.PAGES if name not in pages.ON_REQUEST]
    in_all = selected["approximations"]
    assert (in_all.model, in_all.size.replicates, in_all.seed) == (IN_ALL["model"], IN_ALL["replicates"], 7)
    assert reports.__main__.main(["approximations"]) == 0
    assert selected["approximations"].model == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--replicates", "1"], "`replicates` must be a whole number, 2 or more"),
        (["--draws", "50"], "`draws` must be a whole number, 100 or more"),
        (["--model", "normal_norml"], "did you mean normal_normal?"),
    ],
)
def test_bad_options_exit_with_2(tmp_path, capsys, arguments, message):
    assert reports.__main__.main(["approximations", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("blank")
def test_a_wrong_claim_is_exit_code_1(tmp_path, monkeypatch, capsys):
    wrong = sampled(bridge=(0.01, -0.01, 0.01))
    for name, result in {"from_draws": wrong, "posteriors": posteriors(), "outlier": loo()}.items():
        monkeypatch.setattr(measurements, name, replaced(getattr(measurements, name), result))
    arguments = ["approximations", "--model", MODELS[0], "--replicates", "3", "--processes", "1"]
    assert reports.__main__.main([*arguments, "--out", str(tmp_path)]) == 1
    assert "approximations.html: fail" in capsys.readouterr().out
    assert (tmp_path / "approximations.json").exists()


def replaced(function, result):
    """Return a stand-in with the name of ``function`` that returns ``result``."""

    def stand_in(*_):
        return result

    stand_in.__module__, stand_in.__qualname__ = function.__module__, function.__qualname__
    return stand_in


@pytest.mark.slow
def test_a_program_whose_variables_are_not_those_of_the_exact_answer_is_measured():
    found = measurements.from_draws("hierarchical_normal", ("bridge",), 2, 200, 0)
    assert [(cell.method, len(cell.estimates)) for cell in found.evidence] == [("bridge", 2), ("laplace", 1)]
    assert len(found.loo.exact) == 8
