"""The checks as assertions, for the tests of a sampler. A failed assertion shows the table of the checks."""

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from bayes._check import ExactModel, check, check_sampler
from bayes.checking.results import Checks
from bayes.io.draws import DrawsLike
from bayes.registry import Model


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


def _require_pass(checks: Checks) -> Checks:
    __tracebackhide__ = True  # pytest shows the caller's line, and the table
    if checks.verdict != "pass":
        raise AssertionError(f"{checks.verdict}: the draws do not pass\n{checks}")
    return checks
