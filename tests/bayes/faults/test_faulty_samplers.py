"""Every sampler that is wrong on purpose is caught, by the check made for it, and made right it passes."""

from dataclasses import replace

import numpy as np
import pytest

from bayes.faults.faulty_samplers import CONTROLS, NOT_CONVERGED, SEERS, detect, langevin, random_walk
from tests.tolerances import MONTE_CARLO

REPEATS, DRAWS = 6, 8000


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_the_mistake_is_caught_and_the_same_sampler_made_right_passes(control):
    wrong = detect(control, n=DRAWS, repeats=REPEATS, seed=0)
    assert wrong.caught == REPEATS
    assert wrong.passed == 0
    assert wrong.seen[control.seen_by] >= REPEATS - 1
    right = detect(control, n=DRAWS, repeats=REPEATS, seed=0, broken=False)
    assert (right.passed, right.caught, right.failed) == (REPEATS, 0, 0)
    assert set(right.seen) == set(SEERS)
    assert not any(right.seen.values())


def test_a_control_without_a_mistake_is_not_caught():
    wide = CONTROLS[0]
    harmless = replace(wide, sample=lambda rng, repeats, n, _: wide.sample(rng, repeats, n, False))
    assert detect(harmless, n=DRAWS, repeats=REPEATS, seed=1).caught == 0


def test_too_few_draws_for_a_verdict_are_no_catch_unless_convergence_is_the_mistake():
    langevin_steps, stuck = (
        next(faulty for faulty in CONTROLS if faulty.name == name) for name in ["unadjusted Langevin", "a chain stuck"]
    )
    few = detect(langevin_steps, n=200, repeats=REPEATS, seed=2)
    assert (few.caught, few.passed, few.seen[NOT_CONVERGED]) == (0, 0, REPEATS)
    assert detect(stuck, n=200, repeats=REPEATS, seed=2).caught == REPEATS


@pytest.mark.parametrize("sampler", ["random walk", "adjusted", "unadjusted"])
def test_the_samplers_have_the_variance_that_theory_gives_them(sampler):
    """Langevin steps of h = sd^2 / 2 without rejection: sd^2 / (1 - h / (4 sd^2)) = 8/7 sd^2."""
    rng = np.random.default_rng(3)
    mean, sd, start = 1.0, 2.0, rng.normal(1.0, 2.0, size=20_000)
    if sampler == "random walk":
        draws, moved = random_walk(lambda x: -(((x - mean) / sd) ** 2) / 2, start, 2.4 * sd, rng, 100)
        assert np.all(np.diff(draws, axis=1)[~moved[:, 1:]] == 0)
    else:
        draws = langevin(mean, sd, start, rng, 100, adjusted=sampler == "adjusted")
    expected = sd**2 * (8 / 7 if sampler == "unadjusted" else 1)
    last = draws[:, -1]  # independent between the chains
    error = expected * np.sqrt(2 / len(last))
    assert abs(last.var(ddof=1) - expected) < MONTE_CARLO * error
    assert abs(last.var(ddof=1) - sd**2 * (1 if sampler == "unadjusted" else 8 / 7)) > MONTE_CARLO * error
    assert abs(last.mean() - mean) < MONTE_CARLO * np.sqrt(expected / len(last))
