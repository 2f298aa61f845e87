"""Regression in which the coefficient of one predictor varies between groups: the models of the radon data.

``EXAMPLE`` has the equations, the references and data.

The predictor that varies is the column ``varying`` of the design: a column of ones for intercepts that vary, another
one for slopes that vary. Its coefficient ``beta[varying]`` is the mean of the groups' coefficients ``theta``. Given the
two standard deviations everything is normal, by the formula of Sherman and Morrison in each group and by K x K systems.
So posterior, predictive and evidence are integrals over the two standard deviations
(``bayes.exact.numerics.planes``). ``y`` may be shorter than the design. It then belongs to the first n of the N rows,
and ``predictive`` predicts the observation of the next row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayes.exact import validate
from bayes.exact.distribution import Distribution
from bayes.exact.example import DataSet, Example
from bayes.exact.numerics import grouped_normal, planes
from bayes.exact.numerics.grouped_mixtures import Mixtures
from bayes.exact.numerics.orders import each_last
from bayes.exact.projections import STANDARD, Draws, Projections, distance_score, flip_sign
from bayes.exact.scale_priors import ScalePrior
from closedform.validation import shown, whole_number

type Array = NDArray[np.float64]

LARGEST_GROUP = 10**6
"""Largest number of a group. A larger one is a code of the group, not its number."""


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupedRegression:
    """The regression with groups, and its hyperparameters.

    Observations ``y`` have shape (n,), with n up to N. Logs are in nats. A density of 1 as the prior of a coefficient
    or of a scale is no distribution: then ``log_evidence`` is the integral of likelihood times prior over Lebesgue
    measure, and there is nothing to simulate from.

    Parameters
    ----------
    design
        F, shape (N, K), with a row for each observation.
    groups
        Group of each observation (N,), whole numbers from 0; J is the largest plus 1.
    varying
        v, the column of the design whose coefficient varies between groups.
    prior_mean, prior_sd
        m (K,) and s (K,), mean and standard deviation of the normal prior of each coefficient; an infinite ``prior_sd``
        means the density 1.
    group_prior
        The prior of group_sd, the standard deviation between the coefficients of groups.
    noise_prior
        The prior of noise_sd, the standard deviation of an observation.

    Raises
    ------
    ValueError
        If shapes do not fit, a scale is not positive, ``y`` has more than N numbers or a number is not finite. Also if
        a prior is improper and ``y`` has too few observations or groups for a proper posterior.

    Examples
    --------
    >>> half_normal = ScalePrior("half_normal", 1.0)
    >>> model = GroupedRegression(
    ...     design=[[1.0], [1.0], [1.0], [1.0]], groups=[0, 0, 1, 1], varying=0, prior_mean=[0.0], prior_sd=[10.0],
    ...     group_prior=half_normal, noise_prior=half_normal,
    ... )
    >>> round(model.log_evidence([1.2, 0.7, 2.9, 2.4]), 4)
    -7.9669
    """

    design: Array
    groups: NDArray[np.int64]
    varying: int
    prior_mean: Array
    prior_sd: Array
    group_prior: ScalePrior
    noise_prior: ScalePrior

    def __init__(
        self,
        *,
        design: ArrayLike,
        groups: ArrayLike,
        varying: int,
        prior_mean: ArrayLike,
        prior_sd: ArrayLike,
        group_prior: ScalePrior,
        noise_prior: ScalePrior,
    ) -> None:
        set_field = partial(object.__setattr__, self)
        set_field("prior_mean", validate.vector("prior_mean", prior_mean))
        K = len(self.prior_mean)
        set_field("design", validate.matrix("design", design, K))
        set_field("groups", _groups(groups, len(self.design)))
        set_field("varying", whole_number("varying", varying, f" from 0 to {K - 1}, a column of `design`", 0, K - 1))
        set_field("prior_sd", _sds_or_flat(prior_sd, K))
        for name, value in (("group_prior", group_prior), ("noise_prior", noise_prior)):
            if not isinstance(value, ScalePrior):
                raise ValueError(
                    f'`{name}` must be a ScalePrior, such as ScalePrior("half_normal", 2.5), got {shown(value)}.'
                )
            set_field(name, value)

    @property
    def group_count(self) -> int:
        """J, the number of groups."""
        return int(self.groups.max()) + 1

    @property
    def proper(self) -> bool:
        """Whether every prior has the integral 1."""
        return bool(np.all(np.isfinite(self.prior_sd)) and self.group_prior.proper and self.noise_prior.proper)

    def posterior(self, y: ArrayLike) -> "Joint":
        """Return p(beta, theta, group_sd, noise_sd | y)."""
        y = self._observations(y)
        return Joint(self, y, *self._integral(y))

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``beta[k]``, ``theta[j]``, ``group_sd`` and ``noise_sd``.

        Those of coefficients are mixtures of normals, computed when they are asked for.
        """
        y = self._observations(y)
        s, plane = self._integral(y)
        mixtures, tails = Mixtures(s, plane, self.varying), self._tails(y, s)
        return {
            **{f"beta[{k}]": mixtures.beta(k, tails.beta) for k in range(len(self.prior_mean))},
            **{f"theta[{j}]": mixtures.theta(j, tails.theta(s.sizes[j] > 0)) for j in range(self.group_count)},
            "group_sd": plane.marginal(0, tails.group_sd),
            "noise_sd": plane.marginal(1, tails.noise_sd),
        }

    def further_marginals(self, y: ArrayLike) -> dict[str, Distribution]:
        """Return the marginals of ``distance[j]`` = (theta[j] - beta[varying]) / group_sd, of noncentred programs."""
        y = self._observations(y)
        mixtures = Mixtures(*self._integral(y), self.varying)
        return {f"distance[{j}]": mixtures.distance(j, np.inf) for j in range(self.group_count)}

    def projections(self, y: ArrayLike) -> Projections:
        """Return functions of several parameters that are Normal(0, 1): quantities standardised given both sds.

        They are z(beta + theta_j given the sds) for every group, with all coefficients in units of their sds, and z of
        the sum of theta; their signs are flipped where group_sd is below its median. The distance of beta from its mean
        and that of theta from its mean given beta, as normal scores, are flipped by group_sd and by noise_sd.
        """
        y = self._observations(y)
        s, plane = self._integral(y)
        K, v, J = len(self.prior_mean), self.varying, self.group_count
        medians = {name: float(plane.marginal(axis).ppf(0.5)) for axis, name in enumerate(("group_sd", "noise_sd"))}
        mixtures = Mixtures(s, plane, v)
        beta_sds = np.array([mixtures.beta(k, np.inf).std() for k in range(K)])
        theta_sds = np.array([mixtures.theta(j, np.inf).std() for j in range(J)])

        def parts(draws: Draws) -> tuple[grouped_normal.Conditional, Array, Array]:
            """Return the posterior given the sds, and c (M, K) and the distances (M, J) of the draws."""
            given = grouped_normal.conditional(s, draws["group_sd"].ravel(), draws["noise_sd"].ravel())
            beta, theta = draws["beta"].reshape(-1, K), draws["theta"].reshape(-1, J)
            return given, np.linalg.solve(s.T, (beta - s.origin).T).T, (theta - beta[:, [v]]) / given.group_sd[:, None]

        def flipped(z: Array, draws: Draws, by: str) -> Array:
            return flip_sign(z.reshape(draws[by].shape), draws[by], medians[by])

        def combination(draws: Draws, on_beta: Array, on_theta: Array) -> Array:
            """Return z(on_beta . beta + on_theta . theta | sds)."""
            given, c, distance = parts(draws)
            on_c = (on_beta + on_theta.sum() * np.eye(K)[v]) @ s.T
            on_d = on_theta * given.group_sd[:, None]
            mean, var = given.combination(on_c, slice(None), on_d)
            return flipped((c @ on_c + np.sum(on_d * distance, axis=1) - mean) / np.sqrt(var), draws, "group_sd")

        def beta_distance(draws: Draws, by: str) -> Array:
            given, c, _ = parts(draws)
            off = c - given.mean
            squares = np.einsum("mi,mi->m", off, np.linalg.solve(given.covariance, off[..., None])[..., 0])
            return flipped(distance_score(squares, K), draws, by)

        def theta_distance(draws: Draws, by: str) -> Array:
            given, c, distance = parts(draws)
            mean, var = given.distances(c)
            return flipped(distance_score(np.sum((distance - mean) ** 2 / var, axis=1), J), draws, by)

        functions: Projections = {
            f"z(beta + theta[{j}] | sds) by group_sd": (
                partial(combination, on_beta=1 / beta_sds, on_theta=unit / theta_sds),
                STANDARD,
            )
            for j, unit in enumerate(np.eye(J))
        }
        of_sum = partial(combination, on_beta=np.zeros(K), on_theta=np.ones(J))
        functions["z(sum of theta | sds) by group_sd"] = (of_sum, STANDARD)
        for by in medians:
            functions[f"|z(beta | sds)| by {by}"] = (partial(beta_distance, by=by), STANDARD)
            functions[f"|z(theta | beta, sds)| by {by}"] = (partial(theta_distance, by=by), STANDARD)
        return functions

    def predictive(self, y: ArrayLike) -> Distribution:
        """Return p(y_new | y) for the next row of the design."""
        y = self._observations(y)
        if len(y) == len(self.design):
            raise ValueError(
                f"`y` has an observation for all {len(y)} rows of `design`: there is none left to predict."
            )
        s, plane = self._integral(y)
        f, j = self.design[len(y)], int(self.groups[len(y)])
        return Mixtures(s, plane, self.varying).observation(f, j, self._tails(y, s).observation)

    def log_evidence(self, y: ArrayLike) -> float:
        """Return log p(y), in nats."""
        y = self._observations(y)
        _, plane = self._integral(y)
        return plane.log_integral if len(y) else 0.0

    def leave_one_out(self, y: ArrayLike) -> Array:
        """Return log p(y_i | y without y_i) of every observation, (n,), in nats, by an integral for each.

        Raises ValueError if the posterior without an observation is improper.
        """
        y = self._observations(y)
        evidence = self.log_evidence(y)
        # log p(y_i | y_-i) = log p(y) - log p(y_-i)
        without = [
            replace(self, design=self.design[i], groups=self.groups[i]).log_evidence(y[i[:-1]])
            for i in each_last(len(y))
        ]
        return evidence - np.array(without)

    def log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y | beta, theta, noise_sd), in nats; ``params`` may have any leading shape."""
        return self.pointwise_log_likelihood(params, y).sum(axis=-1)

    def pointwise_log_likelihood(self, params: Mapping[str, Any], y: ArrayLike) -> NDArray[np.float64]:
        """Return log p(y_i | beta, theta, noise_sd) of each, (..., n), in nats, for ``params`` of any leading shape."""
        y, sigma = self._observations(y), np.asarray(params["noise_sd"])[..., None]
        beta, theta = np.asarray(params["beta"]), np.asarray(params["theta"])
        F, groups, v = self.design[: len(y)], self.groups[: len(y)], self.varying
        mean = beta @ F.T + F[:, v] * (theta - beta[..., [v]])[..., groups]
        return norm.logpdf(y, mean, sigma)

    def simulate(self, rng: np.random.Generator, n: int) -> tuple[dict[str, Any], Array]:
        """Draw the parameters from the prior and n observations, n up to N; return ``(params, y)``."""
        n = validate.number_of_observations(n)
        if n > len(self.design):
            raise ValueError(f"`n` must be at most {len(self.design)}, the number of rows of `design`, got {n}.")
        if not self.proper:
            raise ValueError(
                "a flat prior is no distribution to simulate from: give a finite `prior_sd` to every coefficient, and "
                "a prior such as half_normal(SCALE) to both scales."
            )
        group_sd = float(self.group_prior.distribution.rvs(random_state=rng))
        noise_sd = float(self.noise_prior.distribution.rvs(random_state=rng))
        beta = rng.normal(self.prior_mean, self.prior_sd)
        theta = rng.normal(beta[self.varying], group_sd, size=self.group_count)
        F, groups = self.design[:n], self.groups[:n]
        mean = F @ beta + F[:, self.varying] * (theta - beta[self.varying])[groups]
        params = {"beta": beta, "theta": theta, "group_sd": group_sd, "noise_sd": noise_sd}
        return params, rng.normal(mean, noise_sd)

    def _integral(self, y: Array) -> tuple[grouped_normal.Sufficient, planes.Plane]:
        """Return the sufficient statistics, and the integral of p(y, group_sd, noise_sd) over both sds."""
        n = len(y)
        F, groups = self.design[:n], self.groups[:n]
        self._refuse_improper(F, groups)
        s = grouped_normal.sufficient(F, groups, self.varying, y, self.prior_mean, self.prior_sd, self.group_count)
        if s.exact_fit and _power_at_0(self.noise_prior) - s.residual_df <= -1:
            raise ValueError(
                f"`y` is fitted exactly by the coefficients, with {s.residual_df} observation(s) to spare, so the "
                "density of noise_sd has an infinite integral at 0; use inverse_gamma(SHAPE, SCALE) as `noise_prior`."
            )

        def log_density(group_sd: Array, noise_sd: Array) -> Array:
            prior = self.group_prior.logpdf(group_sd) + self.noise_prior.logpdf(noise_sd)
            return prior + grouped_normal.log_likelihood(s, group_sd, noise_sd)

        z = F[:, self.varying]
        spread = s.unit / np.sqrt(np.mean(z**2)) if np.any(z) else s.unit
        coordinates = (_coordinate(self.group_prior, spread), _coordinate(self.noise_prior, s.unit))
        return s, planes.Plane(log_density, coordinates)

    def _counts(self, F: Array, groups: NDArray[np.int64]) -> tuple[int, int]:
        """Return K0 and J0: coefficients that have a flat prior, and dimensions of the groups that those cannot fit."""
        flat = np.isinf(self.prior_sd)
        K0, z = int(flat.sum()), F[:, self.varying]
        sizes = np.bincount(groups, z**2, self.group_count)
        occupied = int(np.count_nonzero(sizes))
        if K0 == 0 or len(F) == 0:
            return K0, occupied - K0
        # what z in each group cannot fit of the columns with a flat prior
        along = np.stack([np.bincount(groups, z * x, self.group_count) for x in F[:, flat].T], axis=1)
        slopes = along / np.where(sizes > 0, sizes, 1.0)[:, None]
        return K0, occupied + int(np.linalg.matrix_rank(F[:, flat] - z[:, None] * slopes[groups])) - K0

    def _refuse_improper(self, F: Array, groups: NDArray[np.int64]) -> None:
        """Raise ValueError if flat priors make the posterior improper."""
        if self.proper:
            return
        n, flat = len(F), np.isinf(self.prior_sd)
        if flat.any() and (n < flat.sum() or np.linalg.matrix_rank(F[:, flat]) < flat.sum()):
            raise ValueError(
                f"`y` has {n} observation(s), whose predictors do not determine the {flat.sum()} coefficient(s) with a "
                "flat prior; give more observations, or a finite `prior_sd`."
            )
        K0, J0 = self._counts(F, groups)
        flat_sds = (not self.group_prior.proper) + (not self.noise_prior.proper)
        if not self.group_prior.proper and J0 < 2:
            raise ValueError(
                f"`group_prior` is flat, and `y` has observations of {J0} group(s) beside those that the flat "
                "coefficients fit; the posterior is proper from 2 on: give more groups, or use half_normal(SCALE)."
            )
        if n - K0 <= flat_sds:
            raise ValueError(
                f"`y` has {n} observation(s) for {K0} coefficient(s) and {flat_sds} standard deviation(s) with a flat "
                f"prior; the posterior is proper from {K0 + flat_sds + 1} on: give more, or use half_normal(SCALE)."
            )

    def _tails(self, y: Array, s: grouped_normal.Sufficient) -> "Tails":
        K0, J0 = self._counts(self.design[: len(y)], self.groups[: len(y)])
        group, noise = _power_at_infinity(self.group_prior), _power_at_infinity(self.noise_prior)
        both = group + noise + s.n - K0 - 2
        return Tails(
            group_sd=min(group + J0 - 1, both), noise_sd=min(noise + s.n - K0 - 1, both), both=both, flat=K0 > 0
        )

    def _observations(self, y: ArrayLike) -> Array:
        return validate.no_more_than_rows(self.noise_prior.require_within_reach(validate.observations(y)), self.design)


@dataclass(frozen=True, kw_only=True)
class Tails:
    """How fast tails of the posterior fall, which says how many moments there are: all those below these powers.

    The density of a sd x falls as x^-(power + 1) for large x, and faster than any power if the number is infinite.
    """

    group_sd: float
    noise_sd: float
    both: float
    """That of large values of both."""
    flat: bool
    """Whether a coefficient has a flat prior."""

    @property
    def beta(self) -> float:
        """The power of a fixed coefficient, whose sd is at most that of its prior, or about the larger sd."""
        return min(self.group_sd, self.noise_sd) if self.flat else np.inf

    def theta(self, observed: bool) -> float:
        """Return the power of a group's coefficient, whose sd is at most about the smaller sd if it is observed."""
        if observed:
            return min(self.both, self.beta)
        return min(self.group_sd, self.beta)

    @property
    def observation(self) -> float:
        """The power of a new observation."""
        return min(self.group_sd, self.noise_sd)


