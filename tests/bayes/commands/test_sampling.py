"""The command ``sample``: draws of a model with data of the user, and what it refuses before it starts."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import xarray as xr

from bayes.sampling import inference

DATA = ["--data", "heights.csv", "--prior-mean", "1.7e2", "--prior-sd", "20", "--noise-sd", "7"]


def test_draws_of_own_data_are_saved_and_come_back_from_the_standard_input(run, folder, monkeypatch):
    (folder / "heights.csv").write_text("cm\n181.0\n169.5\n175.2\n")
    sample = ["sample", "normal-normal", *DATA, "--engine", "pymc", "--seed", 3, "--out", "draws.nc"]
    code, out, err = run(*sample)
    assert (code, out) == (0, "draws.nc\n"), err
    assert {file.name for file in folder.iterdir()} == {"draws.nc", "heights.csv"}
    with xr.open_datatree("draws.nc") as tree:
        assert 173 < tree["posterior"]["mu"].mean() < 176  # and not about 2, as the example's
    code, _, err = run(*sample)
    assert (code, "is there already" in err) == (2, True)
    content = (folder / "draws.nc").read_bytes()
    for options, verdict_code in [(DATA, 0), ([], 1)]:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        code, out, err = run("check", "-", "--model", "normal_normal", *options)
        assert code == verdict_code, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["normal"], "`model` must be one of normal_normal, "),
        (["beta_binomial", "--out", "nowhere/draws.nc"], "`out` must be in a folder that exists"),
        (["normal_normal", "--draws", "0"], "`draws` must be a whole number from 1 to 2^63 - 1, got 0."),
        (
            ["normal_normal", "--draws", "49", "--engine", "smc"],
            "`draws` must be a whole number from 50 to 2^63 - 1, got 49.",
        ),
        (["normal_normal", "--chains=-1"], "`chains` must be a whole number from 1 to 2^63 - 1, got -1."),
        (["normal_normal", "--seed", str(2**63)], "`seed` must be a whole number from 0 to 2^63 - 1"),
    ],
)
def test_what_is_refused_is_refused_before_it_is_announced_and_leaves_nothing(arguments, message, run, folder):
    code, out, err = run("sample", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert not list(folder.iterdir())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no folder that nobody can write to")
def test_a_folder_that_cannot_be_written_to_is_named_with_the_file_of_the_user(run):
    code, _, err = run("sample", "normal_normal", "--out", "/proc/x.nc")
    assert code == 2
    assert err.startswith("error: `out` /proc/x.nc cannot be written: ")


def test_an_interrupt_leaves_nothing(run, folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(inference, "nuts", interrupted)
    code, out, err = run("sample", "normal_normal")
    assert (code, out) == (130, "")
    assert err.endswith("interrupted: nothing was written\n")
    assert not list(folder.iterdir())
