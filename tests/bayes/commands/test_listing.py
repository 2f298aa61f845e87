"""The command ``models``: every model with its equations, its example and its exact numbers."""

import json
from textwrap import indent

import pytest

from bayes.registry import NAMES, get_model


def test_every_model_is_listed_with_its_equations_and_numbers(run):
    code, out, err = run("models")
    assert (code, err) == (0, "")
    for name in NAMES:
        model = get_model(name)
        assert f"{name} - {model.example.title}" in out
        assert indent(model.example.equations, "    ") in out
        assert model.example.references in out
        assert f"log evidence {model.exact.log_evidence(model.y):.4f} nats" in out
    assert "theta: mean 0.446, sd 0.01585" in out  # as Gelman et al. have it, 0.446 and 0.016


def test_a_single_model_is_listed_and_all_as_json(run):
    code, out, _ = run("models", "normal-normal")
    assert code == 0
    assert "normal_variance" not in out
    code, out, _ = run("models", "--json")
    assert code == 0
    report = {row["name"]: row for row in json.loads(out)}
    assert set(report) == set(NAMES)
    assert report["normal_normal"]["hyperparameters"] == {"prior_mean": 0.0, "prior_sd": 5**0.5, "noise_sd": 1.0}
    assert report["normal_normal"]["example"]["posterior"]["mu"]["mean"] == pytest.approx(2.0866197)
    assert report["hierarchical_normal"]["example"]["log_evidence"] == pytest.approx(-31.3113, abs=1e-4)
