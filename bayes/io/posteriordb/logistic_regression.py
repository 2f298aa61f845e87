"""Logistic regressions with two coefficients: votes by income, and wells by distance (Gelman and Hill 2007, chapter 5).

Their priors are flat, so the log evidence is that of an integral over Lebesgue measure. The programs drop no constant.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayes.exact.distribution import Element
from bayes.exact.logistic_regression import LogisticRegression
from bayes.io.posteriordb.data import whole
from bayes.io.posteriordb.known import Built, Known

HOW = "logistic regression, two-dimensional quadrature of the coefficients"


def _built(y: ArrayLike, predictor: ArrayLike, elements: Mapping[str, Element]) -> Built:
    x = np.asarray(predictor, dtype=float)
    model = LogisticRegression(
        design=np.column_stack([np.ones(len(x)), x]), prior_mean=[0.0, 0.0], prior_sds=[np.inf, np.inf]
    )
    return Built(model=model, y=whole("y", y, 0, 1), elements=elements)


ALPHA_BETA: dict[str, Element] = {"alpha": ("beta", (0,)), "beta[1]": ("beta", (1,))}
BETA: dict[str, Element] = {"beta[1]": ("beta", (0,)), "beta[2]": ("beta", (1,))}


def _votes(data: Mapping[str, Any]) -> Built:
    return _built(data["vote"], data["income"], ALPHA_BETA)


def _distance(data: Mapping[str, Any]) -> Built:
    return _built(data["switched"], data["dist"], BETA)


def _distance_in_hundreds(data: Mapping[str, Any]) -> Built:
    return _built(data["switched"], np.asarray(data["dist"]) / 100, ALPHA_BETA)


KNOWN: dict[str, Known] = {
    "nes_logit_model": Known(
        how=HOW,
        dimension=2,
        program_sha256="d72a517f816195755bb5e25f743320a0a85d9107c30ce0ae970f9332983bb6a1",
        build=_votes,
    ),
    "wells_dist": Known(
        how=HOW,
        dimension=2,
        program_sha256="33d67128b28b9d4b57c4cd1881a0da40a627334d1fe2ea9b07736c451199afef",
        build=_distance,
    ),
    "wells_dist100_model": Known(
        how=HOW,
        dimension=2,
        program_sha256="e32bd4a05563e46dd0d678659eb167be2abcc377b080183ae7087a0c7cb518c5",
        build=_distance_in_hundreds,
    ),
}
