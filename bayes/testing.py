"""The checks as assertions, for the tests of a sampler. A failed assertion shows the table of the checks."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from bayes._check import ExactModel, check, check_sampler
from bayes.checking.results import Checks
from bayes.io.draws import DrawsLike
from bayes.registry import Model

if TYPE_CHECKING:
    from bayes.calibration.results import Calibration


def assert_draws_agree(draws: DrawsLike | None, model: ExactModel | Model, y: ArrayLike, **options: Any) -> Checks:
    """Assert that draws agree with a model's exact posterior; return the checks.

    The parameters are those of ``bayes.check``. Raises AssertionError, with the table, if the verdict is ``"fail"`` or
    ``"inconclusive"``. Draws that cannot be judged raise the errors of ``bayes.check``.

    Examples
    --------
    >>> import numpy as np
    >>> from bayes import models
    >>> model = models["normal_normal"]
    >>> draws = {"mu": np.random.default_rng(0).normal(2.0866197, 0.0704225**0.5, size=(4, 1000))}
    >>> assert_draws_agree(draws, model, model.y).verdict
    'pass'
    """
    return _require_pass(check(draws, model, y, **options))


def assert_sampler_correct(sample: Callable[[Model, int, int], DrawsLike], **options: Any) -> Checks:
    """Assert that a sampler passes on the models of the registry; return the checks.

    The parameters are those of ``bayes.check_sampler``. Raises AssertionError, with the table, if the verdict is
    ``"fail"`` or ``"inconclusive"``.
    """
    return _require_pass(check_sampler(sample, **options))


def assert_calibrated(sample: Callable[[Any, Any, int], DrawsLike] | str, model: Any, **options: Any) -> Any:
    """Assert that a sampler is right on many simulated data sets of a model; return the calibration.

    The parameters are those of ``bayes.calibrate``. Raises AssertionError, with the table, if the verdict is ``"fail"``
    or ``"inconclusive"``. A sampler that cannot be judged raises the errors of ``bayes.calibrate``.

    Examples
    --------
    >>> import numpy as np
    >>> def sample(model, y, seed):
    ...     return {"mu": model.exact.posterior(y).rvs((1, 100), random_state=np.random.default_rng(seed))}
    >>> assert_calibrated(sample, "normal_normal", datasets=50, workers=0).verdict
    'pass'
    """
    # by name: its engines need PyMC and JAX, without which this module stands
    return _require_pass(import_module("bayes.calibration.calibrating").calibrate(sample, model, **options))


def _require_pass[T: (Checks, "Calibration")](result: T) -> T:
    __tracebackhide__ = True  # pytest shows the caller's line, and the table
    if result.verdict != "pass":
        raise AssertionError(f"{result.verdict}: the draws do not pass\n{result}")
    return result
