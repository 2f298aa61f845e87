"""posteriordb's eight schools, with the schools' effects or their distances from the mean as parameters."""

from collections.abc import Callable, Mapping
from math import log, pi
from typing import Any

import numpy as np

from bayes.exact.distribution import Element
from bayes.exact.hierarchical_normal import HierarchicalNormal
from bayes.exact.scale_priors import ScalePrior
from bayes.io.posteriordb.known import Built, Known


def _eight_schools(vectors: Mapping[str, str]) -> Callable[[Mapping[str, Any]], Built]:
    """Return how the model is built, with ours of each of Stan's ``vectors``: theta, or distance from mu."""

    def build(data: Mapping[str, Any]) -> Built:
        y = np.array(data["y"], dtype=float)
        model = HierarchicalNormal(
            noise_sds=data["sigma"], prior_mean=0.0, prior_sd=5.0, tau_prior=ScalePrior("half_cauchy", 5.0)
        )
        # cauchy(0, 5) without 1 / (5 pi) and on the positive half; normal(0, 5) of mu without its constant; a normal a
        # school without 1 / sqrt(2 pi), of theta or its distance from mu; the normals of y without theirs
        half_cauchy = log(2) - log(5 * pi)
        normals = -(1 + 2 * len(y)) / 2 * log(2 * pi) - log(5) - float(np.sum(np.log(model.noise_sds)))
        elements: dict[str, Element] = {"mu": ("mu", ()), "tau": ("tau", ())}
        for stan, ours in vectors.items():
            elements |= {f"{stan}[{j + 1}]": (ours, (j,)) for j in range(len(y))}
        return Built(model=model, y=y, elements=elements, dropped=half_cauchy + normals)

    return build


HOW = "everything but tau integrated out by formula, then quadrature over tau"

KNOWN: dict[str, Known] = {
    "eight_schools_centered": Known(
        how=HOW,
        dimension=1,
        program_sha256="ccaf2d7beed22602f62f276cd4096194ab5de5b5c1d6bb2bae9a3655a3845c05",
        build=_eight_schools({"theta": "theta"}),
    ),
    "eight_schools_noncentered": Known(
        how=HOW,
        dimension=1,
        program_sha256="b28d5326b1936cce0014c98c2591d1ba5c1d21987ea5a5d0d9c074c6d6ce9253",
        build=_eight_schools({"theta": "theta", "theta_trans": "distance"}),
    ),
}
