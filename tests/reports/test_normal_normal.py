"""The normal-normal page: its numbers are the closed forms', and every one that depends on a datum follows it."""

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from markupsafe import Markup
from numpy.testing import assert_allclose, assert_array_less

from bayes.exact.normal_normal import EXAMPLE
from bayes.programs.normal_normal import program
from bayes.registry import get_model
from bayes.sampling import inference
from bayes.sampling.smc_kernels import TooManyStagesError
from reports import normal_normal
from reports.__main__ import main
from reports.normal_normal import evidence, figures
from reports.normal_normal.evidence import _power_of_ten
from reports.shared import sampling, sampling_figures
from reports.shared.page import Page
from tests.nightly import every_nth
from tests.reports import stand_ins
from tests.tolerances import MONTE_CARLO, PRINTED


def problem_of(**options):
    return normal_normal.read(normal_normal.Options(**options))


def numbers_of(**options):
    """The numbers of every section that needs no sampler."""
    return normal_normal.exact_page(problem_of(**options), seed=0).numbers


def text_of(page):
    """The text of a page, without pictures and tags."""
    html = re.sub(r"<svg.*?</svg>", "", " ".join(section.body for section in page.sections), flags=re.DOTALL)
    return " ".join(Markup(html).striptags().split())


@pytest.fixture
def blank_figures(monkeypatch):
    for name in ["predictive_grid", "movement", "orders"]:
        monkeypatch.setattr(figures, name, stand_ins.blank_figure)
    monkeypatch.setattr(evidence, "_curve", stand_ins.blank_figure)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What a run of the command with a real sampler wrote, and what it printed."""
    folder, out, err = tmp_path_factory.mktemp("page"), io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["normal-normal", "--engine", "pymc", "--processes", "1", "--out", str(folder)])
    content = json.loads((folder / "normal_normal.json").read_text())
    return SimpleNamespace(code=code, out=out.getvalue(), err=err.getvalue(), folder=folder, **content)


@pytest.fixture
def data_file(tmp_path):
    def write(values):
        file = tmp_path / "y.csv"
        file.write_text("\n".join(map(repr, values)))
        return file

    return write


def test_the_command_writes_a_page_and_says_where_and_nothing_else(written):
    assert written.code == 0
    assert written.out == f"{written.folder / 'normal_normal.html'}: pass\n"
    assert written.err.count("normal-normal [") == written.err.count("\n") == 4  # no chatter of a library
    html = (written.folder / "normal_normal.html").read_text()
    assert html.count("<img") == 4 + 3 + 1


def test_the_numbers_are_those_of_the_reference(written):
    derivation, evidence = written.numbers["derivation"], written.numbers["evidence"]
    assert_allclose(derivation["posterior_mean"], 2.0866197, atol=PRINTED)
    assert_allclose(derivation["posterior_var"], 0.0704225, atol=PRINTED)
    assert_allclose(evidence["evidence"]["log p(y)"], [-21.5300583, -32.4593718], atol=PRINTED)
    assert evidence["evidence"]["evidence p(y)"] == ["4.4629e-10", "7.9997e-15"]
    assert_allclose(evidence["log_bayes_factor"], 10.9293135, atol=PRINTED)
    assert_allclose([evidence["best_prior_var"], evidence["best_log_evidence"]], [4.40784, -21.52636], atol=5e-6)
    predictives = written.numbers["movement"]["predictives"]
    assert predictives["n"] == list(range(15))
    assert predictives["mean, MLE"][0] is None


def test_a_right_sampler_passes_every_check(written):
    verdicts = written.numbers["verdicts"]
    assert written.verdict == verdicts["verdict"] == "pass"
    table = verdicts["table_of_checks"]
    assert set(table["verdict"]) == {"pass"}
    # Three checks of mu and three of a new observation, and the evidence of two priors.
    assert len(table["run"]) == 6 + 2
    assert set(table["run"]) == {"NUTS, pymc", "SMC, prior variance 5", "SMC, prior variance 0.1"}


def test_sampled_results_stand_beside_the_exact_ones(written):
    posterior = EXAMPLE.model.posterior(EXAMPLE.y)
    (nuts,) = written.numbers["samplers"]["nuts"]
    summary = nuts["summary"]
    assert_allclose(summary["exact"][:5], [posterior.mean(), posterior.std(), *posterior.ppf([0.05, 0.5, 0.95])])
    assert_array_less(np.abs(np.subtract(summary["pymc"], summary["exact"])), 6 * np.array(summary["MCSE"]))
    smc = written.numbers["samplers"]["smc"]
    assert smc["by_run"]["run"] == [*"12345678", "combined", "standard error", "exact"]
    assert_allclose(smc["by_run"]["prior variance 5"][-1], -21.5300583, atol=PRINTED)
    assert_allclose(smc["by_run"]["prior variance 0.1"][-1], -32.4593718, atol=PRINTED)
    assert_allclose(smc["log_bayes_factor"]["exact"], 10.9293135, atol=PRINTED)
    assert smc["log_bayes_factor"]["z"] < MONTE_CARLO


DO_NOT_DEPEND_ON_THE_DATA = {
    "derivation": {
        *["prior_mean", "prior_var", "noise_var", "n", "posterior_var", "posterior_sd", "data_weight", "prior_weight"]
    },
    "predictives": {"n", "panels", "plug_in_sd", "sd_ratio_before", "sd_ratio_after"},
    # Some of these depend on the first point or the mean alone.
    "movement": {
        *["n", "excess_variance", "excess_gap", "rounding", "map_gap", "means_have_met", "loss_map_none"],
        *["loss_map_first", "loss_map_last", "gap_first", "loss_mle_first", "mle_first", "full_first"],
    },
    "order": {"orders", "mean_gap", "evidence_gap", "relative_gap", "rounding"},
    "evidence": {"smallest_shown", "favoured", "unfavoured", "strength", "standard_error"},
}


@pytest.mark.usefixtures("blank_figures")
def test_changing_one_datum_changes_every_number_that_depends_on_it(data_file):
    example, changed = numbers_of(), numbers_of(data=data_file([*EXAMPLE.y[:-1], 1.19]))
    for section, numbers in example.items():
        assert set(changed[section]) == set(numbers)
        same = {name for name, value in numbers.items() if changed[section][name] == value}
        assert same <= DO_NOT_DEPEND_ON_THE_DATA[section], section
    assert changed["derivation"]["posterior_mean"] != example["derivation"]["posterior_mean"]


@pytest.mark.usefixtures("blank_figures")
def test_changing_the_data_changes_the_conclusions(data_file):
    """Data near the prior mean turn the Bayes factor round, weaken it, and take the maximum of the evidence away."""

    def evidence_of(**options):
        page = Page("p", "t", "c")
        page.section("normal_normal/evidence.md", evidence.evidence_section(problem_of(**options)))
        return page.numbers["evidence"], text_of(page)

    example, example_text = evidence_of()
    near_prior, near_text = evidence_of(data=data_file([float(y - np.mean(EXAMPLE.y) + 0.1) for y in EXAMPLE.y]))
    assert (example["favoured"], example["strength"]) == ("prior variance 5", "very strong")
    assert (near_prior["favoured"], near_prior["strength"]) == ("prior variance 0.1", "positive")
    assert "The evidence is largest at" in example_text
    assert "has no maximum at a positive" in near_text
    _, equal_text = evidence_of(other_prior_sd=EXAMPLE.model.prior_sd)
    assert "the Bayes factor is 1" in equal_text


@pytest.mark.parametrize(
    "values", every_nth(4, [[2.0], [1e8 + 1, 1e8 + 2], [-3.0] * 40, np.linspace(0, 1, 1200).tolist()])
)
def test_data_of_the_user_make_a_page(data_file, values):
    page_numbers = numbers_of(data=data_file(values))  # with its figures
    assert page_numbers["derivation"]["n"] == len(values)
    assert page_numbers["derivation"]["source"] == "y.csv"
    numbers = page_numbers["movement"]["predictives"]["n"]
    assert numbers[:2] == [0, 1]
    assert numbers[-1] == len(values)
    assert numbers == sorted(numbers)
    assert len(numbers) == min(15, len(values) + 1) == len(set(numbers))


@pytest.fixture
def stand_in_samplers(monkeypatch):
    """Samplers that draw of the exact posterior of the example, and figures of them that are blank."""
    log_evidence = [prior.log_evidence(EXAMPLE.y) for prior in problem_of().priors.values()]
    monkeypatch.setattr(inference, "nuts", stand_ins.nuts(get_model("normal_normal")))
    monkeypatch.setattr(inference, "smc", stand_ins.smc(*log_evidence))
    for name in ["density_and_trace", "pit", "histogram", "evidence_runs"]:
        monkeypatch.setattr(sampling_figures, name, stand_ins.blank_figure)


def page_of(**options):
    options = normal_normal.Options(**options)
    return stand_ins.built(normal_normal, options)


@pytest.mark.usefixtures("blank_figures", "stand_in_samplers")
def test_each_engine_is_run_once_and_has_its_part():
    page = page_of(engine=("pymc", "nutpie", "pymc"))
    assert [run["engine"] for run in page.numbers["samplers"]["nuts"]] == ["pymc", "nutpie"]
    verdicts = page.numbers["verdicts"]["table_of_checks"]
    assert len(verdicts["run"]) == 2 * 6 + 2
    assert {"NUTS, pymc", "NUTS, nutpie"} < set(verdicts["run"])
    assert page.verdict == "pass"
    assert all(f"NUTS by {engine}." in text_of(page) for engine in ["pymc", "nutpie"])


@pytest.mark.usefixtures("stand_in_samplers")
def test_a_sampler_of_another_model_fails_and_the_page_says_so(monkeypatch):
    """Negative control: the draws are of the posterior of a narrower prior."""
    other = get_model("normal_normal").with_data(EXAMPLE.y, exact=replace(EXAMPLE.model, prior_sd=0.5))
    monkeypatch.setattr(inference, "nuts", stand_ins.nuts(other))
    tree = sampling.nuts(
        program(EXAMPLE.model, EXAMPLE.y),
        program(EXAMPLE.model, EXAMPLE.y[:1]),
        engine="pymc",
        seed=0,
        draws=1000,
        chains=4,
    )
    numbers, runs = sampling.posterior(
        tree, EXAMPLE.model.marginals(EXAMPLE.y), EXAMPLE.model.predictive(EXAMPLE.y), engine="pymc"
    )
    assert numbers["engine"] == "pymc"
    verdicts, checks = sampling.verdicts(runs)
    assert checks.verdict == "fail"
    page = Page("p", "title", "claim")
    page.section("shared/verdicts.md", verdicts)
    assert "A check fails," in text_of(page)


@pytest.mark.usefixtures("blank_figures", "stand_in_samplers")
def test_evidence_that_smc_cannot_reach_is_inconclusive_with_the_reason(monkeypatch):
    """The page must come to an end, and not pass."""

    def unreachable(*_, **__):
        raise TooManyStagesError("SMC is not through after 100 stages.")

    monkeypatch.setattr(inference, "smc", unreachable)
    page = page_of()
    assert page.verdict == "inconclusive"
    text = text_of(page)
    assert "Inconclusive: SMC is not through after 100 stages. (SMC, prior variance 5, log evidence runs; SMC" in text
    assert "No run of SMC finished." in text


@pytest.mark.usefixtures("blank_figures", "stand_in_samplers")
def test_evidence_that_smc_reaches_for_one_prior_only_has_no_bayes_factor(monkeypatch):
    reached = stand_ins.smc(EXAMPLE.model.log_evidence(EXAMPLE.y))
    seeds = []

    def second_fails(program, *, seed, **settings):
        seeds.append(seed)
        if len(seeds) == 2:
            raise TooManyStagesError("SMC is not through after 100 stages.")
        return reached(program, seed=seed, **settings)

    monkeypatch.setattr(inference, "smc", second_fails)
    page = page_of()
    assert list(page.numbers["samplers"]["smc"]["by_run"]) == ["run", "prior variance 5"]
    assert "The log Bayes factor of prior variance 5 against" not in text_of(page)
    assert page.verdict == "inconclusive"


@pytest.mark.usefixtures("blank_figures", "stand_in_samplers")
def test_two_priors_with_one_label_have_different_names(monkeypatch):
    monkeypatch.setattr(inference, "smc", stand_ins.smc(EXAMPLE.model.log_evidence(EXAMPLE.y)))
    page = page_of(other_prior_sd=EXAMPLE.model.prior_sd)
    assert page.numbers["evidence"]["evidence"]["prior"] == ["prior variance 5", "prior variance 5 (second)"]
    assert page.numbers["samplers"]["smc"]["log_bayes_factor"]["exact"] == 0


@pytest.mark.usefixtures("blank_figures")
def test_sentences_hold_for_data_they_were_not_written_for(data_file):
    def page_text(values, **options):
        return text_of(normal_normal.exact_page(problem_of(data=data_file(values), **options), seed=0))

    assert "The means have practically met" in page_text([0.1] * 50)
    assert "not brought them together yet" in page_text([3.0, 4.0, 5.0], prior_sd=1e-3)
    assert "(here there is none)" in page_text([0.0, 0.0])
    assert "more than rounding" not in page_text([1e8 + 1, 1e8 + 2, 1e8 + 4])
    assert "more than rounding" not in page_text([1.0, 2.0, 3.0], noise_sd=1e60)
    assert "10^(" in page_text([1e8])
    assert "equally well" in page_text([1.0, 2.0], prior_sd=1e-6, other_prior_sd=2e-6)
    for options in [{"prior_sd": 1e75}, {"prior_sd": 1e-75}, {"other_prior_sd": 1e75, "noise_sd": 1e75}]:
        assert "evidence" in page_text([1.0, 2.0], **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"draws": 5}, "`draws` must lie between 100 and 1000000, got 5"),
        ({"chains": 0}, "`chains` must lie between 1 and 100"),
        ({"seed": -1}, "`seed` must be 0 or more"),
        ({"prior_sd": 0.0}, "`prior_sd` must be a positive number"),
        ({"noise_sd": float("inf")}, "`noise_sd` must be a positive number"),
        ({"other_prior_sd": -2.0}, "`other_prior_sd` must be a positive number"),
        ({"prior_mean": float("nan")}, "`prior_mean` must be a real number"),
    ],
)
def test_bad_options_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        normal_normal.read(replace(normal_normal.Options(), **changes))


@pytest.mark.parametrize(
    ("log_value", "text"),
    [
        (np.log(55788.3), "55788"),
        (0.0, "1"),
        (-2000.0, "2.5765e-869"),
        (np.log(9.99999), "10"),
        (np.log(2e-9), "2.0000e-09"),
    ],
)
def test_powers_of_ten(log_value, text):
    assert _power_of_ten(log_value) == text
