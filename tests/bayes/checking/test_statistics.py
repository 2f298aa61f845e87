"""Draws and runs against exact answers: right ones pass, faulty ones are detected by the check made for them.

``benchmarks/agreement.py`` measures how often right ones fail.
"""

from math import log, pi

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import lfilter
from scipy.stats import (
    binom,
    cauchy,
    expon,
    gamma,
    invgamma,
    laplace,
    lognorm,
    norm,
    poisson,
    uniform,
)
from scipy.stats import t as student_t

from bayes.checking.evidence import compare_evidence
from bayes.checking.statistics import compare, compare_draws, normal_scores
from tests.tolerances import FALSE_ALARM, IDENTITY

EXACT = norm(2.0, 0.5)
LOG_EVIDENCE = -21.5
STATISTICS = ["location", "scale", "uniformity"]


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


# ---- power and false alarms, many repeats of the whole family on 4 x 1000 independent draws


@pytest.mark.parametrize(
    ("statistic", "distort", "runs_shift"),
    [
        ("location", lambda x: x + 0.2 * 0.5, 0.0),
        ("scale", lambda x: 2.0 + 1.1 * (x - 2.0), 0.0),
        ("runs", lambda x: x, log(2 * pi) / 2),
    ],
    ids=["shifted by 0.2 sd", "10 % too wide", "half log 2 pi dropped"],
)
def test_each_error_is_detected_by_the_check_made_for_it(statistic, distort, runs_shift):
    rng = np.random.default_rng(7)
    repeats = 60
    detected = sum(
        verdict_of(family(rng, distort(EXACT.rvs(size=(4, 1000), random_state=rng)), runs_shift=runs_shift), statistic)
        == "fail"
        for _ in range(repeats)
    )
    assert detected >= 0.9 * repeats


def test_right_draws_raise_no_more_false_alarms_than_alpha_allows():
    rng = np.random.default_rng(8)
    alpha, repeats = 0.05, 200
    verdicts = [family(rng, EXACT.rvs(size=(4, 1000), random_state=rng), alpha=alpha).verdict for _ in range(repeats)]
    assert verdicts.count("fail") <= binom(repeats, alpha).isf(FALSE_ALARM)
    assert verdicts.count("inconclusive") == 0


def test_correlated_draws_are_judged_at_their_ess_and_not_at_their_number():
    """AR(1) with correlation 0.7; negative control: the same draws shuffled, which hides their correlation."""
    rng = np.random.default_rng(9)
    alpha, n = 0.05, 60
    limit = binom(n, alpha).isf(FALSE_ALARM)
    honest = shuffled = 0
    for _ in range(n):
        noise = rng.normal(size=(4, 1000))
        noise[:, 1:] *= np.sqrt(1 - 0.7**2)
        chains = 2.0 + 0.5 * lfilter([1.0], [1.0, -0.7], noise, axis=1)
        honest += family(rng, chains, alpha=alpha).verdict == "fail"
        shuffled += family(rng, rng.permutation(chains.ravel()).reshape(4, -1), alpha=alpha).verdict == "fail"
    assert honest <= limit
    assert shuffled > limit


@pytest.mark.parametrize(
    "shape",
    [laplace(scale=0.5**0.5), student_t(8, scale=(6 / 8) ** 0.5), gamma(30, loc=-(30**0.5), scale=30**-0.5)],
    ids=["Laplace", "Student's t with 8 degrees of freedom", "gamma of shape 30"],
)
def test_uniformity_detects_a_wrong_shape_with_the_right_mean_and_sd(shape):
    detected = dict.fromkeys(STATISTICS, 0)
    for seed in range(20):
        checks = compare({"mu": norm()}, {"mu": shape.rvs(size=(4, 2000), random_state=np.random.default_rng(seed))})
        for check in checks:
            detected[check.statistic] += check.verdict == "fail"
    assert detected["location"] == 0
    assert detected["uniformity"] >= 18


