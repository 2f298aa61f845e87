"""Draws and runs against exact answers: right ones pass, wrong ones are caught by the check made for them.

How often right ones fail is measured at length by ``benchmarks/agreement.py``.
"""

import re
from math import log, pi

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import lfilter
from scipy.stats import binom, cauchy, expon, gamma, laplace, lognorm, norm, poisson
from scipy.stats import t as student_t

from bayes.agreement import compare, compare_draws, compare_evidence
from tests.tolerances import FALSE_ALARM, IDENTITY

EXACT = norm(2.0, 0.5)
LOG_EVIDENCE = -21.5
REPEATS = 200
STATISTICS = ["mean", "sd", "P(< 5 %)", "P(< 50 %)", "P(< 95 %)", "PIT distance"]


def right_draws(seed, shape=(4, 1000)):
    return EXACT.rvs(size=shape, random_state=np.random.default_rng(seed))


def right_runs(rng, R=16, sd=0.2):
    """Log evidence runs whose evidence has the exact mean."""
    return rng.normal(LOG_EVIDENCE - sd**2 / 2, sd, size=R)


def family(rng, draws, *, runs_shift=0.0, alpha=0.001):
    return compare(
        {"mu": EXACT},
        {"mu": draws},
        log_evidence=LOG_EVIDENCE,
        log_evidence_runs=right_runs(rng) + runs_shift,
        alpha=alpha,
    )


def verdict_of(checks, statistic):
    return next(check.verdict for check in checks if check.statistic == statistic)


def tree(draws, **sample_stats):
    groups = {
        "/posterior": xr.Dataset({"mu": (("chain", "draw"), draws), "beta": (("chain", "draw", "k"), draws[..., None])})
    }
    if sample_stats:
        groups["/sample_stats"] = xr.Dataset({k: (("chain", "draw"), v) for k, v in sample_stats.items()})
    return xr.DataTree.from_dict(groups)


# ---- power and false alarms, 200 repeats of the whole family on 4 x 1000 independent draws


@pytest.mark.parametrize(
    ("statistic", "distort", "runs_shift"),
    [
        ("mean", lambda x: x + 0.2 * 0.5, 0.0),
        ("sd", lambda x: 2.0 + 1.1 * (x - 2.0), 0.0),
        ("runs", lambda x: x, log(2 * pi) / 2),
    ],
    ids=["shifted by 0.2 sd", "10 % too wide", "half log 2 pi dropped"],
)
def test_each_error_is_caught_by_the_check_made_for_it(statistic, distort, runs_shift):
    rng = np.random.default_rng(7)
    caught = sum(
        verdict_of(family(rng, distort(EXACT.rvs(size=(4, 1000), random_state=rng)), runs_shift=runs_shift), statistic)
        == "fail"
        for _ in range(REPEATS)
    )
    assert caught >= 0.9 * REPEATS


def test_right_draws_raise_no_more_false_alarms_than_alpha_allows():
    rng = np.random.default_rng(8)
    alpha = 0.05
    verdicts = [family(rng, EXACT.rvs(size=(4, 1000), random_state=rng), alpha=alpha).verdict for _ in range(REPEATS)]
    assert verdicts.count("fail") <= binom(REPEATS, alpha).isf(FALSE_ALARM)
    assert verdicts.count("inconclusive") == 0


def test_correlated_draws_are_judged_at_their_ess_and_not_at_their_number():
    """AR(1) with correlation 0.7; negative control: the same draws shuffled, which hides their correlation."""
    rng = np.random.default_rng(9)
    alpha, n = 0.05, 60
    most = binom(n, alpha).isf(FALSE_ALARM)
    honest = shuffled = 0
    for _ in range(n):
        noise = rng.normal(size=(4, 1000))
        noise[:, 1:] *= np.sqrt(1 - 0.7**2)
        chains = 2.0 + 0.5 * lfilter([1.0], [1.0, -0.7], noise, axis=1)
        honest += family(rng, chains, alpha=alpha).verdict == "fail"
        shuffled += family(rng, rng.permutation(chains.ravel()).reshape(4, -1), alpha=alpha).verdict == "fail"
    assert honest <= most
    assert shuffled > most


def test_the_pit_sees_a_wrong_shape_with_the_right_mean():
    checks = compare(
        {"mu": norm(0, 2**0.5)}, {"mu": laplace.rvs(size=(4, 2000), random_state=np.random.default_rng(0))}
    )
    assert verdict_of(checks, "mean") == "pass"
    assert verdict_of(checks, "PIT distance") == "fail"


