"""The posteriors of the radon programs of posteriordb in which one coefficient varies between counties.

In ``radon_hierarchical_intercept`` the intercepts vary, and uranium and floor are predictors. ``radon_variable_slope``
has a slope of the floor for each county. In the programs ``_noncentered`` the counties' coefficients are ``alpha_raw``
or ``beta_raw`` standard deviations from their mean; they have ``alpha`` or ``beta`` too.
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import log, pi
from typing import Any

import numpy as np

from bayes.exact.distribution import Element
from bayes.exact.grouped_regression import GroupedRegression
from bayes.exact.scale_priors import ScalePrior
from bayes.io.posteriordb.data import whole
from bayes.io.posteriordb.known import Built, Known

HOW = "coefficients and counties by formula, both standard deviations by quadrature"
ROOT = log(2 * pi) / 2
"""What a density of a normal has besides its exponent and its standard deviation, in nats, with the sign changed."""


def _elements(names: Mapping[str, Element], county: str, raw: str | None, J: int) -> dict[str, Element]:
    """Return the elements of the scalars ``names``, and those of the vectors of the counties, counted from 1."""
    elements = dict(names)
    elements |= {f"{county}[{j + 1}]": ("theta", (j,)) for j in range(J)}
    if raw is not None:
        elements |= {f"{raw}[{j + 1}]": ("distance", (j,)) for j in range(J)}
    return elements


def _groups(data: Mapping[str, Any], name: str) -> Any:
    """Return the counties counted from 0."""
    groups = whole(name, data[name], 1, data["J"]) - 1
    if groups.max() + 1 != data["J"]:
        raise ValueError(f"`J` must be the largest of `{name}`, {groups.max() + 1}, got {data['J']!r}; use fewer.")
    return groups


def _radon(
    data: Mapping[str, Any], *, predictors: tuple[str, ...], names: tuple[str, ...], county: str, centred: bool
) -> Built:
    """Return the regression on ``predictors`` (1 is the intercept), whose coefficients the program calls ``names``.

    The mean of the counties' coefficients is ``mu_`` and the name of their vector, ``county``.
    """
    groups, J, y = _groups(data, "county_idx"), int(data["J"]), np.asarray(data["log_radon"], dtype=float)
    columns = [np.ones(len(y)) if name == "1" else np.asarray(data[name], dtype=float) for name in predictors]
    K = len(columns)
    half_normal = ScalePrior("half_normal", 1.0)
    model = GroupedRegression(
        design=np.column_stack(columns),
        groups=groups,
        varying=names.index(f"mu_{county}"),
        prior_mean=np.zeros(K),
        prior_sd=np.full(K, 10.0),
        group_prior=half_normal,
        noise_prior=half_normal,
    )
    scalars: dict[str, Element] = {name: ("beta", (k,)) for k, name in enumerate(names)}
    scalars |= {f"sigma_{county}": ("group_sd", ()), "sigma_y": ("noise_sd", ())}
    return Built(
        model=model,
        y=y,
        elements=_elements(scalars, county, None if centred else f"{county}_raw", J),
        # sigma ~ normal(0, 1) twice, without the 2 of a half-normal; K coefficients ~ normal(0, 10); and J counties
        # ~ normal(mu, sigma) or normal(0, 1). The likelihood is `target +=`, with all constants.
        dropped=2 * (log(2) - ROOT) - K * (ROOT + log(10)) - J * ROOT,
    )


def _county(data: Mapping[str, Any]) -> Built:
    """Return the posterior of ``radon_county``: intercepts of counties, and flat priors of both sds up to 100."""
    groups, J, y = _groups(data, "county"), int(data["J"]), np.asarray(data["y"], dtype=float)
    up_to_100 = ScalePrior("uniform", 100.0)
    model = GroupedRegression(
        design=np.ones((len(y), 1)),
        groups=groups,
        varying=0,
        prior_mean=[0.0],
        prior_sd=[1.0],
        group_prior=up_to_100,
        noise_prior=up_to_100,
    )
    scalars: dict[str, Element] = {"mu_a": ("beta", (0,)), "sigma_a": ("group_sd", ()), "sigma_y": ("noise_sd", ())}
    return Built(
        model=model,
        y=y,
        elements=_elements(scalars, "a", None, J),
        log_factor=2 * log(100),  # the program has the density 1 where the model has 1 / 100
        # mu_a ~ normal(0, 1), a ~ normal(mu_a, sigma_a), y ~ normal(y_hat, sigma_y)
        dropped=-(1 + J + len(y)) * ROOT,
    )


def _known(build: Callable[[Mapping[str, Any]], Built], program_sha256: str) -> Known:
    return Known(how=HOW, dimension=2, program_sha256=program_sha256, build=build)


_PARTIALLY_POOLED = partial(_radon, predictors=("1",), names=("mu_alpha",), county="alpha")
_VARIABLE_INTERCEPT = partial(_radon, predictors=("1", "floor_measure"), names=("mu_alpha", "beta"), county="alpha")
_HIERARCHICAL_INTERCEPT = partial(
    _radon, predictors=("1", "log_uppm", "floor_measure"), names=("mu_alpha", "beta[1]", "beta[2]"), county="alpha"
)
_VARIABLE_SLOPE = partial(_radon, predictors=("1", "floor_measure"), names=("alpha", "mu_beta"), county="beta")

KNOWN: dict[str, Known] = {
    "radon_partially_pooled_centered": _known(
        partial(_PARTIALLY_POOLED, centred=True),
        "7c56bbcfc3e0922edb5874c67eb10bc8b174bef0d4c63e916558e37862fc3a4a",
    ),
    "radon_partially_pooled_noncentered": _known(
        partial(_PARTIALLY_POOLED, centred=False),
        "21ffc6d64e8599cd6501175103d93e7a287f9553097254fa1ec8d968479fbfd5",
    ),
    "radon_variable_intercept_centered": _known(
        partial(_VARIABLE_INTERCEPT, centred=True),
        "53b33d4b26ec179c1de9ea83082f7fed26224a9869336ed9dce1e2a04c83942f",
    ),
    "radon_variable_intercept_noncentered": _known(
        partial(_VARIABLE_INTERCEPT, centred=False),
        "db097f50d6f6158ceff725f520179ae74f2debe1ced50d899cac92787fd62861",
    ),
    "radon_hierarchical_intercept_centered": _known(
        partial(_HIERARCHICAL_INTERCEPT, centred=True),
        "cab61c2340d2ba66b5f45f8b9a5ddf3bbe8e43ec19583661542f8e2a853dd14b",
    ),
    "radon_hierarchical_intercept_noncentered": _known(
        partial(_HIERARCHICAL_INTERCEPT, centred=False),
        "d04cab97b0d180cd4889c53986e4a2afa62928d58c54408536f5dfeacd5de806",
    ),
    "radon_variable_slope_centered": _known(
        partial(_VARIABLE_SLOPE, centred=True),
        "67b12c10b03d91e0e487ab7b072bfb2f9a6539bda62db0329e6e8220965506dc",
    ),
    "radon_variable_slope_noncentered": _known(
        partial(_VARIABLE_SLOPE, centred=False),
        "df643cc1f652bcd53376378e80a607e1e1622f8eb515f9ca67525b9fd4347891",
    ),
    "radon_county": _known(
        _county,
        "a198eede373add8ab481a34eee83fc23410299b5c5982dd0bcbb738eb21ffd55",
    ),
}
"""Stan program -> how its posteriors are known."""
