"""A finished run, trained once per test process, and the command line."""

import logging
from dataclasses import replace

import jax
import pytest

import nets.__main__
from nets.training.fitting import fit
from tests.nets.training.digits import CONFIG

CACHE_OPTIONS = [
    "jax_compilation_cache_dir",
    "jax_compilation_cache_max_size",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
]


@pytest.fixture
def flax_promotes_ranks():
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    with jax.numpy_rank_promotion("allow"):
        return fit(replace(CONFIG, run_dir=tmp_path_factory.mktemp("run") / "run"))


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Return a function that runs ``python -m nets`` in this process, in the folder ``tmp_path``.

    It returns exit code, standard output and error. What a command sets for its process is restored after the test.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    levels = {name: logging.getLogger(name).level for name in ["absl", "asyncio"]}
    options = {name: getattr(jax.config, name) for name in CACHE_OPTIONS}

    def run_command(*arguments):
        code = nets.__main__.main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    yield run_command
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    for name, value in options.items():
        jax.config.update(name, value)
