"""Kernels that are faulty on purpose, and how many exact draws show it by one transition.

They are those samplers of ``faulty_samplers`` whose kernel is at fault, and some more. ``detect`` checks one
transition, by ``check_kernel``, or by ``check_joint_kernel`` where only other data bring the mistake out.
``detect_by_draws`` checks a long run of the same kernel by ``check``, which has to estimate how many independent draws
the run is worth.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes import check, check_joint_kernel, check_kernel
from bayes.exact.distribution import joint_draws
from bayes.faults import kernels
from bayes.faults.kernels import Step
from bayes.registry import Model, get_model
from closedform.multiple_testing import ALPHA

CHAINS = 4
SIZES, JOINT_SIZES = (1000, 10_000, 100_000), (1000, 10_000)
"""Chains that make one transition; fewer where each chain has its own data."""
DRAWS = (500, 2000, 8000)
"""Draws of each of four chains in a long run."""


@dataclass(frozen=True, kw_only=True)
class FaultyKernel:
    """A mistake in a kernel."""

    name: str
    mistake: str
    model: str
    """The name of the model whose posterior the kernel should leave invariant."""
    kernel: Callable[..., Step | dict[str, Step]]
    """``kernel(model, injected=...)`` returns the kernel with the mistake or without it, one step or several by
    name."""
    data_set: str = "example"
    update: str = ""
    """The name of the step that has the mistake, if there are several."""
    joint: bool = False
    """Whether ``check_joint_kernel`` is needed to see it."""


@dataclass(frozen=True, kw_only=True)
class KernelDetection:
    """How often a kernel failed in ``repeats`` runs."""

    n: int
    """Chains that made one transition, or draws of each of four chains."""
    repeats: int
    detected: int
    passed: int
    by_update: dict[str, int]
    """Name of a step -> the number of runs in which it failed; a single step has the name ``""``."""


def detections(
    faulty: FaultyKernel,
    *,
    repeats: int,
    seed: int,
    injected: bool = True,
    sizes: Sequence[int] | None = None,
    draws: Sequence[int] | None = None,
) -> tuple[list[KernelDetection], list[KernelDetection]]:
    """Return how often a kernel fails by one transition of each of ``sizes`` chains, and by runs of each of ``draws``.

    The defaults are ``SIZES`` or ``JOINT_SIZES``, and ``DRAWS``. With ``injected=False`` the right variant runs, and
    what is counted are false alarms.
    """
    sizes = sizes or (JOINT_SIZES if faulty.joint else SIZES)
    return (
        [detect(faulty, n=n, repeats=repeats, seed=seed, injected=injected) for n in sizes],
        [detect_by_draws(faulty, n=n, repeats=repeats, seed=seed, injected=injected) for n in draws or DRAWS],
    )


def detect(
    faulty: FaultyKernel, *, n: int, repeats: int, seed: int, injected: bool = True, alpha: float = ALPHA
) -> KernelDetection:
    """Check one transition of ``n`` chains, ``repeats`` times. With ``injected=False`` the right variant is checked.

    Examples
    --------
    >>> [detect(FAULTY_KERNELS[0], n=1000, repeats=3, seed=0, injected=fault).detected for fault in (True, False)]
    [3, 0]
    """
    model = get_model(faulty.model, faulty.data_set)
    step: Any = faulty.kernel(model, injected=injected)
    checked = check_joint_kernel if faulty.joint else check_kernel
    runs = [checked(step, model, n=n, seed=_seed(seed, n, repeat), alpha=alpha) for repeat in range(repeats)]
    return _detection(n, runs)


def detect_by_draws(
    faulty: FaultyKernel, *, n: int, repeats: int, seed: int, injected: bool = True, alpha: float = ALPHA
) -> KernelDetection:
    """Run the kernel from exact draws in four chains of ``n`` draws, and check the draws, ``repeats`` times.

    The data stay as they are.
    """
    model = get_model(faulty.model, faulty.data_set)
    rng = np.random.default_rng([seed, n, injected])
    draws = run(faulty.kernel(model, injected=injected), model, chains=repeats * CHAINS, n=n, rng=rng)
    runs = []
    for repeat in range(repeats):
        chains = {name: values[repeat * CHAINS : (repeat + 1) * CHAINS] for name, values in draws.items()}
        runs.append(check(chains, model.exact, model.y, alpha=alpha))
    return _detection(n, runs)


def run(
    kernel: Step | dict[str, Step], model: Model, *, chains: int, n: int, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Return ``n`` draws in each chain, {variable: (chain, draw, ...)}, from exact draws and without them."""
    theta = joint_draws(model.exact.posterior(model.y), model.variables, chains, rng)
    draws = {name: np.empty((chains, n, *values.shape[1:])) for name, values in theta.items()}
    steps = kernel.values() if isinstance(kernel, dict) else [kernel]
    for i in range(n):
        for step in steps:
            new = step(theta, model.y, rng)
            theta = theta | (new[0] if isinstance(new, tuple) else new)
        for name, values in theta.items():
            draws[name][:, i] = values
    return draws


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _detection(n: int, runs: list[Any]) -> KernelDetection:
    verdicts = Counter(checks.verdict for checks in runs)
    by_update = Counter(name for checks in runs for name in {c.model for c in checks if c.verdict == "fail"})
    return KernelDetection(
        n=n,
        repeats=len(runs),
        detected=verdicts["fail"],
        passed=verdicts["pass"],
        by_update=dict(sorted(by_update.items())),
    )


