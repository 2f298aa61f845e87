"""A finished run, trained once per test process."""

from dataclasses import replace

import jax
import pytest

from nets.training.fitting import fit
from tests.nets.training.digits import CONFIG


@pytest.fixture
def flax_promotes_ranks():
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="session")
def programs_kept(tmp_path_factory):
    """Enable the compilation cache: float32 and float64 parameters compile to the same programs."""
    previous = jax.config.jax_compilation_cache_dir, jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("programs")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    yield
    jax.config.update("jax_compilation_cache_dir", previous[0])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", previous[1])


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    with jax.numpy_rank_promotion("allow"):
        return fit(replace(CONFIG, run_dir=tmp_path_factory.mktemp("run") / "run"))
