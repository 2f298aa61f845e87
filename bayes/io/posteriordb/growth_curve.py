"""The growth curve of dugongs (Carlin and Gelfand 1991; BUGS examples, volume 2)."""

from collections.abc import Mapping
from math import lgamma, log, pi
from typing import Any

import numpy as np

from bayes.exact.growth_curve import GrowthCurve
from bayes.io.posteriordb.known import Built, Known


def _dugongs(data: Mapping[str, Any]) -> Built:
    model = GrowthCurve(
        x=data["x"],
        prior_mean=[0.0, 0.0],
        prior_sds=[1000.0, 1000.0],
        lambda_bounds=(0.5, 1.0),
        shape=1e-4,
        rate=1e-4,
    )
    # normals of Y, alpha and beta: their 2 pi, and the sds of alpha and beta; uniform of lambda; gamma of tau
    normals = -0.5 * (len(data["Y"]) + 2) * log(2 * pi) - 2 * log(1000)
    dropped = normals - log(0.5) + 1e-4 * log(1e-4) - lgamma(1e-4)
    elements = {name: (name, ()) for name in ("alpha", "beta", "lambda", "tau", "sigma", "U3")}
    return Built(model=model, y=np.asarray(data["Y"], dtype=float), elements=elements, dropped=dropped)


KNOWN: dict[str, Known] = {
    "dugongs_model": Known(
        how="alpha and beta in closed form, two-dimensional quadrature of log(-log lambda) and log tau",
        dimension=2,
        program_sha256="abdf86f018dc0b6e9213222648f3fafc14eae13629769e40cca7490877b05e6b",
        build=_dugongs,
    ),
}
