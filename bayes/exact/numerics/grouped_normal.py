"""A normal regression with one coefficient that varies between groups, given its two standard deviations.

``y = F beta + z u_group + e``, with u ~ Normal(0, s^2) in each group, e ~ Normal(0, sigma^2), and a normal or a flat
prior of beta. In each group the covariance of y given beta is sigma^2 I + s^2 z z', whose inverse is that of Sherman
and Morrison: with a = s^2 / sigma^2 and k = z'z it is (I - z z' a / (1 + a k)) / sigma^2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from bayes.exact.numerics import matrices
from bayes.exact.numerics.exact_sums import two_sum

type Array = NDArray[np.float64]

BLOCK = 20_000
"""Pairs of standard deviations that are computed at once, which bounds the memory."""
SMALL = 1e-10
"""Share of a column's norm below which the other columns determine it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sufficient:
    """What data and prior say, in coordinates c (K,) with beta = origin + T c.

    T is that of ``coordinates``, and ``origin`` is near the posterior mean. So neither far data nor nearly parallel
    columns cost digits. x_i (K + 1,) is row i of F T, and then the residual y_i - f_i . origin.
    """

    n: int
    unit: float
    """About the noise sd; 1 without observations."""
    residual_df: int
    """Observations less groups and coefficients that vary within groups: what only noise explains."""
    exact_fit: bool
    """Whether there are such observations, and yet their residuals are 0."""
    origin: Array
    T: Array
    within: Array
    """(K + 1, K + 1) sum of x_i x_i', less the part that lies along z in each group."""
    sizes: Array
    """(J,) k_j = z'z of each group."""
    along: Array
    """(J, K + 1) z'x of each group."""
    distinct: Array
    """(D,) the positive sizes, each once."""
    counts: Array
    """(D,) number of groups of that size."""
    between: Array
    """(D, K + 1, K + 1) sum of the outer products of ``along`` over the groups of that size, over the size."""
    prior: Array
    """(K + 1, K + 1) the prior of c as a quadratic form in (c, -1)."""
    log_constant: float
    """The part of the log likelihood without standard deviations, in nats."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditional:
    """The posterior given M pairs of standard deviations: beta = origin + T c with c ~ Normal(mean, covariance).

    The distances of the groups' coefficients from their mean, d_j = u_j / s, are independent given c:
    d_j ~ Normal(g_j (z'r - z'F T c), w_j), w_j = 1 / (1 + a k_j), g_j = w_j s / sigma^2.
    """

    sufficient: Sufficient
    group_sd: Array
    noise_sd: Array
    mean: Array
    """(M, K)."""
    covariance: Array
    """(M, K, K)."""

    def combination(self, on_c: Array, groups: list[int] | slice, on_d: Array) -> tuple[Array, Array]:
        """Return mean and variance (M,) of on_c . c + sum of on_d[:, i] d_groups[i], with on_c (K,), on_d (M, G)."""
        s = self.sufficient
        w = 1 / (1 + (self.group_sd / self.noise_sd)[:, None] ** 2 * s.sizes[groups])
        g = on_d * w * (self.group_sd / self.noise_sd**2)[:, None]
        slope = on_c - g @ s.along[groups, :-1]  # (M, K)
        mean = np.sum(slope * self.mean, axis=1) + g @ s.along[groups, -1]
        return mean, np.sum(on_d**2 * w, axis=1) + np.einsum("mi,mij,mj->m", slope, self.covariance, slope)

    def distances(self, c: Array) -> tuple[Array, Array]:
        """Return mean and variance (M, J) of all distances given c (M, K)."""
        s = self.sufficient
        w = 1 / (1 + (self.group_sd / self.noise_sd)[:, None] ** 2 * s.sizes)
        g = w * (self.group_sd / self.noise_sd**2)[:, None]
        return g * (s.along[:, -1] - c @ s.along[:, :-1].T), w


def sufficient(F: Array, groups: NDArray[np.int64], varying: int, y: Array, m: Array, sds: Array, J: int) -> Sufficient:
    """Return the sufficient statistics of y (n,), with the prior Normal(m, sds^2) of beta, flat where sds is inf.

    The columns that have a flat prior must be linearly independent.
    """
    n, K = F.shape
    root = 1 / sds  # of the prior precision; 0 is flat
    z = F[:, varying]
    sizes = np.zeros(J)
    np.add.at(sizes, groups, z**2)

    def off_z(x: Array) -> Array:
        """Return x (n,) less its projection on z in each group."""
        along = np.zeros(J)
        np.add.at(along, groups, z * x)
        return x - z * np.divide(along, sizes, out=np.zeros(J), where=sizes > 0)[groups]

    T, X, off = coordinates(F, varying, off_z)
    residual_df = n - np.count_nonzero(sizes) - np.count_nonzero(np.any(off, axis=0))
    origin, r, unit = _fit(F, y, m, root)
    off_r = off_z(r)
    exact_fit = False
    if residual_df <= 0 or _size(_less_projections(off_r, off)) < 1e-13 * max(_size(y), _size(r)):
        # Data that are fitted exactly say nothing against a noise sd of 0: there, nothing may cancel.
        exact_fit = residual_df > 0
        for columns, target in ((off, True), (X * ~np.any(off, axis=0), False), (off, True)):
            a = _projections(off_r if target else r, columns)
            origin, r = origin + T @ a, r - X @ a
            off_r = off_r - off @ a
    occupied = np.flatnonzero(sizes > 0)
    x = np.column_stack([X, r])
    off_x = np.column_stack([off, off_r])
    along = np.zeros((J, K + 1))
    np.add.at(along, groups, z[:, None] * x)
    distinct, kind, counts = np.unique(sizes[occupied], return_inverse=True, return_counts=True)
    between = np.zeros((len(distinct), K + 1, K + 1))
    scaled = along[occupied] / np.sqrt(sizes[occupied])[:, None]
    np.add.at(between, kind, scaled[:, :, None] * scaled[:, None, :])
    prior = np.column_stack([root[:, None] * T, root * (m - origin)])
    # -n/2 log 2 pi + (flat coefficients)/2 log 2 pi - sum log sds + log |T|
    flat = np.count_nonzero(root == 0)
    return Sufficient(
        n=n,
        unit=unit,
        residual_df=residual_df,
        exact_fit=exact_fit,
        origin=origin,
        T=T,
        within=off_x.T @ off_x,
        sizes=sizes,
        along=along,
        distinct=distinct,
        counts=counts.astype(float),
        between=between,
        prior=prior.T @ prior,
        log_constant=(flat - n) / 2 * np.log(2 * np.pi)
        + float(np.sum(np.log(root[root > 0])))
        + float(np.linalg.slogdet(T)[1]),
    )


def coordinates(F: Array, varying: int, off_z: Callable[[Array], Array]) -> tuple[Array, Array, Array]:
    """Return T (K, K), X = F T and ``off_z`` of the columns of X, both (n, K), by the method of Gram and Schmidt.

    First come the columns that vary within groups in other ways than z; these parts are orthogonal. Then z, and the
    columns that differ from the others by multiples of z in each group; they are orthogonal to all columns. Last come
    those that the others determine. What must be 0 is 0 exactly, so that nothing cancels where a sd is small.
    """
    n, K = F.shape
    within: list[tuple[Array, Array, Array]] = []
    others: list[tuple[Array, Array, Array]] = []
    for k in [varying, *(k for k in range(K) if k != varying)]:
        column = np.eye(K)[k], F[:, k], off_z(F[:, k]) if k != varying else np.zeros(n)
        column = _orthogonal(column, within, part=2)
        (within if _norm(column[2]) > SMALL * _norm(F[:, k]) else others).append(column)
    between: list[tuple[Array, Array, Array]] = []
    for t, x, _ in others:
        t, x, off = _orthogonal((t, x, np.zeros(n)), between, part=1)
        between.append((t, x if _norm(x) > SMALL * max(_norm(F[:, k]) for k in range(K)) else np.zeros(n), off))
    columns = [*(_orthogonal(column, between, part=1) for column in within), *between]
    scaled = [tuple(part / (_norm(column[1]) or 1.0) for part in column) for column in columns]
    T, X, off = (np.stack(parts, axis=1) for parts in zip(*scaled, strict=True))
    return T, X, off


def _orthogonal(
    column: tuple[Array, Array, Array], others: list[tuple[Array, Array, Array]], part: int
) -> tuple[Array, Array, Array]:
    """Return a column less multiples of the others, so that this ``part`` of it is orthogonal to theirs."""
    for other in others * 2:  # once more, because of rounding
        a = column[part] @ other[part] / ((other[part] @ other[part]) or 1.0)
        column = column[0] - a * other[0], column[1] - a * other[1], column[2] - a * other[2]
    return column


def _projections(r: Array, columns: Array) -> Array:
    """Return the coefficients (K,) of r on orthogonal columns (n, K), 0 for a column of zeros."""
    squares = np.sum(columns**2, axis=0)
    return np.divide(columns.T @ r, squares, out=np.zeros(len(squares)), where=squares > 0)


def _less_projections(r: Array, columns: Array) -> Array:
    return r - columns @ _projections(r, columns)


def _fit(F: Array, y: Array, m: Array, root: Array) -> tuple[Array, Array, float]:
    """Return beta near its posterior mean, the residuals, and about the sd of the noise."""
    origin, r = m.astype(float), residuals(F, y, m)
    unit = _size(y - np.mean(y) if len(y) > 1 else r) or 1.0
    for _ in range(3):  # the first in the unit of the data, the others in that of their noise
        stacked = np.vstack([F / unit, np.diag(root)])
        origin = origin + linalg.lstsq(stacked, np.concatenate([r / unit, root * (m - origin)]))[0]
        r = residuals(F, y, origin)
        unit = max(_size(r), unit / 100)  # coefficients may fit a few observations exactly
    return origin, r, unit


def _size(r: Array) -> float:
    """Return the root of the mean square, 0 without numbers."""
    return float(np.sqrt(np.mean(r**2))) if len(r) else 0.0


def _norm(x: Array) -> float:
    return float(np.sqrt(x @ x))


def residuals(F: Array, y: Array, beta: Array) -> Array:
    """Return y - F beta, rounded once."""
    product, error = matrices.multiply(F, (beta, np.zeros_like(beta)))
    r, rest = two_sum(y, -product)
    return r + (rest - error)


def log_likelihood(s: Sufficient, group_sd: Array, noise_sd: Array) -> Array:
    """Return log p(y | group_sd, noise_sd) of pairs (M,), with beta integrated out, in nats."""
    blocks = np.array_split(np.arange(len(group_sd)), 1 + len(group_sd) // BLOCK)
    return np.concatenate([_log_likelihood(s, group_sd[block], noise_sd[block]) for block in blocks])


def _log_likelihood(s: Sufficient, group_sd: Array, noise_sd: Array) -> Array:
    system, log_det = _system(s, group_sd, noise_sd)  # (K + 1, K + 1, M)
    # Elimination of c leaves log |P| in the pivots, and the misfit at the best c.
    while len(system) > 1:
        log_det = log_det + np.log(system[0, 0])
        system = system[1:, 1:] - system[1:, :1] * (system[:1, 1:] / system[0, 0])
    return s.log_constant - s.n * np.log(noise_sd) - (log_det + system[0, 0]) / 2


def conditional(s: Sufficient, group_sd: Array, noise_sd: Array) -> Conditional:
    """Return the posterior of everything else given pairs of standard deviations (M,)."""
    system = np.moveaxis(_system(s, group_sd, noise_sd)[0], -1, 0)
    precision, weighted = system[:, :-1, :-1], system[:, :-1, -1:]
    return Conditional(
        sufficient=s,
        group_sd=group_sd,
        noise_sd=noise_sd,
        mean=np.linalg.solve(precision, weighted)[..., 0],
        covariance=np.linalg.inv(precision),
    )


def _system(s: Sufficient, group_sd: Array, noise_sd: Array) -> tuple[Array, Array]:
    """Return the quadratic form in (c, -1) of the log posterior, (K + 1, K + 1, M), and log |I + a z z'| (M,)."""
    shape = s.within.shape
    ak = s.distinct[:, None] * (group_sd / noise_sd) ** 2  # (D, M)
    # within + sum_j along_j along_j' / k_j / (1 + a k_j), in which nothing cancels
    form = s.within.reshape(-1, 1) + s.between.reshape(len(s.distinct), s.within.size).T @ (1 / (1 + ak))
    form = form / noise_sd**2 + s.prior.reshape(-1, 1)
    return form.reshape(*shape, -1), s.counts @ np.log1p(ak)
