r"""Coefficients of a regression with independent normal priors, for any noise sd sigma in O(K).

The posterior precision of the coefficients is X'X / sigma^2 + D^2, D = diag(1 / s_k), with 0 where the prior is flat.
One generalised singular value decomposition (Golub and Van Loan 2013, Matrix Computations, section 6.1.6) makes both
parts diagonal: ::

    X = Q1 R,    c D = Q2 R          QR of X on c D, for a c near sigma
    Q1 = U C V'                      singular values, C^2 + S^2 = 1
    X = U C B,   D'D = B' (S / c)^2 B,    B = V'R

So the elements of theta = B (beta - m) are independent given sigma, and no normal equations lose the digits of a design
whose columns are nearly parallel. The residuals keep the digits that
they share with y - X m: where the noise is 1e-6 of y - X m, ten.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

DEPENDENT = 1e-13
"""Smallest singular value of linearly independent columns of length 1. Below it, rounding decides."""
EXACT_FIT = 1e-13
"""Length of the residuals, in that of y, that is rounding."""


@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """beta = m + A theta with theta_i independent given sigma, for n observations and K coefficients."""

    n: int
    flat: int
    """Number of coefficients with a flat prior."""
    m: Array
    A: Array
    """B^-1, shape (K, K)."""
    C: Array
    S: Array
    c: float
    z: Array
    """U'(y - X m), shape (K,)."""
    rho: float
    """Length of what no beta explains of y - X m; 0 if there are no more observations than coefficients."""
    log_constant: float
    """What does not depend on sigma in log p(y | sigma)."""
    length: float
    """Length of y - X m."""

    def log_likelihood(self, sigma: Array) -> Array:
        """Return log p(y | sigma) of each sigma (G,): a flat coefficient is integrated over Lebesgue measure."""
        C2, S2, sigma2 = self.C**2, self.S**2, np.square(sigma)[:, None]
        # (n - K) log sigma + 1/2 sum log(C^2 + S^2 sigma^2 / c^2) + rho^2 / (2 sigma^2)
        #     + 1/2 sum z^2 S^2 / (c^2 C^2 + S^2 sigma^2)
        both = C2 + S2 * sigma2 / self.c**2
        return (
            self.log_constant
            - (self.n - len(self.m)) * np.log(sigma)
            - np.sum(np.log(both), axis=1) / 2
            - (self.rho / sigma) ** 2 / 2
            - np.sum((self.z * self.S / self.c) ** 2 / both, axis=1) / 2
        )

    def theta_mean(self, sigma: Array) -> Array:
        """Return the mean of theta given each sigma (G,), shape (G, K)."""
        return self.C * self.z / (self.C**2 + (self.S * sigma[:, None] / self.c) ** 2)

    def theta_var(self, sigma: Array) -> Array:
        """Return the variance of theta given each sigma (G,), shape (G, K)."""
        return np.square(sigma)[:, None] / (self.C**2 + (self.S * sigma[:, None] / self.c) ** 2)

    def combinations(self, W: Array, sigma: Array, origin_sigma: float) -> tuple[Array, Array, Array]:
        """Return the distribution of W beta, W of shape (M, K), given each sigma (G,).

        They are the mean given ``origin_sigma`` (M,), from which the means (G, M) are measured, and the sds (G, M).
        """
        a, s0 = W @ self.A, origin_sigma
        origin = W @ self.m + a @ self.theta_mean(np.array([s0]))[0]
        both = self.C**2 + (self.S * sigma[:, None] / self.c) ** 2
        # t(sigma) - t(s0) = t(s0) (S / c)^2 (s0^2 - sigma^2) / both(sigma)
        change = (self.S / self.c) ** 2 * ((s0 - sigma) * (s0 + sigma))[:, None] / both
        steps = self.theta_mean(np.array([s0])) * change
        return origin, steps @ a.T, np.sqrt(self.theta_var(sigma) @ (a**2).T)

    @property
    def scales(self) -> Array:
        """Values of sigma near which the likelihood changes its shape."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scales = np.concatenate([[self.c], self.c * self.C / self.S, abs(self.z), [self.rho]])
        scales[len(self.z) + 1 :] /= np.sqrt(max(self.n, 1))
        return scales[np.isfinite(scales) & (scales > 1e-12 * self.c)]

    @property
    def explained(self) -> int:
        """Number of observations that the coefficients can fit exactly: the rank of the design."""
        return min(self.n, int(np.sum(self.C > DEPENDENT)))

    @property
    def fits_exactly(self) -> bool:
        """Whether the coefficients fit more observations than the rank of the design, to rounding."""
        rest = np.hypot(self.rho, np.linalg.norm(self.z[self.C <= DEPENDENT]))
        return self.n > self.explained and rest <= EXACT_FIT * self.length


def coefficients(X: Array, y: Array, m: Array, s: Array, typical_sigma: float) -> Coefficients:
    """Return the decomposition for ``y`` (n,) and ``X`` (n, K), prior means ``m`` (K,) and sds ``s`` (K,) or inf.

    ``typical_sigma`` stands for sigma where there are too few data to tell it. Raises ValueError if columns with a flat
    prior are linearly dependent: then no posterior is proper.
    """
    (n, K), r = X.shape, y - X @ m
    flat = np.isinf(s)
    # QR of [X, y - X m]: the last column has U'(y - X m) before rotation, and the length of the residuals below it.
    rows, means, within = without_repeats(X, r)
    R = np.linalg.qr(np.column_stack([rows, means]), mode="r")
    k = min(len(rows), K)
    top, projected = np.zeros((K, K)), np.zeros(K)
    top[:k], projected[:k] = R[:k, :K], R[:k, K]
    rho = float(np.hypot(R[K, K] if len(rows) > K else 0.0, within))
    length = float(np.linalg.norm(r))
    c = rho / np.sqrt(max(n - K, 1)) if rho > EXACT_FIT * length else typical_sigma
    Q, R = np.linalg.qr(np.vstack([top, np.diag(np.where(flat, 0.0, c / s))]))
    lengths = np.linalg.norm(R, axis=0)
    if not np.all(lengths > 0) or np.linalg.svd(R / lengths, compute_uv=False)[-1] < DEPENDENT:
        raise ValueError(
            f"`prior_sds` must not be inf for columns of `design` that depend on each other in the {n} rows of the "
            "data: with flat priors the posterior is improper; drop a column or give a finite sd."
        )
    U, C, Vt = np.linalg.svd(Q[:K])
    A = np.linalg.solve(R, Vt.T)
    log_constant = (
        -n / 2 * np.log(2 * np.pi)
        + np.sum(flat) / 2 * np.log(2 * np.pi)
        - np.sum(np.log(s[~flat]))
        - np.sum(np.log(abs(np.diag(R))))
    )
    return Coefficients(
        n=n,
        flat=int(flat.sum()),
        m=m,
        A=A,
        C=C,
        S=np.sqrt(np.sum((np.where(flat, 0.0, c / s)[:, None] * A) ** 2, axis=0)),
        c=float(c),
        z=U.T @ projected,
        rho=rho,
        log_constant=float(log_constant),
        length=length,
    )


def without_repeats(X: Array, r: Array) -> tuple[Array, Array, float]:
    """Return the design and the residuals with the rows that are the same as one, and the length of what that drops.

    g rows x with the residuals r_i have the likelihood of one row sqrt(g) x with the residual sqrt(g) rbar, but for the
    sum of (r_i - rbar)^2. Designs of indicators, with thousands of rows, have few that differ.
    """
    keys = np.sum(X * np.random.default_rng(0).uniform(1, 2, X.shape[1]), axis=1)
    _, first, group, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    if len(first) == len(X) or not np.array_equal(X, X[first][group]):
        return X, r, 0.0
    means, roots = np.bincount(group, r) / counts, np.sqrt(counts)
    return roots[:, None] * X[first], roots * means, float(np.linalg.norm(r - means[group]))
