"""Training on several devices is training on one, within rounding; in processes of their own, with a CPU divided."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from nets.distributed import mesh as devices
from tests.nets.distributed.on_devices import counted
from tests.tolerances import BFLOAT16_STEPS, SHARED_OUT

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What `tests.nets.distributed.on_devices` saw."""
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "JAX_NUMPY_RANK_PROMOTION": "allow",
    }
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "tests.nets.distributed.on_devices",
        str(tmp_path_factory.mktemp("runs")),
    ]
    made = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def assert_same(now, before):
    assert now["right"] == before["right"]
    for name in ["losses", "logits"]:
        np.testing.assert_allclose(now[name], before[name], rtol=SHARED_OUT, atol=SHARED_OUT)
    for one, other in zip(now["params"], before["params"], strict=True):
        np.testing.assert_allclose(one, other, rtol=SHARED_OUT, atol=SHARED_OUT)


@pytest.mark.parametrize("count", ["2", "4", "8"])
def test_a_network_is_the_same_on_any_number_of_devices(seen, count):
    assert seen["network"][count]["mesh"] == [1, int(count)]
    assert_same(seen["network"][count], seen["network"]["1"])


@pytest.mark.parametrize(("count", "mesh"), [("3", [3, 1]), ("6", [3, 2]), ("2", [1, 2])])
def test_members_go_to_devices_of_their_own_or_share_batches(seen, count, mesh):
    assert seen["members"][count]["mesh"] == mesh
    assert np.shape(seen["members"][count]["logits"]) == (3, 5, 4)
    assert_same(seen["members"][count], seen["members"]["1"])


@pytest.mark.parametrize("count", ["2", "3", "6"])
def test_members_in_bfloat16_are_shared_out_too(seen, count):
    assert seen["bfloat16"][count]["mesh"] == seen["members"][count]["mesh"]
    losses, alone = (np.array(seen["bfloat16"][n]["losses"]) for n in [count, "1"])
    np.testing.assert_allclose(losses, alone, atol=6 * BFLOAT16_STEPS)  # sums of six steps
    assert (alone != np.array(seen["members"]["1"]["losses"])).all()


@pytest.mark.parametrize("wrong", ["a mean", "a share dropped"])
def test_the_comparison_sees_a_wrong_sum_over_the_devices(seen, wrong):
    with pytest.raises(AssertionError):
        assert_same(seen[wrong], seen["network"]["1"])
    losses, right = np.array(seen[wrong]["losses"]), np.array(seen["network"]["1"]["losses"])
    assert np.abs(losses / right - 1).max() > 1e3 * SHARED_OUT


def test_devices_send_each_other_one_sum_a_step_and_no_data(seen):
    sent = {(kind, n): one["collectives"] for kind in ["network", "members"] for n, one in seen[kind].items()}
    for (kind, count), collectives in sent.items():
        alone = count == "1" or (kind, count) == ("members", "3")  # three members on three devices
        assert collectives == ({} if alone else {"all-reduce": 1}), (kind, count)
    assert len(sent) == 8


def test_collectives_are_counted():
    lines = [
        "%a = f32[8]{0} all-gather(%p), channel_id=1",
        "%b = (f32[2]{0}, f32[]) all-reduce(%x, %y), to_apply=%add",
        "%c = f32[2]{0} all-reduce-start(%x)",
        "%d = f32[2]{0} all-reduce-done(%c)",
        "%all-reduce.1 = f32[] add(%x, %y)",
    ]
    assert counted("\n".join(lines)) == {"all-gather": 1, "all-reduce": 2}


@pytest.mark.parametrize("name", ["to 2", "to 1"])
def test_a_run_goes_on_on_another_number_of_devices(seen, name):
    alone, resumed = seen["resumed"]["alone"], seen["resumed"][name]
    np.testing.assert_allclose(resumed["losses"], alone["losses"], rtol=SHARED_OUT)
    for what in ["logits", "predicted"]:
        np.testing.assert_allclose(resumed[what], alone[what], rtol=SHARED_OUT, atol=SHARED_OUT)


def test_what_devices_cannot_share_is_refused_with_a_way_out(seen):
    refused = seen["refused"]
    assert refused["too many"] == (
        "`devices` must be at most 8, as many as there are (cpu), got 9; set "
        "XLA_FLAGS=--xla_force_host_platform_device_count=9 to divide it."
    )
    assert refused["uneven"] == (
        "`batch_size` must be a multiple of 3, the devices that share a batch, got 16; take 15 or 18, or other "
        "--devices."
    )
    assert "got 3; take 8, or other --devices" in refused["uneven, few"]
    assert refused["even for each group"] is None


def test_one_device_is_the_default_of_a_cpu():
    mesh = devices.make(None, 1, 7)
    assert mesh.devices.shape == (1, 1)
    assert mesh.axis_types == (jax.sharding.AxisType.Auto,) * 2
    assert devices.description(mesh).startswith("cpu (")
