"""The normal-normal page: its numbers are the closed forms', and every one that depends on a datum follows it."""

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayes.exact.normal_normal import EXAMPLE, EXAMPLE_Y
from reports import normal_normal
from reports.normal_normal.evidence import _power_of_ten
from tests.tolerances import PRINTED


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
    *["sd_before", "plug_in_sd", "sd_before_ratio", "sd_after_ratio", "excess_variance", "excess_gap", "map_gap"],
    *["loss_map_none", "loss_map_first", "loss_map_last", "orders", "order_mean_gap", "order_evidence_gap"],
    # These depend on the first point or the mean alone, and on which prior is favoured.
    *["gap_first", "loss_mle_first", "mle_first", "full_first", "favoured", "unfavoured", "strength"],
}


def test_changing_one_datum_changes_every_number_that_depends_on_it(example, data_file):
    changed = exact_page(data=data_file([*EXAMPLE_Y[:-1], 1.19]))
    assert set(changed.numbers) == set(example.numbers)
    same = {name for name, value in example.numbers.items() if changed.numbers[name] == value}
    assert same <= DO_NOT_DEPEND_ON_THE_DATA
    for name in ["posterior_mean", "log_bayes_factor", "best_prior_var", "evidence", "predictives"]:
        assert name not in same
    assert "2.11643" in " ".join(sentences(example))
    assert "2.11643" not in " ".join(sentences(changed))


def test_changing_the_data_changes_the_conclusions(example, data_file):
    """Data near the prior mean turn the Bayes factor round, weaken it, and take the maximum of the evidence away."""
    turned = exact_page(data=data_file([float(y - np.mean(EXAMPLE_Y) + 0.1) for y in EXAMPLE_Y]))
    assert example.numbers["favoured"] == "prior variance 5"
    assert example.numbers["strength"] == "very strong"
    assert turned.numbers["favoured"] == "prior variance 0.1"
    assert turned.numbers["strength"] == "positive"
    assert any("The evidence is largest at" in s for s in sentences(example))
    assert any("has no maximum at a positive" in s for s in sentences(turned))
    equal = exact_page(other_prior_sd=EXAMPLE.prior_sd)
    assert any("the Bayes factor is 1" in s for s in sentences(equal))


@pytest.mark.parametrize("values", [[2.0], [1e8 + 1, 1e8 + 2], [-3.0] * 40, np.linspace(0, 1, 1200).tolist()])
def test_a_persons_own_data_make_a_page(data_file, values):
    page = exact_page(data=data_file(values))
    assert page.numbers["n"] == len(values)
    assert page.numbers["source"] == "y.csv"
    shown = page.numbers["predictives"]["n"]
    assert shown[0] == 0
    assert shown[-1] == len(values)
    assert len(shown) == min(15, len(values) + 1) == len(set(shown))


def test_sampled_results_stand_beside_the_exact_ones():
    options = normal_normal.Options(quick=True, draws=1000, chains=2)
    steps = []
    page = normal_normal.build(normal_normal.read(options), options, steps.append)
    assert len(steps) == normal_normal.STEPS
    nuts, smc = page.numbers["nuts"], page.numbers["smc"]
    posterior = EXAMPLE.posterior(EXAMPLE_Y)
    assert_allclose(nuts["exact"], [posterior.mean(), posterior.std(), *posterior.ppf([0.05, 0.5, 0.95])])
    # Only quantiles are near 3 sds out by chance at times: a sampler of something else is tens of errors out.
    assert np.abs(nuts["difference / MCSE"]).max() < 6
    for label, log_evidence in [("prior variance 5", -21.5300583), ("prior variance 0.1", -32.4593718)]:
        column = smc[f"log p(y), {label}"]
        assert_allclose(column[0], log_evidence, atol=PRINTED)
        assert len(column) == 5
        assert_allclose(column[1:], log_evidence, atol=1)
    # The difference column is estimate minus truth in the error beside it.
    off = (np.array(nuts["NUTS"]) - nuts["exact"]) / nuts["MCSE"]
    assert_allclose(nuts["difference / MCSE"], off)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"draws": 5}, "`draws` must be 100 or more, got 5"),
        ({"chains": 0}, "`chains` must be 1 or more"),
        ({"seed": -1}, "`seed` must be 0 or more"),
        ({"prior_sd": 0.0}, "`prior_sd` must be a positive number"),
        ({"noise_sd": float("inf")}, "`noise_sd` must be a positive number"),
        ({"other_prior_sd": -2.0}, "`other_prior_sd` must be a positive number"),
        ({"prior_mean": float("nan")}, "`prior_mean` must be a real number"),
        ({"draws": 10_000_000}, "would take 4.2 GiB|would take 33.4 GiB"),
    ],
)
def test_bad_options_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        normal_normal.read(replace(normal_normal.Options(), **changes))


@pytest.mark.parametrize(
    ("log_value", "shown"),
    [
        (np.log(55788.3), "55788"),
        (0.0, "1"),
        (-2000.0, "2.5765e-869"),
        (np.log(9.99999), "10"),
        (np.log(2e-9), "2.0000e-09"),
    ],
)
def test_powers_of_ten(log_value, shown):
    assert _power_of_ten(log_value) == shown
