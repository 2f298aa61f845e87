"""Compiled programs that all tests of nets share, and a finished run, trained once per test process."""

from dataclasses import replace

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from nets.training.fitting import fit
from tests.nets.training.digits import CONFIG


@pytest.fixture
def flax_promotes_ranks():
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="session", autouse=True)
def programs_kept(tmp_path_factory):
    """Enable the compilation cache, also for processes that tests start: equal programs are compiled once.

    Programs of float32 and float64 parameters are equal.
    """
    options = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("programs")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    previous = {name: getattr(jax.config, name) for name in options}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in options.items():
            jax.config.update(name, value)
            environment.setenv(name.upper(), str(value))
        compilation_cache.reset_cache()  # else an earlier compilation has decided that there is none
        yield
    for name, value in previous.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    with jax.numpy_rank_promotion("allow"):
        return fit(replace(CONFIG, run_dir=tmp_path_factory.mktemp("run") / "run"))
