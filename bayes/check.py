"""A model, somebody's draws, a verdict: what the author of a sampler calls in a test.

from bayes.check import check
from bayes.exact.normal_normal import EXAMPLE

def test_my_sampler():
    draws = my_sampler(...)                  # {"mu": array of shape (chain, draw)}, or an ArviZ DataTree
    checks = check(draws, EXAMPLE.model, EXAMPLE.y)
    assert checks.verdict == "pass", checks  # on failure pytest prints the table
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Protocol, runtime_checkable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayes.agreement import LOG_EVIDENCE, Projections, compare_draws, compare_evidence
from bayes.draws import Draws, is_smc, number_of_draws
from bayes.exact.distribution import Distribution
from bayes.models import NAMES, Model
from bayes.models import model as find
from bayes.two_stages import MORE, judge_in_two_stages, same_comparisons
from bayes.verdicts import ALPHA, Checks, Comparison, judge

SECOND_SEED = 2001_06465
"""Seed that ``redraw`` is given; draws that were made with it are not to be checked with it."""


class ExactModel(Protocol):
    """A model known in closed form, as those of ``bayes.exact``."""

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]: ...
    def log_evidence(self, y: ArrayLike) -> float: ...


@runtime_checkable
class HasVectors(ExactModel, Protocol):
    """One with vectors among its parameters, whose distribution along random directions is known too."""

    def projections(self, y: ArrayLike, rng: np.random.Generator) -> Projections: ...


def check(
    draws: Draws | None,
    model: ExactModel,
    y: ArrayLike,
    *,
    evidence: xr.DataTree | ArrayLike | None = None,
    alpha: float = ALPHA,
    redraw: Callable[[int, int], Draws] | None = None,
) -> Checks:
    """Check posterior draws, evidence runs, or both, against the closed form of ``model`` given ``y``.

    Parameters
    ----------
    draws
        Posterior draws of every parameter of the model: an ArviZ ``DataTree`` with group ``posterior``, or a mapping
        from names to arrays of shape (chain, draw, ...). Vectors are checked element by element and along random
        directions. None to check the evidence alone.
    model, y
        The exact model and the data, shape (n,), that the sampler was given.
    evidence
        Log evidence of independent runs, shape (R,), in nats, or the tree that ``bayes.inference.smc`` returned.
    alpha
        Probability that a correct sampler has a failed check, for the whole family of checks.
    redraw
        ``redraw(seed, n)`` returns fresh posterior draws, ``n`` a chain, independent of ``draws``. If given, what is
        suspicious is judged by four times as many fresh draws (``bayes.two_stages``), with the same false-alarm rate
        and more power; evidence has the first stage alone.

    Returns
    -------
    Checks
        ``checks.verdict`` is ``"pass"``, ``"fail"`` or ``"inconclusive"``; each check in it says what was compared, how
        far off it is in standard errors, its p-value, its verdict and the smallest error it could have seen.

    Raises
    ------
    ValueError
        If ``draws`` lack a parameter or are not finite, if they are SMC particles, if the runs are no vector of finite
        numbers, or if both ``draws`` and ``evidence`` are None.

    Examples
    --------
    >>> import numpy as np
    >>> from bayes.exact.normal_normal import EXAMPLE
    >>> rng = np.random.default_rng(0)
    >>> right = {"mu": rng.normal(2.0866197, 0.0704225**0.5, size=(4, 1000))}
    >>> check(right, EXAMPLE.model, EXAMPLE.y).verdict
    'pass'
    >>> variance_as_sd = {"mu": rng.normal(2.0866197, 0.0704225, size=(4, 1000))}
    >>> check(variance_as_sd, EXAMPLE.model, EXAMPLE.y).verdict
    'fail'
    """
    runs = evidence
    if isinstance(evidence, xr.DataTree):
        if not is_smc(evidence):
            raise ValueError("`evidence` has no `log_evidence` in its sample_stats; give the tree of `inference.smc`.")
        runs = evidence.sample_stats["log_evidence"].to_numpy()
    if draws is None and runs is None:
        raise ValueError("`draws` and `evidence` are both None: there is nothing to judge.")
    comparisons, notes = ([], []) if draws is None else compare_with_model(draws, model, y)
    if runs is not None:
        comparisons.append(compare_evidence(model.log_evidence(y), runs))
    if redraw is None or draws is None:
        return judge(comparisons, alpha=alpha, notes=notes)

    def again(places: list[int]) -> list[Comparison]:
        redrawn = redraw(SECOND_SEED, MORE * number_of_draws(draws))
        return same_comparisons(comparisons, places, compare_with_model(redrawn, model, y)[0])

    final = [i for i, comparison in enumerate(comparisons) if comparison.parameter == LOG_EVIDENCE]
    return judge_in_two_stages(comparisons, again, final=final, alpha=alpha, notes=notes)


def check_sampler(
    sample: Callable[[Model, int, int], Draws],
    *,
    models: Sequence[str] = NAMES,
    seed: int = 0,
    draws: int = 2000,
    alpha: float = ALPHA,
) -> Checks:
    """Check a sampler on many models of the registry, as one family with one false-alarm rate, in two stages.

    Parameters
    ----------
    sample
        ``sample(model, seed, n)`` returns posterior draws, ``n`` a chain, of the example of a ``bayes.models.Model``:
        its ``model.program()`` is a PyMC program, ``model.exact`` and ``model.y`` are hyperparameters and data. It is
        called again, with another seed and four times the draws, on models with suspicious checks.
    models
        Names of models, as ``bayes.models.NAMES`` lists them.
    seed
        The first seed; no two calls get the same.
    draws
        Draws a chain of the first stage.
    alpha
        Probability that a correct sampler has a failed check on any of the models.

    Raises
    ------
    ValueError
        If a name is unknown, or draws cannot be compared (see ``check``).

    Examples
    --------
    >>> import numpy as np
    >>> def exact(model, seed, n):
    ...     return {"mu": model.exact.posterior(model.y).rvs((4, n), random_state=np.random.default_rng(seed))}
    >>> check_sampler(exact, models=["normal_normal"]).verdict
    'pass'
    """
    comparisons, notes, again = compare_sampler(sample, [find(name) for name in models], seed=seed, draws=draws)
    return judge_in_two_stages(comparisons, again, alpha=alpha, notes=notes)


def compare_sampler(
    sample: Callable[[Model, int, int], Draws], models: Sequence[Model], *, seed: int, draws: int
) -> tuple[list[Comparison], list[str], Callable[[list[int]], list[Comparison]]]:
    """Return the first stage of ``check_sampler``, its notes, and the function that draws places of it again."""
    seeds = count(seed)

    def compared(one: Model, n: int) -> tuple[list[Comparison], list[str]]:
        drawn = sample(one, next(seeds), n)
        try:
            comparisons, notes = _compare(one.marginals, drawn, projections(one.exact, one.y))
        except ValueError as error:
            raise ValueError(f"{one.name}: {error}") from error
        return [replace(comparison, model=one.name) for comparison in comparisons], notes

    first: list[Comparison] = []
    notes: list[str] = []
    for one in models:
        its, its_notes = compared(one, draws)
        first += its
        notes += [f"{one.name}: {note}" for note in its_notes]

    def again(places: list[int]) -> list[Comparison]:
        suspicious = {first[place].model for place in places}
        fresh = [c for one in models if one.name in suspicious for c in compared(one, MORE * draws)[0]]
        return same_comparisons(first, places, fresh)

    return first, notes, again


def compare_with_model(draws: Draws, model: ExactModel, y: ArrayLike) -> tuple[list[Comparison], list[str]]:
    """Return the comparisons of ``check``, for a family that holds those of other models too, and notes.

    Judge them with ``bayes.verdicts.judge``. Raises ValueError as ``compare_draws`` does.
    """
    return _compare(model.marginals(y), draws, projections(model, y))


def _compare(
    marginals: dict[str, Distribution], draws: Draws, along: Projections | None
) -> tuple[list[Comparison], list[str]]:
    if is_smc(draws):
        raise ValueError(
            "`draws` are particles of SMC, which have no ESS by which they could be judged; "
            "check their evidence: check(None, model, y, evidence=tree)."
        )
    return compare_draws(marginals, draws, along)


def projections(model: ExactModel, y: ArrayLike) -> Projections | None:
    """Return the random directions along which vectors are checked, always the same, or None without vectors."""
    # A stream of its own: draws made from a seed that is used here too would be projected on themselves.
    rng = np.random.default_rng([2718281828, 459])
    return model.projections(y, rng) if isinstance(model, HasVectors) else None
