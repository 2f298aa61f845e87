"""Many data sets at a time: every lane by itself, and the same bits on any number of devices and processes."""

import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_array_equal

from bayes.registry import get_model
from bayes.sampling._jax_engines import jaxified_graph
from bayes.sampling.many_data_sets import BATCH, CHAINS, vectorised
from tests.nightly import nightly_but

ENTRY = get_model("normal_normal", "prior")
SIZE = {"draws": 40, "tune": 40}
ROOT = Path(__file__).parents[3]


def data(batch, shift=0.0):
    y = [ENTRY.exact.simulate(np.random.default_rng([5, i]), len(ENTRY.y))[1] for i in range(BATCH)]
    return (np.array(y) + batch + shift,)


@pytest.fixture(scope="module", params=nightly_but(["numpyro"], CHAINS))
def sampler(request):
    return vectorised(ENTRY.program(), request.param, SIZE["draws"], SIZE["tune"])


def test_a_lane_does_not_depend_on_the_others(sampler):
    first = sampler.run(7, 0, data(0))
    changed = data(0, shift=np.arange(BATCH)[:, None] != 31)  # all lanes but one have other data
    second = sampler.run(7, 0, changed)
    assert_array_equal(first.values["mu"][31], second.values["mu"][31])
    assert first.steps[31] == second.steps[31]
    assert (first.values["mu"][30] != second.values["mu"][30]).any()  # negative control


def test_each_lane_has_its_own_random_numbers(sampler):
    batch = sampler.run(7, 0, tuple(np.repeat(d[:1], BATCH, axis=0) for d in data(0)))
    assert len(np.unique(batch.values["mu"][:, -1])) == BATCH  # the same data in all of them
    assert (sampler.run(8, 0, data(0)).values["mu"] != sampler.run(7, 0, data(0)).values["mu"]).any()


def test_shapes_and_counts(sampler):
    batch = sampler.run(7, 3, data(3))
    assert batch.values["mu"].shape == batch.diverging.shape == (BATCH, SIZE["draws"])
    assert batch.values["mu"].dtype == np.float64
    assert batch.started.all()
    assert batch.steps.min() >= SIZE["draws"] + SIZE["tune"]
    assert batch.seconds > 0


def test_the_precision_of_the_process_stays(sampler):
    sampler.run(7, 0, data(0))
    assert not jax.config.jax_enable_x64
    assert jax.numpy.ones(1).dtype == np.float32


@pytest.mark.slow
def test_a_data_set_without_a_starting_point_is_named_and_the_others_go_on():
    with pm.Model() as model:
        mu = pm.Normal("mu")
        y = pm.Normal("y", mu, observed=[0.0])
        pm.Potential("nowhere", pt.switch(y[0] < 0, -np.inf, 0.0))
    batch = vectorised(model, "blackjax", 20, 20).run(0, 0, (np.where(np.arange(BATCH) == 4, -1.0, 1.0)[:, None],))
    assert_array_equal(np.flatnonzero(~batch.started), [4])


BITS = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
import jax
if len(sys.argv) > 2:  # before the engines are imported, since NumPyro and BlackJAX start JAX's devices
    jax.distributed.initialize(sys.argv[2], 2, int(sys.argv[3]))
from bayes.calibration.engines import vectorised_outcomes
from bayes.calibration.simulation import exact_simulation
from tests.bayes.sampling.test_many_data_sets import ENTRY, SIZE
assert len(jax.local_devices()) == int(sys.argv[1])
found = vectorised_outcomes(exact_simulation(ENTRY), "numpyro", seed=7, indices=range(200), **SIZE)
outcomes = [outcome for batch in found for outcome in batch]
assert sorted(outcome.index for outcome in outcomes) == list(range(200))
rows = b"".join(outcome.rows.tobytes() for outcome in sorted(outcomes, key=lambda outcome: outcome.index))
print(hashlib.sha256(rows).hexdigest())
"""


def started(devices, *more):
    """A process with so many forced devices, which prints the hash of its outcomes."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-c", BITS, str(devices), *more]
    return subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process):
    out, error = process.communicate()
    assert process.returncode == 0, error
    return out.split()[-1]


@pytest.fixture(scope="module")
def bits_here():
    """The hash on the devices of this process."""
    from bayes.calibration.engines import vectorised_outcomes
    from bayes.calibration.simulation import exact_simulation

    found = vectorised_outcomes(exact_simulation(ENTRY), "numpyro", seed=7, indices=range(200), **SIZE)
    outcomes = sorted((outcome for batch in found for outcome in batch), key=lambda outcome: outcome.index)
    return hashlib.sha256(b"".join(outcome.rows.tobytes() for outcome in outcomes)).hexdigest()


def test_pymc_jax_keeps_the_precision_of_the_process_also_within_another():
    with jax.enable_x64(True):
        jaxified_graph()
    assert not jax.config.jax_enable_x64


@pytest.mark.parametrize("devices", nightly_but([], [2, 4, 8]))
def test_the_same_bits_on_any_number_of_devices(devices, bits_here):
    assert finished(started(devices)) == bits_here


@pytest.mark.slow
def test_the_same_bits_in_two_processes(bits_here):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    both = [started(1, address, str(process)) for process in range(2)]
    assert [finished(process) for process in both] == [bits_here, bits_here]
