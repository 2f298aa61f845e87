"""A model, somebody's draws, a verdict: what the author of a sampler calls in a test.

from bayes.check import check
from bayes.exact.normal_normal import EXAMPLE, EXAMPLE_Y

def test_my_sampler():
    draws = my_sampler(...)                  # {"mu": array of shape (chain, draw)}, or an ArviZ DataTree
    checks = check(draws, EXAMPLE, EXAMPLE_Y)
    assert checks.verdict == "pass", checks  # on failure pytest prints the table
"""

from typing import Protocol, runtime_checkable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayes.agreement import Projections, compare, compare_draws
from bayes.draws import Draws
from bayes.exact.distribution import Distribution
from bayes.verdicts import ALPHA, Checks, Comparison


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
    >>> from bayes.exact.normal_normal import EXAMPLE, EXAMPLE_Y
    >>> rng = np.random.default_rng(0)
    >>> right = {"mu": rng.normal(2.0866197, 0.0704225**0.5, size=(4, 1000))}
    >>> check(right, EXAMPLE, EXAMPLE_Y).verdict
    'pass'
    >>> variance_as_sd = {"mu": rng.normal(2.0866197, 0.0704225, size=(4, 1000))}
    >>> check(variance_as_sd, EXAMPLE, EXAMPLE_Y).verdict
    'fail'
    """
    if isinstance(draws, xr.DataTree) and _is_smc(draws):
        raise ValueError(
            "`draws` are particles of SMC, which have no ESS by which they could be judged; "
            "check their evidence: check(None, model, y, evidence=tree)."
        )
    runs = evidence
    if isinstance(evidence, xr.DataTree):
        if not _is_smc(evidence):
            raise ValueError("`evidence` has no `log_evidence` in its sample_stats; give the tree of `inference.smc`.")
        runs = evidence.sample_stats["log_evidence"].to_numpy()
    return compare(
        None if draws is None else model.marginals(y),
        draws,
        projections=_projections(model, y),
        log_evidence=None if runs is None else model.log_evidence(y),
        log_evidence_runs=runs,
        alpha=alpha,
    )


def compare_with_model(draws: Draws, model: ExactModel, y: ArrayLike) -> tuple[list[Comparison], list[str]]:
    """Return the comparisons of ``check``, for a family that holds those of other models too, and notes.

    Judge them with ``bayes.verdicts.judge``. Raises ValueError as ``compare_draws`` does.
    """
    return compare_draws(model.marginals(y), draws, _projections(model, y))


def _projections(model: ExactModel, y: ArrayLike) -> Projections | None:
    # A stream of its own: draws made from a seed that is used here too would be projected on themselves.
    rng = np.random.default_rng([2718281828, 459])
    return model.projections(y, rng) if isinstance(model, HasVectors) else None


def _is_smc(tree: xr.DataTree) -> bool:
    return "sample_stats" in tree.children and "log_evidence" in tree.children["sample_stats"].data_vars