@dataclass(frozen=True)
class Joint:
    """The posterior of all parameters. Draws are of both sds, then of the coefficients, which are normal given them."""

    model: GroupedRegression
    y: Array
    sufficient: grouped_normal.Sufficient
    plane: planes.Plane

    def logpdf(self, params: dict[str, Any]) -> float:
        """Return the log density of ``beta`` (K,), ``theta`` (J,), ``group_sd`` and ``noise_sd``, in nats."""
        model, n = self.model, len(self.y)
        beta, theta, group_sd, noise_sd = (params[name] for name in ("beta", "theta", "group_sd", "noise_sd"))
        F, j, v = model.design[:n], model.groups[:n], model.varying
        proper = np.isfinite(model.prior_sd)
        prior = (
            model.group_prior.logpdf(group_sd)
            + model.noise_prior.logpdf(noise_sd)
            + np.sum(norm.logpdf(np.asarray(beta)[proper], model.prior_mean[proper], model.prior_sd[proper]))
            + np.sum(norm.logpdf(theta, beta[v], group_sd))
        )
        mean = F @ beta + F[:, v] * (np.asarray(theta) - beta[v])[j]
        evidence = self.plane.log_integral if n else 0.0
        return float(prior + np.sum(norm.logpdf(self.y, mean, noise_sd)) - evidence)

    def rvs(self, size: int, random_state: np.random.Generator) -> dict[str, Array]:
        """Return ``size`` independent draws: those of ``logpdf``, with ``size`` first, and ``distance`` (size, J)."""
        rng, s = random_state, self.sufficient
        group_sd, noise_sd = self.plane.rvs(size, rng)
        given = grouped_normal.conditional(s, group_sd, noise_sd)
        root = np.linalg.cholesky(given.covariance)
        c = given.mean + np.einsum("mij,mj->mi", root, rng.standard_normal(given.mean.shape))
        mean, var = given.distances(c)
        distance = mean + np.sqrt(var) * rng.standard_normal(mean.shape)
        beta = s.origin + c @ s.T.T
        theta = beta[:, self.model.varying, None] + group_sd[:, None] * distance
        return {"beta": beta, "theta": theta, "group_sd": group_sd, "noise_sd": noise_sd, "distance": distance}