@pytest.mark.parametrize("side", [-1, 1])
def test_uniformity_detects_a_tail_that_was_never_visited(side):
    draws = right_draws(11)
    draws_without_tail = np.where(side * (draws - 2.0) > 0.5 * 1.645, 2.0, draws)
    assert verdict_of(compare({"mu": EXACT}, {"mu": draws_without_tail}), "uniformity") == "fail"


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
    original = compare({"mu": kind(0, 1)}, {"mu": draws})
    transformed = compare({"mu": kind(scale * shift, scale)}, {"mu": scale * (draws + shift)})
    assert len(original) == len(transformed) == 3
    for a, b in zip(original, transformed, strict=True):
        numbers = [[c.z, c.p_value, c.ess, c.null_error, c.minimum_detectable_effect] for c in (a, b)]
        assert_allclose(*numbers, rtol=1e-6, atol=1e-6)
        if a.statistic == "scale":
            assert_allclose([b.exact, b.estimate], [scale * a.exact, scale * a.estimate], rtol=1e-6)


@given(st.sampled_from([norm(2, 0.5), expon(scale=3), lognorm(2.0), cauchy(), student_t(2.2), invgamma(3)]))
@settings(max_examples=6)
def test_a_model_changes_no_verdict(distribution):
    """Draws with the same probability integral transform have the same checks, however heavy the tails."""
    u = np.random.default_rng(14).random((4, 1000))
    original = compare({"x": uniform()}, {"x": u})
    transformed = compare({"x": distribution}, {"x": distribution.ppf(u)})
    for a, b in zip(original, transformed, strict=True):
        assert_allclose([b.z, b.p_value, b.ess], [a.z, a.p_value, a.ess], rtol=1e-6)
    assert original.verdict == transformed.verdict == "pass"
    assert compare({"x": distribution}, {"x": distribution.ppf(u**1.2)}).verdict == "fail"  # negative control


def test_estimates_and_errors_are_what_the_docstrings_say():
    draws = right_draws(14)
    (location, scale, uniformity), notes = compare_draws({"mu": EXACT}, {"mu": draws})
    z = (draws - 2.0) / 0.5
    assert notes == []
    assert_allclose([location.exact, location.estimate], [2.0, draws.mean()], rtol=IDENTITY)
    assert_allclose([location.error, location.null_error], [z.mean(), location.ess**-0.5], rtol=IDENTITY)
    assert_allclose([scale.exact, scale.estimate], [0.5, draws.std()], rtol=IDENTITY)
    assert_allclose(scale.error, np.sqrt(np.mean(z**2)) - 1, rtol=1e-9)
    assert_allclose(scale.null_error, (2 * scale.ess) ** -0.5, rtol=IDENTITY)
    assert_allclose(uniformity.estimate, np.mean(draws < EXACT.ppf(uniformity.exact)), rtol=IDENTITY)
    assert_allclose(uniformity.error, uniformity.estimate - uniformity.exact, rtol=IDENTITY)
    q = uniformity.exact
    assert_allclose(uniformity.null_error, (q * (1 - q) / uniformity.ess) ** 0.5, rtol=IDENTITY)


def test_normal_scores_are_right_far_out_in_both_tails():
    z = np.array([-35.0, -9.0, -1.0, 0.0, 1.0, 9.0, 35.0])
    assert_allclose(normal_scores(norm(2, 0.5), 2 + 0.5 * z), z, rtol=IDENTITY)
    far = normal_scores(expon(), np.array([-1e-300, 0.0, 700.0, np.inf]))
    assert far[0] == far[1] == -np.inf
    assert_allclose(far[2], norm.isf(np.exp(-700)), rtol=IDENTITY)
    assert far[3] == np.inf


def test_the_draws_are_not_changed():
    draws = right_draws(16)
    compare({"mu": EXACT}, {"mu": draws})
    assert_array_equal(draws, right_draws(16))


# ---- tails


@pytest.mark.parametrize("far", [-1.0, -1e30, 1e200, np.inf, -np.inf])
def test_draws_far_outside_fail_without_a_warning(far):
    draws = expon.rvs(size=(4, 1000), random_state=np.random.default_rng(23))
    assert compare({"x": expon()}, {"x": np.where(draws > 0.5, far * draws, draws)}).verdict == "fail"
    draws[1, 17] *= far
    checks = compare({"x": expon()}, {"x": draws})  # one draw in 4000 is enough
    assert verdict_of(checks, "uniformity") == "fail"
    assert "outside the support" in checks.notes[0]


