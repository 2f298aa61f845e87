"""One transition of a kernel, from exact draws: are the draws still exact?

If theta_i is a draw of the posterior p(theta | y), and the kernel K leaves it invariant, then theta_i' ~ K(theta_i, .)
is a draw of it too. So n independent chains start from n exact draws. After a transition they are n independent draws
of a known distribution (``invariance`` has the tests). There is no warm-up, no ESS and no convergence in this.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes._check import ExactModel
from bayes.calibration.invariance import kernel_checks
from bayes.calibration.simulation import exact_quantities
from bayes.calibration.transitions import (
    State,
    Step,
    exact_model,
    moved,
    named_steps,
    same_noise,
    transition,
    validated_sizes,
)
from bayes.checking.judging import judge
from bayes.checking.results import Check, Checks
from bayes.exact.distribution import joint_draws, scalar_distributions
from bayes.registry import Model, get_model
from closedform.multiple_testing import ALPHA


def check_kernel(
    step: Step | Mapping[str, Step],
    model: ExactModel | Model | str,
    y: ArrayLike | None = None,
    *,
    n: int = 10_000,
    transitions: int = 1,
    seed: int = 0,
    alpha: float = ALPHA,
) -> Checks:
    """Check that a kernel leaves the exact posterior of ``model`` given ``y`` invariant.

    Parameters
    ----------
    step
        ``step(theta, y, rng)`` returns the next states of n independent chains. ``theta`` is a dict of the variables
        with the chains on the first axis, (n, ...); ``y`` is the data, and ``rng`` a ``numpy.random.Generator``. The
        step gets copies, which it may change. Variables that it does not return stay as they were. Each chain must have
        random numbers of its own. The updates of a composite sampler may be given by name, ``{"beta": step, ...}``.
        Then each is checked by itself, and ``Check.model`` says which is wrong. Updates that leave the posterior
        invariant only together, as those of a partially collapsed Gibbs sampler, are one step.
    model, y
        The exact model and the data, or a model of the registry or its name, whose own data are the default.
    n
        Number of independent chains.
    transitions
        How many times the kernel is applied. The error of a slow kernel grows with it.
    seed
        Seed of the exact draws and of ``rng``.
    alpha
        Probability that a right kernel has a failed check, over all updates.

    Returns
    -------
    Checks
        Quantities that an update leaves as they are in all states are not checked for it. Those that it moves in fewer
        than 100 states are inconclusive, and all are if no state moves: such a kernel leaves every distribution
        invariant. Whether the chains get anywhere is not checked.

    Raises
    ------
    ValueError
        If ``step`` is not a function, returns an unknown variable, another shape, or numbers that are not finite; if
        ``n`` is below 1,000; or if ``model`` has no exact posterior, or ``y`` is missing.

    Notes
    -----
    A kernel of one state in JAX becomes a step of n states so::

        kernel = jax.jit(jax.vmap(one_kernel, in_axes=(0, 0, None)))  # one_kernel(key, theta, y) -> theta

        def step(theta, y, rng):
            return kernel(jax.random.split(jax.random.key(rng.integers(2**32)), len(theta["mu"])), theta, y)

    and one in NumPy by a loop::

        def step(theta, y, rng):
            return {"mu": np.array([one_kernel(mu, y, rng) for mu in theta["mu"]])}

    Examples
    --------
    Random walk Metropolis on the mean of a normal, and the same without rejections:

    >>> import numpy as np
    >>> from bayes import models
    >>> model = models["normal_normal"]
    >>> def propose(theta, rng):
    ...     return {"mu": theta["mu"] + 0.5 * rng.normal(size=len(theta["mu"]))}
    >>> def metropolis(theta, y, rng):
    ...     proposed = propose(theta, rng)
    ...     log_density = model.exact.posterior(y).logpdf
    ...     log_ratio = log_density(proposed["mu"]) - log_density(theta["mu"])
    ...     return {"mu": np.where(np.log(rng.random(len(log_ratio))) < log_ratio, proposed["mu"], theta["mu"])}
    >>> check_kernel(metropolis, model).verdict
    'pass'
    >>> check_kernel(lambda theta, y, rng: propose(theta, rng), model).verdict
    'fail'
    """
    steps = named_steps(step)
    validated_sizes(n, transitions, seed)
    if isinstance(model, str):
        model = get_model(model)
    exact, y = exact_model(model), _data(model, y)
    quantities = exact_quantities(exact, y)
    before = exact_states(exact, y, n, np.random.default_rng([seed, 0]))
    checks: list[Check] = []
    notes: list[str] = []
    for place, (name, update) in enumerate(steps.items(), 1):
        rng = np.random.default_rng([seed, place])
        after = before
        for _ in range(transitions):
            after, _ = transition(update, after, y, rng, name=name, draws_data=False)
        checks += kernel_checks(quantities, before, after, model=name)
        notes += _notes(name, before, after)
    judged = judge(checks, alpha=alpha, notes=notes)
    suspects = [name for name in steps if any(c.verdict == "fail" and c.model == name for c in judged)]
    rng = np.random.default_rng([seed, 0, 1])
    notes += [
        f"{name or 'the kernel'} moves chains from one state to one state: they have the same random numbers, or none."
        for name in suspects
        if same_noise(steps[name], before, y, rng, name=name)
    ]
    return Checks(checks=judged.checks, alpha=alpha, notes=tuple(notes))


def exact_states(exact: Any, y: Any, n: int, rng: np.random.Generator) -> State:
    """Return ``n`` exact posterior draws of the model's variables, (n, ...)."""
    names = list(dict.fromkeys(name for name, _ in scalar_distributions(exact.marginals(y))))
    draws = joint_draws(exact.posterior(y), names, n, rng)
    return {name: np.asarray(draws[name]) for name in names}


def _data(model: Any, y: ArrayLike | None) -> NDArray[Any]:
    if not (hasattr(exact_model(model), "marginals") and hasattr(exact_model(model), "posterior")):
        raise ValueError(
            f"`model` must have an exact posterior, as those of `bayes.exact`, got {type(model).__name__}; "
            "`check_joint_kernel` needs its `simulate` alone."
        )
    if y is None and not isinstance(model, Model):
        raise ValueError(f"`y` is missing: a {type(model).__name__} has no data of its own.")
    return np.array(model.y if y is None else y)


def _notes(name: str, before: State, after: State) -> list[str]:
    """Return sentences on how many states moved, and on what did not move at all."""
    share = float(moved(before, after).mean())
    prefix = f"{name}: " if name else ""
    kept = [variable for variable in before if np.array_equal(before[variable], after[variable])]
    if share == 0:
        return [f"{prefix}no state moved, and what does not move leaves every distribution as it is."]
    stayed = f"; {', '.join(kept)} did not move at all" if kept else ""
    return [f"{prefix}{100 * share:.3g} % of the states moved{stayed}."]
