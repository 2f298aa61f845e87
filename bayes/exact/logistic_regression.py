"""Logistic regression with two coefficients, exact by integration over their plane.

``EXAMPLE`` has the equations, the references and data.

The panels of the integral lie around the mode. The first coordinate is a combination w . beta, and the second moves
with it as its conditional mean does, so that coefficients may be correlated however strongly. ``y`` may be shorter
than the design. It then belongs to the first n of the N rows, and ``predictive`` predicts the observation of the next
row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics.boxes import Box
from bayes.exact.numerics.conditionals import SecondGivenFirst, draws
from bayes.exact.numerics.interpolation import interpolated
from bayes.exact.numerics.logistic_likelihood import Rows, grouped, logit_bernoulli
from bayes.exact.numerics.orders import each_last
from bayes.exact.projections import STANDARD, Draws, Projections, flip_sign
from closedform.validation import shown

MANY = 100
"""Different rows of the design above which the likelihood is interpolated."""
HALF_WIDTH = 20.0
"""Standard deviations of beta from the mode up to which it is interpolated."""
NEWTON_STEPS = 500
"""Largest number of steps to the mode, each halved until the density grows."""

type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class LogisticRegression:
    """The regression with its hyperparameters.

    Observations ``y`` have shape (n,), with 0 or 1 for each row of the design, and n up to N. Logs are in nats.

    Parameters
    ----------
    design
        X, shape (N, 2), with a row for each observation. A column of ones is an intercept.
    prior_mean, prior_sds
        m0 (2,) and s0 (2,), means and standard deviations of the priors of the coefficients, which are independent. An
        sd of ``inf`` is a flat prior, of density 1, whatever the mean is.

    Raises
    ------
    ValueError
        If shapes do not fit, an sd is not positive, ``y`` has more than N numbers or others than 0 and 1, or if the
        posterior is improper: coefficients with flat priors can separate the zeros from the ones.

    Notes
    -----
    With a flat prior the evidence is an integral over Lebesgue measure: it has a unit, and is no probability.

    Examples
    --------
    >>> design = [[1.0, -1.0], [1.0, 0.0], [1.0, 0.5], [1.0, 2.0]]
    >>> model = LogisticRegression(design=design, prior_mean=[0.0, 0.0], prior_sds=[2.0, 1.0])
    >>> round(model.log_evidence([0, 1, 1]), 6)
    -2.413962
    >>> round(float(model.predictive([0, 1, 1]).mean()), 6)  # the probability of 1 in the fourth row
    0.761664
    """

    design: Array
    prior_mean: Array
    prior_sds: Array

    def __init__(self, *, design: ArrayLike, prior_mean: ArrayLike, prior_sds: ArrayLike) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("design", validate.matrix("design", design, 2))
        set_field("prior_mean", validate.vector("prior_mean", prior_mean))
        set_field("prior_sds", _sds(prior_sds))
        for name in ("prior_mean", "prior_sds"):
            value = getattr(self, name)
            if len(value) != 2:
                raise ValueError(f"`{name}` must have 2 numbers, one a column of the design, got {shown(value)}.")

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(beta | y)."""
        return _joint(self, self._observations(y).tobytes())

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of both coefficients, ``beta[0]`` and ``beta[1]``."""
        joint = self.posterior(y)
        return {f"beta[{k}]": joint.combination(w) for k, w in enumerate(np.eye(2))}

    def projections(self, y: ArrayLike) -> Projections:
        """Return functions of both coefficients, and the exact distribution of each.

        They are w . beta, the sum or difference of the coefficients in units of their sds that varies least, and the
        normal score of ``beta[1]`` given ``beta[0]``, with its sign flipped where ``beta[0]`` is below its median.
        """
        joint = self.posterior(y)
        median = float(joint.combination(np.array([1.0, 0.0])).ppf(0.5))
        w = np.array([1.0, -1.0 if joint.covariance[0, 1] > 0 else 1.0]) / np.sqrt(np.diag(joint.covariance))

        def score(draws: Draws) -> Array:
            beta = draws["beta"]
            z = norm.ppf(joint.second_given_first(beta.reshape(-1, 2))).reshape(beta.shape[:-1])
            return flip_sign(z, beta[..., 0], median)

        return {
            "w . beta": (lambda draws: draws["beta"] @ w, joint.combination(w)),
            "z(beta[1] | beta[0]) by beta[0]": (score, STANDARD),
        }

    def predictive(self, y: ArrayLike, x_new: ArrayLike | None = None) -> Any:
        """Return the Bernoulli of the next observation at ``x_new`` (2,), by default at the design's row after ``y``.

        It is a discrete distribution on 0 and 1, whose log probabilities keep their digits however small they are.
        """
        y = self._observations(y)
        if x_new is None and len(y) == len(self.design):
            raise ValueError(f"`x_new` must be given: `y` has an observation for all {len(y)} rows of the design.")
        x = validate.vector("x_new", self.design[len(y)] if x_new is None else x_new)
        if len(x) != 2:
            raise ValueError(f"`x_new` must have 2 numbers, got {len(x)}.")
        self._require_proper(self._rows(y))
        # p(y_new | y) = p(y, y_new) / p(y)
        with_new = np.vstack([self.design[: len(y)], x])
        one, zero = (Joint(self, grouped(with_new, np.append(y, new))).log_evidence for new in (1, 0))
        return logit_bernoulli(one - zero)

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats."""
        y = self._observations(y)
        return self.posterior(y).log_evidence if len(y) else 0.0

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every observation, (n,), in nats, by an integral for each that differs.

        Raises ValueError if the posterior without an observation is improper.
        """
        y = self._observations(y)
        evidence, orders = self.log_evidence(y), each_last(len(y))
        rows = np.column_stack([self.design[: len(y)], y])
        _, first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        # log p(y_i | y_-i) = log p(y) - log p(y_-i)
        without = [replace(self, design=self.design[i]).log_evidence(y[i[:-1]]) for i in (orders[row] for row in first)]
        return evidence - np.array(without)[place.ravel()]

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | beta), in nats; ``params`` may have any leading shape."""
        y, beta = self._observations(y), np.asarray(params["beta"])
        return grouped(self.design[: len(y)], y).log_likelihood(beta[..., 0], beta[..., 1])

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | beta) of each, (..., n), in nats; ``params`` may have any leading shape."""
        y = self._observations(y)
        # log inv_logit((2 y_i - 1) x_i . beta)
        return special.log_expit((2 * y - 1) * (np.asarray(params["beta"]) @ self.design[: len(y)].T))

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], NDArray[np.int64]]:
        """Draw beta from the prior, and ``n`` observations given it, n up to N; return ``(params, y)``."""
        n = validate.number_of_observations(n)
        if n > len(self.design):
            raise ValueError(f"`n` must be at most {len(self.design)}, the rows of the design, got {n}.")
        if np.isinf(self.prior_sds).any():
            raise ValueError(
                f"a flat prior has no draws, got `prior_sds` {shown(self.prior_sds.tolist())}; give finite sds."
            )
        beta = rng.normal(self.prior_mean, self.prior_sds)
        return {"beta": beta}, rng.binomial(1, special.expit(self.design[:n] @ beta))

    def log_prior(self, beta0: Any, beta1: Any) -> Any:
        """Return log p(beta), in nats; a flat prior has density 1."""
        total = 0.0 * (beta0 + beta1)
        for beta, m, s in zip((beta0, beta1), self.prior_mean, self.prior_sds, strict=True):
            if np.isfinite(s):
                total -= ((beta - m) / s) ** 2 / 2 + np.log(s) + np.log(2 * np.pi) / 2
        return total

    def _observations(self, y: ArrayLike) -> NDArray[np.int64]:
        return validate.no_more_than_rows(validate.counts(y, largest=1), self.design)

    def _rows(self, y: NDArray[np.int64]) -> Rows:
        rows = grouped(self.design[: len(y)], y)
        self._require_proper(rows)
        return rows

    def _require_proper(self, rows: Rows) -> None:
        """Raise ValueError if coefficients with flat priors separate the zeros from the ones."""
        flat = np.isinf(self.prior_sds)
        if rows.separable(flat):
            names = " and ".join(f"beta[{k}]" for k in np.flatnonzero(flat))
            raise ValueError(
                f"the posterior must be proper, but {names} with a flat prior can separate the zeros of `y` from its "
                f"ones ({rows.zeros.sum():.0f} and {rows.ones.sum():.0f} observations), and the likelihood does not "
                f"fall: give finite `prior_sds`, or more data."
            )


@lru_cache(maxsize=2)
def _joint(model: LogisticRegression, y: bytes) -> "Joint":
    """Return the posterior. Marginals, projections, evidence and draws of the same data share its integrals."""
    return Joint(model, model._rows(np.frombuffer(y, dtype=np.int64)))


@dataclass(frozen=True, eq=False)
class Joint:
    """The posterior of beta. Its density is by Bayes' rule; draws are of beta[0], then of beta[1]."""

    model: LogisticRegression
    rows: Rows

    def log_joint(self, beta0: Array, beta1: Array) -> Array:
        """Return log p(y | beta) + log p(beta), in nats, for coefficients of one shape."""
        return self.rows.log_likelihood(beta0, beta1) + self.model.log_prior(beta0, beta1)

    @cached_property
    def log_evidence(self) -> float:
        """log p(y), in nats."""
        return self.box(np.array([1.0, 0.0])).log_integral

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``beta`` (2,), in nats."""
        beta = np.asarray(params["beta"], dtype=float)[:, None]
        return float(self.log_joint(*beta)[0]) - self.log_evidence

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Array]:
        """Return ``size`` independent draws of ``beta`` (size, 2)."""
        beta0, step = draws(self.box(np.array([1.0, 0.0])), size, random_state)
        return {"beta": np.stack([beta0, self._given(beta0) + step], axis=1)}

    def second_given_first(self, beta: Array) -> Array:
        """Return P(beta[1] <= its value | beta[0]) for coefficients (M, 2)."""
        step = beta[:, 1] - self._given(beta[:, 0])
        return SecondGivenFirst(self.box(np.array([1.0, 0.0]))).cdf(beta[:, 0], step)

    def combination(self, w: Array) -> Distribution:
        """Return the distribution of w . beta."""
        return self.box(w).marginal(0)

    def _given(self, beta0: Array) -> Array:
        """Return the mean of beta[1] given beta[0], about: the second coordinate of the box is measured from it."""
        return self.mode[1] + self.covariance[0, 1] / self.covariance[0, 0] * (beta0 - self.mode[0])

    @cached_property
    def mode(self) -> Array:
        """The mode of beta, by Newton's method: the log density is concave."""
        return self._peak[0]

    @cached_property
    def covariance(self) -> Array:
        """The inverse of the negative Hessian at the mode."""
        return self._peak[1]

    @cached_property
    def _peak(self) -> tuple[Array, Array]:
        rows, model = self.rows, self.model
        m0, precision = np.where(np.isinf(model.prior_sds), 0.0, model.prior_mean), model.prior_sds**-2.0
        n = rows.ones + rows.zeros
        unit = (precision + n @ rows.x**2 / 4) ** -0.5  # of each coefficient, so that no unit of a predictor matters
        beta, value = m0.copy(), -np.inf
        inverse = np.eye(2)
        for _ in range(NEWTON_STEPS):
            p = special.expit(rows.x @ beta)
            gradient = rows.x.T @ (rows.ones - n * p) - precision * (beta - m0)
            hessian = (rows.x.T * (n * p * (1 - p))) @ rows.x + np.diag(precision)
            inverse = np.linalg.inv(hessian * np.outer(unit, unit))
            step = unit * (inverse @ (unit * gradient))
            value = self.log_joint(*beta[:, None])[0]
            while self.log_joint(*(beta + step)[:, None])[0] < value and np.any(beta + step != beta):
                step = step / 2
            beta = beta + step
            if step @ gradient < 1e-20:
                break
        return beta, inverse * np.outer(unit, unit)

    @cached_property
    def _density(self) -> Callable[[Array, Array], Array]:
        """Return log p(y, beta) for large G as a polynomial in t, beta = mode + root t."""
        if len(self.rows.x) <= MANY:
            return self.log_joint
        root = np.linalg.cholesky(self.covariance)
        (m0, m1), peak = self.mode, self.log_joint(*self.mode[:, None])[0]

        def standardised(t0: Array, t1: Array) -> Array:
            return self.log_joint(m0 + root[0, 0] * t0, m1 + root[1, 0] * t0 + root[1, 1] * t1) - peak

        fast = interpolated(standardised, HALF_WIDTH)

        def density(beta0: Array, beta1: Array) -> Array:
            t0 = (beta0 - m0) / root[0, 0]
            return peak + fast(t0, (beta1 - m1 - root[1, 0] * t0) / root[1, 1])

        return density

    @cached_property
    def _boxes(self) -> dict[tuple[float, ...], Box]:
        return {}

    def box(self, w: Array) -> Box:
        """Return the integral over s = w . beta and a second coordinate r, nearly independent of it.

        beta = mode + c (s - w . mode) + e r with c = V w / (w' V w), the slope of the mean of beta, and w . e = 0. For
        w = (1, 0), r is beta[1] less its mean given beta[0], about.
        """
        key = tuple(w.tolist())
        if key not in self._boxes:
            m, V = self.mode, self.covariance
            c, e = V @ w / (w @ V @ w), np.array([-w[1], w[0]]) / (w @ w)
            log_jacobian = np.log(abs(c[0] * e[1] - c[1] * e[0]))
            sd = float(np.sqrt(w @ V @ w))
            # The sd of r at given s: r has precision e' V^-1 e
            sd_r = float((e @ np.linalg.solve(V, e)) ** -0.5)
            middle = w @ m
            density = self._density

            def log_density(s: Array, r: Array) -> Array:
                return density(m[0] + c[0] * (s - middle) + e[0] * r, m[1] + c[1] * (s - middle) + e[1] * r) + (
                    log_jacobian
                )

            everywhere = (-np.inf, np.inf)
            self._boxes[key] = Box(log_density, [everywhere, everywhere], [float(middle), 0.0], [sd, sd_r])
        return self._boxes[key]


