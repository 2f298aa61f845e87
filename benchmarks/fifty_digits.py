"""Every closed form in mpmath, as textbooks print it, with 50 digits to spare: the oracle of `exactness`.

`answers` and `ORACLES` return the same quantities by the same names: the log evidence, the log density of the
predictive at some places, and the parameters of the posterior. `PROBLEMS` are hypothesis strategies of hyperparameters
and data: priors that are weak and strong, data that are few and many, near the prior and far from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np
from hypothesis import strategies as st
from mpmath import mp, mpf
from numpy.typing import NDArray

from bayes.exact.beta_binomial import BetaBinomial
from bayes.exact.capture_recapture import CaptureRecapture
from bayes.exact.dirichlet_multinomial import DirichletMultinomial
from bayes.exact.gamma_exponential import GammaExponential
from bayes.exact.gamma_poisson import GammaPoisson
from bayes.exact.gaussian_process import GaussianProcess
from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.exact.independent_regression import IndependentRegression
from bayes.exact.linear_regression import LinearRegression
from bayes.exact.logistic_regression import LogisticRegression
from bayes.exact.multivariate_normal import MultivariateNormal
from bayes.exact.normal_inverse_gamma import NormalInverseGamma
from bayes.exact.normal_normal import NormalNormal
from bayes.exact.normal_variance import NormalVariance
from bayes.exact.scale_priors import ScalePrior

DIGITS = 150
"""Decimal digits: log Gamma(1e18) and its like lose 40 of them, squares of far data 50, and 50 must remain."""


MILLION = 1_000_000
SLOW = (
    "gaussian_process",
    "hierarchical_normal",
    "independent_regression",
    "logistic_regression",
    "capture_recapture",
)
"""Models whose answers to fifty digits take seconds."""
FEW_OBSERVATIONS = (
    "gaussian_process",
    "hierarchical_normal",
    "independent_regression",
    "capture_recapture",
)
"""Models that a million observations are not for."""
STEP = 1 / 7
"""Step of the trapezoid rule in logs for `gaussian_process`: e^(-pi^2 / (2 step)) is 1e-15."""


@dataclass(frozen=True)
class Problem:
    """A model, data, and places where the predictive is asked for."""

    exact: Any
    y: NDArray[Any]
    new: NDArray[Any]


Answers = dict[str, Any]


def errors(problem: Problem, name: str) -> dict[str, float]:
    """Return the largest error of each quantity, relative to max(1, |answer|)."""
    with mp.workdps(DIGITS):
        oracle_answers = ORACLES[name](problem.exact, problem.y, problem.new)
        package_answers = answers(problem)
        if set(package_answers) != set(oracle_answers):
            raise KeyError(
                f"the oracle of {name} has {sorted(oracle_answers)}, but the package answers {sorted(package_answers)}"
            )
        errors_by_quantity = {}
        for key, value in oracle_answers.items():
            computed = np.atleast_1d(package_answers[key]).ravel().tolist()
            expected = list(value) if isinstance(value, list) else [value]
            errors_by_quantity[key] = float(
                max(abs(mpf(a) - b) / max(mpf(1), abs(b)) for a, b in zip(computed, expected, strict=True))
            )
        return errors_by_quantity


def worst_error(problem: Problem, name: str) -> tuple[float, str]:
    """Return the largest error of all, which nan is, and the quantity that has it."""
    errors_by_quantity = errors(problem, name)
    largest = max(
        errors_by_quantity,
        key=lambda key: errors_by_quantity[key] if errors_by_quantity[key] == errors_by_quantity[key] else np.inf,
    )
    return errors_by_quantity[largest], largest


def a_million(problem: Problem, name: str) -> Problem:
    """Return the problem with its observations repeated up to a million."""
    if name in FEW_OBSERVATIONS or not len(problem.y):
        return problem
    y, exact = np.resize(problem.y, (MILLION, *problem.y.shape[1:])), problem.exact
    if name in ("linear_regression", "logistic_regression"):
        rows = np.resize(exact.design[:-1], (MILLION, exact.design.shape[1]))
        exact = type(exact)(**vars(exact) | {"design": np.vstack([rows, exact.design[-1:]])})
    return replace(problem, exact=exact, y=y)


def answers(problem: Problem) -> Answers:
    """Return what the package answers, by name."""
    exact, y, new = problem.exact, problem.y, problem.new
    predictive = exact.predictive(y)
    log_density = predictive.logpmf if hasattr(predictive, "logpmf") else predictive.logpdf
    density = predictive.pmf if hasattr(predictive, "pmf") else predictive.pdf
    places = list(new) if new.ndim > 1 else [new]
    quantities = {
        "log evidence": exact.log_evidence(y),
        "log predictive": np.concatenate([np.atleast_1d(log_density(x)) for x in places]),
        "predictive": np.concatenate([np.atleast_1d(density(x)) for x in places]),
    }
    return quantities | PARAMETERS[type(exact)](exact, y)


def _beta(exact: Any, y: Any) -> Answers:
    return {"a": exact.posterior(y).args[0], "b": exact.posterior(y).args[1]}


def _gamma(exact: Any, y: Any) -> Answers:
    posterior = exact.posterior(y)
    return {"a": posterior.args[0], "scale": posterior.kwds["scale"]}


def _moments(exact: Any, y: Any) -> Answers:
    marginals = exact.marginals(y)
    quantities = {"mu": marginals["mu"].mean(), "sd of mu": marginals["mu"].std()}
    if len(y) > 2:
        quantities |= {"tau": marginals["tau"].mean()}
    if len(y):
        quantities |= {"theta": marginals["theta[0]"].mean(), "sd of theta": marginals["theta[0]"].std()}
    return quantities


def _coefficients(exact: Any, y: Any) -> Answers:
    marginals = list(exact.marginals(y).values())
    return {"beta": [m.mean() for m in marginals], "sds of beta": [m.std() for m in marginals]}


def _probabilities(exact: Any, y: Any) -> Answers:
    marginals = exact.marginals(y)
    return {f"{quantity} of {name}": getattr(marginals[name], quantity)() for name in marginals for quantity in MOMENTS}


MOMENTS = ("mean", "std")


def _regression_moments(exact: Any, y: Any) -> Answers:
    marginals = exact.marginals(y)
    return {
        "beta": [marginals[f"beta[{k}]"].mean() for k in range(len(exact.prior_mean))],
        "sd of beta": [marginals[f"beta[{k}]"].std() for k in range(len(exact.prior_mean))],
        "noise sd": marginals["noise_sd"].mean(),
    }


PARAMETERS: dict[type, Callable[[Any, Any], Answers]] = {
    NormalNormal: lambda m, y: {"mean": m.posterior(y).mean(), "sd": m.posterior(y).std()},
    NormalVariance: _gamma,
    NormalInverseGamma: lambda m, y: {key: getattr(m.posterior(y), key) for key in ("m", "k", "a", "b")},
    BetaBinomial: _beta,
    GammaPoisson: _gamma,
    GammaExponential: _gamma,
    DirichletMultinomial: lambda m, y: {"alpha": m.posterior(y).concentration},
    MultivariateNormal: lambda m, y: {"mean": m.posterior(y).mean, "covariance": m.posterior(y).covariance},
    LinearRegression: lambda m, y: {key: getattr(m.posterior(y), key) for key in ("m", "V", "a", "b")},
    LogisticRegression: _coefficients,
    HierarchicalNormal: _moments,
    CaptureRecapture: _probabilities,
    IndependentRegression: _regression_moments,
    GaussianProcess: lambda m, y: {key: d.mean() for key, d in m.marginals(y).items()},
}


# ---- the oracles: textbook formulas with so many digits that cancellation costs none of the 50


def _floats(values: Any) -> list[Any]:
    return [mpf(float(v)) for v in np.asarray(values).ravel()]


def _with_densities(quantities: Answers, logs: list[Any]) -> Answers:
    return quantities | {"log predictive": logs, "predictive": [mpmath.exp(v) for v in logs]}


def _distinct(y: NDArray[Any]) -> list[tuple[Any, int]]:
    values, times = np.unique(y, return_counts=True)
    return [(mpf(float(v)), int(n)) for v, n in zip(values, times, strict=True)]


def _normal(x: Any, mean: Any, var: Any) -> Any:
    return -(mpmath.log(2 * mp.pi * var) + (x - mean) ** 2 / var) / 2


def _student(x: Any, df: Any, loc: Any, scale2: Any) -> Any:
    return (
        mpmath.loggamma((df + 1) / 2)
        - mpmath.loggamma(df / 2)
        - mpmath.log(df * mp.pi * scale2) / 2
        - (df + 1) / 2 * mpmath.log(1 + (x - loc) ** 2 / scale2 / df)
    )


def _log_gamma_ratio(a: Any, b: Any, a_n: Any, b_n: Any) -> Any:
    return mpmath.loggamma(a_n) - mpmath.loggamma(a) + a * mpmath.log(b) - a_n * mpmath.log(b_n)


def normal_normal(m: NormalNormal, y: Any, new: Any) -> Answers:
    """Return the answers of that family."""
    m0, tau2, sigma2 = mpf(m.prior_mean), mpf(m.prior_sd) ** 2, mpf(m.noise_sd) ** 2
    values, n = _distinct(y), len(y)
    s2 = 1 / (1 / tau2 + n / sigma2)
    mean = s2 * (m0 / tau2 + mpmath.fsum(v * k for v, k in values) / sigma2)
    # log p(y) = log p(y | mu) + log p(mu) - log p(mu | y) at any mu
    evidence = mpmath.fsum(k * _normal(v, mean, sigma2) for v, k in values)
    evidence += _normal(mean, m0, tau2) - _normal(mean, mean, s2)
    quantities = {"log evidence": evidence, "mean": mean, "sd": mpmath.sqrt(s2)}
    return _with_densities(quantities, [_normal(x, mean, s2 + sigma2) for x in _floats(new)])


def normal_variance(m: NormalVariance, y: Any, new: Any) -> Answers:
    """Return the answers of that family."""
    n, mu, a, b = len(y), mpf(m.mean), mpf(m.shape), mpf(m.scale)
    a_n = a + mpf(n) / 2
    b_n = b + mpmath.fsum(k * (v - mu) ** 2 for v, k in _distinct(y)) / 2
    quantities = {
        "log evidence": _log_gamma_ratio(a, b, a_n, b_n) - n * mpmath.log(2 * mp.pi) / 2,
        "a": a_n,
        "scale": b_n,
    }
    return _with_densities(quantities, [_student(x, 2 * a_n, mu, b_n / a_n) for x in _floats(new)])


def normal_inverse_gamma(m: NormalInverseGamma, y: Any, new: Any) -> Answers:
    """Return the answers of that family."""
    n, m0, k0, a, b = len(y), mpf(m.prior_mean), mpf(m.prior_count), mpf(m.shape), mpf(m.scale)
    values = _distinct(y)
    k_n, a_n = k0 + n, a + mpf(n) / 2
    mean = (k0 * m0 + mpmath.fsum(k * v for v, k in values)) / k_n
    b_n = b + (mpmath.fsum(k * (v - mean) ** 2 for v, k in values) + k0 * (mean - m0) ** 2) / 2
    evidence = _log_gamma_ratio(a, b, a_n, b_n) - n * mpmath.log(2 * mp.pi) / 2 + mpmath.log(k0 / k_n) / 2
    quantities = {"log evidence": evidence, "m": mean, "k": k_n, "a": a_n, "b": b_n}
    scale2 = b_n / a_n * (1 + 1 / k_n)
    return _with_densities(quantities, [_student(x, 2 * a_n, mean, scale2) for x in _floats(new)])


def _log_beta(alpha: list[Any]) -> Any:
    return mpmath.fsum(mpmath.loggamma(a) for a in alpha) - mpmath.loggamma(mpmath.fsum(alpha))


def _multinomials(rows: Any, trials: int, alpha: list[Any]) -> tuple[Any, list[Any]]:
    """Return the log evidence of rows of counts, and alpha_n."""
    distinct, times = np.unique(np.asarray(rows, dtype=np.int64), axis=0, return_counts=True)
    kinds = [([int(c) for c in row], int(k)) for row, k in zip(distinct, times, strict=True)]
    coefficients = mpmath.fsum(
        k * (mpmath.loggamma(trials + 1) - mpmath.fsum(mpmath.loggamma(c + 1) for c in row)) for row, k in kinds
    )
    alpha_n = [a + sum(k * row[i] for row, k in kinds) for i, a in enumerate(alpha)]
    return coefficients + _log_beta(alpha_n) - _log_beta(alpha), alpha_n


def beta_binomial(m: BetaBinomial, y: Any, new: Any) -> Answers:
    """Return the answers of that family."""

    def rows(values: Any) -> Any:
        return np.stack([values, m.trials - values], axis=-1)

    evidence, alpha = _multinomials(rows(y), m.trials, [mpf(m.successes), mpf(m.failures)])
    quantities = {"log evidence": evidence, "a": alpha[0], "b": alpha[1]}
    return _with_densities(quantities, [_multinomials([row], m.trials, alpha)[0] for row in rows(new)])


def dirichlet_multinomial(m: DirichletMultinomial, y: Any, new: Any) -> Answers:
    """Return the answers of that family."""
    evidence, alpha = _multinomials(np.asarray(y), m.trials, _floats(m.concentration))
    quantities = {"log evidence": evidence, "alpha": alpha}
    return _with_densities(quantities, [_multinomials([row], m.trials, alpha)[0] for row in new])


def gamma_poisson(m: GammaPoisson, y: Any, new: Any) -> Answers:
    """Return the answers of that family."""

    def evidence(values: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
        counts, times = np.unique(np.asarray(values, dtype=np.int64), return_counts=True)
        kinds = [(int(c), int(k)) for c, k in zip(counts, times, strict=True)]
        a_n, b_n = a + sum(c * k for c, k in kinds), b + len(values)
        factorials = mpmath.fsum(k * mpmath.loggamma(c + 1) for c, k in kinds)
        return _log_gamma_ratio(a, b, a_n, b_n) - factorials, a_n, b_n

    log_evidence, a, b = evidence(y, mpf(m.shape), mpf(m.inverse_scale))
    quantities = {"log evidence": log_evidence, "a": a, "scale": 1 / b}
    return _with_densities(quantities, [evidence([x], a, b)[0] for x in new])


def gamma_exponential(m: GammaExponential, y: Any, new: Any) -> Answers:
    """Return the answers of that family."""
    a, b = mpf(m.shape), mpf(m.inverse_scale)
    a_n, b_n = a + len(y), b + mpmath.fsum(k * v for v, k in _distinct(y))
    quantities = {"log evidence": _log_gamma_ratio(a, b, a_n, b_n), "a": a_n, "scale": 1 / b_n}
    return _with_densities(quantities, [_log_gamma_ratio(a_n, b_n, a_n + 1, b_n + x) for x in _floats(new)])


def _matrix(values: Any) -> Any:
    return mpmath.matrix(np.asarray(values, dtype=float).tolist())


def _normal_vector(x: Any, mean: Any, covariance: Any) -> Any:
    off = x - mean
    misfit = (off.T * mpmath.inverse(covariance) * off)[0]
    return -(len(off) * mpmath.log(2 * mp.pi) + mpmath.log(mpmath.det(covariance)) + misfit) / 2


def multivariate_normal(m: MultivariateNormal, y: Any, new: Any) -> Answers:
    """Return the answers of that family."""
    m0, S0, Sigma = _matrix(m.prior_mean), _matrix(m.prior_covariance), _matrix(m.noise_covariance)
    rows, times = np.unique(np.asarray(y), axis=0, return_counts=True)
    P0, P = mpmath.inverse(S0), mpmath.inverse(Sigma)
    S = mpmath.inverse(P0 + len(y) * P)
    total = mpmath.zeros(len(m0), 1)
    for row, k in zip(rows, times, strict=True):
        total += int(k) * _matrix(row)
    mean = S * (P0 * m0 + P * total)
    log_det = mpmath.log(mpmath.det(Sigma)) + len(m0) * mpmath.log(2 * mp.pi)
    evidence = mpf(0)
    for row, k in zip(rows, times, strict=True):
        off = _matrix(row) - mean
        evidence -= int(k) * (log_det + (off.T * P * off)[0]) / 2
    evidence += _normal_vector(mean, m0, S0) - _normal_vector(mean, mean, S)
    quantities = {"log evidence": evidence, "mean": list(mean), "covariance": list(S)}
    return _with_densities(quantities, [_normal_vector(_matrix(x), mean, S + Sigma) for x in new])


def linear_regression(m: LinearRegression, y: Any, new: Any) -> Answers:
    """Return the answers of that family."""
    n, P = len(y), len(m.prior_mean)
    m0, V0, a, b = _matrix(m.prior_mean), _matrix(m.prior_covariance), mpf(m.shape), mpf(m.scale)
    rows, times = np.unique(np.column_stack([m.design[:n], y]), axis=0, return_counts=True)
    squares, projected = mpmath.zeros(P), mpmath.zeros(P, 1)
    for row, k in zip(rows, times, strict=True):
        x = _matrix(row[:-1])
        squares += int(k) * (x * x.T)
        projected += int(k) * x * mpf(float(row[-1]))
    P0 = mpmath.inverse(V0)
    V = mpmath.inverse(P0 + squares)
    mean = V * (P0 * m0 + projected)
    misfit = ((mean - m0).T * P0 * (mean - m0))[0]
    for row, k in zip(rows, times, strict=True):
        misfit += int(k) * (mpf(float(row[-1])) - (_matrix(row[:-1]).T * mean)[0]) ** 2
    a_n, b_n = a + mpf(n) / 2, b + misfit / 2
    log_dets = mpmath.log(mpmath.det(V)) - mpmath.log(mpmath.det(V0))
    evidence = _log_gamma_ratio(a, b, a_n, b_n) - n * mpmath.log(2 * mp.pi) / 2 + log_dets / 2
    x = _matrix(m.design[n])
    scale2 = b_n / a_n * (1 + (x.T * V * x)[0])
    quantities = {"log evidence": evidence, "m": list(mean), "V": list(V), "a": a_n, "b": b_n}
    return _with_densities(quantities, [_student(v, 2 * a_n, (x.T * mean)[0], scale2) for v in _floats(new)])


def logistic_regression(m: LogisticRegression, y: Any, new: Any) -> Answers:
    """Return the answers by the trapezoid rule around the mode, in NumPy's longest floats: 19 digits on x86-64.

    Its error is some exp(-2 pi d / step), d = pi over the sd of the log odds, in steps of the coefficients' sds.
    """
    long = np.longdouble
    mode, root = m.posterior(y).mode, np.linalg.cholesky(m.posterior(y).covariance)
    step, reach = 1 / 12, 20
    t = np.arange(-reach / step, reach / step + 1).astype(long) * long(step)
    t0, t1 = np.meshgrid(t, t, indexing="ij", sparse=True)
    beta = [mode[0] + root[0, 0] * t0 + 0 * t1, mode[1] + root[1, 0] * t0 + root[1, 1] * t1]

    def log_likelihood(x: Any, value: Any) -> Any:
        eta = (1 if value else -1) * (x[0] * beta[0] + x[1] * beta[1])
        return np.minimum(eta, 0) - np.log1p(np.exp(-abs(eta)))

    log_f = 0 * beta[0]
    rows, times = np.unique(np.column_stack([m.design[: len(y)], y]), axis=0, return_counts=True)
    for row, k in zip(rows, times, strict=True):
        log_f += k * log_likelihood(row[:2].astype(long), row[2])
    for b, m0, s0 in zip(beta, m.prior_mean.astype(long), m.prior_sds.astype(long), strict=True):
        log_f -= ((b - m0) / s0) ** 2 / 2 + np.log(s0) + np.log(2 * long(np.pi) + long(2.4492935982947064e-16)) / 2
    peak = log_f.max()
    weights = np.exp(log_f - peak)
    total = weights.sum()
    weights /= total
    x_new = m.design[len(y)].astype(long)
    densities = [np.sum(weights * np.exp(log_likelihood(x_new, value))) for value in new]
    means = [np.sum(weights * b) for b in beta]
    sds = [np.sqrt(np.sum(weights * (b - mean) ** 2)) for b, mean in zip(beta, means, strict=True)]
    evidence = peak + np.log(total * long(step) ** 2 * long(root[0, 0]) * long(root[1, 1]))
    quantities = {"log evidence": _long(evidence), "beta": [_long(v) for v in means]}
    return _with_densities(quantities | {"sds of beta": [_long(v) for v in sds]}, [_long(np.log(p)) for p in densities])


def _long(value: Any) -> Any:
    """Return one of NumPy's longest floats as a number of mpmath, with all its digits."""
    high = float(value)
    return mpf(high) + mpf(float(value - np.longdouble(high)))


