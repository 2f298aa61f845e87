"""What is read out of compiled programs, on programs that are small enough to count by hand."""

import pytest

from benchmarks.compiled.facts import least_flops, step_cycles
from benchmarks.compiled.gpu_descriptions import gpu_description
from benchmarks.compiled.hlo import Program, collectives, product_flops, size_in_bytes
from benchmarks.compiled.roofline import MEMORY_SHARE, PRODUCT_SHARE, START, roofline
from benchmarks.compiled.targets import GPUS, target_devices
from benchmarks.compiled.thunks import read_thunks
from benchmarks.scaling import FLOP_PER_IMAGE
from nets.training.config import TrainConfig

PROGRAM = Program("""HloModule example

%product (param_0: bf16[1000,3000], param_1: bf16[3000,2000]) -> f32[1000,2000] {
  %param_0 = bf16[1000,3000]{1,0} parameter(0)
  %param_1 = bf16[3000,2000]{1,0} parameter(1)
  ROOT %dot = f32[1000,2000]{1,0} dot(%param_0, %param_1), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}

%gathered (param_2: u8[45000,3072], param_3: s32[10]) -> u8[10,3072] {
  %param_2 = u8[45000,3072]{1,0} parameter(0)
  %param_3 = s32[10]{0} parameter(1)
  ROOT %gather = u8[10,3072]{1,0} gather(%param_2, %param_3), offset_dims={1}
}

%body (state: (bf16[1000,3000], bf16[3000,2000], u8[45000,3072], s32[10])) -> (f32[1000,2000], u8[10,3072]) {
  %state = (bf16[1000,3000]{1,0}, bf16[3000,2000]{1,0}) parameter(0)
  %a = bf16[1000,3000]{1,0} get-tuple-element(%state), index=0
  %b = bf16[3000,2000]{1,0} get-tuple-element(%state), index=1
  %images = u8[45000,3072]{1,0} get-tuple-element(%state), index=2
  %order = s32[10]{0} get-tuple-element(%state), index=3
  %batch = u8[10,3072]{1,0} fusion(%images, %order), kind=kLoop, calls=%gathered, c={"estimated_cycles":"70"}
  %c = f32[1000,2000]{1,0} fusion(%a, %b), kind=kCustom, calls=%product, c={"estimated_cycles":"500"}
  %d = f32[4]{0} fusion(%order), kind=kLoop, calls=%gathered, c={"estimated_cycles":"9223372036854775807"}
  %x = f32[128,30,30,16]{3,2,1,0} custom-call(%a), custom_call_target="other"
  %y = f32[128,28,28,32]{3,2,1,0} custom-call(%a), custom_call_target="other"
  %k = f32[32,3,3,16]{3,2,1,0} custom-call(%a), custom_call_target="other"
  %forward = (f32[128,28,28,32]{3,2,1,0}, u8[0]{0}) custom-call(%x, %k), custom_call_target="__cudnn$convForward", dim_labels=b01f_o01i->b01f
  %filter = (f32[32,3,3,16]{3,2,1,0}, u8[0]{0}) custom-call(%x, %y), custom_call_target="__cudnn$convBackwardFilter", dim_labels=b01f_o01i->b01f
  %input = (f32[128,30,30,16]{3,2,1,0}, u8[0]{0}) custom-call(%y, %k), custom_call_target="__cudnn$convBackwardInput", dim_labels=b01f_o01i->b01f
  ROOT %tuple = (f32[1000,2000]{1,0}, u8[10,3072]{1,0}) tuple(%c, %batch)
}

ENTRY %main (arguments: (f32[1000,2000], u8[10,3072])) -> (f32[1000,2000], u8[10,3072]) {
  %arguments = (f32[1000,2000]{1,0}, u8[10,3072]{1,0}) parameter(0)
  ROOT %while = (f32[1000,2000]{1,0}, u8[10,3072]{1,0}) while(%arguments), condition=%condition, body=%body
}
""")  # noqa: E501
THUNKS = """000: kCommandBuffer [source | sink]
    001: kCustomKernel [source | next=002 (1)] shuffle
002: kWhile [prev=000 (1) | next=006 (1)]
condition:
    003: kCustomKernel [source | sink] compare
  body:
    000: kCommandBuffer [source | sink]
        004: kCustomKernel [source | next=005 (1)] dot
    005: kConvolution [source | sink] kConvolution
006: kCustomKernel [prev=002 (1) | sink] add
"""