def _sds(value: ArrayLike) -> Array:
    """Return the sds as a vector of positive numbers, which may be infinite, or raise ValueError."""
    values = np.asarray(value)
    flat = np.isposinf(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
    sds = np.array(validate.positive_vector("prior_sds", np.where(flat, 1.0, values) if flat.any() else value))
    sds[flat] = np.inf
    sds.flags.writeable = False
    return sds


_TEMPERATURE = (
    *(66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78),
    *(67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58),
)

EXAMPLE = Example(
    title="Logistic regression with two coefficients",
    equations="""
        beta_k ~ Normal(m0_k, s0_k^2)                        m0 = prior_mean (2,), s0 = prior_sds (2,), k = 0, 1
        y_i    ~ Bernoulli(inv_logit(x_i . beta))            x_i = design[i] (2,), i = 1..n, all independent
    """,
    references="""
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 3.7: logistic regression with two coefficients,
        its posterior on a grid, eq. 3.16; section 16.3: priors. Albert and Anderson (1984), "On the existence of
        maximum likelihood estimates in logistic regression models", Biometrika 71: separable classes. Dalal, Fowlkes
        and Hoadley (1989), "Risk analysis of the space shuttle: pre-Challenger prediction of failure", Journal of the
        American Statistical Association 84, table 1: the data.
    """,
    formulas={
        "model": (
            r"\beta_k \sim \mathcal{N}(m_{0k},\, s_{0k}^2), \qquad y_i \sim"
            r" \mathrm{Bernoulli}\left(\mathrm{logit}^{-1}(x_i^\top \beta)\right)"
        ),
        "posterior": (
            r"p(\beta \mid y) = \frac{p(\beta)\, p(y \mid \beta)}{p(y)}, \qquad p(y \mid \beta) = \prod_{i=1}^n"
            r" \frac{e^{y_i x_i^\top \beta}}{1 + e^{x_i^\top \beta}}"
        ),
        "marginals": (r"p(w^\top \beta = s \mid y) = \frac{1}{|w|} \int_{w^\top \beta = s} p(\beta \mid y)\, d\ell"),
        "predictive": r"p(\tilde y \mid y) = \frac{p(y, \tilde y)}{p(y)}, \qquad \tilde y \in \{0, 1\}",
        "evidence": r"p(y) = \int \int p(y \mid \beta)\, p(\beta)\, d\beta_0\, d\beta_1",
    },
    data={
        "example": DataSet(
            # An intercept, and the temperature at launch in units of 10 degrees Fahrenheit above 70; the last row is
            # for 31 degrees, the launch of the Challenger.
            model=LogisticRegression(
                design=[(1.0, (temperature - 70) / 10) for temperature in (*_TEMPERATURE, 31)],
                prior_mean=[0.0, 0.0],
                prior_sds=[2.5, 2.5],
            ),
            # Whether an O-ring was damaged, in 23 flights of the space shuttle.
            y=tuple(int(i in (1, 8, 9, 10, 13, 20, 22)) for i in range(23)),
            source="Dalal, Fowlkes and Hoadley (1989), damaged O-rings and temperature in 23 flights of the shuttle",
        ),
        "prior": DataSet(
            model=LogisticRegression(
                design=[
                    *[(1.0, -1.4), (1.0, 0.3), (1.0, 2.2), (1.0, -0.6), (1.0, 1.1), (1.0, 0.8), (1.0, -2.1)],
                    *[(1.0, 1.7), (1.0, 0.5)],
                ],
                prior_mean=[0.9, -1.3],
                prior_sds=[0.6, 0.7],
            ),
            y=(0, 1, 1, 1, 0, 1, 0, 1),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