def hierarchical_normal(m: HierarchicalNormal, y: Any, new: Any) -> Answers:
    """Return the answers by the trapezoid rule in log tau, whose error is some exp(-2 pi (pi / 4) / step)."""
    with mp.workdps(60):
        m0, s2, s = mpf(m.prior_mean), mpf(m.prior_sd) ** 2, mpf(m.tau_prior.numbers[0])
        data, sigma2 = _floats(y), [mpf(float(v)) ** 2 for v in m.noise_sds]
        scales = [m.tau_prior.numbers[0], *m.noise_sds[: len(y)].tolist()]
        far = max([*scales, *np.abs(np.asarray(y) - m.prior_mean).tolist()])
        a_unit = 8 if len(data) <= 8 else 32  # nodes; 30 groups fix log tau to 0.13
        step, low, high = mpf(1) / a_unit, np.floor(np.log(min(scales))) - 45, np.log(far) + 45
        sums: dict[str, list[Any]] = {}
        logs = []
        for i in range(int((high - low) * a_unit)):
            v = low + i * step
            tau2 = mpmath.exp(2 * v)
            w = [1 / (noise_var + tau2) for noise_var in sigma2[: len(data)]]
            V = 1 / (1 / s2 + mpmath.fsum(w))
            mu = V * (m0 / s2 + mpmath.fsum(a * b for a, b in zip(w, data, strict=True)))
            log_f = mpmath.fsum(_normal(x, mu, 1 / a) for x, a in zip(data, w, strict=True))
            log_f += _normal(mu, m0, s2) - _normal(mu, mu, V)
            log_f += mpmath.log(2 / (mp.pi * s * (1 + tau2 / s**2))) + v
            logs.append(log_f)
            row = {"mu": mu, "mu2": mu**2 + V, "tau": mpmath.sqrt(tau2)}
            if data:
                share = tau2 * w[0]
                theta = mu + share * (data[0] - mu)
                row |= {"theta": theta, "theta2": theta**2 + share * sigma2[0] + (1 - share) ** 2 * V}
            var = V + tau2 + sigma2[len(data)]
            row |= {f"new{j}": mpmath.exp(_normal(x, mu, var)) for j, x in enumerate(_floats(new))}
            for key, value in row.items():
                sums.setdefault(key, []).append(value)
        peak = max(logs)
        weights = [mpmath.exp(value - peak) for value in logs]
        total = mpmath.fsum(weights)
        mean = {key: mpmath.fdot(weights, values) / total for key, values in sums.items()}
        quantities = {
            "log evidence": peak + mpmath.log(total * step) if data else mpf(0),
            "mu": mean["mu"],
            "sd of mu": mpmath.sqrt(mean["mu2"] - mean["mu"] ** 2),
        }
        if len(data) > 2:
            quantities["tau"] = mean["tau"]
        if data:
            quantities |= {"theta": mean["theta"], "sd of theta": mpmath.sqrt(mean["theta2"] - mean["theta"] ** 2)}
        densities = [mean[f"new{j}"] for j in range(len(new))]
        return quantities | {"log predictive": [mpmath.log(d) for d in densities], "predictive": densities}


