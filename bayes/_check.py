"""From a model and draws to a verdict: the functions that a sampler's author calls in a test.

from bayes import check
from bayes.exact.normal_normal import EXAMPLE

def test_my_sampler():
    draws = my_sampler(...)                  # {"mu": array of shape (chain, draw)}, or an ArviZ DataTree
    checks = check(draws, EXAMPLE.model, EXAMPLE.y)
    assert checks.verdict == "pass", checks  # on failure pytest prints the table
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Protocol, runtime_checkable

import xarray as xr
from numpy.typing import ArrayLike

from bayes.checking.evidence import LOG_EVIDENCE, compare_estimate, compare_evidence, evidence_note
from bayes.checking.judging import judge
from bayes.checking.results import Check, Checks
from bayes.checking.statistics import compare_draws
from bayes.checking.two_stages import MORE, judge_in_two_stages, same_checks
from bayes.evidence.estimates import validate_runs
from bayes.evidence.results import EvidenceEstimate
from bayes.exact.distribution import Distribution, scalar_distributions
from bayes.exact.projections import Projections
from bayes.io.draws import (
    EVIDENCE,
    Draws,
    DrawsLike,
    as_draws,
    evidence_runs,
    is_smc,
    require_fresh,
    require_shape,
)
from bayes.registry import NAMES, Model, data_sets
from closedform.multiple_testing import ALPHA

SECOND_SEED = 2001_06465
"""Seed that ``check`` gives to ``resample``. The first draws must come from another seed."""


class ExactModel(Protocol):
    """A model with an exact posterior and evidence, such as those of ``bayes.exact``."""

    def marginals(self, y: ArrayLike) -> dict[str, Distribution]: ...
    def log_evidence(self, y: ArrayLike) -> float: ...


@runtime_checkable
class HasJoint(ExactModel, Protocol):
    """A model with functions of several parameters whose distribution is known."""

    def projections(self, y: ArrayLike) -> Projections: ...


def check(
    draws: DrawsLike | None,
    model: ExactModel | Model,
    y: ArrayLike,
    *,
    evidence: EvidenceEstimate | Draws | xr.DataTree | ArrayLike | None = None,
    evidence_law: str = "unbiased",
    alpha: float = ALPHA,
    resample: Callable[[int, int], DrawsLike] | None = None,
) -> Checks:
    """Check posterior draws, evidence runs, or both, against the closed form of ``model`` given ``y``.

    Parameters
    ----------
    draws
        Posterior draws of every parameter of the model. They may be the result of ``load_draws``, an ArviZ
        ``DataTree`` with the group ``posterior``, that group alone, or a mapping from names to arrays of shape (chain,
        draw, ...). The mapping may also have the elements of a vector by name, ``p[0]``, ``p[1]``. Vectors are checked
        element by element. The joint distribution is checked by functions of several parameters (``projections``); if
        the model has none, a note says so. With None, only the evidence is checked.
    model, y
        The exact model, or a model of the registry, and the data that the sampler was given, shape (n,).
    evidence
        Log evidence of independent runs, shape (R,), in nats. It may also be the tree from
        ``bayes.sampling.inference.smc`` or ``pm.sample_smc``, or the result of ``load_draws`` on its file. An estimate
        of ``bayes.evidence.log_evidence`` is judged by the standard error that it claims.
    evidence_law
        The quantity that the estimator of the evidence estimates without bias. ``"unbiased"`` is E[Z_r] = Z, for SMC
        and importance sampling. ``"log_unbiased"`` is E[log Z_r] = log Z, for nested sampling with Skilling's shrinkage
        exp(-i/N). ``"inverse_unbiased"`` is E[1/Z_r] = 1/Z, for nested sampling with dynesty's (N/(N+1))^i. The name
        of a method of ``bayes.evidence``, such as ``"bridge"``, stands for its law.
    alpha
        Probability that a correct sampler has a failed check, over the family of all checks.
    resample
        ``resample(seed, n)`` returns fresh posterior draws, ``n`` in each chain, independent of ``draws``. If it is
        given, flagged checks are judged by four times as many fresh draws (``bayes.checking.two_stages``). The
        false-alarm rate stays the same, and the power is larger. The evidence has only the first stage.

    Returns
    -------
    Checks
        ``checks.verdict`` is ``"pass"``, ``"fail"`` or ``"inconclusive"``. Each check says what was compared, how far
        off it is in standard errors, and has a p-value, a verdict and a minimum detectable effect.

    Raises
    ------
    ValueError
        If ``draws`` lack a parameter, are not finite or have the wrong shape. If they are SMC particles, or cannot be
        independent chains (``bayes.io.repeated_draws``). If ``resample`` repeats the first draws, if the runs are not a
        vector of finite numbers, or if both ``draws`` and ``evidence`` are None.

    Examples
    --------
    >>> import numpy as np
    >>> from bayes.exact.normal_normal import EXAMPLE
    >>> rng = np.random.default_rng(0)
    >>> correct = {"mu": rng.normal(2.0866197, 0.0704225**0.5, size=(4, 1000))}
    >>> check(correct, EXAMPLE.model, EXAMPLE.y).verdict
    'pass'
    >>> variance_as_sd = {"mu": rng.normal(2.0866197, 0.0704225, size=(4, 1000))}
    >>> check(variance_as_sd, EXAMPLE.model, EXAMPLE.y).verdict
    'fail'
    """
    exact: ExactModel = model.exact if isinstance(model, Model) else model
    if not (hasattr(exact, "marginals") and hasattr(exact, "log_evidence")):
        raise ValueError(
            f"`model` must be a model known in closed form, as those of `bayes.exact`, got {type(exact).__name__}; of "
            "the registry's, `bayes.models[NAME].exact`."
        )
    runs: ArrayLike | None
    estimate = evidence if isinstance(evidence, EvidenceEstimate) else None
    if isinstance(evidence, EvidenceEstimate):
        runs, adapts = None, False
    elif isinstance(evidence, Draws | xr.DataTree):
        smc = as_draws(evidence, [])
        if not is_smc(smc):
            raise ValueError(
                "`evidence` has no `log_evidence` and no `log_marginal_likelihood` in its sample_stats; give the tree "
                "of `inference.smc` or of `pm.sample_smc`."
            )
        runs, adapts = evidence_runs(smc), EVIDENCE[0] not in smc.sample_stats
    else:
        runs, adapts = evidence, False
    if runs is not None:
        runs = validate_runs(runs, "evidence")
    if draws is None and runs is None and estimate is None:
        raise ValueError("`draws` and `evidence` are both None: there is nothing to judge.")
    if draws is None:
        marginals = {}
    else:
        marginals = model.marginals if isinstance(model, Model) and y is model.y else exact.marginals(y)
    joint_projections = projections(exact, y)
    first = None if draws is None else _chains(draws, marginals)
    checks, notes = ([], []) if first is None else compare_draws(marginals, first, joint_projections)
    if estimate is not None:
        checks.append(compare_estimate(exact.log_evidence(y), estimate))
        notes = [*notes, *estimate.notes]
    if runs is not None:
        checks.append(compare_evidence(exact.log_evidence(y), runs, evidence_law))
        notes = [*notes, evidence_note(evidence_law)]
        if adapts:
            notes.append(
                "PyMC's own SMC adapts to the particles that it weighs, so that E[Z_r] = Z holds in the limit of many "
                "particles only; the schedule of `bayes.sampling.inference.smc` is fixed beforehand."
            )
    if resample is None or first is None:
        return judge(checks, alpha=alpha, notes=notes)

    def second_stage(places: list[int]) -> list[Check]:
        n = MORE * _length(first)
        resampled = resample(SECOND_SEED, n)
        try:
            fresh = replace(_chains(resampled, marginals), labels=first.labels)  # the names of the first stage
            fresh_checks, _ = compare_draws(marginals, fresh, joint_projections)
            _require_fresh(marginals, first, fresh, n)
        except ValueError as error:
            raise ValueError(f"`resample`: {error}") from error
        return same_checks(checks, places, fresh_checks)

    final = [i for i, result in enumerate(checks) if result.parameter == LOG_EVIDENCE]
    return judge_in_two_stages(checks, second_stage, final=final, alpha=alpha, notes=notes)


def check_sampler(
    sample: Callable[[Model, int, int], DrawsLike],
    *,
    models: Sequence[str | Model] | str | Model = NAMES,
    seed: int = 0,
    draws: int = 2000,
    alpha: float = ALPHA,
) -> Checks:
    """Check a sampler on many models of the registry, as one family with one false-alarm rate, in two stages.

    The sampler runs on two data sets of every model (``bayes.registry.data_sets``): a well-known one, and one in which
    the prior weighs about as much as the data. On the second, a sampler with a wrong prior cannot pass.

    Parameters
    ----------
    sample
        ``sample(model, seed, n)`` returns posterior draws of a ``bayes.registry.Model``, ``n`` in each chain. The
        model has a PyMC program, ``model.program()``, hyperparameters, ``model.exact``, and data, ``model.y``. The
        function is called again, with another seed and four times the draws, on models with a check that is flagged,
        or inconclusive because the chains seem not to have converged.
    models
        Names of models from ``bayes.registry.NAMES``, or a single name. A ``bayes.registry.Model`` in place of a name
        has your own data and hyperparameters: ``models["normal_normal"].with_data(y, exact=...)``.
    seed
        The first seed. Every call of ``sample`` gets another seed.
    draws
        Draws in each chain of the first stage.
    alpha
        Probability that a correct sampler has a failed check on any of the models.

    Raises
    ------
    ValueError
        If a name is unknown, if there is no name, if two models have the same label, or if draws cannot be compared
        (see ``check``).

    Examples
    --------
    >>> import numpy as np
    >>> def exact(model, seed, n):
    ...     return {"mu": model.exact.posterior(model.y).rvs((4, n), random_state=np.random.default_rng(seed))}
    >>> check_sampler(exact, models=["normal_normal"]).verdict
    'pass'
    """
    if not isinstance(models, Iterable | Model):
        raise ValueError(f"`models` must be names of models, or one of them, got {models!r}.")
    entries = [models] if isinstance(models, str | Model) else list(models)
    if not entries:
        raise ValueError("`models` is empty; name a model of `bayes.registry.NAMES`.")
    selection = [model for name in entries for model in ([name] if isinstance(name, Model) else data_sets(name))]
    labels = [model.label for model in selection]
    if duplicates := [label for label in labels if labels.count(label) > 1]:
        raise ValueError(f"`models` has {duplicates[0]} twice; give each its own name, `with_data(y, data_set=NAME)`.")
    checks, notes, second_stage = compare_sampler(sample, selection, seed=seed, draws=draws)
    return judge_in_two_stages(checks, second_stage, alpha=alpha, notes=notes)


def compare_sampler(
    sample: Callable[[Model, int, int], DrawsLike], models: Sequence[Model], *, seed: int, draws: int
) -> tuple[list[Check], list[str], Callable[[list[int]], list[Check]]]:
    """Return the first stage of ``check_sampler``, notes, and the second stage, a function of indices in the first."""
    seeds = count(seed)
    first_draws: dict[str, Draws] = {}

    def compare_model(model: Model, n: int) -> tuple[list[Check], list[str]]:
        sampled = sample(model, next(seeds), n)
        try:
            model_draws = _chains(sampled, model.marginals)
            before = first_draws.get(model.label)
            if before:
                model_draws = replace(model_draws, labels=before.labels)  # the names of the first stage
            checks, notes = compare_draws(model.marginals, model_draws, projections(model.exact, model.y))
            if before:
                _require_fresh(model.marginals, before, model_draws, n)
        except ValueError as error:
            raise ValueError(f"{model.label}: {error}") from error
        first_draws.setdefault(model.label, model_draws)
        return [replace(check, model=model.label) for check in checks], notes

    first: list[Check] = []
    notes: list[str] = []
    for model in models:
        checks, model_notes = compare_model(model, draws)
        first += checks
        notes += [f"{model.label}: {note}" for note in model_notes]

    def second_stage(places: list[int]) -> list[Check]:
        flagged = {first[place].model for place in places}
        fresh = [c for model in models if model.label in flagged for c in compare_model(model, MORE * draws)[0]]
        return same_checks(first, places, fresh)

    return first, notes, second_stage


def compare_with_model(draws: DrawsLike, model: ExactModel, y: ArrayLike) -> tuple[list[Check], list[str]]:
    """Return the checks of ``check`` before they are judged, and notes.

    Use it for a family of checks that includes other models. Judge the checks with
    ``bayes.checking.judging.judge``. Raises ValueError as ``compare_draws`` does.
    """
    marginals = model.marginals(y)
    return compare_draws(marginals, _chains(draws, marginals), projections(model, y))


def _chains(draws: DrawsLike, marginals: dict[str, Distribution]) -> Draws:
    """Return the draws of every variable in the shape of its marginal; raise ValueError for particles of SMC."""
    stats = as_draws(draws, [])
    if is_smc(stats):
        raise ValueError(
            "`draws` are particles of SMC, which have no ESS by which they could be judged; "
            "check their evidence: check(None, model, y, evidence=tree)."
        )
    places: dict[str, list[tuple[int, ...]]] = {}
    for name, index in scalar_distributions(marginals):
        places.setdefault(name, []).append(index)
    chains = as_draws(draws, places)
    for name, indices in places.items():
        require_shape(name, tuple(max(axis) + 1 for axis in zip(*indices, strict=True)), chains)
    return chains


def _length(draws: Draws) -> int:
    """Return the number of draws in each chain."""
    return next(iter(draws.posterior.values())).shape[1]


def _require_fresh(marginals: dict[str, Distribution], first: Draws, fresh: Draws, n: int) -> None:
    """Raise ValueError if ``fresh`` repeats draws of ``first``, or has fewer than ``n`` draws in each chain."""
    require_fresh(scalar_distributions(marginals), first, fresh)
    if _length(fresh) < n:
        raise ValueError(
            f"{n} draws a chain are needed to judge the flagged checks, got {_length(fresh)}; return that many."
        )


def projections(model: ExactModel, y: ArrayLike) -> Projections | None:
    """Return the functions of several parameters that are checked, or None if the model has none."""
    return model.projections(y) if isinstance(model, HasJoint) else None
