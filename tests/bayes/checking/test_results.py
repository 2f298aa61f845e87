"""Holm's procedure against its definition, and the verdicts of families made by hand."""

from dataclasses import FrozenInstanceError
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binom, norm, t

from bayes.checking.judging import judge
from bayes.checking.results import Check
from closedform.multiple_testing import holm
from tests.tolerances import FALSE_ALARM, IDENTITY


def check(p_value, *, reason="", **changes):
    fields = {
        "parameter": "mu",
        "statistic": "location",
        "exact": 2.0,
        "estimate": 2.1,
        "error": 0.1,
        "null_error": 0.05,
        "p_value": p_value,
        "degrees_of_freedom": 100.0,
        "ess": 1000.0,
        "reason": reason,
    }
    return Check(**(fields | changes))


# ---- Holm


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=6))
def test_holm_is_the_closure_of_bonferroni(p_values):
    """Rejected: every set of hypotheses that contains it has a p-value of at most alpha over the size of the set."""
    m = range(len(p_values))
    sets = [s for size in range(1, len(p_values) + 1) for s in combinations(m, size)]
    closed = [all(min(p_values[j] for j in s) <= 0.05 / len(s) for s in sets if i in s) for i in m]
    assert holm(p_values, 0.05).tolist() == closed


def test_holm_keeps_its_rate_and_no_correction_does_not():
    p = np.random.default_rng(6).uniform(size=(5_000, 7))
    limit = binom(5_000, 0.05).isf(FALSE_ALARM)
    assert sum(holm(row, 0.05).any() for row in p) <= limit
    assert np.sum((p <= 0.05).any(axis=1)) > limit  # negative control


# ---- judge


def test_the_verdict_of_a_family_is_its_worst():
    correct, faulty, inconclusive = check(0.5), check(1e-9), check(0.5, reason="R-hat 1.2 > 1.01")
    assert judge([correct, correct]).verdict == "pass"
    assert judge([correct, inconclusive]).verdict == "inconclusive"
    assert judge([inconclusive, faulty, correct]).verdict == "fail"
    assert [check.verdict for check in judge([inconclusive, faulty, correct])] == ["inconclusive", "fail", "pass"]


def test_convergence_is_a_condition_of_passing_and_not_of_failing():
    """A check whose gate is closed has a p-value that holds all the same: that of a draw a chain."""
    certain = check(1e-9, reason="R-hat 1.2 > 1.01")
    assert judge([certain, check(0.5)]).verdict == "fail"
    assert judge([check(0.01, reason="R-hat 1.2 > 1.01"), check(0.5)]).verdict == "inconclusive"


def test_an_inconclusive_check_keeps_its_place_in_the_family():
    close = check(0.0004)
    assert judge([close, check(0.5)], alpha=0.001).verdict == "fail"
    family = judge([close, *[check(np.nan, reason="evidence runs 2 < 8")] * 2], alpha=0.001)
    assert [check.verdict for check in family] == ["pass", "inconclusive", "inconclusive"]


def test_nothing_passes_without_a_p_value():
    (result,) = judge([check(np.nan)])
    assert (result.verdict, result.reason) == ("inconclusive", "its p-value is not a number")


def test_the_minimum_detectable_effect_is_that_of_the_first_holm_step():
    checks = judge([check(0.5), check(0.5, combined=10), check(0.5, degrees_of_freedom=np.inf)], alpha=0.003).checks
    assert_allclose(checks[0].minimum_detectable_effect, 0.05 * (t(100).isf(0.0005) + norm.ppf(0.9)), rtol=IDENTITY)
    assert_allclose(checks[1].minimum_detectable_effect, 0.05 * (t(100).isf(0.00005) + norm.ppf(0.9)), rtol=IDENTITY)
    assert_allclose(checks[2].minimum_detectable_effect, 0.05 * (norm.isf(0.0005) + norm.ppf(0.9)), rtol=IDENTITY)
    assert_allclose(checks[0].z, 2, rtol=IDENTITY)


def test_the_table_says_why_in_words():
    reason = "R-hat 1.2 > 1.01 of mu"
    text = str(judge([check(0.5), check(0.1, reason=reason)], notes=["3 of 8000 transitions diverged."]))
    assert "inconclusive: 2 checks share a false-alarm rate of 0.001." in text
    assert "inconclusive [1]" in text.splitlines()[2]
    assert "[1] cannot pass: R-hat 1.2 > 1.01 of mu" in text
    assert "note: 3 of 8000 transitions diverged." in text


def test_a_long_reason_fits_the_screen():
    reason = "R-hat 1.2 > 1.01 of " + " and of ".join(f"theta[{i}]" for i in range(40))
    assert max(map(len, str(judge([check(0.1, reason=reason)])).splitlines())) <= 110


def test_rows_are_the_unrounded_fields():
    checks = judge([check(1 / 3)])
    assert len(checks) == 1
    assert checks.rows()[0]["p_value"] == 1 / 3
    assert checks.rows()[0]["verdict"] == "pass"


def test_checks_are_values():
    checks = judge([check(0.5)])
    assert checks == judge([check(0.5)])
    with pytest.raises(FrozenInstanceError):
        checks.checks[0].verdict = "fail"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("alpha", [0, 1, -0.1, np.nan])
def test_a_bad_alpha_is_refused(alpha):
    with pytest.raises(ValueError, match=f"`alpha` must lie between 0 and 1, got {alpha}"):
        judge([check(0.5)], alpha=alpha)


def test_an_empty_family_is_refused():
    with pytest.raises(ValueError, match="nothing to judge"):
        judge([])