def capture_recapture(m: CaptureRecapture, y: Any, new: Any) -> Answers:
    """Return the answers by a sum over the number of animals that are there and never captured."""
    a, b, c, d = (mpf(value) for value in (m.present, m.absent, m.captures, m.misses))

    def evidence(rows: Any) -> tuple[Any, dict[str, Any]]:
        rows = np.asarray(rows, dtype=np.int64)
        M, C, S = len(rows), int(rows.any(axis=1).sum()), int(rows.sum())
        logs, sums = [], {"omega": [], "omega2": [], "p": [], "p2": []}
        for N in range(C, M + 1):
            log_p = mpmath.log(mpmath.binomial(M - C, N - C)) - _log_beta([a, b]) - _log_beta([c, d])
            captures, misses = c + S, d + N * m.occasions - S
            logs.append(log_p + _log_beta([a + N, b + M - N]) + _log_beta([captures, misses]))
            for name, i, j in (("omega", a + N, b + M - N), ("p", captures, misses)):
                sums[name].append(i / (i + j))
                sums[name + "2"].append(i * (i + 1) / ((i + j) * (i + j + 1)))
        peak = max(logs)
        weights = [mpmath.exp(value - peak) for value in logs]
        total = mpmath.fsum(weights)
        means = {name: mpmath.fdot(weights, values) / total for name, values in sums.items()}
        return peak + mpmath.log(total), means

    log_evidence, mean = evidence(y)
    quantities = {"log evidence": log_evidence}
    for name in ("omega", "p"):
        sd = mpmath.sqrt(mean[f"{name}2"] - mean[name] ** 2)
        quantities |= {f"mean of {name}": mean[name], f"std of {name}": sd}
    return _with_densities(quantities, [evidence(np.vstack([y, x]))[0] - log_evidence for x in new])


