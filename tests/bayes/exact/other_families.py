"""Exact families outside the registry, each with data."""

import numpy as np

from bayes.exact.capture_effects import OccasionEffects, TrapResponse
from bayes.exact.grouped_regression import EXAMPLE as RADON
from bayes.exact.growth_curve import GrowthCurve
from bayes.exact.rates import Rates

HISTORIES = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]])
OTHERS = {
    "rates": (Rates(trials=[10, 12, 7], rate=[0, 1, 1], rates=2, successes=2.0), np.array([5, 7, 2])),
    "growth_curve": (
        GrowthCurve(
            x=[1.0, 3.0, 6.0, 9.0, 15.0],
            prior_mean=[2.0, 1.0],
            prior_sds=[2.0, 1.0],
            lambda_bounds=(0.5, 1.0),
            shape=2.0,
            rate=0.02,
        ),
        np.array([1.8, 2.0, 2.3, 2.3, 2.5]),
    ),
    "radon": (RADON.data["prior"].model, np.array(RADON.data["prior"].y)),
    "occasion effects": (OccasionEffects(occasions=3), HISTORIES),
    "trap response": (TrapResponse(occasions=3), HISTORIES),
}
