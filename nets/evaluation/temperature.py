"""The temperature by which the logits of a run are divided, for the probabilities of predictions."""

from dataclasses import dataclass

from nets.evaluation.calibration_error import TemperatureScaling
from nets.evaluation.intervals import CONFIDENCE
from nets.evaluation.metrics import fit_validation_temperature
from nets.training.runs import Run


@dataclass(frozen=True)
class Temperature:
    """The temperature of a run: the fitted one if it differs significantly from 1, otherwise 1."""

    value: float
    words: str
    """Where it comes from, in a sentence."""
    fitted: TemperatureScaling | None
    """The fit to validation data; None if there is none, as ``words`` say."""


def temperature_of(run: Run) -> Temperature:
    """Return the temperature for predictions of ``run``; without a fit to its validation data it is 1.

    A temperature that was fitted to few images is mostly noise: it is used if the likelihood ratio test of 1 rejects it
    at the 5 % level.
    """
    try:
        fitted = fit_validation_temperature(run)
    except ValueError as error:
        return Temperature(1.0, f"temperature 1, since none could be fitted: {error}", None)
    p_value = f"p = {fitted.p_value:.2g}" if fitted.p_value else "p < 1e-300"
    words = f"temperature {fitted.value:.3f} fitted to {fitted.images:,} validation images: "
    if fitted.p_value < 1 - CONFIDENCE:
        size = "large" if fitted.value > 1 else "small"
        return Temperature(fitted.value, f"{words}the logits are too {size} ({p_value})", fitted)
    return Temperature(1.0, f"{words}not significantly different from 1 ({p_value}), so 1 is used", fitted)