def independent_regression(m: IndependentRegression, y: Any, new: Any) -> Answers:
    """Return the answers by the trapezoid rule in log sigma, as those of `hierarchical_normal`."""
    with mp.workdps(40):
        n, K = len(y), len(m.prior_mean)
        X, m0, data = [_matrix(row) for row in m.design[:n]], _matrix(m.prior_mean), _floats(y)
        D2 = mpmath.diag([1 / mpf(float(s)) ** 2 for s in m.prior_sds])
        squares, projected = mpmath.zeros(K), mpmath.zeros(K, 1)
        for row, value in zip(X, data, strict=True):
            squares += row * row.T
            projected += row * value
        x = _matrix(m.design[n])
        far = max([m.noise_prior.scale, *np.abs(y - m.design[:n] @ m.prior_mean).tolist()])
        step, low, high = mpf(1) / 16, np.log(min(m.noise_prior.scale, 1e-2 * far)) - 36, np.log(far) + 20
        sums: dict[str, list[Any]] = {}
        logs = []
        for i in range(int((high - low) / step)):
            v = mpf(low) + i * step
            sigma2 = mpmath.exp(2 * v)
            V = mpmath.inverse(D2 + squares / sigma2)
            b = V * (D2 * m0 + projected / sigma2)
            # log p(y | sigma) = log p(y | b, sigma) + log p(b) - log p(b | y, sigma)
            log_f = mpmath.fsum(_normal(v, (r.T * b)[0], sigma2) for v, r in zip(data, X, strict=True))
            log_f += mpmath.log(mpmath.det(D2)) / 2 + mpmath.log(mpmath.det(V)) / 2
            log_f -= ((b - m0).T * D2 * (b - m0))[0] / 2
            logs.append(log_f + _log_scale_prior(m.noise_prior, mpmath.sqrt(sigma2)) + v)
            row = {"noise": mpmath.sqrt(sigma2)}
            for k in range(K):
                row |= {f"beta{k}": b[k], f"square{k}": b[k] ** 2 + V[k, k]}
            mean, var = (x.T * b)[0], (x.T * V * x)[0] + sigma2
            row |= {f"new{j}": mpmath.exp(_normal(value, mean, var)) for j, value in enumerate(_floats(new))}
            for key, value in row.items():
                sums.setdefault(key, []).append(value)
        peak = max(logs)
        weights = [mpmath.exp(value - peak) for value in logs]
        total = mpmath.fsum(weights)
        average = {key: mpmath.fdot(weights, values) / total for key, values in sums.items()}
        densities = [average[f"new{j}"] for j in range(len(new))]
        return {
            "log evidence": peak + mpmath.log(total * step) if data else mpf(0),
            "beta": [average[f"beta{k}"] for k in range(K)],
            "sd of beta": [mpmath.sqrt(average[f"square{k}"] - average[f"beta{k}"] ** 2) for k in range(K)],
            "noise sd": average["noise"],
            "log predictive": [mpmath.log(density) for density in densities],
            "predictive": densities,
        }


