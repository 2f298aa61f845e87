"""Every faulty sampler is detected, by the check made for it, and its correct variant passes."""

from dataclasses import replace

import numpy as np
import pytest

from bayes.faults.faulty_samplers import DETECTORS, FAULTY_SAMPLERS, NOT_CONVERGED, detect, langevin, random_walk
from bayes.registry import get_model
from tests.tolerances import IDENTITY, MONTE_CARLO

REPEATS, DRAWS = 4, 8000


@pytest.mark.parametrize("faulty", FAULTY_SAMPLERS, ids=lambda faulty: faulty.name)
def test_the_mistake_is_detected_and_its_correct_variant_passes(faulty):
    faulty_runs = detect(faulty, n=DRAWS, repeats=REPEATS, seed=0)
    assert faulty_runs.detected == REPEATS
    assert faulty_runs.passed == 0
    assert faulty_runs.by_detector[faulty.detected_by] >= REPEATS - 1
    correct = detect(faulty, n=DRAWS, repeats=REPEATS, seed=0, injected=False)
    assert (correct.passed, correct.detected, correct.failed) == (REPEATS, 0, 0)
    assert set(correct.by_detector) == set(DETECTORS)
    assert not any(correct.by_detector.values())


def test_a_correct_variant_is_not_detected():
    wide = FAULTY_SAMPLERS[0]
    harmless = replace(wide, sample=lambda model, rng, repeats, n, _: wide.sample(model, rng, repeats, n, False))
    assert detect(harmless, n=DRAWS, repeats=REPEATS, seed=1).detected == 0


def test_too_few_draws_for_a_verdict_detect_nothing_unless_convergence_is_the_mistake():
    langevin_steps, stuck = (
        next(faulty for faulty in FAULTY_SAMPLERS if faulty.name == name)
        for name in ["unadjusted Langevin", "a chain stuck"]
    )
    detection = detect(langevin_steps, n=200, repeats=REPEATS, seed=2)
    assert (detection.detected, detection.passed, detection.by_detector[NOT_CONVERGED]) == (0, 0, REPEATS)
    assert detect(stuck, n=200, repeats=REPEATS, seed=2).detected == REPEATS


@pytest.mark.parametrize(
    "faulty", [f for f in FAULTY_SAMPLERS if f.detected_by != "runs"], ids=lambda faulty: faulty.name
)
@pytest.mark.parametrize("injected", [True, False])
def test_each_run_may_have_its_own_data_set(faulty, injected):
    model = get_model(faulty.model)
    stack = replace(model, y=np.array([model.y, 1.5 * model.y, model.y]))

    def draws(of):
        return faulty.sample(of, np.random.default_rng(4), 3, 30, injected)

    alone, together = draws(model), draws(stack)
    assert together.shape == (3, 4, 30)
    np.testing.assert_allclose(together[[0, 2]], alone[[0, 2]], rtol=IDENTITY)
    other = draws(replace(model, y=1.5 * model.y))
    np.testing.assert_allclose(together[1], other[1], rtol=IDENTITY)
    assert not np.allclose(together[1], alone[1])


@pytest.mark.parametrize("sampler", ["random walk", "adjusted", "unadjusted"])
def test_the_samplers_have_the_variance_that_theory_gives_them(sampler):
    """Langevin steps of h = sd^2 / 2 without rejection: sd^2 / (1 - h / (4 sd^2)) = 8/7 sd^2."""
    rng = np.random.default_rng(3)
    mean, sd, start = 1.0, 2.0, rng.normal(1.0, 2.0, size=20_000)
    if sampler == "random walk":
        draws, moves = random_walk(lambda x: -(((x - mean) / sd) ** 2) / 2, start, 2.4 * sd, rng, 100)
        assert np.all(np.diff(draws, axis=1)[~moves[:, 1:]] == 0)
    else:
        draws = langevin(mean, sd, start, rng, 100, adjusted=sampler == "adjusted")
    expected = sd**2 * (8 / 7 if sampler == "unadjusted" else 1)
    last = draws[:, -1]  # independent between the chains
    error = expected * np.sqrt(2 / len(last))
    assert abs(last.var(ddof=1) - expected) < MONTE_CARLO * error
    assert abs(last.var(ddof=1) - sd**2 * (1 if sampler == "unadjusted" else 8 / 7)) > MONTE_CARLO * error
    assert abs(last.mean() - mean) < MONTE_CARLO * np.sqrt(expected / len(last))
