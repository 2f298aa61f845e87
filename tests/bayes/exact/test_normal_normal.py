"""The normal-normal closed forms against printed references, 50-digit arithmetic and the identities they must obey."""

import inspect
from dataclasses import FrozenInstanceError
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less
from scipy import integrate
from scipy.stats import kstest, norm

from bayes.exact.normal_normal import EXAMPLE, NormalNormal, log_score_loss
from tests.nightly import nightly_but
from tests.tolerances import EXACT, IDENTITY, PRINTED

# Within a few orders of magnitude of each other, so that an identity's own subtraction does not swamp its answer;
# the comparison with 50 digits covers the extremes.
numbers = st.floats(-100, 100)
scales = st.floats(0.01, 100)
models = st.builds(NormalNormal, prior_mean=numbers, prior_sd=scales, noise_sd=scales)
data = st.lists(numbers, max_size=12).map(np.array)
nonempty_data = st.lists(numbers, min_size=1, max_size=12).map(np.array)


def log_likelihood(model, mu, y):
    return norm(mu, model.noise_sd).logpdf(y).sum()


def size_of_terms(model, y):
    """The sum of the absolute terms of the log evidence: what its error is measured against."""
    return (
        1
        + np.abs(norm(model.prior_mean, model.noise_sd).logpdf(y)).sum()
        + np.abs(norm(np.mean(y) if len(y) else 0, model.noise_sd).logpdf(y)).sum()
        + np.log1p(len(y) * model.prior_sd**2 / model.noise_sd**2)
    )


# ---- printed references


@pytest.mark.parametrize(
    ("prior_var", "mean", "var", "log_evidence"),
    [(5, 2.0866197, 0.0704225, -21.5300583), (0.1, 1.2345833, 0.0416667, -32.4593718)],
)
def test_reference_values(prior_var, mean, var, log_evidence):
    model = NormalNormal(prior_sd=prior_var**0.5, noise_sd=1.0)
    posterior = model.posterior(EXAMPLE.y)
    assert_allclose(posterior.mean(), mean, atol=PRINTED)
    assert_allclose(posterior.var(), var, atol=PRINTED)
    assert_allclose(model.log_evidence(EXAMPLE.y), log_evidence, atol=PRINTED)


def test_reference_maximum_of_the_evidence_over_the_prior_variance():
    best_sd = EXAMPLE.model.best_prior_sd(EXAMPLE.y)
    assert_allclose(best_sd**2, 4.40784, atol=5e-6)
    assert_allclose(NormalNormal(prior_sd=best_sd, noise_sd=1).log_evidence(EXAMPLE.y), -21.52636, atol=5e-6)


# ---- against 50 digits

SIZES_AND_OFFSETS = [(1, 0.0), (14, 0.0), (14, 1e8), (1000, -1e8), (1000, 3e4), (1_000_000, 1e8)]


def worst_errors(family, y, noise_sd):
    """The largest errors of posterior mean, posterior variance and log evidence against 50 digits.

    Each is relative to max(1, |answer|), and the variance to itself. Variance ratios run from 1e-12 to 1e12,
    prior means from 1e8 noise sds below 0 to 1e8 above and over the data themselves.
    """
    n, errors = len(y), []
    values, counts = (array.tolist() for array in np.unique(y, return_counts=True))
    with mpmath.workdps(50):
        total = mpmath.fsum(count * mpmath.mpf(v) for v, count in zip(values, counts, strict=True))
        ybar = total / n
        scatter = mpmath.fsum(count * (mpmath.mpf(v) - ybar) ** 2 for v, count in zip(values, counts, strict=True))
        sigma2 = mpmath.mpf(noise_sd) ** 2
        for ratio in [1e-12, 1e-6, 1.0, 1e6, 1e12]:
            for prior_mean in [0.0, 0.1, float(np.median(y)), float(y[0]), 1e8 * noise_sd, -1e8 * noise_sd]:
                model = family(prior_mean=prior_mean, prior_sd=noise_sd * ratio**0.5, noise_sd=noise_sd)
                tau2 = mpmath.mpf(model.prior_sd) ** 2
                var = 1 / (1 / tau2 + n / sigma2)
                mean_terms = [var * mpmath.mpf(prior_mean) / tau2, var * n * ybar / sigma2]
                terms = [
                    n * mpmath.log(2 * mpmath.pi * sigma2) / 2,
                    mpmath.log(1 + n * tau2 / sigma2) / 2,
                    scatter / (2 * sigma2),
                    n * (ybar - mpmath.mpf(prior_mean)) ** 2 / (2 * (sigma2 + n * tau2)),
                ]
                posterior = model.posterior(y)
                errors.append(
                    (
                        abs(posterior.mean() - sum(mean_terms)) / max(1, abs(sum(mean_terms))),
                        abs(posterior.var() - var) / var,
                        abs(model.log_evidence(y) + mpmath.fsum(terms)) / max(1, abs(mpmath.fsum(terms))),
                    )
                )
    return np.max(np.array(errors, dtype=float), axis=0)


