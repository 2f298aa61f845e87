"""Probabilities of classes: the Dirichlet-multinomial model.

``EXAMPLE`` has the equations, the references and data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Discrete, Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions, exact_sums
from bayes.exact.numerics.log_gamma import (
    log_arrangements,
    log_dirichlet,
    log_dirichlet_multinomial,
    log_dirichlet_multinomials,
)
from bayes.exact.projections import STANDARD, Draws, Projections, flip_sign, signs


@dataclass(frozen=True, kw_only=True)
class Joint:
    """A Dirichlet distribution of K probabilities ``p``."""

    concentration: NDArray[np.float64]

    def logpdf(self, params: dict[str, NDArray[np.float64]]) -> float:
        """Return the log density of ``p`` (K,) with respect to its first K - 1 elements, in nats."""
        p = validate.probabilities("p", params["p"], len(self.concentration))
        return float(log_dirichlet(p, self.concentration))

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Return ``size`` independent draws, (size, K)."""
        return {"p": random_state.dirichlet(self.concentration, size=size)}


@dataclass(frozen=True, kw_only=True, eq=False)
class DirichletMultinomial:
    """The Dirichlet-multinomial model and its hyperparameters.

    Observations ``y`` have shape (n, K), and n = 0 is allowed. Logs are in nats.

    Parameters
    ----------
    concentration
        alpha of the Dirichlet prior, shape (K,). It counts like this many earlier observations of each class.
    trials
        m, the sum of the counts in each observation.

    Raises
    ------
    ValueError
        If the concentration is not a vector of two or more positive numbers, or if ``y`` are not rows of K counts that
        sum to ``trials``.

    Examples
    --------
    >>> model = DirichletMultinomial(concentration=[1.0, 1.0, 1.0], trials=4)
    >>> model.marginals([[2, 1, 1]])["p"].mean().round(4).tolist()
    [0.4286, 0.2857, 0.2857]
    """

    concentration: NDArray[np.float64]
    trials: int

    def __init__(self, *, concentration: ArrayLike, trials: int) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("concentration", validate.positive_vector("concentration", concentration))
        set_field("trials", validate.positive_integer("trials", trials))
        if len(self.concentration) < 2:
            raise ValueError(f"`concentration` must have two or more classes, got {concentration!r}.")

    def posterior(self, y: ArrayLike) -> Joint:
        """Return p(p | y), a Dirichlet (Bishop 2006, eq. 2.41)."""
        # alpha_n = alpha + sum y_i
        return Joint(concentration=self._posterior(self._counts(y)))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return ``{"p": betas}``, an array-valued distribution with one beta for each class."""
        alpha = self.posterior(y).concentration
        return {"p": distributions.beta(alpha, distributions.sums_of_others(alpha))}

    def projections(self, y: ArrayLike) -> Projections:
        """Return up to K - 1 sums of several classes, which are betas, and for K >= 3 the share of one class in two.

        The share of a class in two classes is a beta too, and independent of their sum (Kotz, Balakrishnan and Johnson
        2000, Continuous Multivariate Distributions, vol. 1, chapter 49).
        """
        alpha = self.posterior(y).concentration
        K = len(alpha)
        functions: Projections = {}

        def total(inside: NDArray[np.intp]) -> Callable[[Draws], NDArray[np.float64]]:
            return lambda draws: draws["p"][..., inside].sum(axis=-1)

        for row in signs(K):
            inside = np.flatnonzero(row > 0)
            if 2 <= len(inside) <= K - 2:  # not a single class, and not all but one
                name = " + ".join(f"p[{k}]" for k in inside) if K <= 6 else f"w{len(functions) + 1} . p"
                functions[name] = (
                    total(inside),
                    distributions.beta(alpha[inside].sum(), alpha.sum() - alpha[inside].sum()),
                )
        if K > 2:
            i, j = np.sort(np.argsort(-alpha, kind="stable")[:2])  # the two classes with the largest alpha
            share, pair_sum = distributions.beta(alpha[i], alpha[j]), alpha[i] + alpha[j]
            median = float(distributions.beta(pair_sum, alpha.sum() - pair_sum).median())

            def score(draws: Draws) -> NDArray[np.float64]:
                first, second = draws["p"][..., i], draws["p"][..., j]
                return flip_sign(norm.ppf(share.cdf(first / (first + second))), first + second, median)

            functions[f"z(p[{i}] / (p[{i}] + p[{j}])) by their sum"] = (score, STANDARD)
        return functions

    def predictive(self, y: ArrayLike) -> distributions.DirichletMultinomial:
        """Return p(y_new | y), a Dirichlet-multinomial with ``trials`` trials."""
        return distributions.DirichletMultinomial(self.posterior(y).concentration, self.trials)

    def predictive_marginals(self, y: ArrayLike) -> Discrete:
        """Return the distribution of the count of each class in a new observation: an array-valued beta-binomial."""
        alpha = self.posterior(y).concentration
        return distributions.beta_binomial(self.trials, alpha, distributions.sums_of_others(alpha))

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats, with the multinomial coefficient of each observation."""
        counts = self._counts(y)
        totals = [exact_sums.total(column) for column in counts.T]
        # log p(y) = sum_i (log m! - sum_k log y_ik!) + log B(alpha_n) - log B(alpha)
        #          = log p(sum y_i) + log p(y | sum y_i), two probabilities whose logarithms do not cancel
        log_p_totals = log_dirichlet_multinomial(totals, self.concentration)
        multiplicities = np.ones(len(counts), dtype=np.int64)
        return log_p_totals + log_arrangements(counts.astype(float), multiplicities, totals, self.trials)

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every row of counts, (n,), in nats."""
        counts = self._counts(y)
        # alpha_-i = alpha + sum_(j != i) y_j
        alpha = self.concentration + (counts.sum(axis=0) - counts)
        return log_dirichlet_multinomials(counts.astype(float), alpha)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | p), in nats; ``params`` may have any leading shape."""
        counts = self._counts(y)
        # log p(y | p) = sum_i (log m! - sum_k log y_ik!) + sum_ik y_ik log p_k
        log_coefficients = len(counts) * gammaln(self.trials + 1) - gammaln(counts + 1).sum()
        return log_coefficients + xlogy(counts.sum(axis=0), params["p"]).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | p) of each, (..., n), in nats; ``params`` may have any leading shape."""
        counts, p = self._counts(y), np.asarray(params["p"])[..., None, :]
        return gammaln(self.trials + 1) - gammaln(counts + 1).sum(axis=1) + xlogy(counts, p).sum(axis=-1)

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
        """Draw p from the prior and ``n`` observations given it; return ``({"p": p}, y)`` with y of shape (n, K)."""
        n = validate.number_of_observations(n)
        p = rng.dirichlet(self.concentration)
        return {"p": p}, rng.multinomial(self.trials, p, size=n)

    def _posterior(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return alpha_n = alpha + sum y_i."""
        prior = self.concentration.tolist()
        return np.array(
            [float(Fraction(a) + exact_sums.total(column)) for a, column in zip(prior, counts.T, strict=True)]
        )

    def _counts(self, y: ArrayLike) -> NDArray[np.int64]:
        values = validate.counts(y, self.trials, columns=len(self.concentration))
        invalid = np.flatnonzero(values.sum(axis=1) != self.trials)
        if invalid.size:
            raise ValueError(
                f"`y` must have rows that sum to the {self.trials} `trials`, got y[{invalid[0]}] = "
                f"{values[invalid[0]]}."
            )
        return values


