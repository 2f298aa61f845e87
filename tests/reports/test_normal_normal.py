"""The normal-normal page: its numbers are the closed forms', and every one that depends on a datum follows it."""

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_less

from bayes.exact.normal_normal import EXAMPLE
from bayes.programs.normal_normal import program
from reports import normal_normal
from reports.normal_normal.evidence import _power_of_ten
from reports.shared import sampling
from reports.shared.page import Page
from tests.tolerances import MONTE_CARLO, PRINTED


def exact_page(**options):
    return normal_normal.exact_page(normal_normal.read(normal_normal.Options(**options)), seed=0)


def sentences(page):
    """The text of every paragraph, without pictures and tags."""
    blocks = [b for s in page.sections for b in s["blocks"] if b["kind"] in ("text", "conclusion")]
    return [re.sub(r"<[^>]+>", "", re.sub(r"<svg.*?</svg>", "", str(b["body"]))) for b in blocks]


@pytest.fixture(scope="module")
def example():
    return exact_page()


@pytest.fixture
def data_file(tmp_path):
    def write(values):
        file = tmp_path / "y.csv"
        file.write_text("\n".join(map(repr, values)))
        return file

    return write


def test_the_numbers_are_those_of_the_reference(example):
    numbers = example.numbers
    assert_allclose(numbers["posterior_mean"], 2.0866197, atol=PRINTED)
    assert_allclose(numbers["posterior_var"], 0.0704225, atol=PRINTED)
    assert_allclose(numbers["evidence"]["log p(y)"], [-21.5300583, -32.4593718], atol=PRINTED)
    assert numbers["evidence"]["evidence p(y)"] == ["4.4629e-10", "7.9997e-15"]
    assert_allclose(numbers["log_bayes_factor"], 10.9293135, atol=PRINTED)
    assert_allclose([numbers["best_prior_var"], numbers["best_log_evidence"]], [4.40784, -21.52636], atol=5e-6)
    assert numbers["predictives"]["n"] == list(range(15))
    assert numbers["predictives"]["mean, MLE"][0] is None


DO_NOT_DEPEND_ON_THE_DATA = {
    *["prior_mean", "prior_var", "noise_var", "n", "posterior_var", "posterior_sd", "data_weight", "prior_weight"],
    *["plug_in_sd", "sd_ratio_before", "sd_ratio_after", "excess_variance", "excess_gap", "map_gap", "means_have_met"],
    *["loss_map_none", "loss_map_first", "loss_map_last", "orders", "order_mean_gap", "order_evidence_gap"],
    # These depend on the first point or the mean alone, and on which prior is favoured.
    *["gap_first", "loss_mle_first", "mle_first", "full_first", "favoured", "unfavoured", "strength"],
}


def test_changing_one_datum_changes_every_number_that_depends_on_it(example, data_file):
    changed = exact_page(data=data_file([*EXAMPLE.y[:-1], 1.19]))
    assert set(changed.numbers) == set(example.numbers)
    same = {name for name, value in example.numbers.items() if changed.numbers[name] == value}
    assert same <= DO_NOT_DEPEND_ON_THE_DATA
    for name in ["posterior_mean", "log_bayes_factor", "best_prior_var", "evidence", "predictives"]:
        assert name not in same
    assert "2.11643" in " ".join(sentences(example))
    assert "2.11643" not in " ".join(sentences(changed))


def test_changing_the_data_changes_the_conclusions(example, data_file):
    """Data near the prior mean turn the Bayes factor round, weaken it, and take the maximum of the evidence away."""
    near_prior = exact_page(data=data_file([float(y - np.mean(EXAMPLE.y) + 0.1) for y in EXAMPLE.y]))
    assert example.numbers["favoured"] == "prior variance 5"
    assert example.numbers["strength"] == "very strong"
    assert near_prior.numbers["favoured"] == "prior variance 0.1"
    assert near_prior.numbers["strength"] == "positive"
    assert any("The evidence is largest at" in s for s in sentences(example))
    assert any("has no maximum at a positive" in s for s in sentences(near_prior))
    equal = exact_page(other_prior_sd=EXAMPLE.model.prior_sd)
    assert any("the Bayes factor is 1" in s for s in sentences(equal))


@pytest.mark.parametrize("values", [[2.0], [1e8 + 1, 1e8 + 2], [-3.0] * 40, np.linspace(0, 1, 1200).tolist()])
def test_data_of_the_user_make_a_page(data_file, values):
    page = exact_page(data=data_file(values))
    assert page.numbers["n"] == len(values)
    assert page.numbers["source"] == "y.csv"
    numbers = page.numbers["predictives"]["n"]
    assert numbers[:2] == [0, 1]
    assert numbers[-1] == len(values)
    assert numbers == sorted(numbers)
    assert len(numbers) == min(15, len(values) + 1) == len(set(numbers))


