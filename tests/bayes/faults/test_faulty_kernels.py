"""Every faulty kernel is caught by one transition, its right variant is not, and long runs tell the same."""

from dataclasses import replace

import numpy as np
import pytest

from bayes.faults import faulty_kernels
from bayes.faults.faulty_kernels import FAULTY_KERNELS, detect, detect_by_draws, detections, run
from bayes.registry import get_model
from tests.nightly import every_nth
from tests.tolerances import MONTE_CARLO

REPEATS = 2
STATES, JOINT_STATES = 15_000, 1000
SMALL = "variance as sd"  # 0.05 sd
NOT_AT_ONE_DATA_SET = ("noise variance as sd", "data fixed")


def by_name(name):
    return next(faulty for faulty in FAULTY_KERNELS if faulty.name == name)


@pytest.mark.parametrize("faulty", FAULTY_KERNELS, ids=lambda faulty: faulty.name)
def test_the_mistake_is_detected_and_its_right_variant_passes(faulty):
    n = JOINT_STATES if faulty.joint else 4 * STATES if faulty.name == SMALL else STATES
    wrong = detect(faulty, n=n, repeats=REPEATS, seed=0)
    assert (wrong.detected, wrong.by_update) == (REPEATS, {faulty.update: REPEATS})
    right = detect(faulty, n=n, repeats=REPEATS, seed=0, injected=False)
    assert (right.passed, right.detected, right.by_update) == (REPEATS, 0, {})


@pytest.mark.parametrize(
    "faulty", every_nth(3, [f for f in FAULTY_KERNELS if f.name != SMALL]), ids=lambda faulty: faulty.name
)
def test_long_runs_show_the_mistakes_that_one_data_set_shows(faulty):
    wrong, right = (detect_by_draws(faulty, n=2500, repeats=1, seed=0, injected=fault) for fault in (True, False))
    assert wrong.detected == (faulty.name not in NOT_AT_ONE_DATA_SET)
    assert right.detected == 0


def test_a_right_kernel_is_not_detected():
    wrong = by_name("no Jacobian")
    harmless = replace(wrong, kernel=lambda model, injected: wrong.kernel(model, injected=False))  # noqa: ARG005
    assert detect(harmless, n=1000, repeats=5, seed=1).detected == 0
    assert detect(wrong, n=10_000, repeats=5, seed=1).detected == 5


def test_blocks_in_parallel_are_right_each_by_itself():
    parallel, blocks = by_name("blocks in parallel"), by_name("root in a block")
    sequential = detect(replace(blocks, update=""), n=10_000, repeats=2, seed=2, injected=False)
    assert sequential.passed == 2
    assert detect(parallel, n=10_000, repeats=2, seed=2).detected == 2


def test_a_long_run_starts_exact_and_has_the_variance_that_theory_gives_it():
    model = get_model("normal_normal")
    kernel = by_name("unadjusted Langevin").kernel(model, injected=True)
    draws = run(kernel, model, chains=20_000, n=30, rng=np.random.default_rng(3))["mu"]
    assert draws.shape == (20_000, 30)
    # Langevin steps of h = sd^2 / 2: sd^2 / (1 - h / (4 sd^2)) = 8/7 sd^2
    expected = model.exact.posterior(model.y).var() * 8 / 7
    assert abs(draws[:, -1].var() - expected) < MONTE_CARLO * expected * np.sqrt(2 / 20_000)


@pytest.mark.parametrize("name", ["no Hastings ratio", "data fixed"])
def test_the_sizes_are_measured_one_by_one(name, monkeypatch):
    for sizes, values in {"SIZES": (1000, 3000), "JOINT_SIZES": (1000,), "DRAWS": (500, 600)}.items():
        monkeypatch.setattr(faulty_kernels, sizes, values)
    transitions, runs = detections(by_name(name), repeats=1, seed=0)
    assert [d.n for d in transitions] == ([1000] if name == "data fixed" else [1000, 3000])
    assert [d.n for d in runs] == [500, 600]
    assert [d.detected for d in transitions] == [1] * len(transitions)
    assert transitions[0] == detect(by_name(name), n=1000, repeats=1, seed=0)
