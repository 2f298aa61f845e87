"""Every sampler that is wrong on purpose is detected, by the check made for it, and its correct variant passes."""

from dataclasses import replace

import numpy as np
import pytest

from bayes.faults.faulty_samplers import DETECTORS, FAULTY_SAMPLERS, NOT_CONVERGED, detect, langevin, random_walk
from tests.tolerances import MONTE_CARLO

REPEATS, DRAWS = 6, 8000


@pytest.mark.parametrize("faulty", FAULTY_SAMPLERS, ids=lambda faulty: faulty.name)
def test_the_mistake_is_detected_and_its_correct_variant_passes(faulty):
    wrong = detect(faulty, n=DRAWS, repeats=REPEATS, seed=0)
    assert wrong.detected == REPEATS
    assert wrong.passed == 0
    assert wrong.by_detector[faulty.detected_by] >= REPEATS - 1
    right = detect(faulty, n=DRAWS, repeats=REPEATS, seed=0, injected=False)
    assert (right.passed, right.detected, right.failed) == (REPEATS, 0, 0)
    assert set(right.by_detector) == set(DETECTORS)
    assert not any(right.by_detector.values())


def test_a_correct_variant_is_not_detected():
    wide = FAULTY_SAMPLERS[0]
    harmless = replace(wide, sample=lambda rng, repeats, n, _: wide.sample(rng, repeats, n, False))
    assert detect(harmless, n=DRAWS, repeats=REPEATS, seed=1).detected == 0


def test_too_few_draws_for_a_verdict_are_no_catch_unless_convergence_is_the_mistake():
    langevin_steps, stuck = (
        next(faulty for faulty in FAULTY_SAMPLERS if faulty.name == name)
        for name in ["unadjusted Langevin", "a chain stuck"]
    )
    few = detect(langevin_steps, n=200, repeats=REPEATS, seed=2)
    assert (few.detected, few.passed, few.by_detector[NOT_CONVERGED]) == (0, 0, REPEATS)
    assert detect(stuck, n=200, repeats=REPEATS, seed=2).detected == REPEATS


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