EXAMPLE = Example(
    title="Probabilities of classes: the Dirichlet-multinomial model",
    equations="""
        p   ~ Dirichlet(alpha)                   alpha = concentration, K positive numbers
        y_i ~ Multinomial(m, p)                  m = trials, i = 1..n, all independent; y_i are K counts that sum to m
    """,
    references="""
        Bishop (2006), Pattern Recognition and Machine Learning, eq. 2.34 to 2.41: prior and posterior. Mendel
        (1866), "Versuche über Pflanzen-Hybriden": the data.
    """,
    formulas={
        "model": r"p \sim \mathrm{Dirichlet}(\alpha), \qquad y_i \sim \mathrm{Multinomial}(m,\, p)",
        "posterior": (
            r"p \mid y \sim \mathrm{Dirichlet}(\alpha_n), \qquad \alpha_n = \alpha + \sum_{i=1}^n y_i, \qquad p_k"
            r" \mid y \sim \mathrm{Beta}(\alpha_{n,k},\, \sum_{j \neq k} \alpha_{n,j})"
        ),
        "predictive": (
            r"p(\tilde y \mid y) = \frac{m!}{\prod_k \tilde y_k!} \frac{B(\alpha_n + \tilde y)}{B(\alpha_n)}, \qquad"
            r" B(\alpha) = \frac{\prod_k \Gamma(\alpha_k)}{\Gamma(\sum_k \alpha_k)}"
        ),
        "evidence": r"\log p(y) = \sum_{i=1}^n \log \frac{m!}{\prod_k y_{ik}!} + \log \frac{B(\alpha_n)}{B(\alpha)}",
    },
    data={
        "example": DataSet(
            # A uniform prior on four probabilities.
            model=DirichletMultinomial(concentration=[1.0, 1.0, 1.0, 1.0], trials=556),
            # Peas that are round and yellow, round and green, wrinkled and yellow, wrinkled and green.
            y=((315, 108, 101, 32),),
            source="Mendel (1866), 556 peas by shape and colour",
        ),
        "prior": DataSet(
            model=DirichletMultinomial(concentration=[2.5, 6.0, 1.2, 3.3], trials=7),
            y=((1, 2, 4, 0), (2, 0, 3, 2)),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
