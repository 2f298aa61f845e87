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
def run(tmp_path_factory):
    with jax.numpy_rank_promotion("allow"):
        return fit(replace(CONFIG, run_dir=tmp_path_factory.mktemp("run") / "run"))
