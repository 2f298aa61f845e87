"""The training chunk and inference are lowered for GPUs and TPUs with nothing that only one platform has.

This needs no compiler of theirs: a program that is exported for several platforms has only operations that all of them
have, except for custom calls, which are functions of one platform by name.
"""

import re

import jax
import jax.numpy as jnp
import pytest
from jax import export

from benchmarks.compiled.chunks import chunk_and_arguments, logits_and_arguments
from nets.training.config import TrainConfig
from tests.nightly import nightly_but

PLATFORMS = ["cuda", "rocm", "tpu"]
CONFIGS = {
    "conv, flip+crop": {"augmentation": "flip+crop"},
    "deep, bfloat16, muon": {"channels": (16, 32), "precision": "bfloat16", "optimizer": "muon"},
    "members, bfloat16": {"members": 3, "precision": "bfloat16"},
    "members": {"members": 3},
    "mlp, sgd": {"model": "mlp", "optimizer": "sgd"},
    "mlp, bfloat16": {"model": "mlp", "precision": "bfloat16"},
}
"""The first three have every layer, and every optimizer but SGD."""

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")


def custom_calls(function, arguments, platforms=PLATFORMS):
    """Return the names of the custom calls of a jitted function that is lowered for ``platforms``."""
    module = export.export(function, platforms=platforms, disabled_checks=CUSTOM_CALLS)(*arguments).mlir_module()
    return set(re.findall(r"custom_call @([\w.$]+)", module))


CUSTOM_CALLS = [export.DisabledSafetyCheck.custom_call(name) for name in ["of_a_cpu", "LayoutConstraint"]]
"""Custom calls that `jax.export` is to leave to the test."""


@pytest.mark.parametrize("name", nightly_but(list(CONFIGS)[:3], CONFIGS))
def test_no_platform_lacks_an_operation(name):
    config = TrainConfig(hidden=(100, 100), **CONFIGS[name])
    assert custom_calls(*chunk_and_arguments(config)) == set()
    assert custom_calls(*logits_and_arguments(config)) == set()


def test_what_only_a_cpu_has_is_detected():
    x = jax.ShapeDtypeStruct((2, 2), jnp.float32)
    call = jax.jit(jax.ffi.ffi_call("of_a_cpu", x))
    assert custom_calls(call, [x]) == {"of_a_cpu"}
    with pytest.raises(NotImplementedError, match="eig"):
        custom_calls(jax.jit(jnp.linalg.eig), [x], ["tpu"])
    config = TrainConfig(hidden=(100, 100), model="mlp", precision="bfloat16")
    assert custom_calls(*chunk_and_arguments(config), ["cpu"]) == {"LayoutConstraint"}  # the forms of a CPU