@pytest.mark.parametrize(("q", "side"), [(5, -1), (95, 1)])
def test_the_probabilities_see_a_tail_that_was_never_visited(q, side):
    draws = right_draws(11)
    kept = np.where(side * (draws - 2.0) > 0.5 * 1.645, 2.0, draws)
    assert verdict_of(compare({"mu": EXACT}, {"mu": kept}), f"P(< {q} %)") == "fail"


# ---- identities


def test_a_tree_and_a_mapping_of_the_same_draws_are_the_same():
    draws = right_draws(12)
    assert compare({"mu": EXACT}, tree(draws, diverging=np.zeros((4, 1000), bool))) == compare(
        {"mu": EXACT}, {"mu": draws}
    )
    transposed = xr.DataTree.from_dict({"/posterior": xr.Dataset({"mu": (("draw", "chain"), draws.T)})})
    assert compare({"mu": EXACT}, transposed) == compare({"mu": EXACT}, {"mu": draws})


@settings(max_examples=20)
@given(st.floats(-100, 100), st.sampled_from([1e-60, 1e-3, 1.0, 1e60]), st.booleans())
def test_other_units_change_no_verdict(shift, scale, skewed):
    """theta -> scale (theta + shift) changes numbers with a unit, and neither z, p nor ESS."""
    kind = (lambda loc, s: gamma(8, loc=loc, scale=s)) if skewed else norm
    draws = kind(0, 1).rvs(size=(2, 500), random_state=np.random.default_rng(13))
    here = compare({"mu": kind(0, 1)}, {"mu": draws})
    there = compare({"mu": kind(scale * shift, scale)}, {"mu": scale * (draws + shift)})
    assert len(here) == len(there) == 6
    for a, b in zip(here, there, strict=True):
        assert_allclose([b.z, b.p_value, b.ess], [a.z, a.p_value, a.ess], rtol=1e-6, atol=1e-6)
        unit = scale if a.statistic in ("mean", "sd") else 1.0
        assert_allclose([b.null_error, b.smallest_visible], [unit * a.null_error, unit * a.smallest_visible], rtol=1e-6)


def test_estimates_and_errors_are_what_the_docstrings_say():
    draws = right_draws(14)
    (mean, sd, low, *_), notes = compare_draws({"mu": EXACT}, {"mu": draws})
    assert notes == []
    assert_allclose(mean.estimate, draws.mean(), rtol=IDENTITY)
    assert_allclose(mean.null_error, 0.5 / mean.ess**0.5, rtol=IDENTITY)
    assert_allclose(sd.estimate, np.sqrt(np.mean((draws - 2.0) ** 2)), rtol=IDENTITY)
    assert_allclose(sd.null_error, 0.5 / (2 * sd.ess) ** 0.5, rtol=1e-6)
    assert_allclose(low.estimate, np.mean(draws < EXACT.ppf(0.05)), rtol=IDENTITY)
    assert_allclose(low.null_error, (0.05 * 0.95 / low.ess) ** 0.5, rtol=IDENTITY)
    assert max(mean.ess, sd.ess, low.ess) <= draws.size


def test_antithetic_draws_are_worth_no_more_than_their_number():
    noise = np.random.default_rng(15).normal(size=(4, 1000))
    noise[:, 1:] *= np.sqrt(1 - 0.8**2)
    draws = 2.0 + 0.5 * lfilter([1.0], [1.0, 0.8], noise, axis=1)
    assert all(check.ess <= 4000 for check in compare({"mu": EXACT}, {"mu": draws}))


def test_the_draws_are_not_changed():
    draws = right_draws(16)
    compare({"mu": EXACT}, {"mu": draws})
    assert_array_equal(draws, right_draws(16))


# ---- convergence comes first