def test_the_farthest_draw_has_a_note_where_it_is_too_far():
    draws = right_draws(35)
    draws[0, 0] = 2.0 + 0.5 * 8
    (note,) = compare({"mu": EXACT}, {"mu": draws}).notes
    assert note.startswith("the farthest draw of mu lies 8.0 sds out as a normal score; one of 4000 right draws")


# ---- evidence


def test_evidence_is_compared_alone_or_with_draws():
    rng = np.random.default_rng(24)
    evidence_checks = compare(log_evidence=LOG_EVIDENCE, log_evidence_runs=right_runs(rng))
    assert [check.statistic for check in evidence_checks] == ["runs"]
    assert len(family(rng, right_draws(24))) == 4


@given(st.floats(-1e6, 1e6), st.integers(8, 32))
def test_evidence_knows_no_magnitude(log_evidence, R):
    ratios = np.random.default_rng(R).normal(-0.1, 0.3, size=R)
    original, transformed = compare_evidence(0.0, ratios), compare_evidence(log_evidence, log_evidence + ratios)
    assert_allclose([transformed.z, transformed.p_value], [original.z, original.p_value], rtol=1e-6, atol=1e-6)


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
def test_too_few_or_too_different_runs_do_not_pass(R, sd, reason):
    runs = right_runs(np.random.default_rng(26), R=R, sd=sd)
    for shift, verdict in [(0, "inconclusive"), (-50, "inconclusive"), (50, "fail")]:
        checks = compare(log_evidence=LOG_EVIDENCE, log_evidence_runs=runs + shift)
        assert checks.verdict == verdict  # e^50 times the evidence is no accident of an unbiased estimator
        assert reason in checks.checks[0].reason


LAWS = {"unbiased": -1, "log_unbiased": 0, "inverse_unbiased": 1}
"""Law -> where log Z_r centres, in half variances from log Z."""


@pytest.mark.parametrize("law", LAWS)
def test_runs_are_judged_by_the_law_of_their_estimator_and_a_note_names_it(law):
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
        ({"mu": EXACT}, {"mu": np.full((4, 10), 2.0)}, "are all 2.0; the sampler did not move"),
        ({"mu": EXACT}, {"mu": np.full((4, 10), "a")}, "must hold real numbers, got text"),
        ({"mu": poisson(3)}, {"mu": right_draws(0)}, r"`marginals\['mu'\]` is discrete"),
        ({"mu": norm([0, 1], 1)}, {"mu": right_draws(0)}, r"0 more, but 'mu\[0\]' has 1 more"),
        ({"mu": norm(0, -1)}, {"mu": right_draws(0)}, "5, 50 and 95 % quantiles"),
        ({"mu": 2.0}, {"mu": right_draws(0)}, "must be a frozen univariate"),
        ({"mu": EXACT}, {"mu": right_draws(0), "diverging": np.array([1, 2])}, r"`diverging` must be true or false"),
        ({"mu": EXACT}, {"mu": right_draws(0), "diverging": np.full((4, 1000), np.nan)}, "`diverging` must be true"),
        ({}, {"mu": right_draws(0)}, "nothing to judge"),
        (None, {"mu": right_draws(0)}, "come as a pair"),
    ],
)
def test_bad_draws_and_marginals_are_refused(marginals, draws, message):
    with pytest.raises(ValueError, match=message):
        compare(marginals, draws)


@pytest.mark.parametrize(
    ("log_evidence", "runs", "message"),
    [
        (np.inf, [0.0, 1.0], "`log_evidence` must be finite, got inf"),
        (0.0, [1.0] * 8, "hold one number twice among 8"),
        (0.0, [1.0, np.nan], r"runs\[1\] = nan"),
        (0.0, None, "come as a pair"),
    ],
)
def test_bad_evidence_is_refused(log_evidence, runs, message):
    with pytest.raises(ValueError, match=message):
        compare(log_evidence=log_evidence, log_evidence_runs=runs)
