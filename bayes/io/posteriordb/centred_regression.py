"""posteriordb's linear regression of brms: centred predictors, and a Student's t prior of the intercept."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayes.exact.centred_regression import CentredRegression
from bayes.exact.scale_priors import ScalePrior
from bayes.io.posteriordb.known import Built, Known


def diamonds(data: Mapping[str, Any]) -> Built:
    """Build the regression of the log price of diamonds. The first column of the data's design is the intercept."""
    if data["prior_only"]:
        raise ValueError("`prior_only` must be 0, got 1: the Stan program then leaves the data out.")
    X = np.asarray(data["X"], dtype=np.float64)[:, 1:]
    K = X.shape[1]
    return Built(
        model=CentredRegression(
            design=X,
            prior_mean=np.zeros(K),
            prior_sds=np.ones(K),
            centre_df=3.0,
            centre_location=8.0,
            centre_scale=10.0,
            noise_prior=ScalePrior("half_t", 3.0, 10.0),
        ),
        y=np.asarray(data["Y"], dtype=np.float64),
        elements={f"b[{k + 1}]": ("beta", (k,)) for k in range(K)}
        | {"Intercept": ("centre", ()), "sigma": ("noise_sd", ()), "b_Intercept": ("intercept", ())},
    )


KNOWN: dict[str, Known] = {
    "diamonds": Known(
        how="integral over intercept and sigma; slopes by a generalised SVD",
        dimension=2,
        program_sha256="b499b08e74598f65a5db338ea31cb9db868d1d56a6f580ddf28280dbe7425657",
        build=diamonds,
    )
}
