"""Size of a closed population from captures and recaptures: the model M0 with data augmentation.

``EXAMPLE`` has the equations of M0, the references and data.

The rows of the data are M candidate animals, most of them never captured, and some of them not there at all. Given N,
the number of animals that are there, the probability of being there and every capture probability have beta posteriors.
So posterior, predictive and evidence are finite sums over N, from the C animals captured to the M candidates.
``capture_effects`` has the models in which capture probabilities differ, Mt and Mb.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, logsumexp, softmax, xlog1py, xlogy
from scipy.stats import bernoulli, norm, rv_discrete

from bayes.exact import validate
from bayes.exact.distribution import Discrete, Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import distributions
from bayes.exact.numerics.beta_mixtures import BetaMixture, log_beta_ratio, log_choose
from bayes.exact.projections import STANDARD, Draws, Projections, flip_sign

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class GivenAbundance:
    """The G = M - C + 1 values of N, their probabilities, and the beta posteriors given each."""

    abundance: Array
    """(G,) the values of N, from C to M."""
    log_evidence: float
    """log p(y), in nats."""
    log_weights: Array
    """(G,) log p(N | y)."""
    present: Array
    absent: Array
    """(G,) parameters of the beta of omega."""
    captures: Array
    misses: Array
    """(G, K) parameters of the betas of the capture probabilities."""
    unseen: NDArray[np.int64]
    """(K,) trials of an animal that is there and never captured."""

    @property
    def weights(self) -> Array:
        """p(N | y), (G,)."""
        return softmax(self.log_weights)

    def omega_cdf(self, omega: Array, p: Array) -> Array:
        """Return P(omega' <= ``omega`` | p, y), for ``omega`` (...) and capture probabilities ``p`` (..., K)."""
        # p(N | p, y) ~ C(M - C, N - C) B(a + N, b + M - N) Q^(N - C),    Q = prod_k (1 - p_k)^unseen_k
        N, C, M = self.abundance, self.abundance[0], self.abundance[-1]
        log_Q = xlog1py(self.unseen, -np.clip(p, 0, 1)).sum(axis=-1)[..., None]
        log_p = log_choose(N - C, M - N) + betaln(self.present, self.absent) + xlogy(N - C, np.exp(log_Q))
        return np.sum(
            softmax(log_p, axis=-1) * betainc(self.present, self.absent, np.clip(omega, 0, 1)[..., None]), axis=-1
        )


@dataclass(frozen=True, kw_only=True)
class CaptureRecapture:
    """The model M0, one probability of capture, and its hyperparameters.

    Observations ``y`` are capture histories, shape (n, T), of 0 and 1, one row for each of n = M candidates. Rows of
    zeros are animals that were never captured, or are not there. Logs are in nats.

    Parameters
    ----------
    occasions
        T, the number of occasions on which animals were captured.
    present, absent
        a and b of the beta prior of omega, the probability that a candidate is there. With 1 and 1 the number of
        animals is uniform on 0..M.
    captures, misses
        c and d of the beta prior of each capture probability.

    Raises
    ------
    ValueError
        If ``occasions`` is not a positive whole number, if a prior parameter is not positive, or if ``y`` are not rows
        of T numbers that are 0 or 1.

    Examples
    --------
    >>> model = CaptureRecapture(occasions=2)
    >>> y = [[1, 1], [1, 0], [0, 1], [0, 0], [0, 0]]
    >>> round(float(model.abundance(y).mean()), 4), round(model.log_evidence(y), 4)
    (3.7429, -7.9963)
    """

    occasions: int
    present: float = 1.0
    absent: float = 1.0
    captures: float = 1.0
    misses: float = 1.0

    def __post_init__(self) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("occasions", validate.positive_integer("occasions", self.occasions))
        proper_prior_hint = "an improper prior may have no posterior: use a small but positive number."
        for name in ["present", "absent", "captures", "misses"]:
            set_field(name, validate.positive(name, getattr(self, name), proper_prior_hint))

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(omega, p | y)."""
        return Joint(model=self, given=self._given_abundance(self._histories(y)))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``omega`` and of the capture probabilities: mixtures of betas over N."""
        given = self._given_abundance(self._histories(y))
        marginals: dict[str, Distribution] = {"omega": BetaMixture(given.weights, given.present, given.absent)}
        for k, name in enumerate(self._names()):
            marginals[name] = BetaMixture(given.weights, given.captures[:, k], given.misses[:, k])
        return marginals

    def abundance(self, y: ArrayLike) -> Discrete:
        """Return p(N | y): how many of the n candidates are there, from those that were captured to all."""
        given = self._given_abundance(self._histories(y))
        C = int(given.abundance[0])
        # counted from C, so that a narrow distribution far from 0 keeps the digits of its variance
        return rv_discrete(values=(given.abundance - C, given.weights))(loc=C)

    def projections(self, y: ArrayLike) -> Projections:
        """Return z(omega | p), the normal score of omega given the capture probabilities: Normal(0, 1).

        The sign is flipped where the first capture probability is below its median.
        """
        given = self._given_abundance(self._histories(y))
        median = float(self.marginals(y)[self._names()[0]].ppf(0.5))

        def score(draws: Draws) -> Array:
            """Return z(omega | p) by p."""
            p = self.stacked(draws)
            z = norm.ppf(np.clip(given.omega_cdf(draws["omega"], p), 1e-300, 1 - 1e-16))
            return flip_sign(z, p[..., 0], median)

        return {f"z(omega | p) by {self._names()[0]}": (score, STANDARD)}

    def predictive(self, y: ArrayLike) -> "NewHistory":
        """Return p(y_new | y), the distribution of the history of one more candidate."""
        return NewHistory(model=self, given=self._given_abundance(self._histories(y)))

    def predictive_marginals(self, y: ArrayLike) -> Discrete:
        """Return the distribution of each element of a new history: an array-valued Bernoulli."""
        return bernoulli(self.predictive(y).mean())

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats, of the histories themselves: there is no binomial coefficient."""
        return self._given_abundance(self._histories(y)).log_evidence

    def leave_one_out(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | y without y_i) of every candidate's history, (n,), in nats.

        An observation is a row, also that of a candidate never captured: given omega and p the rows are independent,
        once N is summed out.
        """
        y = self._histories(y)
        _, first, place = np.unique(y, axis=0, return_index=True, return_inverse=True)
        # log p(y_i | y_-i) = log p(y) - log p(y_-i), the same for equal rows
        logs = np.array([self.log_evidence(y) - self.log_evidence(np.delete(y, i, axis=0)) for i in first])
        return logs[place.ravel()]

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | omega, p), in nats; ``params`` may have any leading shape."""
        y, omega, p = self._histories(y), np.asarray(params["omega"]), self.stacked(params)
        captures, misses = self.trials(y)  # (n, K)
        seen = y.any(axis=1)
        C, M = seen.sum(), len(y)
        (unseen,) = self.trials(np.zeros((1, self.occasions), dtype=np.int64))[1]
        # log p(y | omega, p) = C log omega + sum_k [captures_k log p_k + misses_k log(1 - p_k)]
        #                       + (M - C) log(omega prod_k (1 - p_k)^unseen_k + 1 - omega)
        log_p = xlogy(captures[seen].sum(axis=0), p) + xlog1py(misses[seen].sum(axis=0), -p)
        missed = omega * np.exp(xlog1py(unseen, -p).sum(axis=-1))
        return xlogy(C, omega) + log_p.sum(axis=-1) + xlogy(M - C, missed + (1 - omega))

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | omega, p) of each, (..., n), in nats; ``params`` may have any leading shape."""
        y, omega, p = self._histories(y), np.asarray(params["omega"])[..., None], self.stacked(params)[..., None, :]
        captures, misses = self.trials(y)  # (n, K)
        # log p(y_i | omega, p) = log(omega prod_k p_k^captures_ik (1 - p_k)^misses_ik + [y_i = 0] (1 - omega))
        there = xlogy(1, omega) + (xlogy(captures, p) + xlog1py(misses, -p)).sum(axis=-1)
        return np.where(y.any(axis=1), there, np.log(np.exp(there) + (1 - omega)))

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], NDArray[np.int64]]:
        """Draw the parameters from the prior, and the histories of ``n`` candidates; return ``(params, y)``."""
        n = validate.number_of_observations(n)
        omega, p = rng.beta(self.present, self.absent), rng.beta(self.captures, self.misses, size=len(self._names()))
        return {"omega": omega} | self.by_name(p), self.draw_histories(rng, np.full(n, omega), np.tile(p, (n, 1)))

    def draw_histories(self, rng: np.random.Generator, omega: Array, p: Array) -> NDArray[np.int64]:
        """Return a history (n, T) for each ``omega`` (n,) and row of capture probabilities ``p`` (n, K)."""
        is_there = rng.random(len(omega)) < omega
        y = np.zeros((len(omega), self.occasions), dtype=np.int64)
        for t in range(self.occasions):
            probability = np.take_along_axis(p, self.which(y)[:, t : t + 1], axis=1)[:, 0]
            y[:, t] = is_there & (rng.random(len(omega)) < probability)
        return y

    def which(self, histories: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the capture probability that each trial has, 0..K - 1, for histories (n, T)."""
        return np.zeros_like(histories)

    def capture_means(self, given: GivenAbundance) -> Array:
        """Return the probability that an animal is captured on each occasion given N, (G, T)."""
        which = self.which(np.zeros((1, self.occasions), dtype=np.int64))[0]
        return (given.captures / (given.captures + given.misses))[:, which]

    def by_name(self, p: Array) -> dict[str, Any]:
        """Return capture probabilities (..., K) as the variables of the model."""
        return {name: p[..., k] for k, name in enumerate(self._names())}

    def stacked(self, params: Mapping[str, Any]) -> Array:
        """Return the capture probabilities among the variables of the model as an array (..., K)."""
        return np.stack([np.asarray(params[name], dtype=float) for name in self._names()], axis=-1)

    def trials(self, histories: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return captures and misses with each capture probability, (n, K), of histories (n, T)."""
        with_k = self.which(histories)[..., None] == np.arange(len(self._names()))
        captured = histories[..., None] == 1
        return (with_k & captured).sum(axis=1), (with_k & ~captured).sum(axis=1)

    def _names(self) -> list[str]:
        return ["p"]

    def _histories(self, y: ArrayLike) -> NDArray[np.int64]:
        return validate.counts(y, 1, columns=self.occasions)

    def _given_abundance(self, y: NDArray[np.int64]) -> GivenAbundance:
        """Return the mixture over N."""
        seen = y[y.any(axis=1)]
        M, C = len(y), len(seen)
        captures, misses = (counts.sum(axis=0).astype(np.float64) for counts in self.trials(seen))
        (unseen,) = self.trials(np.zeros((1, self.occasions), dtype=np.int64))[1]
        N = np.arange(C, M + 1, dtype=np.float64)
        missed = misses + (N - C)[:, None] * unseen  # (G, K)
        # p(y, N) = C(M - C, N - C)  B(a + N, b + M - N) / B(a, b)  prod_k B(c + captures_k, d + misses_k) / B(c, d)
        log_p = log_choose(N - C, M - N) + log_beta_ratio(N, M - N, self.present, self.absent)
        log_p += log_beta_ratio(captures, missed, self.captures, self.misses).sum(axis=1)
        log_evidence = float(logsumexp(log_p))
        return GivenAbundance(
            abundance=N,
            log_evidence=log_evidence,
            log_weights=log_p - log_evidence,
            present=self.present + N,
            absent=self.absent + (M - N),
            captures=self.captures + np.broadcast_to(captures, missed.shape),
            misses=self.misses + missed,
            unseen=unseen,
        )


@dataclass(frozen=True, kw_only=True)
class Joint:
    """The posterior of omega and the capture probabilities. Draws are of N, then of the betas given N."""

    model: CaptureRecapture
    given: GivenAbundance

    def logpdf(self, params: Mapping[str, Any]) -> float:
        """Return the log density of ``omega`` and the capture probabilities, in nats."""
        given, omega, p = self.given, float(params["omega"]), self.model.stacked(params)
        log_p = given.log_weights + distributions.beta.logpdf(omega, given.present, given.absent)
        return float(logsumexp(log_p + distributions.beta.logpdf(p, given.captures, given.misses).sum(axis=1)))

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Array]:
        """Return ``size`` independent draws of each variable."""
        given, rng = self.given, random_state
        i = rng.choice(len(given.weights), size=size, p=given.weights)
        p = rng.beta(given.captures[i], given.misses[i])
        return {"omega": rng.beta(given.present[i], given.absent[i])} | self.model.by_name(p)