def _log_scale_prior(prior: ScalePrior, x: Any) -> Any:
    """Return the log density of a half-normal, half-t or gamma prior."""
    numbers = [mpf(value) for value in prior.numbers]
    if prior.family == "half_normal":
        return mpmath.log(2) + _normal(x, mpf(0), numbers[0] ** 2)
    if prior.family == "half_t":
        return mpmath.log(2) + _student(x, numbers[0], mpf(0), numbers[1] ** 2)
    a, b = numbers
    return a * mpmath.log(b) - mpmath.loggamma(a) + (a - 1) * mpmath.log(x) - b * x


def gaussian_process(m: GaussianProcess, y: Any, new: Any) -> Answers:
    """Return the answers by the trapezoid rule in the logs of the parameters, in 80-bit numbers, for up to two data.

    In 50 digits the millions of places would take hours.
    """
    v = np.arange(-32, 5, STEP, dtype=np.longdouble)
    alpha, s = np.exp(v)[:, None], np.exp(v)
    outer = np.arange(-4, 5, STEP, dtype=np.longdouble)
    log_prior = _log_prior(m.alpha_prior, alpha) + v[:, None] + _log_prior(m.noise_variance_prior, s) + v

    def integrals(data: list[float]) -> dict[str, Any]:
        """Return the sums over the nodes, by parameter and without one."""
        sums: dict[str, Any] = dict.fromkeys(("one", "rho", "alpha", "noise_variance"), np.longdouble(0))
        for u in outer:
            rho = np.exp(u)
            log_terms = log_prior + _log_normal(m.inputs, data, rho, alpha, s) + _log_prior(m.rho_prior, rho) + u
            terms = np.exp(log_terms)
            for name, x in (("one", 1), ("rho", rho), ("alpha", alpha), ("noise_variance", s)):
                sums[name] += np.sum(terms * x)
        return sums

    sums, scale = integrals(list(y)), np.longdouble(STEP) ** 3
    ratios = [integrals([*y, x])["one"] / sums["one"] for x in new]
    means = {name: mpf(str(sums[name] / sums["one"])) for name in ("rho", "alpha", "noise_variance")}
    evidence = mpf(str(np.log(sums["one"] * scale))) if len(y) else mpf(0)
    return _with_densities(means | {"log evidence": evidence}, [mpf(str(np.log(ratio))) for ratio in ratios])