def _coordinate(prior: ScalePrior, unit: float) -> planes.Coordinate:
    """Return the coordinate of a sd with this prior, whose likelihood has about the scale ``unit``."""
    scales = [unit, prior.scale] if prior.proper else [unit]
    # a density x^a (dx / x) falls as e^(a v) in v = log x
    left, right = min(1.0, _power_at_0(prior) + 1), min(1.0, max(_power_at_infinity(prior) - 1, 0.1))
    low, high = np.log(min(scales)) - planes.REACH / left, np.log(max(scales)) + planes.REACH / right
    if np.isfinite(prior.upper):
        return planes.Coordinate(
            low=min(low - np.log(prior.upper), -planes.REACH), high=planes.REACH, upper=prior.upper
        )
    return planes.Coordinate(low=low, high=high)


def _power_at_0(prior: ScalePrior) -> float:
    """Return a of a prior density that is as x^a near 0."""
    match prior.family:
        case "gamma":
            return prior.numbers[0] - 1
        case "inverse_gamma":
            return np.inf
    return 0.0


def _power_at_infinity(prior: ScalePrior) -> float:
    """Return a of a prior density that is as x^-a for large x, infinite if it falls faster."""
    match prior.family:
        case "half_cauchy":
            return 2.0
        case "half_t" | "inverse_gamma":
            return prior.numbers[0] + 1
        case "flat":
            return 0.0
    return np.inf


