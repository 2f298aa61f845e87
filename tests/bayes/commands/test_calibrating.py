"""The command ``calibrate``: verdict and exit code, several models as one family, JSON, progress, and Ctrl-C."""

import json

import pytest

from bayes.calibration import calibrating
from bayes.commands import calibrating as command
from tests.bayes.calibration import samplers


@pytest.fixture
def engine(monkeypatch):
    """Put a function in the place of the engine, in this process."""
    real = calibrating.calibrations

    def put(sample):
        def calibrations(_, models, **options):
            return real(sample, models, **{**options, "workers": 0})

        monkeypatch.setattr(calibrating, "calibrations", calibrations)

    return put


@pytest.mark.parametrize(
    ("sample", "datasets", "code"),
    [(samplers.exact, 40, 0), (samplers.too_wide, 40, 1), (samplers.raising, 40, 2), (samplers.exact, 10, 3)],
)
def test_the_exit_code_is_that_of_the_verdict(run, engine, sample, datasets, code):
    engine(sample)
    assert run("calibrate", "normal_normal", "--datasets", datasets)[0] == code


def test_one_model_has_the_table_of_its_checks_and_lines_of_progress(run, engine, monkeypatch):
    engine(samplers.exact)
    monkeypatch.setattr(command, "BETWEEN_LINES", float("inf"))
    _, out, err = run("calibrate", "normal-normal", "--datasets", 30)
    assert "pass: 7 checks share a false-alarm rate of 0.001." in out
    assert "central interval" in out
    assert err.splitlines() == ["normal_normal 1/30", "normal_normal 30/30"]


def test_several_models_are_one_family(run, engine):
    def sample(model, y, seed):
        if model.name == "normal_normal":
            return samplers.too_wide(model, y, seed)
        return {"rate": samplers.exact(model, y, seed)["mu"]}

    engine(sample)
    arguments = ("calibrate", "gamma_poisson", "normal_normal", "gamma_poisson", "--datasets", 40)
    code, out, err = run(*arguments)
    assert code == 1
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["gamma_poisson", "normal_normal"]
    assert [line.split()[-1] for line in lines[1:3]] == ["pass", "fail"]
    assert "fail: 14 checks share a false-alarm rate of 0.001." in out
    assert not any(line.startswith("rate") for line in lines)  # only what does not pass has its row
    assert err.splitlines()[-1] == "normal_normal 40/40 [model 2/2]"
    found = json.loads(run(*arguments, "--json")[1])
    assert found["verdict"] == "fail"
    assert [model["verdict"] for model in found["models"]] == ["pass", "fail"]
    assert {len(model["checks"]) for model in found["models"]} == {7}
    assert found["models"][0]["cost"]["gradients"] is None


def test_the_default_is_every_model_that_can_be_simulated():
    names = [model.name for model in command.with_proper_priors()]
    assert "normal_normal" in names
    assert len(names) > 10


@pytest.mark.parametrize("out", [(), ("--out", "runs.zarr")])
def test_ctrl_c_says_how_to_go_on(run, engine, out):
    calls = []

    def sample(model, y, seed):
        calls.append(seed)
        if len(calls) == 25:
            raise KeyboardInterrupt
        return samplers.exact(model, y, seed)

    engine(sample)
    code, _, err = run("calibrate", "normal_normal", "--datasets", 30, *out)
    assert code == 130
    said = "what ran is in runs.zarr, and the same command goes on from there" if out else "nothing was written"
    assert err.splitlines()[-1] == f"interrupted: {said}"
    if out:
        assert run("calibrate", "normal_normal", "--datasets", 30, *out)[0] == 0
        assert len(calls) == 25 + 6
