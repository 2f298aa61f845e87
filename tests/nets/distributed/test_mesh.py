"""Training on several devices equals training on one within rounding; in a separate process with a divided CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from nets.distributed.mesh import describe_devices, make_mesh
from tests.nets.distributed.mesh_worker import count_collectives
from tests.tolerances import BFLOAT16_STEPS, SHARED_OUT

ROOT = Path(__file__).parents[3]


def results_of(folder, *names):
    """Return the results of `tests.nets.distributed.mesh_worker`."""
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "JAX_NUMPY_RANK_PROMOTION": "allow",
    }
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "tests.nets.distributed.mesh_worker",
        str(folder),
        *names,
    ]
    completed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


PUSH = ["network on 1", "network on 2", "members on 1", "members on 6", "one shard dropped", "resumed"]
PUSH += ["averaging on 1", "averaging on 2", "averaging in parts"]
NIGHT = ["network on 8", "members on 3", "bfloat16 on 1", "bfloat16 on 6", "mean instead of sum"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return results_of(tmp_path_factory.mktemp("runs"), *PUSH, "shapes", "errors")


@pytest.fixture(scope="module")
def nightly_results(results, tmp_path_factory):
    return results | results_of(tmp_path_factory.mktemp("runs"), *NIGHT)


def assert_same(actual, expected):
    assert actual["correct"] == expected["correct"]
    for name in ["losses", "logits"]:
        np.testing.assert_allclose(actual[name], expected[name], rtol=SHARED_OUT, atol=SHARED_OUT)
    for leaf, expected_leaf in zip(actual["params"], expected["params"], strict=True):
        np.testing.assert_allclose(leaf, expected_leaf, rtol=SHARED_OUT, atol=SHARED_OUT)


def test_a_network_is_the_same_on_two_devices(results):
    assert results["network on 2"]["mesh"] == [1, 2]
    assert_same(results["network on 2"], results["network on 1"])


def test_statistics_are_the_mean_over_two_devices(results):
    assert_same(results["averaging on 2"], results["averaging on 1"])
    average, calls = results["averaging on 2"]["params"][:2]
    assert (len(average), calls) == (64, [18])  # 3 epochs of 6 steps
    _, calls = results["averaging in parts"]["params"][:2]
    assert (results["averaging in parts"]["mesh"], calls) == ([2, 2], [36, 36])  # of two members


def test_members_are_on_separate_devices_and_shard_batches(results):
    assert results["members on 6"]["mesh"] == [3, 2]
    assert np.shape(results["members on 6"]["logits"]) == (3, 5, 4)
    assert_same(results["members on 6"], results["members on 1"])


def test_members_are_shared_out_first_and_then_their_batches(results):
    shapes = {name: shape for name, shape in results["shapes"].items() if not name.startswith("default")}
    assert shapes == {"3 members on 2": [1, 2], "2 members on 8": [2, 4], "5 members on 5": [5, 1]}


def test_one_network_is_on_one_gpu_by_default_and_members_on_as_many_as_divide_them(results):
    shapes = results["shapes"]
    assert shapes["default"] == [[1, 1], "; 7 of 8 devices are idle, see --devices"]
    assert shapes["default, 5 members"] == [[5, 1], "; 3 of 8 devices are idle, see --devices"]
    assert shapes["default, 16 members"] == [[8, 1], ""]


def assert_detected(wrong, right):
    with pytest.raises(AssertionError):
        assert_same(wrong, right)
    losses, expected = np.array(wrong["losses"]), np.array(right["losses"])
    assert np.abs(losses / expected - 1).max() > 1e3 * SHARED_OUT


def test_the_comparison_detects_a_shard_that_is_dropped(results):
    assert_detected(results["one shard dropped"], results["network on 1"])


def test_a_step_has_one_all_reduce_and_sends_no_data(results):
    for unsharded in ["network on 1", "members on 1"]:
        assert results[unsharded]["collectives"] == {}
    for sharded in ["network on 2", "members on 6"]:
        assert results[sharded]["collectives"] == {"all-reduce": 1}


@pytest.mark.slow
def test_more_devices_members_without_an_all_reduce_and_bfloat16(nightly_results):
    results = nightly_results
    assert results["network on 8"]["mesh"] == [1, 8]
    assert_same(results["network on 8"], results["network on 1"])
    assert results["network on 8"]["collectives"] == {"all-reduce": 1}
    assert results["members on 3"]["mesh"] == [3, 1]
    assert_same(results["members on 3"], results["members on 1"])
    assert results["members on 3"]["collectives"] == {}  # three members on three devices
    assert_detected(results["mean instead of sum"], results["network on 1"])
    assert results["bfloat16 on 6"]["mesh"] == [3, 2]
    losses, expected = (np.array(results[f"bfloat16 on {n}"]["losses"]) for n in [6, 1])
    np.testing.assert_allclose(losses, expected, atol=6 * BFLOAT16_STEPS)  # sums of six steps
    assert (expected != np.array(results["members on 1"]["losses"])).all()


def test_collectives_are_counted():
    lines = [
        "%a = f32[8]{0} all-gather(%p), channel_id=1",
        "%b = (f32[2]{0}, f32[]) all-reduce(%x, %y), to_apply=%add",
        "%c = f32[2]{0} all-reduce-start(%x)",
        "%d = f32[2]{0} all-reduce-done(%c)",
        "%all-reduce.1 = f32[] add(%x, %y)",
    ]
    assert count_collectives("\n".join(lines)) == {"all-gather": 1, "all-reduce": 2}


@pytest.mark.parametrize("name", ["1 to 2", "2 to 1"])
def test_a_run_resumes_on_another_number_of_devices(results, name):
    expected, resumed = results["resumed"]["1 device"], results["resumed"][name]
    np.testing.assert_allclose(resumed["losses"], expected["losses"], rtol=SHARED_OUT)
    for name in ["logits", "predicted"]:
        np.testing.assert_allclose(resumed[name], expected[name], rtol=SHARED_OUT, atol=SHARED_OUT)


def test_a_mesh_that_is_impossible_is_refused_with_a_way_out(results):
    errors = results["errors"]
    assert errors["too many"] == (
        "`devices` must be at most 8, the number of available devices (cpu), got 9; set "
        "XLA_FLAGS=--xla_force_host_platform_device_count=9 to divide it."
    )
    assert errors["uneven"] == (
        "`batch_size` must be a multiple of 3, the devices that shard a batch, got 16; take 15 or 18, or other "
        "--devices."
    )
    assert "got 3; take 8, or other --devices" in errors["uneven, few"]
    assert errors["even for each row"] is None


def test_one_device_is_the_default_of_a_cpu():
    mesh = make_mesh(None, 1, 7)
    assert mesh.devices.shape == (1, 1)
    assert mesh.axis_types == (jax.sharding.AxisType.Auto,) * 2
    assert describe_devices(mesh).startswith("cpu (")