@dataclass(frozen=True, kw_only=True)
class NewHistory:
    """The predictive distribution of the capture history of one more candidate, T numbers that are 0 or 1."""

    model: CaptureRecapture
    given: GivenAbundance

    def logpmf(self, x: ArrayLike) -> Any:
        """Return the log probability of histories (..., T), in nats."""
        x = np.asarray(x)
        rows = self.model._histories(x.reshape(-1, x.shape[-1]) if x.ndim else x)
        given, is_there = self.given, self.is_there
        captures, misses = (counts[:, None] for counts in self.model.trials(rows))  # (n, 1, K)
        # p(x | N) = E[omega | N] prod_k B(c_k + captures, d_k + misses) / B(c_k, d_k) + [x = 0] (1 - E[omega | N])
        log_p = np.log(is_there) + log_beta_ratio(captures, misses, given.captures, given.misses).sum(axis=2)
        never = np.where(rows.any(axis=1)[:, None], -np.inf, np.log(given.absent / (given.present + given.absent)))
        log_p = logsumexp(given.log_weights + np.logaddexp(log_p, never), axis=1)
        return log_p.reshape(x.shape[:-1])[()]

    def pmf(self, x: ArrayLike) -> Any:
        """Return the probability of histories (..., T)."""
        return np.exp(self.logpmf(x))

    def mean(self) -> Array:
        """Return the probability of a capture on each occasion, (T,)."""
        return (self.given.weights * self.is_there) @ self.model.capture_means(self.given)

    def rvs(self, size: int, random_state: np.random.Generator) -> NDArray[np.int64]:
        """Return ``size`` independent histories, (size, T)."""
        draws = Joint(model=self.model, given=self.given).rvs(size, random_state)
        return self.model.draw_histories(random_state, draws["omega"], self.model.stacked(draws))

    @property
    def is_there(self) -> Array:
        """E[omega | N], (G,)."""
        return self.given.present / (self.given.present + self.given.absent)