@pytest.mark.parametrize(
    ("draws", "reason"),
    [
        (right_draws(17) + np.array([[0], [0], [0], [1.0]]), r"R-hat 1\.\d+ > 1.01"),
        (np.where([[1], [1], [1], [0]], right_draws(17), 2.0 + 1e-3 * right_draws(18)), "R-hat"),
        (np.tile([[1.9], [2.0], [2.1], [2.2]], 1000), "R-hat inf > 1.01; bulk ESS"),
        (right_draws(17, (4, 80)), r"bulk ESS \d+ < 400"),
        (right_draws(17, (1, 5)), "R-hat undefined for 1 x 5 draws; bulk ESS"),
        (np.linspace(1, 3, 4000)[None, :] + right_draws(17, (1, 4000)), "R-hat"),
    ],
    ids=[
        "a stuck mode",
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
    assert checks.checks[0].reason in str(checks)


def test_divergences_make_wrong_draws_inconclusive_and_none_makes_them_fail():
    diverging = np.zeros((4, 1000), dtype=bool)
    wrong = right_draws(19) + 0.2
    assert compare({"mu": EXACT}, tree(wrong, diverging=diverging)).verdict == "fail"
    diverging[2, :3] = True
    checks = compare({"mu": EXACT}, tree(wrong, diverging=diverging))
    assert checks.verdict == "inconclusive"
    assert checks.checks[0].reason == "divergent transitions 3 > 0"


def test_one_long_chain_is_judged():
    assert compare({"mu": EXACT}, {"mu": right_draws(20, (1, 4001))}).verdict == "pass"


def test_a_statistic_needs_an_ess_of_its_own():
    """A volatility that changes slowly: theta is uncorrelated, its square is not."""
    rng = np.random.default_rng(28)
    sign = rng.choice([-1.0, 1.0], size=(4, 20_000))
    noise = rng.normal(size=(4, 20_000))
    noise[:, 1:] *= np.sqrt(1 - 0.995**2)
    draws = sign * abs(lfilter([1.0], [1.0, -0.995], noise, axis=1))
    reasons = {check.statistic: check.reason for check in compare({"x": norm()}, {"x": draws})}
    assert reasons["mean"] == reasons["P(< 50 %)"] == ""
    assert re.fullmatch(r"ESS 3\d\d of the sd < 400", reasons["sd"])


# ---- tails


@pytest.mark.parametrize(
    ("distribution", "left_out"),
    [
        (norm(2, 0.5), []),
        (expon(scale=3), []),
        (student_t(10), []),
        (lognorm(1.0), ["sd"]),
        (student_t(5), ["sd"]),
        (student_t(2.2), ["mean", "sd"]),
        (student_t(1.5), ["mean", "sd"]),
        (cauchy(), ["mean", "sd"]),
    ],
)
def test_what_heavy_tails_leave_unchecked_is_said(distribution, left_out):
    draws = distribution.rvs(size=(4, 1000), random_state=np.random.default_rng(22))
    checks = compare({"x": distribution}, {"x": draws})
    assert checks.verdict == "pass"
    assert [check.statistic for check in checks] == [s for s in STATISTICS if s not in left_out]
    assert all(
        any(f"{s} of x is not checked" in note or "mean and sd of x" in note for note in checks.notes) for s in left_out
    )
    assert compare({"x": distribution}, {"x": 2 * draws}).verdict == "fail"  # negative control


@pytest.mark.parametrize("factor", [-1.0, -1e30, 1e200])
def test_draws_far_outside_fail_without_a_warning(factor):
    draws = expon.rvs(size=(4, 1000), random_state=np.random.default_rng(23))
    assert compare({"x": expon()}, {"x": factor * draws}).verdict == "fail"
    draws[1, 17] *= factor
    assert abs(factor) < 10 or compare({"x": expon()}, {"x": draws}).verdict == "fail"  # one draw in 4000 is enough


# ---- evidence


def test_evidence_is_compared_alone_or_with_draws():
    rng = np.random.default_rng(24)
    alone = compare(log_evidence=LOG_EVIDENCE, log_evidence_runs=right_runs(rng))
    assert [check.statistic for check in alone] == ["runs"]
    assert len(family(rng, right_draws(24))) == 7


@given(st.floats(-1e6, 1e6), st.integers(8, 32))
def test_evidence_knows_no_magnitude(log_evidence, R):
    ratios = np.random.default_rng(R).normal(-0.1, 0.3, size=R)
    here, there = compare_evidence(0.0, ratios), compare_evidence(log_evidence, log_evidence + ratios)
    assert_allclose([there.z, there.p_value], [here.z, here.p_value], rtol=1e-6, atol=1e-6)


def test_runs_far_apart_are_averaged_on_the_scale_of_the_evidence():
    """Right runs with sd 0.4 have a mean log 0.08 too low, which is no fault of theirs."""
    runs = right_runs(np.random.default_rng(25), R=1000, sd=0.4)
    assert compare(log_evidence=LOG_EVIDENCE, log_evidence_runs=runs).verdict == "pass"
    corrected = runs + 0.4**2 / 2  # negative control: the mean of the logs is right, that of the evidence is not
    assert compare(log_evidence=LOG_EVIDENCE, log_evidence_runs=corrected).verdict == "fail"


@pytest.mark.parametrize(
    ("R", "sd", "reason"),
    [(1, 0.2, "evidence runs 1 < 8"), (7, 0.2, "evidence runs 7 < 8"), (16, 3.0, "use more particles")],
)
def test_too_few_or_too_different_runs_are_inconclusive(R, sd, reason):
    runs = right_runs(np.random.default_rng(26), R=R, sd=sd)
    checks = compare(log_evidence=LOG_EVIDENCE, log_evidence_runs=runs + 50)
    assert checks.verdict == "inconclusive"
    assert reason in checks.checks[0].reason


LAWS = {"unbiased": -1, "log_unbiased": 0, "inverse_unbiased": 1}
"""Law -> where log Z_r centres, in half variances from log Z."""


@pytest.mark.parametrize("law", LAWS)
def test_runs_are_judged_by_the_law_of_their_estimator_and_it_is_said(law):
    runs = np.random.default_rng(27).normal(LOG_EVIDENCE + LAWS[law] * 0.4**2 / 2, 0.4, size=4000)
    verdicts = {}
    for assumed in LAWS:
        checks = compare(log_evidence=LOG_EVIDENCE, log_evidence_runs=runs, evidence_law=assumed)
        assert any(f"evidence law {assumed} " in note for note in checks.notes)
        verdicts[assumed] = checks.verdict
    assert verdicts == {assumed: "pass" if assumed == law else "fail" for assumed in LAWS}


def test_the_mean_of_logs_needs_no_small_spread():
    runs = np.random.default_rng(28).normal(LOG_EVIDENCE, 2.0, size=32)
    assert compare(log_evidence=LOG_EVIDENCE, log_evidence_runs=runs, evidence_law="log_unbiased").verdict == "pass"
    far = runs + 10.0  # negative control
    assert compare(log_evidence=LOG_EVIDENCE, log_evidence_runs=far, evidence_law="log_unbiased").verdict == "fail"


def test_an_unknown_law_is_refused():
    with pytest.raises(ValueError, match="`evidence_law` must be one of unbiased, log_unbiased, inverse_unbiased, got"):
        compare_evidence(0.0, np.arange(8.0), "log-normal")


# ---- validation


def with_value(value):
    draws = right_draws(27, (2, 10))
    draws[1, 3] = value
    return draws


@pytest.mark.parametrize(
    ("marginals", "draws", "message"),
    [
        ({"nu": EXACT}, {"mu": right_draws(0)}, r"no variable 'nu', only \['mu'\]"),
        ({"nu": EXACT}, tree(right_draws(0)), r"no variable 'nu', only \['beta', 'mu'\]"),
        ({"beta": EXACT}, tree(right_draws(0)), "2 more|1 more, but 'beta' has 0 more"),
        ({"mu": EXACT}, xr.DataTree.from_dict({"/prior": xr.Dataset()}), r"no group `posterior`, only \['prior'\]"),
        ({"mu": EXACT}, {"mu": right_draws(0)[0]}, r"shape \(chain, draw\), got \(1000,\)"),
        ({"mu": EXACT}, {"mu": right_draws(0, (3, 3))}, r"at least 4 draws a chain, got shape \(3, 3\)"),
        ({"mu": EXACT}, {"mu": right_draws(0, (1000, 4))}, r"1000 chains of 4 draws, more chains than draws; .* x\.T"),
        ({"mu": EXACT}, {"mu": np.empty((0, 10))}, r"at least 4 draws a chain, got shape \(0, 10\)"),
        ({"mu": EXACT}, {"mu": with_value(np.nan)}, "got nan at chain 1, draw 3"),
        ({"mu": EXACT}, {"mu": with_value(-np.inf)}, "got -inf at chain 1, draw 3"),
        ({"mu": EXACT}, {"mu": np.full((4, 10), 2.0)}, "are all 2.0; the sampler did not move"),
        ({"mu": EXACT}, {"mu": np.full((4, 10), "a")}, "dtype <U1"),
        ({"mu": poisson(3)}, {"mu": right_draws(0)}, r"`marginals\['mu'\]` is discrete"),
        ({"mu": norm([0, 1], 1)}, {"mu": right_draws(0)}, r"0 more, but 'mu\[0\]' has 1 more"),
        ({"mu": norm(0, -1)}, {"mu": right_draws(0)}, "5, 50 and 95 % quantiles"),
        ({"mu": 2.0}, {"mu": right_draws(0)}, "must be a frozen univariate"),
        ({}, {"mu": right_draws(0)}, "nothing to judge"),
        (None, {"mu": right_draws(0)}, "come as a pair"),
    ],
)
def test_bad_draws_and_marginals_are_refused(marginals, draws, message):
    with pytest.raises(ValueError, match=message):
        compare(marginals, draws)


@pytest.mark.parametrize(
    ("exact", "runs", "message"),
    [
        (np.inf, [0.0, 1.0], "`log_evidence` must be finite, got inf"),
        (0.0, [1.0] * 8, "hold one number twice among 8"),
        (0.0, [1.0, np.nan], r"runs\[1\] = nan"),
        (0.0, None, "come as a pair"),
    ],
)
def test_bad_evidence_is_refused(exact, runs, message):
    with pytest.raises(ValueError, match=message):
        compare(log_evidence=exact, log_evidence_runs=runs)