@pytest.mark.parametrize(("n", "offset"), nightly_but(SIZES_AND_OFFSETS[:-1], SIZES_AND_OFFSETS))
def test_agrees_with_fifty_digits(n, offset):
    rng = np.random.default_rng(n)
    values = 0.7 * (offset + rng.normal(0.3, 1.0, size=min(n, 1000)))  # a million numbers, a thousand of them different
    y = rng.permutation(np.resize(values, n))
    assert_array_less(worst_errors(NormalNormal, y, noise_sd=0.7), EXACT)


class Textbook(NormalNormal):
    """The formulas as textbooks print them, in float64."""

    def _posterior(self, y):
        n, ybar = len(y), float(y.mean())
        precision = self.prior_sd**-2 + n * self.noise_sd**-2
        mean = self.prior_mean + n * self.noise_sd**-2 / precision * (ybar - self.prior_mean)
        return Fraction(mean), precision**-0.5

    def _terms(self, y):
        n, ybar, sigma2 = len(y), float(y.mean()), self.noise_sd**2
        scatter, var = float(y @ y - n * ybar**2), sigma2 + n * self.prior_sd**2
        return {
            "noise": -n / 2 * np.log(2 * np.pi * sigma2),
            "occam": -np.log(var / sigma2) / 2,
            "scatter": -scatter / (2 * sigma2),
            "misfit": -n * (ybar - self.prior_mean) ** 2 / (2 * var),
        }


def test_fifty_digits_detect_the_errors_of_textbook_formulas():
    """Negative control: a far prior costs them the mean, far data the evidence."""
    y = np.random.default_rng(0).normal(size=14)
    assert worst_errors(Textbook, y, noise_sd=1.0)[0] > 1e3 * EXACT
    assert worst_errors(Textbook, 1e8 + y, noise_sd=1.0)[2] > 1e3 * EXACT


# ---- identities


@given(models, data, numbers)
def test_bayes_rule_at_any_mu(model, y, mu):
    """log p(y) = log p(y | mu) + log p(mu) - log p(mu | y), whatever mu is."""
    terms = [
        log_likelihood(model, mu, y),
        norm(model.prior_mean, model.prior_sd).logpdf(mu),
        -model.posterior(y).logpdf(mu),
    ]
    tolerance = IDENTITY * (size_of_terms(model, y) + np.abs(terms).sum())
    assert_allclose(model.log_evidence(y), sum(terms), atol=tolerance, rtol=0)


@given(models, data)
def test_evidence_is_the_product_of_one_step_ahead_predictives(model, y):
    steps = [model.predictive(y[:k]).logpdf(y[k]) for k in range(len(y))]
    tolerance = IDENTITY * (size_of_terms(model, y) + np.abs(steps).sum())
    assert_allclose(model.log_evidence(y), sum(steps), atol=tolerance, rtol=0)


@given(models, data, st.randoms(use_true_random=False))
def test_order_of_the_data_does_not_matter(model, y, random):
    shuffled = np.array(random.sample(list(y), len(y)))
    assert_allclose(model.posterior(shuffled).mean(), model.posterior(y).mean(), atol=IDENTITY * 100, rtol=0)
    tolerance = IDENTITY * size_of_terms(model, y)
    assert_allclose(model.log_evidence(shuffled), model.log_evidence(y), atol=tolerance, rtol=0)


@given(models, data, data)
def test_batch_equals_sequence_of_posteriors_as_priors(model, first, second):
    between = model.posterior(first)
    after = NormalNormal(prior_mean=between.mean(), prior_sd=between.std(), noise_sd=model.noise_sd)
    batch = np.concatenate([first, second])
    assert_allclose(after.posterior(second).mean(), model.posterior(batch).mean(), atol=IDENTITY * 100, rtol=0)
    assert_allclose(after.posterior(second).std(), model.posterior(batch).std(), rtol=IDENTITY)


@given(models, data)
def test_sequence_equals_every_prefix(model, y):
    sequence = model.sequence(y)
    assert_array_equal(sequence.n, np.arange(len(y) + 1))
    assert np.isnan(sequence.mle_predictive.mean()[0])
    for k in sequence.n:
        for name in ["posterior", "predictive", "map_predictive", *(["mle_predictive"] if k > 0 else [])]:
            single = getattr(model, name)(y[:k])
            array_valued = getattr(sequence, name)
            assert_allclose(array_valued.mean()[k], single.mean(), atol=IDENTITY * 100, rtol=0, err_msg=name)
            assert_allclose(
                np.broadcast_to(array_valued.std(), sequence.n.shape)[k], single.std(), rtol=IDENTITY, err_msg=name
            )