def _groups(groups: ArrayLike, rows: int) -> NDArray[np.int64]:
    values = validate.vector("groups", groups)
    if (
        len(values) != rows
        or np.any(values != np.round(values))
        or np.any(values < 0)
        or np.any(values > LARGEST_GROUP)
    ):
        raise ValueError(
            f"`groups` must be {rows} whole numbers from 0 to {LARGEST_GROUP}, one a row of `design`, got "
            f"{shown(groups)}; number the groups from 0, with `np.unique(groups, return_inverse=True)[1]`."
        )
    numbers = values.astype(np.int64)
    numbers.flags.writeable = False
    return numbers


def _sds_or_flat(prior_sd: ArrayLike, K: int) -> Array:
    """Return positive sds (K,), of which some may be infinite."""
    values = np.asarray(prior_sd, dtype=float)
    flat = np.isinf(values)
    if values.shape != (K,):
        raise ValueError(f"`prior_sd` must be {K} numbers, one a column of `design`, got {shown(prior_sd)}.")
    checked = validate.positive_vector("prior_sd", np.where(flat & (values > 0), 1.0, values))
    sds = np.where(flat, np.inf, checked)
    sds.flags.writeable = False
    return sds


_GIRLS = (
    *(21.0, 20.0, 21.5, 23.0),
    *(21.0, 21.5, 24.0, 25.5),
    *(20.5, 24.0, 24.5, 26.0),
    *(23.5, 24.5, 25.0, 26.5),
    *(21.5, 23.0, 22.5),
)

