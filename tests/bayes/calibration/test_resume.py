"""A folder of outcomes: continued after a kill at any time, and refused for anything else than the same call."""

import random
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bayes import calibrate
from bayes.calibration import samplers as described
from bayes.calibration.outcomes import Outcome
from bayes.calibration.runs import Runs, locked
from tests.bayes.calibration import samplers

SCRIPT = """
import sys
from bayes import calibrate
from bayes.calibration import runs
from tests.bayes.calibration import samplers
runs.FLUSH = float(sys.argv[2])
calibrate(samplers.exact, "normal_normal", datasets=60, workers=0, out=sys.argv[1],
          progress=lambda done, total: print(done, flush=True))
"""


def run(out=None, sample=samplers.exact, **options):
    return calibrate(sample, "normal_normal", **{"datasets": 60, "workers": 0, **options}, out=out)


def test_a_killed_run_goes_on_with_the_same_answer(tmp_path):
    out = tmp_path / "runs.zarr"
    command = [sys.executable, "-c", SCRIPT, out, "0"]  # every outcome is on disk before the next data set
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) == 30:
                process.kill()
    told = []
    result = run(out, progress=lambda done, _: told.append(done))
    straight = run()
    assert told[0] > 30
    assert_array_equal(result.rows, straight.rows)
    assert str(result.checks) == str(straight.checks)
    again = run(out, progress=lambda *_: pytest.fail("all data sets have outcomes"))
    assert_array_equal(again.rows, straight.rows)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_run_killed_at_random_times_goes_on_with_the_same_answer(tmp_path, seed):
    rng, out = random.Random(seed), tmp_path / "runs.zarr"
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, out, str(rng.choice([0, 1]))], stdout=subprocess.DEVNULL
        )
        time.sleep(rng.uniform(2, 6))
        process.kill()
        process.wait()
    assert_array_equal(run(out).rows, run().rows)


def test_more_data_sets_are_added_and_fewer_are_a_part(tmp_path):
    out = tmp_path / "runs.zarr"
    run(out, datasets=30)
    told = []
    result = run(out, datasets=50, progress=lambda done, _: told.append(done))
    assert told[0] == 31
    assert_array_equal(result.rows, run(datasets=50).rows)
    assert_array_equal(run(out, datasets=20).rows, result.rows[:20])
    assert_array_equal(run(out, datasets=50).rows, result.rows)


def test_fewer_data_sets_may_be_completed_first(tmp_path):
    def outcomes(*numbers):
        return [
            Outcome(index=i, failure="unlucky") if i % 2 else Outcome(index=i, rows=np.full((1, 8), float(i)))
            for i in numbers
        ]

    def opened(datasets):
        return Runs(("mu",), {}, datasets, tmp_path / "runs.zarr", "model")

    with opened(40) as runs:
        runs.record(outcomes(0, 5, 30, 31))  # the others were in workers when it was stopped
    with opened(10) as runs:
        runs.record(outcomes(*runs.missing))
    runs = opened(40)
    assert runs.missing == [*range(10, 30), *range(32, 40)]
    assert set(runs.failures) == {1, 3, 5, 7, 9, 31}
    assert runs.rows[[8, 30], 0, 0].tolist() == [8, 30]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, "was made with seed 0, and this call has 1; give the same, or another `out`"),
        ({"observations": 3}, "was made with observations [0-9]+, and this call has 3;"),
        ({"sample": samplers.too_wide}, "was made with sampler 'exact', code of .*, and this call has 'too_wide', '"),
    ],
)
def test_other_settings_are_refused(tmp_path, options, message):
    out = tmp_path / "runs.zarr"
    run(out, datasets=20)
    with pytest.raises(ValueError, match=message) as error:
        run(out, **{"datasets": 20, **options})
    assert "\n" not in str(error.value)


def test_other_versions_of_packages_are_refused(tmp_path, monkeypatch):
    out = tmp_path / "runs.zarr"
    run(out, datasets=20)
    monkeypatch.setattr(described, "version", lambda package: f"{package} 0.1")
    with pytest.raises(ValueError, match=r"version of numpy '.*', version of scipy .* and this call has .*'numpy 0.1'"):
        run(out, datasets=20)


def test_a_folder_in_use_is_refused_and_a_kill_ends_the_use(tmp_path):
    out = tmp_path / "runs.zarr"
    with locked(out), pytest.raises(ValueError, match=r"^`out` .* is in use by another call; wait for it, or"):
        run(out, datasets=20)
    holding = f"import fcntl, os\nfcntl.flock(os.open({str(out)!r}, os.O_RDONLY), fcntl.LOCK_EX)\n"
    holding += "print('locked', flush=True)\ninput()\n"
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match="is in use by another call"):
            run(out, datasets=20)
        other.kill()
    assert run(out, datasets=20).verdict in {"pass", "inconclusive"}


def test_what_is_no_folder_of_outcomes_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(ValueError, match=r"is there and is not a Zarr group; choose another, or remove it"):
            run(path, datasets=20)
    with pytest.raises(ValueError, match="cannot be opened or made: No such file or directory"):
        run(tmp_path / "nowhere" / "runs.zarr", datasets=20)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
