"""The command ``evidence``: an estimate beside the exact value, from NUTS and from a file, and what it refuses."""

import json

import numpy as np
import pytest

from bayes.__main__ import main
from bayes.exact.normal_normal import EXAMPLE


def saved(folder, shift=0.0):
    mu = EXAMPLE.model.posterior(EXAMPLE.y).rvs((4, 1000), random_state=np.random.default_rng(0))
    np.savez(folder / "draws.npz", mu=mu + shift)
    return str(folder / "draws.npz")


def test_draws_of_a_file_give_the_evidence_and_its_error(tmp_path, capsys):
    code = main(["evidence", saved(tmp_path), "--model", "normal_normal", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["verdict"] == "pass"
    assert abs(found["difference"]) < 0.01
    assert all(diagnostic["good"] for diagnostic in found["diagnostics"])


def test_a_variable_of_a_file_may_have_another_name(tmp_path, capsys):
    np.savez(tmp_path / "other.npz", height=np.load(saved(tmp_path))["mu"])
    file = [str(tmp_path / "other.npz"), "--model", "normal_normal"]
    assert main(["evidence", *file]) == 2
    assert "--var NAME=mu" in capsys.readouterr().err
    assert main(["evidence", *file, "--var", "height=mu"]) == 0


def test_draws_of_another_posterior_do_not_pass(tmp_path):
    assert main(["evidence", saved(tmp_path, shift=3.0), "--model", "normal_normal"]) != 0


def test_a_method_without_a_claim_is_inconclusive(capsys):
    assert main(["evidence", "normal_normal", "--method", "laplace"]) == 3
    assert "claims none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such_file.nc"], "is no model of `python -m bayes models`"),
        (["normal_normal", "--model", "beta_binomial"], "are two models"),
        (["draws.nc", "--model", "normal_normal", "--method", "nested"], "takes no draws"),
        (["normal_normal", "--draws", "1"], "`draws` must be a whole number"),
        (["normal_normal", "--method", "laplace", "--draws", "500"], "`draws` 500 has no effect"),
        (["draws.nc", "--model", "normal_normal", "--draws", "500"], "the draws are those of the file"),
        (["normal_normal", "--method", "laplace", "--seed", "1"], "`seed` 1 has no effect: nothing is random"),
        (["normal_normal", "--var", "height=mu"], "`var` has no effect"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message, capsys):
    assert main(["evidence", *arguments]) == 2
    assert message in capsys.readouterr().err
