"""The posterior of linear functions of the coefficients of a regression with groups, as mixtures over two sds."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bayes.exact.numerics.grouped_normal import Conditional, Sufficient, conditional
from bayes.exact.numerics.mixtures import Components, LazyMixture
from bayes.exact.numerics.planes import Plane

type Array = NDArray[np.float64]

RULES = ((16, 6), (32, 6), (64, 8), (96, 10))
"""Nodes of each sd in Gauss rules, of which the first that agrees with all nodes is used."""
AGREEMENT = 1e-12
"""Largest difference of a probability for a Gauss rule to be good enough."""
PLACES = np.linspace(-6, 6, 7)
"""Where probabilities are compared, in standard deviations from the mean."""


class Mixtures:
    """Distributions of on_c . c + on_d d_j + noise, where on_d is a constant plus a multiple of the group sd."""

    def __init__(self, sufficient: Sufficient, plane: Plane, varying: int) -> None:
        self._sufficient, self._plane, self._varying = sufficient, plane, varying

    def beta(self, k: int, power: float) -> LazyMixture:
        """Return the distribution of a fixed coefficient."""
        s = self._sufficient
        return self._mixture((s.T[k], 0, 0.0, 0.0), float(s.origin[k]), power)

    def theta(self, j: int, power: float) -> LazyMixture:
        """Return the distribution of a group's coefficient."""
        s, v = self._sufficient, self._varying
        return self._mixture((s.T[v], j, 0.0, 1.0), float(s.origin[v]), power)

    def distance(self, j: int, power: float) -> LazyMixture:
        """Return the distribution of a group's coefficient, less its mean and in units of the group sd."""
        return self._mixture((np.zeros(len(self._sufficient.T)), j, 1.0, 0.0), 0.0, power)

    def observation(self, f: Array, j: int, power: float) -> LazyMixture:
        """Return the distribution of an observation with the predictors f in group j."""
        s = self._sufficient
        function = (f @ s.T, j, 0.0, float(f[self._varying]))
        return LazyMixture(
            lambda: _components(self._full, *function, noise=True),
            lambda: _components(self._full, *function, noise=True),
            origin=float(f @ s.origin),
            power=power,
        )

    def _mixture(self, function: tuple[Array, int, float, float], origin: float, power: float) -> LazyMixture:
        return LazyMixture(
            lambda: _components(self._few, *function),
            lambda: _components(self._full, *function),
            origin=origin,
            power=power,
        )

    @cached_property
    def _full(self) -> tuple[Conditional, Array]:
        group_sd, noise_sd, weights = self._plane.nodes
        return conditional(self._sufficient, group_sd, noise_sd), weights

    @cached_property
    def _few(self) -> tuple[Conditional, Array]:
        """The first Gauss rule whose probabilities of some functions are those of all nodes, or all nodes."""
        s, (_, weights) = self._sufficient, self._full
        groups = {int(np.argmin(s.sizes)), int(np.argmax(s.sizes)), int(np.argmax(abs(s.along[:, -1])))}
        tested = [(row, 0, 0.0, 0.0) for row in s.T]
        tested += [(s.T[self._varying], j, 0.0, 1.0) for j in groups]
        tested += [(np.zeros(len(s.T)), j, 1.0, 0.0) for j in groups]
        expected = []
        for function in tested:
            _, means, sds = components = _components(self._full, *function)
            mean = weights @ means
            places = mean + PLACES * np.sqrt(weights @ (sds**2 + (means - mean) ** 2))
            expected.append((places, _probabilities(components, places)))
        for outer, inner in RULES:
            if outer * inner > len(weights) / 2:
                break
            group_sd, noise_sd, shares = self._plane.along(0).few_nodes(outer, inner)
            nodes = conditional(s, group_sd, noise_sd), shares
            if all(
                np.max(abs(_probabilities(_components(nodes, *function), places) - probabilities)) < AGREEMENT
                for function, (places, probabilities) in zip(tested, expected, strict=True)
            ):
                return nodes
        return self._full


def _components(
    nodes: tuple[Conditional, Array], on_c: Array, j: int, constant: float, slope: float, *, noise: bool = False
) -> Components:
    """Return weights, means and sds of on_c . c + (constant + slope group_sd) d_j, and of it with the noise."""
    given, weights = nodes
    mean, var = given.combination(on_c, [j], (constant + slope * given.group_sd)[:, None])
    return weights, mean, np.sqrt(var + given.noise_sd**2 if noise else var)


def _probabilities(components: Components, places: Array) -> Array:
    weights, means, sds = components
    return ndtr((places[:, None] - means) / sds) @ weights
