"""What the compilers of TPUs and GPUs make of the training chunk, on a machine that has neither.

CONTRIBUTING.md has the commands. A compiler that is not installed is skipped. Nothing is run or timed: that a program
is compiled as it should be does not say how fast it is.
"""

import pytest

from benchmarks.compiled.facts import least_flops
from nets.training.config import TrainConfig
from tests.tolerances import FLOPS, TEMPORARY_BYTES

ONE = {"v5e:1x1": "tpu", "h100": "gpu"}
CONFIGS = {
    "mlp": {"model": "mlp"},
    "mlp, bfloat16": {"model": "mlp", "precision": "bfloat16"},
    "conv": {},
    "conv, bfloat16": {"precision": "bfloat16"},
}
DEEP = {"channels": (16, 32), "hidden": (256,), "augmentation": "flip+crop", "label_smoothing": 0.1}
CAPTURE_ALL = {
    "xla_gpu_enable_command_buffer": "FUSION,CUBLAS,CUBLASLT,CUDNN,CONVOLUTION,CUSTOM_CALL,CONDITIONAL,"
    "DYNAMIC_SLICE_FUSION,WHILE"
}
"""XLA's option that makes a CUDA graph of the loop too."""

pytestmark = pytest.mark.accelerator


def assert_frugal(facts):
    """The state is updated in place, and little memory is needed beside state and data."""
    assert facts.donated > 0.99
    assert facts.temporary_bytes < TEMPORARY_BYTES


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("target", ["v5e:1x1", "h100"])
def test_one_device_multiplies_what_it_must_and_communicates_nothing(compiler, target, name):
    facts = compiler(target, **CONFIGS[name])
    assert_frugal(facts)
    assert facts.collectives == facts.other_collectives == {}
    assert facts.flops_per_image == pytest.approx(least_flops(TrainConfig(**CONFIGS[name])), rel=FLOPS)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_tpu_multiplies_what_deep_convolutions_must(compiler, precision):
    facts = compiler("v5e:1x1", **DEEP, precision=precision)
    assert_frugal(facts)
    assert facts.flops_per_image == pytest.approx(least_flops(TrainConfig(**DEEP)), rel=FLOPS)


def test_a_gpu_multiplies_the_zeros_of_the_patches(compiler):
    """Negative control: the number of operations shows convolutions that are products of patches."""
    facts = compiler("h100", **DEEP)
    assert facts.flops_per_image > (1 + 3 * FLOPS) * least_flops(TrainConfig(**DEEP))


@pytest.mark.parametrize(
    ("target", "count", "hosts", "batch"),
    [("v5e:2x2", 4, 1, 512), ("v5e:2x4", 8, 2, 1024), ("h100", 4, 1, 512), ("h100", 3, 1, 384), ("h100", 8, 2, 1024)],
)
def test_devices_that_share_a_batch_sum_their_gradients_and_send_nothing_else(compiler, target, count, hosts, batch):
    facts = compiler(target, count, hosts=hosts, batch_size=batch, model="mlp")
    assert_frugal(facts)
    assert facts.collectives == {"all-reduce": 1}
    assert set(facts.other_collectives) <= {"all-reduce"}  # the sum of the correct images, which XLA takes once a chunk
    assert facts.flops_per_image == pytest.approx(least_flops(TrainConfig(model="mlp")), rel=FLOPS)


def test_a_gpu_sums_large_gradients_in_two_parts(compiler):
    """XLA combines all-reduces of up to 30 MB there, and the first linear kernel of the conv net has 43."""
    assert compiler("h100", 4, batch_size=512).collectives == {"all-reduce": 2}


@pytest.mark.parametrize("target", ["v5e:2x2", "h100"])
def test_members_on_devices_of_their_own_send_nothing(compiler, target):
    facts = compiler(target, 4, members=4, model="mlp")
    assert_frugal(facts)
    assert facts.collectives == facts.other_collectives == {}


def test_a_step_is_one_cuda_graph_and_the_option_for_the_loop_makes_one_of_all_steps(compiler):
    """By default the host is asked after each step: on an H100 the larger graph was slower (docs/performance.md)."""
    thunks = compiler("h100").thunks
    assert thunks.host_loop
    assert thunks.graph_nodes == thunks.kernels
    captured = compiler("h100", options=CAPTURE_ALL).thunks
    assert not captured.host_loop
    assert captured.graph_nodes == captured.kernels
    plain = compiler("h100", options={"xla_gpu_graph_min_graph_size": "1000"}).thunks
    assert plain.graph_nodes == 0  # negative control: without graphs


def test_muon_is_compiled_for_both(compiler):
    assert_frugal(compiler("h100", model="mlp", optimizer="muon"))
    assert_frugal(compiler("v5e:1x1", model="mlp", optimizer="muon"))
