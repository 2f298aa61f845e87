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


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of `tests.nets.distributed.mesh_worker`."""
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
        str(tmp_path_factory.mktemp("runs")),
    ]
    completed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


def assert_same(actual, expected):
    assert actual["correct"] == expected["correct"]
    for name in ["losses", "logits"]:
        np.testing.assert_allclose(actual[name], expected[name], rtol=SHARED_OUT, atol=SHARED_OUT)
    for leaf, expected_leaf in zip(actual["params"], expected["params"], strict=True):
        np.testing.assert_allclose(leaf, expected_leaf, rtol=SHARED_OUT, atol=SHARED_OUT)


@pytest.mark.parametrize("count", ["2", "8"])
def test_a_network_is_the_same_on_any_number_of_devices(results, count):
    assert results["network"][count]["mesh"] == [1, int(count)]
    assert_same(results["network"][count], results["network"]["1"])


@pytest.mark.parametrize(("count", "mesh"), [("3", [3, 1]), ("6", [3, 2])])
def test_members_are_on_separate_devices_or_shard_batches(results, count, mesh):
    assert results["members"][count]["mesh"] == mesh
    assert np.shape(results["members"][count]["logits"]) == (3, 5, 4)
    assert_same(results["members"][count], results["members"]["1"])


def test_members_are_shared_out_first_and_then_their_batches(results):
    assert results["shapes"] == {"3 members on 2": [1, 2], "2 members on 8": [2, 4], "5 members on 5": [5, 1]}


def test_members_in_bfloat16_are_sharded_too(results):
    assert results["bfloat16"]["6"]["mesh"] == [3, 2]
    losses, expected = (np.array(results["bfloat16"][n]["losses"]) for n in ["6", "1"])
    np.testing.assert_allclose(losses, expected, atol=6 * BFLOAT16_STEPS)  # sums of six steps
    assert (expected != np.array(results["members"]["1"]["losses"])).all()


@pytest.mark.parametrize("wrong", ["mean instead of sum", "one shard dropped"])
def test_the_comparison_detects_a_wrong_sum_over_the_devices(results, wrong):
    with pytest.raises(AssertionError):
        assert_same(results[wrong], results["network"]["1"])
    losses, expected = np.array(results[wrong]["losses"]), np.array(results["network"]["1"]["losses"])
    assert np.abs(losses / expected - 1).max() > 1e3 * SHARED_OUT


def test_a_step_has_one_all_reduce_and_sends_no_data(results):
    collectives_by_case = {
        (kind, n): result["collectives"] for kind in ["network", "members"] for n, result in results[kind].items()
    }
    for (kind, count), collectives in collectives_by_case.items():
        unsharded = count == "1" or (kind, count) == ("members", "3")  # three members on three devices
        assert collectives == ({} if unsharded else {"all-reduce": 1}), (kind, count)
    assert len(collectives_by_case) == 6


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