def _log_normal(x: Any, y: list[float], rho: Any, alpha: Any, s: Any) -> Any:
    """Return the log density of up to three data by the Cholesky factor of their covariance, written out."""
    total, factor, z = np.zeros(np.broadcast_shapes(alpha.shape, s.shape), dtype=np.longdouble), [], []
    for i, value in enumerate(y):
        row: list[Any] = []
        for j in range(i):
            covariance = alpha**2 * np.exp(-((np.longdouble(x[i]) - x[j]) ** 2) / (2 * rho**2))
            row.append((covariance - sum(a * b for a, b in zip(row, factor[j], strict=False))) / factor[j][j])
        row.append(np.sqrt(alpha**2 + s - sum(a * a for a in row)))
        z.append((value - sum(a * b for a, b in zip(row, z, strict=False))) / row[i])
        factor.append(row)
        total = total - np.log(row[i]) - z[i] ** 2 / 2 - np.log(2 * np.longdouble(np.pi)) / 2
    return total


def _log_prior(prior: ScalePrior, x: Any) -> Any:
    """Return the log density of a half-normal, gamma or inverse gamma prior in 80-bit numbers."""
    a, b = (np.longdouble(value) for value in [*prior.numbers, 0.0][:2])
    if prior.family == "half_normal":
        return np.log(2 / a) - np.log(2 * np.longdouble(np.pi)) / 2 - (x / a) ** 2 / 2
    constant = a * np.log(b) - np.longdouble(str(mpmath.loggamma(mpf(float(a)))))
    return constant + ((a - 1) * np.log(x) - b * x if prior.family == "gamma" else -(a + 1) * np.log(x) - b / x)


ORACLES: dict[str, Callable[[Any, Any, Any], Answers]] = {
    f.__name__: f
    for f in (
        normal_normal,
        normal_variance,
        normal_inverse_gamma,
        beta_binomial,
        gamma_poisson,
        gamma_exponential,
        dirichlet_multinomial,
        multivariate_normal,
        linear_regression,
        logistic_regression,
        hierarchical_normal,
        capture_recapture,
        independent_regression,
        gaussian_process,
    )
}


# ---- problems


def _powers(low: float, high: float) -> st.SearchStrategy[float]:
    """Positive numbers over many orders of magnitude, and whole powers of ten among them."""
    return st.one_of(st.floats(low, high), st.integers(int(np.ceil(low)), int(high))).map(lambda e: float(10.0**e))


sizes = st.sampled_from([0, 1, 2, 3, 14, 200])
seeds = st.integers(0, 2**32 - 1)
far = st.one_of(st.just(0.0), _powers(-3, 8), _powers(-3, 8).map(lambda v: -v))
strengths = _powers(-8, 18)
scales = _powers(-8, 8)


def _repeated(values: NDArray[Any], n: int) -> NDArray[Any]:
    """Return n observations, no more than 200 of them different, so that an oracle is quick."""
    return np.resize(values, (n, *values.shape[1:])) if n else values[:0]


def _around(rng: np.random.Generator, n: int, centre: float, sd: float) -> NDArray[np.float64]:
    return _repeated(centre + sd * rng.standard_normal(min(n, 200) or 1), n)


