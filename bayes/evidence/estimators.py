"""``log_evidence``: the log evidence of any PyMC model, by any of the estimators, in one line."""

from typing import Any

import numpy as np

from bayes.evidence.estimates import combine
from bayes.evidence.results import Diagnostic, EvidenceEstimate, Method
from bayes.evidence.targets import Target
from closedform.validation import nearest, whole_number

FROM_DRAWS: tuple[Method, ...] = ("bridge", "importance", "harmonic_mean")
"""Methods that need posterior draws."""
WITHOUT_DRAWS: tuple[Method, ...] = ("laplace", "stepping_stone", "smc", "nested", "dynesty", "elbo")
"""Methods that need none."""


def log_evidence(
    model: Any, draws: Any = None, *, method: str = "bridge", seed: int = 0, **options: Any
) -> EvidenceEstimate:
    """Estimate the log evidence log p(y) of a model, in nats, with a standard error and its diagnostics.

    Parameters
    ----------
    model
        A PyMC model, a ``bayes.registry.Model``, or a ``bayes.evidence.targets.Target`` for any other log density.
    draws
        Posterior draws for ``bridge``, ``importance`` and ``harmonic_mean``: an ArviZ tree, or a mapping from names to
        arrays (chain, draw, ...), with every free variable of the model; for a ``Target``, points (chain, draw, D).
    method
        ``bridge``, ``importance``, ``laplace``, ``harmonic_mean``, ``stepping_stone``, ``smc``, ``nested``, ``dynesty``
        or ``elbo``, which is a lower bound: that of the normal of Laplace's method.
    seed
        Seed of everything random.
    options
        Those of the estimator: ``proposal`` of ``bridge``; ``proposals`` of ``importance`` and ``elbo``; ``stones``
        and ``draws_a_stone`` of ``stepping_stone``; ``runs`` and ``particles`` of ``smc``; ``live`` of ``nested`` and
        ``dynesty``, and ``inner_steps`` of ``nested``.

    Raises
    ------
    ValueError
        If the model has no evidence (nothing observed, a discrete variable, an improper prior), if draws are missing,
        are given to a method that takes none, lack a variable or lie outside the support, or if an option is unknown.

    Examples
    --------
    >>> target = Target(dimension=1, log_density=lambda x: -0.5 * x[:, 0] ** 2)
    >>> draws = np.random.default_rng(0).normal(size=(4, 1000, 1))
    >>> print(log_evidence(target, draws).method)
    bridge
    """
    known = (*FROM_DRAWS, *WITHOUT_DRAWS)
    if method not in known:
        raise ValueError(f"`method` must be one of {', '.join(known)}, got {method!r}{nearest(method, known)}")
    if method in FROM_DRAWS and draws is None:
        raise ValueError(f"`draws` are missing: `method` {method!r} needs posterior draws, as of `pm.sample`.")
    if method in WITHOUT_DRAWS and draws is not None:
        raise ValueError(f"`draws` are given, and `method` {method!r} takes none: leave them out.")
    whole_number("seed", seed, ", 0 or more", 0)
    if hasattr(model, "program"):  # of the registry
        model = model.program()
    try:
        if method in FROM_DRAWS:
            return _from_draws(model, draws, method, seed, options)
        return _without_draws(model, method, seed, options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        option = str(error).rpartition("argument ")[2]
        raise ValueError(f"`method` {method!r} has no option {option}; see `bayes.evidence.estimators`.") from error


def as_target(model: Any) -> Target:
    """Return the target of a PyMC model; a ``Target`` stays one. Raises ValueError as ``log_evidence`` does."""
    if isinstance(model, Target):
        return model
    from closedform.extras import require

    require("pymc")
    import pymc as pm

    if not isinstance(model, pm.Model):
        raise ValueError(
            f"`model` must be a PyMC model, a model of the registry or a Target, got {type(model).__name__}."
        )
    from bayes.evidence.pymc_targets import from_pymc

    return from_pymc(model)


def _from_draws(model: Any, draws: Any, method: str, seed: int, options: dict[str, Any]) -> EvidenceEstimate:
    from bayes.evidence.bridge_sampling import bridge
    from bayes.evidence.harmonic_means import harmonic_mean
    from bayes.evidence.importance_sampling import importance

    target = as_target(model)
    x = target.points(draws)
    if method == "bridge":
        return bridge(target, x, seed=seed, **options)
    if method == "importance":
        return importance(target, x, seed=seed, **options)
    return harmonic_mean(target, x, **options)


def _without_draws(model: Any, method: str, seed: int, options: dict[str, Any]) -> EvidenceEstimate:
    if method == "smc":
        return _smc(model, seed=seed, **options)
    target = as_target(model)
    if method == "laplace":
        from bayes.evidence.laplace_approximation import laplace

        return laplace(target, **options)
    if method == "elbo":
        from bayes.evidence.lower_bounds import elbo

        return elbo(target, seed=seed, **options)
    if method == "stepping_stone":
        from bayes.evidence.stepping_stones import stepping_stone

        return stepping_stone(target, seed=seed, **options)
    if method == "nested":
        from bayes.evidence.nested_sampling import nested

        return nested(target, seed=seed, **options)
    from bayes.evidence.dynesty_sampling import dynesty

    return dynesty(model, seed=seed, **options)


def _smc(model: Any, *, seed: int, runs: int = 16, particles: int = 2000) -> EvidenceEstimate:
    """Return the log-mean-exp of independent runs of ``bayes.sampling.inference.smc``."""
    if isinstance(model, Target):
        raise ValueError("`method` 'smc' needs a PyMC model, got a Target; use method='bridge'.")
    as_target(model).required_prior("smc")
    from bayes.checking.evidence import FEWEST_RUNS, LARGEST_SPREAD
    from bayes.sampling.inference import smc

    tree = smc(model, seed=seed, runs=runs, draws=particles)
    log_z = tree["sample_stats"]["log_evidence"].to_numpy()
    evidence = combine(log_z)
    return EvidenceEstimate(
        log_evidence=evidence.log_evidence,
        standard_error=evidence.standard_error,
        method="smc",
        evaluations=None,  # the moves adapt
        diagnostics=(
            Diagnostic(
                name="different runs",
                value=len(np.unique(log_z)),
                threshold=max(runs, FEWEST_RUNS),
                at_least=True,
                meaning="too few runs, or runs that repeat each other, to measure their spread",
            ),
            Diagnostic(
                name="sd between the runs",
                value=float(np.std(log_z, ddof=1)) if runs > 1 else float("nan"),
                threshold=LARGEST_SPREAD,
                meaning="the runs are too far apart; use more particles",
            ),
        ),
    )