HARES = """
    000001x4 000010x4 000011x2 000100x3 000101x4 000110x1 000111x1 001000x5 001001x2 001011x1 001101x1 010000x6 010001x1
    010010x3 010011x1 010100x3 010101x3 010111x1 011001x2 011011x1 011101x2 011111x1 100000x3 100001x1 100010x2 100100x2
    100111x1 101000x1 101010x1 101100x1 110001x1 110010x1 111111x2
"""
"""Capture histories of 68 hares on six occasions, and the number of hares with each."""


def _rows(histories: str) -> tuple[tuple[int, ...], ...]:
    """Return each history as a row of 0 and 1, as often as its number says."""
    pairs = [word.split("x") for word in histories.split()]
    return tuple(tuple(map(int, history)) for history, times in pairs for _ in range(int(times)))


EXAMPLE = Example(
    title="Size of a closed population: captures and recaptures with one probability of capture",
    equations="""
        omega ~ Beta(a, b)                       a = present, b = absent
        p     ~ Beta(c, d)                       c = captures, d = misses
        z_i   ~ Bernoulli(omega)                 candidate i is there, i = 1..n
        y_it  ~ Bernoulli(z_i p)                 t = 1..T, T = occasions; all independent
        N     = z_1 + ... + z_n                  the number of animals
    """,
    references="""
        Royle, Dorazio and Link (2007), "Analysis of multinomial models with unknown index using data augmentation",
        Journal of Computational and Graphical Statistics 16. Kéry and Schaub (2012), Bayesian Population Analysis using
        WinBUGS, sections 6.2.1 to 6.2.3: M0, Mt and Mb with data augmentation. Otis et al. (1978), "Statistical
        inference from capture data on closed animal populations", Wildlife Monographs 62: the models. Cormack (1989),
        "Log-linear models for capture-recapture", Biometrics 45, and Agresti (1994), "Simple capture-recapture models
        permitting unequal catchability and variable sampling effort", Biometrics 50: the data.
    """,
    formulas={
        "model": (
            r"\omega \sim \mathrm{Beta}(a,\, b), \qquad p \sim \mathrm{Beta}(c,\, d), \qquad z_i \sim"
            r" \mathrm{Bernoulli}(\omega), \qquad y_{it} \sim \mathrm{Bernoulli}(z_i p)"
        ),
        "posterior": (
            r"\omega \mid N, y \sim \mathrm{Beta}(a + N,\, b + n - N), \qquad p \mid N, y \sim \mathrm{Beta}(c + S,\,"
            r" d + N T - S), \qquad S = \sum_{i=1}^n \sum_{t=1}^T y_{it}"
        ),
        "number of animals": (
            r"p(N \mid y) = \frac{p(y, N)}{p(y)}, \qquad p(y, N) = \binom{n - C}{N - C} \frac{B(a + N,\, b + n -"
            r" N)}{B(a,\, b)} \frac{B(c + S,\, d + N T - S)}{B(c,\, d)}"
        ),
        "predictive": (
            r"p(\tilde y \mid y) = \sum_{N=C}^n p(N \mid y) \left( \frac{a + N}{a + b + n} \frac{B(c + S + \tilde s,\,"
            r" d + (N + 1) T - S - \tilde s)}{B(c + S,\, d + N T - S)} + [\tilde s = 0] \frac{b + n - N}{a + b + n}"
            r" \right), \qquad \tilde s = \sum_{t=1}^T \tilde y_t"
        ),
        "evidence": r"p(y) = \sum_{N=C}^n p(y, N), \qquad C = \text{number of animals captured}",
    },
    data={
        "example": DataSet(
            # Uniform priors. 52 rows of zeros make 120 candidates, many more than there are hares.
            model=CaptureRecapture(occasions=6),
            y=_rows(HARES) + ((0,) * 6,) * 52,
            source="Cormack (1989), 68 snowshoe hares captured on six occasions, and 52 candidates never captured",
        ),
        "prior": DataSet(
            model=CaptureRecapture(occasions=3, present=5.2, absent=3.7, captures=4.4, misses=7.9),
            y=((0, 1, 0), (0, 0, 0), (1, 1, 0), (0, 0, 0), (0, 0, 1), (0, 0, 0), (0, 0, 0), (0, 1, 1)),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
