"""Samplers in processes of Dask: the same answer as in this process, whoever dies; and what cannot be sent."""

import os
import subprocess
import sys
import threading

import psutil
import pytest
from numpy.testing import assert_array_equal

from bayes import calibrate
from bayes.calibration import cluster, jobs
from bayes.calibration.outcomes import outcome
from bayes.calibration.simulation import exact_simulation
from bayes.registry import get_model
from tests.bayes.calibration import samplers

SIMULATION = exact_simulation(get_model("normal_normal"))


def run(sample, **options):
    return calibrate(sample, "normal_normal", **{"datasets": 60, **options})


def job(sample, versions=None):
    return jobs.Job(simulation=SIMULATION, sample=sample, seed=0, versions=versions or {})


@pytest.fixture(scope="module")
def client():
    before = dict(os.environ)
    with cluster.local_client(2) as client:
        yield client
    assert dict(os.environ) == before


def test_a_cluster_is_reachable_on_this_machine_alone(client):
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = [c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert len(client.nthreads()) == 2
    assert set(listening) == {"127.0.0.1"}


def test_one_worker_killed_in_the_middle_changes_nothing(client, tmp_path):
    mark = tmp_path / "killed"
    result = run(samplers.Killing(mark=str(mark)), scheduler=client)
    assert mark.exists()
    straight = run(samplers.exact, workers=0)
    assert not result.failures
    assert_array_equal(result.rows, straight.rows)
    assert str(result.checks) == str(straight.checks)


def test_failures_have_their_numbers_and_reasons(client):
    result, straight = (run(samplers.raising_sometimes, **where) for where in ({"scheduler": client}, {"workers": 0}))
    assert result.failures == straight.failures != {}


def test_a_worker_that_cannot_load_the_sampler_says_so(client):
    sample = type(samplers)("only_here")
    exec("def sample(model, y, seed): return {}", vars(sample))
    sample.sample.__module__ = "only_here"
    sys.modules["only_here"] = sample
    try:
        with pytest.raises(
            ValueError, match=r"cannot be loaded in worker tcp://.*: ModuleNotFoundError: .*'only_here'"
        ):
            list(cluster.outcomes_in_workers(client, job(sample.sample), [0]))
    finally:
        del sys.modules["only_here"]


def test_a_worker_with_another_version_of_a_package_is_refused(client):
    with pytest.raises(ValueError, match=r"^worker tcp://.* has numpy .*, and here it is 0\.1; install the same\.$"):
        list(cluster.outcomes_in_workers(client, job(samplers.exact, {"numpy": "0.1"}), [0]))


@pytest.mark.slow
def test_a_data_set_that_kills_its_worker_is_a_failure_and_the_others_go_on():
    killing = samplers.Killing(divisor=37)
    with cluster.local_client(2) as client:
        found = [o for some in cluster.outcomes_in_workers(client, job(killing), range(60)) for o in some]
    killed = {o.index for o in found if o.failure}
    assert killed
    assert sorted(o.index for o in found) == list(range(60))
    assert {o.failure for o in found} == {"", "its worker process died each time that it ran"}
    for o in found:
        if not o.failure:
            assert_array_equal(o.rows, outcome(SIMULATION, samplers.exact, 0, o.index).rows)


def test_a_result_that_is_lost_with_its_worker_is_waited_for():
    class Lost:
        """A future whose worker died after its task, and that runs again."""

        status = "lost"

        def exception(self):
            self.status = "finished"

        def result(self):
            return ["outcome"] if self.status == "finished" else pytest.fail("it is not there yet")

    assert cluster._result(Lost()) == ["outcome"]


def test_a_sampler_that_cannot_be_pickled_is_named_before_anything_starts():
    lock = threading.Lock()

    def with_a_lock(*_):
        return lock

    with pytest.raises(
        ValueError, match=r"`sample` .*with_a_lock cannot be sent to worker processes: cannot pickle .*lock"
    ):
        run(with_a_lock)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://127.0.0.1:1", "cannot be reached: Timed out trying to connect to tcp://127.0.0.1:1 after 0.5 s."),
        ("tls://127.0.0.1:1", "cannot be reached: TLS expects"),
        ("nowhere", "cannot be reached: missing port number"),
    ],
)
def test_an_address_nobody_listens_at_is_refused(address, message, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    with pytest.raises(ValueError, match=f"`scheduler` {address} {message}"):
        run(samplers.exact, scheduler=address)


SCRIPT = """
from bayes import calibrate
from tests.bayes.calibration import samplers
calibrate(samplers.exact, "normal_normal", datasets=20, workers=2)
"""


@pytest.mark.slow
def test_a_script_without_a_main_guard_is_told_so_once(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    finished = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stderr.count("Traceback") == 1
    assert 'below `if __name__ == "__main__":`, or use workers=0.' in finished.stderr.splitlines()[-1]