@given(models, nonempty_data, numbers, st.floats(0.1, 10), st.booleans())
def test_shifting_and_rescaling_the_problem_shifts_and_rescales_the_answer(model, y, shift, scale, mirror):
    sign = -1 if mirror else 1
    rescaled = NormalNormal(
        prior_mean=shift + sign * scale * model.prior_mean,
        prior_sd=scale * model.prior_sd,
        noise_sd=scale * model.noise_sd,
    )
    rescaled_y = shift + sign * scale * y
    assert_allclose(
        rescaled.posterior(rescaled_y).mean(),
        shift + sign * scale * model.posterior(y).mean(),
        atol=IDENTITY * 2000,
        rtol=0,
    )
    assert_allclose(rescaled.posterior(rescaled_y).std(), scale * model.posterior(y).std(), rtol=IDENTITY)
    # A density of n points in units `scale` times smaller is scale^n times smaller.
    tolerance = IDENTITY * (size_of_terms(model, y) + size_of_terms(rescaled, rescaled_y)) * 100
    assert_allclose(
        rescaled.log_evidence(rescaled_y), model.log_evidence(y) - len(y) * np.log(scale), atol=tolerance, rtol=0
    )


@given(models, data)
def test_predictive_variance_is_posterior_variance_plus_noise_variance(model, y):
    expected = model.posterior(y).var() + model.noise_sd**2
    assert_allclose(model.predictive(y).var(), expected, rtol=IDENTITY)
    assert_allclose(model.predictive(y).mean(), model.posterior(y).mean(), rtol=0)
    assert_allclose(model.map_predictive(y).mean(), model.posterior(y).mean(), rtol=0)


@pytest.mark.parametrize("name", ["mle_predictive", "map_predictive"])
def test_the_three_predictives_meet_as_n_grows(name):
    """Their distance in standard deviations, and the plug-in's loss, fall at least as fast as 1/n."""
    distances, losses = [], []
    for n in [10, 100, 1000, 10_000]:
        y = np.random.default_rng(1).normal(2.0, 1.0, size=n)
        full, plug_in = EXAMPLE.model.predictive(y), getattr(EXAMPLE.model, name)(y)
        distances.append(n * (abs(full.mean() - plug_in.mean()) + abs(full.std() - plug_in.std())))
        losses.append(n * log_score_loss(full, plug_in))
    assert max(distances) < 2
    assert max(losses) < 1
    assert losses[-1] < losses[0]


def test_the_mle_does_not_know_the_prior():
    """A far prior mean costs the plug-in at the MLE no digit."""
    far = NormalNormal(prior_mean=1e70, prior_sd=1.0, noise_sd=1.0)
    assert far.mle_predictive(EXAMPLE.y).mean() == EXAMPLE.model.mle_predictive(EXAMPLE.y).mean()
    assert_array_equal(
        far.sequence(EXAMPLE.y).mle_predictive.mean(), EXAMPLE.model.sequence(EXAMPLE.y).mle_predictive.mean()
    )


# ---- log_score_loss and best_prior_sd


@given(numbers, scales, numbers, st.floats(0.1, 10))
def test_log_score_loss_is_the_integral_it_stands_for(mean, sd, other_mean, ratio):
    full, plug_in = norm(mean, sd), norm(mean + (other_mean - mean) / 100 * sd, sd * ratio)
    points = mean + sd * np.linspace(-12, 12, 20_001)
    integrand = full.pdf(points) * (full.logpdf(points) - plug_in.logpdf(points))
    assert_allclose(log_score_loss(full, plug_in), integrate.simpson(integrand, points), rtol=1e-8, atol=1e-10)


@given(numbers, scales, numbers, scales)
def test_nothing_beats_the_full_predictive_under_itself(mean, sd, other_mean, other_sd):
    assert log_score_loss(norm(mean, sd), norm(other_mean, other_sd)) >= 0
    assert log_score_loss(norm(mean, sd), norm(mean, sd)) == 0


@pytest.mark.parametrize("excess", [1e-3, 1e-9, 1e-12, 0.5, 100.0])
def test_log_score_loss_keeps_its_absolute_error(excess):
    full, plug_in = norm(0, (1 + excess) ** 0.5), norm(0, 1)
    with mpmath.workdps(50):
        loss = (mpmath.mpf(excess) - mpmath.log1p(mpmath.mpf(excess))) / 2
        assert abs(log_score_loss(full, plug_in) - loss) < 1e-15 * max(1, excess)


