"""The command ``posteriordb``: exact answers, a verdict on reference draws or your own, and exact draws to publish."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayes.io.posteriordb import load
from tests.bayes.io.posteriordb.layout import EXACT, NOT_EXACT, add_draws, exact_draws, write_folder
from tests.tolerances import IDENTITY

CENTRED, NONCENTRED = EXACT


@pytest.fixture
def root(folder):
    """A folder with reference draws of one of its posteriors, called clone."""
    root = write_folder(folder / "clone")
    add_draws(root, CENTRED, exact_draws(load(root, CENTRED), seed=3))
    return root


@pytest.mark.usefixtures("root")
def test_every_exact_posterior_is_compared_as_one_family(run):
    code, out, err = run("posteriordb", "clone")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == [
        "posterior",
        "parameters",
        "integral",
        "log",
        "evidence",
        "checks",
        "least",
        "p",
        "reference",
        "draws",
    ]
    assert [line.split()[0] for line in lines[1:3]] == sorted(EXACT)
    assert lines[1].endswith("pass")
    assert lines[2].endswith("no draws")
    assert "2 of the 3 posteriors in the folder are known exactly; of 1 there are reference draws." in out
    assert "share a false-alarm rate of 0.001" in out
    assert err.splitlines() == [f"{name} [{i}/2]" for i, name in enumerate(sorted(EXACT), 1)]


@pytest.mark.usefixtures("root")
def test_a_name_gives_the_exact_answer(run):
    code, out, err = run("posteriordb", "clone", CENTRED)
    posterior = load("clone", CENTRED)
    assert (code, err) == (0, "")
    assert f"log evidence {posterior.evidence:.10f} nats" in out
    tau = posterior.distributions["tau"]
    (line,) = (line for line in out.splitlines() if line.startswith("tau  ") and f"{tau.mean():.10g}" in line)
    assert line.split()[1:] == [f"{value:.10g}" for value in [tau.mean(), tau.std(), *tau.ppf([0.05, 0.5, 0.95])]]


@pytest.mark.usefixtures("root")
def test_json_has_every_number(run):
    code, out, _ = run("posteriordb", "clone", CENTRED, NONCENTRED, "--json")
    content = json.loads(out)
    assert (code, content["verdict"]) == (0, "pass")
    first, second = content["posteriors"]
    assert (first["name"], second["verdict"], second["checks"]) == (CENTRED, None, [])
    assert_allclose(
        first["parameters"]["mu"]["q50"], load("clone", CENTRED).distributions["mu"].ppf(0.5), rtol=IDENTITY
    )
    assert first["checks"][0]["minimum_detectable_effect"] > 0
    assert first["stan_program"] == "not in the folder"
    everything = json.loads(run("posteriordb", "clone", "--json")[1])
    assert everything["not_exact"] == [NOT_EXACT]


def test_ones_own_draws_are_held_to_the_posterior(run, root, folder):
    draws = exact_draws(load(root, NONCENTRED), seed=8)
    (folder / "mine.json").write_text(json.dumps([{k: v[i].tolist() for k, v in draws.items()} for i in range(4)]))
    assert run("posteriordb", "clone", NONCENTRED, "--draws", "mine.json")[0] == 0
    shifted = draws | {"theta[1]": draws["theta[1]"] + 0.3 * np.std(draws["theta[1]"])}
    (folder / "mine.json").write_text(json.dumps([{k: v[i].tolist() for k, v in shifted.items()} for i in range(4)]))
    code, out, _ = run("posteriordb", "clone", NONCENTRED, "--draws", "mine.json")
    assert code == 1
    assert any("theta[1]" in line and "fail" in line for line in out.splitlines())


@pytest.mark.usefixtures("root")
def test_exact_draws_are_written_in_posteriordbs_layout(run, folder):
    code, out, _ = run("posteriordb", "clone", NONCENTRED, "--export", "out")
    assert code == 0
    assert "6 files written below out." in out
    assert len(list((folder / "out").rglob("*.json*"))) == 6
    code, _, err = run("posteriordb", "clone", NONCENTRED, "--export", "out")
    assert (code, "is there already" in err, err.count("\n")) == (2, True, 1)


def test_a_program_that_differs_is_said(run, root):
    (root / "models" / "stan").mkdir(parents=True)
    (root / "models" / "stan" / "eight_schools_centered.stan").write_text("parameters { real mu; }")
    assert f"{CENTRED}: the Stan program in the folder differs" in run("posteriordb", "clone")[1]
    assert "Stan program: differs." in run("posteriordb", "clone", CENTRED)[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "folder 'nowhere' does not exist"),
        (["clone", "schools-eight_schools_centred"], "did you mean schools-eight_schools_centered?"),
        (["clone", NOT_EXACT], "is not known exactly"),
        (["clone", "--draws", "x.json"], "`draws` are of one posterior: give one name, got 0."),
        (["clone", *EXACT, "--draws", "x.json"], "`draws` are of one posterior: give one name, got 2."),
        (["clone", CENTRED, "--draws", "x.json"], "file 'x.json' does not exist"),
        (["clone", "--export", "out"], "`export` needs the names"),
        (["clone", CENTRED, "--seed=-1"], "`seed` must be"),
        (["clone", CENTRED, "--alpha", "2"], "`alpha` must lie between 0 and 1"),
        ([], "missing: PATH; see `python -m bayes posteriordb --help`."),
    ],
)
@pytest.mark.usefixtures("root")
def test_bad_usage_is_one_line(run, folder, arguments, message):
    code, out, err = run("posteriordb", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.splitlines()[-1].startswith("error: ")
    assert not (folder / "out").exists()


def test_a_damaged_zip_of_draws_is_one_line(run, root):
    file = root / "reference_posteriors" / "draws" / "draws" / f"{CENTRED}.json.zip"
    file.write_bytes(file.read_bytes()[:200])
    code, _, err = run("posteriordb", "clone", CENTRED)
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be unpacked" in err