@pytest.fixture(scope="module")
def sampled():
    """The whole page with two engines, and the steps it announced."""
    options = normal_normal.Options(quick=True, engine=("pymc", "nutpie", "pymc"))
    announced = []
    page = normal_normal.build(normal_normal.read(options), options, announced.append)
    assert len(announced) == normal_normal.steps(options) == 4
    return page


def test_right_samplers_pass_every_check(sampled):
    verdicts = sampled.numbers["verdicts"]
    assert sampled.verdict == sampled.numbers["verdict"] == "pass"
    assert set(verdicts["verdict"]) == {"pass"}
    # Two engines with three checks of mu and three of a new observation each, and the evidence of two priors.
    assert len(verdicts["run"]) == 2 * 6 + 2
    assert set(verdicts["run"]) == {
        *["NUTS, pymc", "NUTS, nutpie", "SMC, prior variance 5", "SMC, prior variance 0.1"],
    }


def test_sampled_results_stand_beside_the_exact_ones(sampled):
    posterior = EXAMPLE.model.posterior(EXAMPLE.y)
    for engine in ["pymc", "nutpie"]:
        summary = sampled.numbers[f"summary_{engine}"]
        exact = [posterior.mean(), posterior.std(), *posterior.ppf([0.05, 0.5, 0.95])]
        assert_allclose(summary["exact"][:5], exact)
        assert_array_less(np.abs(np.subtract(summary[engine], summary["exact"])), 6 * np.array(summary["MCSE"]))
    smc = sampled.numbers["smc"]
    assert smc["run"] == [*"12345678", "combined", "standard error", "exact"]
    assert_allclose(smc["log p(y), prior variance 5"][-1], -21.5300583, atol=PRINTED)
    assert_allclose(smc["log p(y), prior variance 0.1"][-1], -32.4593718, atol=PRINTED)
    assert_allclose(sampled.numbers["exact_log_bayes_factor"], 10.9293135, atol=PRINTED)
    assert sampled.numbers["smc_log_bayes_factor_z"] < MONTE_CARLO


def test_a_sampler_of_another_model_fails_and_the_page_says_so():
    """Negative control: NUTS runs the program with a narrower prior."""
    page = Page("p", "title", "claim")
    page.section("s")
    other = replace(EXAMPLE.model, prior_sd=0.5)
    runs = sampling.add_posterior(
        page,
        program(other, EXAMPLE.y),
        EXAMPLE.model.marginals(EXAMPLE.y),
        EXAMPLE.model.predictive(EXAMPLE.y),
        predict=program(other, EXAMPLE.y[:1]),
        engine="pymc",
        seed=0,
        draws=1000,
        chains=4,
    )
    assert sampling.add_verdicts(page, runs).verdict == "fail"
    assert "A check fails," in sentences(page)[-1]


def test_evidence_that_smc_cannot_reach_is_inconclusive_with_the_reason():
    """A prior 10^6 sds from the data: the page must come to an end, and not pass."""
    options = normal_normal.Options(quick=True, engine=("pymc",), prior_mean=1e6, draws=400)
    page = normal_normal.build(normal_normal.read(options), options, [].append)
    assert page.verdict == "inconclusive"
    assert any("SMC is not through after 100 stages" in s for s in sentences(page))


def test_two_priors_with_one_label_have_different_names():
    options = normal_normal.Options(quick=True, engine=("pymc",), draws=400, other_prior_sd=EXAMPLE.model.prior_sd)
    page = normal_normal.build(normal_normal.read(options), options, [].append)
    assert page.numbers["evidence"]["prior"] == ["prior variance 5", "prior variance 5 (second)"]
    assert page.numbers["exact_log_bayes_factor"] == 0


def test_sentences_hold_for_data_they_were_not_written_for(data_file):
    def page_text(values, **options):
        return " ".join(sentences(exact_page(data=data_file(values), **options)))

    assert "The means have as good as met" in page_text([0.1] * 50)
    assert "not brought them together yet" in page_text([3.0, 4.0, 5.0], prior_sd=1e-3)
    assert "(here it has none)" in page_text([0.0, 0.0])
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
        ({"draws": 399, "quick": True}, "`draws` must lie between 400 and 1000000, got 399"),
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