@given(models, nonempty_data, st.floats(0.5, 2))
def test_no_prior_sd_has_more_evidence_than_the_best(model, y, factor):
    best = model.best_prior_sd(y)
    assert best >= 0

    def log_evidence(sd):
        return NormalNormal(prior_mean=model.prior_mean, prior_sd=sd, noise_sd=model.noise_sd).log_evidence(y)

    # Where the best is 0 the evidence only falls as the prior widens from a point.
    summit = log_evidence(best if best > 0 else 1e-9 * model.noise_sd)
    slack = IDENTITY * size_of_terms(model, y)
    assert log_evidence(max(best * factor, 1e-3 * model.noise_sd)) <= summit + slack


# ---- no data


def test_no_data_leaves_the_prior_and_evidence_one():
    assert_array_equal([EXAMPLE.model.posterior([]).mean(), EXAMPLE.model.posterior([]).std()], [0.0, 5**0.5])
    assert EXAMPLE.model.log_evidence([]) == 0
    assert_allclose(EXAMPLE.model.predictive([]).var(), 6, rtol=EXACT)
    assert EXAMPLE.model.marginals([])["mu"].mean() == 0


@pytest.mark.parametrize("method", ["mle_predictive", "best_prior_sd"])
def test_no_data_has_no_maximum(method):
    with pytest.raises(ValueError, match="`y` is empty"):
        getattr(EXAMPLE.model, method)([])


# ---- simulate


def test_simulated_parameters_are_uniform_under_the_exact_posterior():
    """If mu and y come from the joint, the posterior CDF at mu is uniform (Cook, Gelman and Rubin 2006)."""
    rng = np.random.default_rng(20)
    model = NormalNormal(prior_mean=3.0, prior_sd=2.0, noise_sd=1.5)
    wide = NormalNormal(prior_mean=3.0, prior_sd=2.0, noise_sd=2.0)
    ranks, wrong_ranks = [], []
    for _ in range(1000):
        parameters, y = model.simulate(rng, 5)
        assert y.shape == (5,)
        ranks.append(model.posterior(y).cdf(parameters["mu"]))
        wrong_ranks.append(wide.posterior(y).cdf(parameters["mu"]))
    assert kstest(ranks, "uniform").pvalue > 0.01
    assert kstest(wrong_ranks, "uniform").pvalue < 0.01  # negative control: a noise_sd one third too large


def test_simulate_is_its_seed():
    first, second = (EXAMPLE.model.simulate(np.random.default_rng(3), 4) for _ in range(2))
    assert first[0] == second[0]
    assert_array_equal(first[1], second[1])


# ---- validation


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, "1", None, True, 1e-80, [1.0]])
@pytest.mark.parametrize("name", ["prior_sd", "noise_sd"])
def test_a_bad_sd_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive number") as error:
        NormalNormal(**({"prior_sd": 1.0, "noise_sd": 1.0} | {name: value}))
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("value", [np.nan, -np.inf, "0", None, 1e80])
def test_a_bad_mean_is_refused(value):
    with pytest.raises(ValueError, match="`prior_mean` must be a real number"):
        NormalNormal(prior_mean=value, prior_sd=1.0, noise_sd=1.0)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, np.nan], r"y\[1\] = nan"),
        ([np.inf], r"y\[0\] = inf"),
        (["1.5"], "dtype <U3"),
        ([1 + 2j], "dtype complex128"),
        ([[1.0], [2.0]], r"shape \(2, 1\)"),
        (3.0, r"shape \(\)"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "masked"),
    ],
)
@pytest.mark.parametrize("method", ["posterior", "log_evidence", "sequence"])
def test_bad_observations_are_refused(method, y, message):
    with pytest.raises(ValueError, match=message):
        getattr(EXAMPLE.model, method)(y)


@pytest.mark.parametrize("n", [-1, 2.5, True, "3"])
def test_a_bad_number_of_points_is_refused(n):
    with pytest.raises(ValueError, match="`n` must be a whole number"):
        EXAMPLE.model.simulate(np.random.default_rng(0), n)


def test_the_model_is_frozen_keyword_only_and_float():
    model = NormalNormal(prior_sd=np.float32(2), noise_sd=1)
    assert type(model.prior_sd) is float
    with pytest.raises(FrozenInstanceError):
        model.prior_sd = 3.0  # pyright: ignore[reportAttributeAccessIssue]
    kinds = {p.kind for p in inspect.signature(NormalNormal).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_the_data_are_not_changed():
    y = np.array(EXAMPLE.y)
    EXAMPLE.model.sequence(y)
    EXAMPLE.model.log_evidence(y)
    assert_array_equal(y, EXAMPLE.y)