@st.composite
def _real(draw: Any, make: Callable[[Any, float], Any]) -> Problem:
    """Observations at a distance from the origin, of a spread of their own, and a model."""
    unit = draw(scales)
    y = _around(np.random.default_rng(draw(seeds)), draw(sizes), unit * draw(far), unit * draw(_powers(-2, 2)))
    centre = float(y[0]) if len(y) else unit
    new = centre + unit * np.array([0.0, draw(st.floats(-3, 3)), draw(far)])
    return Problem(make(draw, unit), y, new)


def _near(draw: Any, unit: float) -> float:
    return unit * draw(far)


def _counts(draw: Any, mean: float, largest: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(draw(seeds))
    n = draw(sizes)
    return _repeated(np.minimum(rng.poisson(min(mean, 1e15), size=min(n, 200) or 1), largest), n)


@st.composite
def _beta_binomial(draw: Any) -> Problem:
    trials = draw(st.sampled_from([1, 2, 7, 1000, 10**6]))
    strength, share = draw(strengths), draw(st.floats(1e-3, 1 - 1e-3))
    exact = BetaBinomial(trials=trials, successes=strength * share, failures=strength * (1 - share))
    y = _counts(draw, trials * draw(st.one_of(st.just(share), st.floats(0, 1))), trials)
    new = np.unique(np.clip([0, int(trials * share), draw(st.integers(0, trials)), trials], 0, trials))
    return Problem(exact, y, new)


@st.composite
def _gamma_poisson(draw: Any) -> Problem:
    mean, strength = draw(_powers(-6, 6)), draw(strengths)
    exact = GammaPoisson(shape=strength, inverse_scale=strength / mean)
    y = _counts(draw, mean * draw(st.one_of(st.just(1.0), _powers(-3, 3))), 10**9)
    new = np.array([0, int(mean), draw(st.integers(0, 10**7))])
    return Problem(exact, y, new)


@st.composite
def _gamma_exponential(draw: Any) -> Problem:
    mean, strength, unit = draw(st.one_of(st.just(1.0), _powers(-4, 4))), draw(strengths), draw(scales)
    exact = GammaExponential(shape=strength, inverse_scale=strength * unit)
    rng = np.random.default_rng(draw(seeds))
    n = draw(sizes)
    y = _repeated(rng.exponential(mean * unit, size=min(n, 200) or 1), n)
    if n and draw(st.booleans()):
        y[0] = 0.0
    return Problem(exact, y, unit * np.array([0.0, 1.0, draw(_powers(-5, 5))]))


@st.composite
def _dirichlet_multinomial(draw: Any) -> Problem:
    rng = np.random.default_rng(draw(seeds))
    K, trials, n = draw(st.integers(2, 6)), draw(st.sampled_from([1, 3, 50, 10**6])), draw(sizes)
    shares = rng.dirichlet(np.full(K, draw(_powers(-0.5, 1)))) + 1e-6
    exact = DirichletMultinomial(concentration=draw(strengths) * shares, trials=trials)
    p = shares / shares.sum() if draw(st.booleans()) else rng.dirichlet(np.ones(K))
    return Problem(
        exact, _repeated(rng.multinomial(trials, p, size=min(n, 200) or 1), n), rng.multinomial(trials, p, 2)
    )


def _covariance(draw: Any, rng: np.random.Generator, K: int) -> NDArray[np.float64]:
    """A covariance whose correlations are up to 1 - 1e-10, and whose scales differ by 1e8."""
    root = rng.normal(size=(K, K)) * 10.0 ** -np.linspace(0, draw(st.floats(0, 5)), K)
    sds = 10.0 ** rng.uniform(-draw(st.floats(0, 4)), draw(st.floats(0, 4)), size=K)
    covariance = (root @ root.T) * np.outer(sds, sds)
    return (covariance + covariance.T) / 2


@st.composite
def _multivariate_normal(draw: Any) -> Problem:
    rng = np.random.default_rng(draw(seeds))
    K, n, unit = draw(st.integers(1, 4)), draw(sizes), draw(scales)
    noise = _covariance(draw, rng, K) * unit**2
    prior = _covariance(draw, rng, K) * (unit * draw(_powers(-6, 6))) ** 2
    sds = np.sqrt(np.diag(noise))
    exact = MultivariateNormal(
        prior_mean=sds * draw(far) * rng.normal(size=K), prior_covariance=prior, noise_covariance=noise
    )
    centre = sds * draw(far) * rng.normal(size=K)
    y = centre + rng.multivariate_normal(np.zeros(K), noise, size=min(n, 200) or 1, method="cholesky")
    return Problem(exact, _repeated(y, n), np.stack([centre, y[0], centre + sds]))


@st.composite
def _linear_regression(draw: Any) -> Problem:
    rng = np.random.default_rng(draw(seeds))
    P, n, unit = draw(st.integers(1, 4)), draw(sizes), draw(scales)
    offset = draw(st.one_of(st.just(0.0), _powers(0, 5)))  # columns that are nearly parallel to the intercept
    rows = min(n, 200) + 1
    design = np.column_stack([np.ones(rows), offset + rng.normal(size=(rows, P - 1))])
    exact = LinearRegression(
        design=np.vstack([_repeated(design[:-1], n), design[-1:]]),
        prior_mean=unit * draw(far) * rng.normal(size=P),
        prior_covariance=_covariance(draw, rng, P) * draw(_powers(-6, 6)) ** 2,
        shape=draw(strengths),
        scale=unit**2 * draw(strengths),
    )
    beta = unit * draw(far) * rng.normal(size=P)
    y = _repeated(design @ beta + unit * rng.normal(size=rows), n)
    centre = float(design[-1] @ beta)
    return Problem(exact, y, centre + unit * np.array([0.0, 1.0, -30.0]))


@st.composite
def _logistic_regression(draw: Any) -> Problem:
    rng = np.random.default_rng(draw(seeds))
    units, n = np.array([1.0, draw(scales)]), draw(st.sampled_from([0, 1, 2, 3, 14, 30]))
    # log odds with a prior sd of 3 at most, in any unit of the predictor, and correlated coefficients
    sds = 10.0 ** rng.uniform(-1, 0.3, size=2)
    design = np.column_stack([np.ones(n + 1), draw(st.floats(-1, 1)) + rng.uniform(-1, 1, size=n + 1)]) * units
    exact = LogisticRegression(design=design, prior_mean=sds * rng.normal(size=2) / units, prior_sds=sds / units)
    return Problem(exact, exact.simulate(rng, n)[1], np.array([0, 1]))


@st.composite
def _hierarchical_normal(draw: Any) -> Problem:
    rng = np.random.default_rng(draw(seeds))
    unit, n = draw(scales), draw(st.sampled_from([0, 1, 2, 3, 8, 30]))
    exact = HierarchicalNormal(
        noise_sds=unit * 10.0 ** rng.uniform(-1, 1, size=n + 1),
        prior_mean=_near(draw, unit),
        prior_sd=unit * draw(_powers(-4, 6)),
        tau_prior=ScalePrior("half_cauchy", unit * draw(_powers(-4, 4))),
    )
    centre = _near(draw, unit)
    y = centre + unit * draw(_powers(-1, 2)) * rng.normal(size=n)
    return Problem(exact, y, centre + unit * np.array([0.0, draw(st.floats(-5, 5))]))


@st.composite
def _capture_recapture(draw: Any) -> Problem:
    rng = np.random.default_rng(draw(seeds))
    T, n = draw(st.sampled_from([1, 2, 6])), draw(st.sampled_from([0, 1, 3, 60]))
    strength, share, other = draw(strengths), draw(st.floats(0.01, 0.99)), draw(strengths)
    exact = CaptureRecapture(
        occasions=T,
        present=strength * share,
        absent=strength * (1 - share),
        captures=other * share,
        misses=other * (1 - share),
    )
    omega, p = rng.random(2)
    y = (rng.random((n, 1)) < omega) & (rng.random((n, T)) < p)
    return Problem(exact, y.astype(np.int64), np.stack([np.zeros(T, dtype=np.int64), rng.integers(0, 2, size=T)]))


@st.composite
def _independent_regression(draw: Any) -> Problem:
    rng = np.random.default_rng(draw(seeds))
    unit, n, K = draw(scales), draw(st.sampled_from([0, 1, 3, 8])), draw(st.integers(1, 2))
    offset = draw(st.one_of(st.just(0.0), _powers(0, 2)))  # columns that are nearly parallel to the intercept
    design = np.column_stack([np.ones(n + 1), offset + rng.normal(size=(n + 1, K - 1))])
    scale = unit * draw(_powers(-2, 2))
    noise_prior = draw(
        st.sampled_from(
            [
                ScalePrior("half_normal", scale),
                ScalePrior("half_t", draw(st.floats(3, 9)), scale),
                ScalePrior("gamma", draw(st.floats(1, 9)), 1 / scale),
            ]
        )
    )
    prior_sds = scale * draw(_powers(-2, 1)) * 10.0 ** rng.uniform(-1, 1, size=K)
    exact = IndependentRegression(
        design=design, prior_mean=unit * rng.normal(size=K), prior_sds=prior_sds, noise_prior=noise_prior
    )
    beta = rng.normal(exact.prior_mean, prior_sds)
    y = design[:n] @ beta + scale * rng.normal(size=n)
    return Problem(exact, y, float(design[-1] @ beta) + scale * np.array([0.0, draw(st.floats(-3, 3))]))


@st.composite
def _gaussian_process(draw: Any) -> Problem:
    rng, n = np.random.default_rng(draw(seeds)), draw(st.integers(0, 2))
    exact = GaussianProcess(
        inputs=np.sort(rng.uniform(0, 4, size=n + 1)),
        rho_prior=ScalePrior("inverse_gamma", draw(st.floats(20, 30)), draw(st.floats(20, 60))),
        alpha_prior=ScalePrior("half_normal", draw(st.floats(0.3, 3))),
        noise_variance_prior=ScalePrior("gamma", draw(st.floats(2, 5)), draw(st.floats(2, 5))),
    )
    return Problem(exact, 2 * rng.normal(size=n), np.array([draw(st.floats(-3, 3))]))


PROBLEMS: dict[str, st.SearchStrategy[Problem]] = {
    "normal_normal": _real(
        lambda draw, unit: NormalNormal(
            prior_mean=_near(draw, unit), prior_sd=unit * draw(_powers(-8, 8)), noise_sd=unit * draw(_powers(-1, 1))
        )
    ),
    "normal_variance": _real(
        lambda draw, unit: NormalVariance(
            mean=_near(draw, unit), shape=draw(strengths), scale=unit**2 * draw(strengths)
        )
    ),
    "normal_inverse_gamma": _real(
        lambda draw, unit: NormalInverseGamma(
            prior_mean=_near(draw, unit),
            prior_count=draw(_powers(-8, 8)),
            shape=draw(strengths),
            scale=unit**2 * draw(strengths),
        )
    ),
    "beta_binomial": _beta_binomial(),
    "gamma_poisson": _gamma_poisson(),
    "gamma_exponential": _gamma_exponential(),
    "dirichlet_multinomial": _dirichlet_multinomial(),
    "multivariate_normal": _multivariate_normal(),
    "linear_regression": _linear_regression(),
    "logistic_regression": _logistic_regression(),
    "hierarchical_normal": _hierarchical_normal(),
    "capture_recapture": _capture_recapture(),
    "independent_regression": _independent_regression(),
    "gaussian_process": _gaussian_process(),
}
