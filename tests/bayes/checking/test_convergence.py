"""Convergence is a condition of passing, not of failing: what closes the gates, for whom, and what fails anyway."""

import re

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom, norm, ttest_1samp

from bayes.checking.statistics import compare
from tests.bayes.checking.test_statistics import EXACT, right_draws, tree
from tests.tolerances import FALSE_ALARM


@pytest.mark.parametrize(
    ("draws", "reason"),
    [
        (right_draws(17) + np.array([[0], [0], [0], [0.3]]), r"R-hat 1\.\d+ > 1.01 of mu"),
        (np.where([[1], [1], [1], [0]], right_draws(17), 2.0 + 1e-3 * right_draws(18)), "R-hat"),
        (np.tile([[1.9], [2.0], [2.1], [2.2]], 1000), r"R-hat inf > 1.01 of mu; \w+ ESS"),
        (right_draws(17, (4, 80)), r"\w+ ESS \d+ < 400 of mu"),
        (right_draws(17, (1, 5)), r"R-hat undefined for 1 x 5 draws; \w+ ESS"),
        (np.linspace(1.8, 2.2, 4000)[None, :] + 0.9 * (right_draws(17, (1, 4000)) - 2), "R-hat"),
    ],
    ids=[
        "a chain in another place",
        "a chain too narrow",
        "chains that never moved",
        "too short",
        "a few draws",
        "one chain drifting",
    ],
)
def test_what_did_not_converge_is_inconclusive_and_says_why(draws, reason):
    checks = compare({"mu": EXACT}, {"mu": draws})
    assert {check.verdict for check in checks} == {"inconclusive"}
    for check in checks:
        assert re.match(reason, check.reason), check.reason
    assert checks.checks[0].reason.split(";")[0] in str(checks)


@pytest.mark.parametrize("distance", [3, -3, 30, 1e6])
def test_chains_that_are_all_wrong_fail_whether_they_converged_or_not(distance):
    """All chains some sds off and apart: even a draw a chain would not be there."""
    shifted = right_draws(29) + 0.5 * (distance + np.array([[-0.1], [0.0], [0.1], [0.2]]))
    checks = compare({"mu": EXACT}, {"mu": shifted})
    assert checks.checks[0].reason
    assert checks.checks[0].ess == 4
    assert checks.verdict == "fail"


def test_what_did_not_converge_fails_no_more_often_than_alpha():
    """Four right chains that hardly move: a draw each. Negative control: judged as if they had converged."""
    alpha, n = 0.05, 60
    rng = np.random.default_rng(30)
    failed = naive = 0
    for _ in range(n):
        draws = 2 + 0.5 * (rng.normal(size=(4, 1)) + 0.01 * rng.normal(size=(4, 400)))
        checks = compare({"mu": EXACT}, {"mu": draws}, alpha=alpha)
        assert checks.verdict != "pass"
        failed += checks.verdict == "fail"
        naive += ttest_1samp(draws.ravel(), 2.0).pvalue <= alpha
    assert failed <= binom(n, alpha).isf(FALSE_ALARM)
    assert naive > n / 2


def test_a_gate_that_closes_for_one_parameter_closes_for_the_chain():
    slow = np.repeat(right_draws(31, (4, 20)), 50, axis=1)
    checks = compare({"mu": EXACT, "nu": EXACT}, {"mu": right_draws(32), "nu": slow})
    assert {check.verdict for check in checks} == {"inconclusive"}
    assert {check.reason for check in checks} == {checks.checks[0].reason}
    assert "of nu" in checks.checks[0].reason


def test_batch_means_detect_a_slow_part_that_autocorrelations_drown():
    """2 % of the variance at an autocorrelation time of 1,000: Geyer's sequence ends before it shows."""
    rng = np.random.default_rng(33)
    verdicts = []
    for _ in range(40):
        noise = rng.normal(size=(4, 2500))
        noise[:, 1:] *= np.sqrt(1 - np.exp(-2 / 1000))
        slow = lfilter([1.0], [1.0, -np.exp(-1 / 1000)], noise, axis=1)
        draws = np.sqrt(0.98) * rng.normal(size=(4, 2500)) + np.sqrt(0.02) * slow
        verdicts.append(compare({"x": norm()}, {"x": draws}).verdict)
    assert verdicts.count("fail") <= 2  # 12 of 40 with Geyer's ESS alone
    assert verdicts.count("inconclusive") > 20


def test_an_ensemble_of_many_short_chains_gets_a_verdict():
    """32 walkers worth 1,900 draws: their R-hat is above 1.01 because each is short, not because they are apart."""
    rng = np.random.default_rng(34)
    chains = np.repeat(rng.normal(size=(32, 60)), 3, axis=1)
    assert compare({"x": norm()}, {"x": chains}).verdict == "pass"
    shifted = chains + np.linspace(-1, 1, 32)[:, None]  # negative control
    assert compare({"x": norm(0, 1.16)}, {"x": shifted}).verdict == "inconclusive"


def test_a_share_of_divergences_is_reported_and_more_withhold_a_pass_but_no_fail():
    diverging = np.zeros((4, 1000), dtype=bool)
    diverging[2, :4] = True
    below_limit = compare({"mu": EXACT}, tree(right_draws(19), diverging=diverging))
    assert below_limit.verdict == "pass"
    assert below_limit.notes == ("4 of 4000 transitions diverged.",)
    diverging[2, 4] = True
    above_limit = compare({"mu": EXACT}, tree(right_draws(19), diverging=diverging))
    assert above_limit.verdict == "inconclusive"
    assert above_limit.checks[0].reason == "divergent transitions 5 of 4000, more than 0.1 %"
    assert compare({"mu": EXACT}, {"mu": right_draws(19), "diverging": diverging}) == above_limit
    assert compare({"mu": EXACT}, tree(right_draws(19) + 2.0, diverging=diverging)).verdict == "fail"


def test_one_long_chain_is_judged():
    assert compare({"mu": EXACT}, {"mu": right_draws(20, (1, 4001))}).verdict == "pass"


def test_a_scale_needs_an_ess_of_its_own():
    """A volatility that changes slowly: theta is uncorrelated, its square is not."""
    rng = np.random.default_rng(28)
    sign = rng.choice([-1.0, 1.0], size=(4, 20_000))
    noise = rng.normal(size=(4, 20_000))
    noise[:, 1:] *= np.sqrt(1 - 0.995**2)
    draws = sign * abs(lfilter([1.0], [1.0, -0.995], noise, axis=1))
    checks = compare({"x": norm()}, {"x": draws})
    assert checks.verdict == "inconclusive"
    assert re.match(r"scale ESS 3\d\d < 400 of x", checks.checks[0].reason)