EXAMPLE = Example(
    title="Regression with a coefficient that varies between groups",
    equations="""
        group_sd ~ group_prior                               t, the sd between groups
        noise_sd ~ noise_prior                               s, the sd of an observation
        beta_k   ~ Normal(m_k, s_k^2)                        m = prior_mean, s = prior_sd; density 1 if s_k is infinite
        theta_j  ~ Normal(beta_v, t^2)                       v = varying, j = 1..J
        y_i      ~ Normal(f_i . beta + z_i (theta_j - beta_v), s^2)       f_i = design[i], z_i = f_iv, j = groups[i]
    """,
    references="""
        Gelman and Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, chapters 12 and 13:
        the models of the radon data. Lindley and Smith (1972), "Bayes estimates for the linear model", Journal of the
        Royal Statistical Society B 34: everything given the standard deviations. Sherman and Morrison (1950),
        "Adjustment of an inverse matrix", Annals of Mathematical Statistics 21: the inverse in each group. Potthoff and
        Roy (1964), "A generalized multivariate analysis of variance model", Biometrika 51 (table 1): the data.
    """,
    formulas={
        "model": (
            r"\beta_k \sim \mathcal{N}(m_k,\, s_k^2), \qquad \theta_j \sim \mathcal{N}(\beta_v,\, \tau^2), \qquad y_i"
            r" \sim \mathcal{N}\left(f_i^\top \beta + z_i (\theta_{j(i)} - \beta_v),\, \sigma^2\right)"
        ),
        "posterior": (
            r"p(\tau, \sigma \mid y) = \frac{p(\tau)\, p(\sigma)\, p(y \mid \tau, \sigma)}{p(y)}, \qquad \beta \mid"
            r" \tau, \sigma, y \sim \mathcal{N}(\hat\beta,\, P^{-1}), \qquad P = S^{-1} + F^\top W F, \qquad"
            r" \hat\beta = P^{-1} (S^{-1} m + F^\top W y)"
        ),
        "weights in a group": (
            r"W_j = \frac{1}{\sigma^2} \left(I - \frac{\tau^2 z z^\top}{\sigma^2 + \tau^2 z^\top z}\right), \qquad"
            r" S = \mathrm{diag}(s_1^2, \ldots, s_K^2)"
        ),
        "conditional on beta": (
            r"\theta_j \mid \beta, \tau, \sigma, y \sim \mathcal{N}\left(\beta_v + \frac{\tau^2\, z^\top (y - F"
            r" \beta)}{\sigma^2 + \tau^2 z^\top z},\, \frac{\tau^2 \sigma^2}{\sigma^2 + \tau^2 z^\top z}\right)"
        ),
        "predictive": (
            r"p(\tilde y \mid y) = \iint p(\tilde y \mid \tau, \sigma, y)\, p(\tau, \sigma \mid y)\, d\tau\, d\sigma"
        ),
        "evidence": (
            r"p(y) = \iint p(y \mid \tau, \sigma)\, p(\tau)\, p(\sigma)\, d\tau\, d\sigma, \qquad p(y \mid \tau,"
            r" \sigma) = \sqrt{\frac{|W|}{(2 \pi)^n |S| |P|}}\; e^{-\left(y^\top W y + m^\top S^{-1} m -"
            r" \hat\beta^\top P \hat\beta\right) / 2}"
        ),
    },
    data={
        "example": DataSet(
            # An intercept for each girl, and the common slope of her age in years, less 11. The last row, the fifth
            # girl at 14, is the one to predict.
            model=GroupedRegression(
                design=[(1.0, age - 11.0) for _ in range(5) for age in (8.0, 10.0, 12.0, 14.0)],
                groups=[j for j in range(5) for _ in range(4)],
                varying=0,
                prior_mean=[22.0, 0.5],
                prior_sd=[5.0, 1.0],
                group_prior=ScalePrior("half_normal", 4.0),
                noise_prior=ScalePrior("half_normal", 2.0),
            ),
            # Distance from the pituitary to the pterygomaxillary fissure of five girls at 8, 10, 12 and 14 years, in mm
            y=_GIRLS,
            source="Potthoff and Roy (1964), growth of the jaws of the first five of eleven girls, in mm",
        ),
        "prior": DataSet(
            # The slopes vary.
            model=GroupedRegression(
                design=[(1.0, -1.6), (1.0, 0.7), (1.0, 1.3), (1.0, -0.8), (1.0, 2.1), (1.0, 1.7)],
                groups=[0, 0, 1, 1, 2, 2],
                varying=1,
                prior_mean=[2.3, -0.7],
                prior_sd=[0.6, 0.45],
                group_prior=ScalePrior("gamma", 2.6, 3.2),
                noise_prior=ScalePrior("half_normal", 1.3),
            ),
            y=(5.1, 1.4, 2.9, 1.7, -1.6),
            source="made up, so that the prior weighs about as much as the data",
        ),
    },
)