_normal = partial(FaultyKernel, model="normal_normal")
FAULTY_KERNELS = (
    FaultyKernel(
        name="no Jacobian",
        mistake="Random walk Metropolis on the logarithm of a rate uses the density of the rate, without the Jacobian.",
        model="gamma_exponential",
        kernel=kernels.log_scale_walk,
    ),
    _normal(
        name="unadjusted Langevin",
        mistake="Langevin steps are never rejected. The correct variant has the Metropolis-Hastings rejection.",
        kernel=partial(kernels.langevin, adjusted=False),
    ),
    _normal(
        name="no Hastings ratio",
        mistake="Langevin proposals are accepted by the ratio of the densities, as if they were symmetric.",
        kernel=partial(kernels.langevin, adjusted=True),
    ),
    _normal(
        name="rejections dropped",
        mistake="Random walk Metropolis proposes until a proposal is accepted.",
        kernel=kernels.rejections_dropped,
    ),
    _normal(
        name="variance as sd",
        mistake="Random walk Metropolis has the variance of the prior where its sd belongs.",
        kernel=kernels.random_walk,
    ),
    _normal(
        name="energy half a step early",
        mistake="HMC computes the energy before the last half step of the momentum.",
        kernel=kernels.hamiltonian,
    ),
    _normal(
        name="momentum keeps its sign",
        mistake="HMC with partial refreshment does not change the sign of the momentum after a rejection.",
        kernel=kernels.persistent_momentum,
    ),
    FaultyKernel(
        name="prior forgotten in a block",
        mistake="Gibbs sampling of a regression: the update of the noise variance forgets the prior of the "
        "coefficients, which depends on it.",
        model="linear_regression",
        kernel=kernels.regression_gibbs,
        update="sigma2",
    ),
    FaultyKernel(
        name="root in a block",
        mistake="Gibbs sampling of a normal: the update of the mean divides the sd, not the variance, by the count.",
        model="normal_inverse_gamma",
        kernel=kernels.normal_gibbs,
        update="mu",
    ),
    FaultyKernel(
        name="blocks in parallel",
        mistake="Gibbs sampling of a normal: both updates are given the old values, and each alone is right.",
        model="normal_inverse_gamma",
        kernel=kernels.parallel_gibbs,
    ),
    _normal(
        name="noise variance as sd",
        mistake="A kernel that also draws data gives them the noise variance as their sd.",
        data_set="prior",
        kernel=kernels.data_update,
        joint=True,
    ),
    _normal(
        name="data fixed",
        mistake="The kernel was compiled with one data set and ignores the data that it is given.",
        kernel=kernels.fixed_data,
        joint=True,
    ),
)