def test_operations_are_counted():
    step = PROGRAM.step
    convolution = 2 * 128 * 28 * 28 * 32 * 9 * 16
    flops = {name: product_flops(item, step) for name, item in step.instructions.items()}
    assert {name: count for name, count in flops.items() if count} == {
        "%forward": convolution,
        "%filter": convolution,
        "%input": convolution,
    }
    inner = PROGRAM.called(step.instructions["%c"])
    assert product_flops(inner.instructions["%dot"], inner) == 2 * 1000 * 3000 * 2000
    for model in ["mlp", "conv"]:
        assert least_flops(TrainConfig(model=model)) == pytest.approx(FLOP_PER_IMAGE[model], rel=0.01)


def test_a_kernel_takes_the_longest_of_moving_multiplying_and_starting():
    gpu, text = GPUS["h100"], PROGRAM.text
    only = Program(
        "\n".join(line for line in text.splitlines() if line.split(" = ")[0].strip() in KEPT or "=" not in line)
    )
    least = roofline(only, gpu)
    assert least.flops == 2 * 1000 * 3000 * 2000
    # of the images only those of the batch are read
    assert least.bytes == (10 * 3072 * 2 + 40) + (1000 * 3000 + 3000 * 2000) * 2 + 1000 * 2000 * 4
    assert least.seconds == pytest.approx(START + least.flops / (PRODUCT_SHARE * gpu.bfloat16))
    slow = roofline(only, GPUS["h100"].__class__("slow memory", 1e9, gpu.tf32, gpu.bfloat16))
    assert slow.seconds == pytest.approx(least.bytes / (MEMORY_SHARE * 1e9))


KEPT = {
    f"%{n}" for n in ["state", "a", "b", "images", "order", "batch", "c", "param_0", "param_1", "param_2", "param_3"]
}
KEPT |= {"ROOT %dot", "ROOT %gather", "ROOT %while", "%arguments"}


def test_cycles_are_those_that_the_compiler_knows():
    assert step_cycles(PROGRAM) == [70, 500]


def test_a_program_without_a_loop_is_refused():
    with pytest.raises(ValueError, match="a program with a loop"):
        _ = Program(PROGRAM.text.replace(" while(", " call(")).step


def test_a_loop_within_a_graph_is_no_loop_of_the_host():
    thunks = read_thunks(THUNKS)
    assert (thunks.kernels, thunks.graph_nodes, thunks.host_loop) == (2, 1, True)
    first, *rest = THUNKS.splitlines()
    captured = read_thunks("\n".join(["000: kCommandBuffer [source | sink]", *("    " + line for line in rest[1:])]))
    assert (captured.kernels, captured.graph_nodes, captured.host_loop) == (2, 2, False)
    with pytest.raises(ValueError, match="it has 0"):
        read_thunks(first)


def test_collectives_are_counted_in_a_step_and_elsewhere():
    reduce = "  %all-reduce = f32[4]{0} all-reduce(%x), to_apply=%add\n"
    start = "  %start = (f32[4]{0}, f32[4]{0}) async-start(%x), calls=%async\n  %done = f32[4]{0} async-done(%start)\n"
    gather = "  %gather-start = (f32[4]{0}, f32[8]{0}) all-gather-start(%x)\n"
    text = PROGRAM.text.replace("  ROOT %tuple", start + gather + "  ROOT %tuple").replace(
        "  ROOT %while", reduce + "  ROOT %while"
    )
    text += "\n%async (x: f32[4]) -> f32[4] {\n" + reduce + "}\n"
    assert collectives(Program(text)) == ({"all-reduce": 1, "all-gather": 1}, {"all-reduce": 1})
    assert collectives(PROGRAM) == ({}, {})


def test_bytes_are_counted():
    assert size_in_bytes("(f32[2,3]{1,0:T(8,128)}, bf16[5]{0}, pred[], s32[0]{0})") == 24 + 10 + 1


@pytest.mark.accelerator
def test_the_gpus_have_a_description():
    try:
        for gpu in GPUS.values():
            assert gpu_description(gpu.name).startswith("gpu_device_info {")
    except ModuleNotFoundError as error:
        pytest.skip(str(error))
    with pytest.raises(ValueError, match="NVIDIA A100-SXM4-80GB"):
        gpu_description("NVIDIA H100")
    assert [device.device_kind for device in target_devices("h100", devices_per_host=2)] == [GPUS["h100"].name] * 2
