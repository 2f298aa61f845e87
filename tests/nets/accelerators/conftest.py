"""What the compilers of TPUs and GPUs need: JAX without their devices, and programs compiled as users' are."""

import os

import jax
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from benchmarks.compiled.chunks import compile_chunk
from benchmarks.compiled.facts import facts_of
from benchmarks.compiled.targets import target_devices
from nets.training.config import TrainConfig

FEW_OPTIMIZATIONS = "jax_disable_most_optimizations"
"""JAX's option that `tests.conftest` sets for all other tests, by its environment variable; it cannot be read."""


@pytest.fixture
def compiler():
    """Return ``compiled(target, count, options, hosts=1, **config)``: the facts of a chunk on devices of a target.

    The test is skipped, with the reason, if the compiler is not installed.
    """
    settings = {"jax_platforms": "cpu", "jax_enable_compilation_cache": False}
    before = {name: getattr(jax.config, name) for name in settings}
    before[FEW_OPTIMIZATIONS] = os.environ[FEW_OPTIMIZATIONS.upper()] == "1"
    for name, value in (settings | {FEW_OPTIMIZATIONS: False}).items():
        jax.config.update(name, value)
    reset_cache()  # or JAX goes on with the choice of its first program, and cannot read these again

    def compiled(target, count=1, options=None, hosts=1, **config):
        try:
            devices = target_devices(target, hosts=hosts, devices_per_host=count // hosts)
        except ModuleNotFoundError as error:
            pytest.skip(str(error))
        assert len({device.process_index for device in devices[:count]}) == hosts
        return facts_of(compile_chunk(TrainConfig(**config), devices[:count], options))

    with jax.numpy_rank_promotion("allow"):
        yield compiled
    for name, value in before.items():
        jax.config.update(name, value)
    reset_cache()
