"""The pooled tests on cases by hand, their invariances, and what each of them sees."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import ndtri
from scipy.stats import kstest, t, ttest_1samp

from bayes.calibration.pooled import INDICATOR, SQUARE, p_value, pooled_checks
from bayes.calibration.summaries import FIELDS, TAIL
from tests.bayes.calibration.made_rows import exact_scores_of, heavy_tailed, rows_of_scores
from tests.tolerances import FALSE_ALARM

SMALL = 1e-4
"""A p-value that is small enough to fail in a family of about ten checks at 0.001."""


def by_statistic(z, **kwargs):
    return {check.statistic: check for check in pooled_checks(("x",), rows_of_scores(z, **kwargs))}


# ---- cases by hand


def test_without_skewness_it_is_students_t():
    T = np.array([0.3, -0.1, 0.4, 0.2, 0.05])
    assert_allclose(p_value(T), ttest_1samp(T, 0).pvalue, rtol=1e-12)


def test_halls_transformation_by_hand():
    T = np.array([-0.5, 0.0, 1.0])
    m, s = 0.5 / 3, np.sqrt(((T - 0.5 / 3) ** 2).sum() / 2)
    S, g = m / s, np.sqrt(8) * s / np.sqrt(2)
    x = np.sqrt(3) * (S + g * S**2 / 3 + g**2 * S**3 / 27 + g / 18)
    assert_allclose(p_value(T, SQUARE), 2 * t.sf(abs(x), 2), rtol=1e-12)


@pytest.mark.parametrize(("draw", "n"), [(SQUARE, 5), (INDICATOR, 20)])
def test_halls_sign_evens_out_the_tails(draw, n):
    """Right-skewed averages, whose t statistic is too often far below 0, and more often than above."""
    rng = np.random.default_rng(1)
    z2 = rng.chisquare(n, (2000, 30)) / n - 1 if draw == SQUARE else rng.binomial(n, TAIL, (2000, 30)) / n - TAIL
    low = dict.fromkeys(("t", "Hall"), 0)
    high = dict(low)
    for T in z2:
        side = low if T.mean() < 0 else high
        side["t"] += p_value(T) < 0.02
        side["Hall"] += p_value(T, draw) < 0.02
    assert low["t"] > 1.5 * high["t"]
    assert abs(low["Hall"] - high["Hall"]) < 4 * np.sqrt(low["Hall"] + high["Hall"])
    assert low["Hall"] < low["t"]


def test_errors_and_their_units():
    z = exact_scores_of(N=100, n=50)
    checks = by_statistic(1.1 * z + 0.2)
    assert_allclose(checks["location"].error, (1.1 * z + 0.2).mean(), rtol=1e-12)
    assert_allclose(checks["scale"].estimate, np.sqrt(np.mean((1.1 * z + 0.2) ** 2)), rtol=1e-12)
    assert_allclose(checks["upper tail"].estimate, np.mean(1.1 * z + 0.2 > -ndtri(TAIL)), rtol=1e-12)
    assert [checks[name].exact for name in checks] == [0, 0, 1, TAIL, TAIL]


def test_no_draw_in_a_tail_is_a_binomial_of_the_data_sets():
    checks = by_statistic(np.clip(exact_scores_of(N=100, n=20), -1.6, 1.6))
    assert_allclose(checks["lower tail"].p_value, 2 * 0.95**100, rtol=1e-9)
    assert np.isfinite(checks["lower tail"].z)


def test_the_same_scores_on_all_data_sets_are_not_evidence():
    z = np.tile(exact_scores_of(N=1, n=300) + 0.3, (50, 1))
    checks = by_statistic(z)
    assert "must use `seed`" in checks["location"].reason
    assert checks["location"].p_value == 1
    assert all(np.isfinite(check.z) for check in checks.values())


def test_a_quantity_without_an_exact_distribution_has_no_check():
    rows = rows_of_scores(exact_scores_of())
    rows[..., :5] = np.nan
    assert pooled_checks(("x",), rows) == []


def test_few_data_sets_do_not_pass():
    checks = by_statistic(exact_scores_of(N=19))
    assert {check.reason for check in checks.values()} == {"data sets 19 < 20"}


# ---- invariances


def test_the_order_of_the_data_sets_does_not_matter():
    rows = rows_of_scores(exact_scores_of())
    order = np.random.default_rng(2).permutation(len(rows))
    for one, other in zip(pooled_checks(("x",), rows), pooled_checks(("x",), rows[order]), strict=True):
        assert_allclose(other.p_value, one.p_value, rtol=1e-9)


def test_shrinkage_sees_only_the_ranks_of_the_medians():
    z, medians = exact_scores_of(), np.random.default_rng(3).normal(size=200)
    one, other = by_statistic(z, medians=medians), by_statistic(z, medians=np.exp(5 * medians))
    assert one["shrinkage"].p_value == other["shrinkage"].p_value


# ---- what each of them sees


def test_exact_samplers_have_uniform_p_values():
    p = {}
    for seed in range(150):
        for name, check in by_statistic(exact_scores_of(N=50, n=40, seed=seed)).items():
            p.setdefault(name, []).append(check.p_value)
    assert all(kstest(values, "uniform").pvalue > FALSE_ALARM for values in p.values())


@pytest.mark.parametrize(
    ("wrong", "seen", "not_seen"),
    [
        (lambda z: z + 0.02, "location", {"scale"}),
        (lambda z: 1.02 * z, "scale", {"location", "shrinkage"}),
        (lambda z: np.where(z < 0, heavy_tailed(z), z), "lower tail", {"upper tail"}),
        (lambda z: np.where(z > 0, heavy_tailed(z), z), "upper tail", {"lower tail"}),
    ],
    ids=["shift of 0.02 sd", "scale 2 %", "heavy lower tail", "heavy upper tail"],
)
def test_what_is_wrong_is_seen_by_its_own_statistic(wrong, seen, not_seen):
    checks = by_statistic(wrong(exact_scores_of(seed=4)))
    assert checks[seen].p_value < SMALL
    assert all(checks[name].p_value > 0.01 for name in not_seen)


def test_a_wrong_prior_moves_the_draws_with_the_data():
    medians = np.random.default_rng(5).normal(size=200)
    checks = by_statistic(exact_scores_of(seed=5) - 0.05 * medians[:, None], medians=medians)
    assert checks["shrinkage"].p_value < SMALL
    assert checks["location"].p_value > 0.01
    assert checks["shrinkage"].error < 0


def test_a_chain_that_is_stuck_at_an_exact_draw_is_no_false_alarm():
    """A quarter of the draws of each data set is one draw. The share in a tail is then lumpy, and its variance."""
    rng = np.random.default_rng(5)

    def failures(ess, families=100, N=20, draws=100):
        count = 0
        for _ in range(families):
            z = rng.standard_normal((N, draws))
            z[:, : draws // 4] = z[:, :1]
            rows = rows_of_scores(z)
            rows[..., FIELDS.index("ess")] = ess
            (check,) = (check for check in pooled_checks(("x",), rows) if check.statistic == "upper tail")
            count += check.p_value < 0.01
        return count

    worth = 1 / (1 / 16 + (3 / 4) ** 2 / 75)  # independent draws, of which the mean has the same variance
    assert failures(ess=worth) <= 4  # 1 expected
    assert failures(ess=1e6) >= 10  # the variance of the sample alone
