"""A folder in posteriordb's layout becomes exact models; what is missing or damaged is one line."""

import hashlib
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayes
from bayes import check
from bayes.io.posteriordb import export, load
from bayes.io.posteriordb.folder import Folder
from bayes.io.posteriordb.posteriors import exact_names, known_programs
from tests.bayes.io.posteriordb.layout import EXACT, NOT_EXACT, SCHOOLS, add_draws, exact_draws, write_folder
from tests.tolerances import IDENTITY

CENTRED, NONCENTRED = EXACT


@pytest.fixture
def root(tmp_path):
    return write_folder(tmp_path)


def test_a_posterior_is_an_exact_model_with_stans_names(root):
    posterior = load(root.parent, CENTRED)
    assert posterior.name == CENTRED
    assert set(posterior.parameters) == {"mu", "tau", "theta[1]", "theta[2]", "theta[3]", "theta[4]"}
    model, y = posterior.model, posterior.y
    assert posterior.evidence == model.log_evidence(y)
    assert posterior.distributions["theta[1]"].mean() == model.marginals(y)["theta[0]"].mean()
    assert posterior.draws is None
    assert posterior.program == "not in the folder"
    assert posterior.data == SCHOOLS
    assert bayes.posteriordb.load is load


def test_the_folder_itself_and_an_alias_are_found_too(root):
    (root / "alias").mkdir()
    (root / "alias" / "posteriors.json").write_text(json.dumps({"8schools": CENTRED}))
    assert load(root, "8schools").name == CENTRED
    assert exact_names(Folder(root)) == sorted(EXACT)


def test_right_draws_pass_and_wrong_ones_fail(root):
    draws = exact_draws(load(root, CENTRED), seed=3)
    add_draws(root, CENTRED, draws)
    posterior = load(root, CENTRED)
    checks = check(posterior.draws, posterior, posterior.y)
    assert checks.verdict == "pass", checks
    names = {row["parameter"] for row in checks.rows()}
    assert {"mu", "tau", "theta[1]", "theta[4]"} < names  # Stan's names, counted from 1
    assert "theta[0]" not in names
    assert any(name.startswith("z(") for name in names)  # and functions of several parameters
    add_draws(root, CENTRED, draws | {"mu": draws["mu"] + 0.3 * draws["mu"].std()})
    posterior = load(root, CENTRED)
    assert check(posterior.draws, posterior, posterior.y).verdict == "fail"


def test_permuted_draws_have_the_right_marginals_and_fail(root):
    draws = exact_draws(load(root, CENTRED), seed=4, size=2000)
    draws["theta[2]"] = np.random.default_rng(0).permuted(draws["theta[2]"], axis=1)
    add_draws(root, CENTRED, draws)
    posterior = load(root, CENTRED)
    failed = [one.parameter for one in check(posterior.draws, posterior, posterior.y) if one.verdict == "fail"]
    assert failed
    assert all(name.startswith(("z(", "|z(")) for name in failed)


def test_draws_are_those_of_the_marginals(root):
    posterior = load(root, NONCENTRED)
    draws = posterior.rvs(4000, np.random.default_rng(1))
    assert set(draws) == set(posterior.distributions)
    for name, distribution in posterior.distributions.items():
        share = np.mean(draws[name] < distribution.ppf(0.3))
        assert abs(share - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 4000), name


def test_a_program_of_another_text_is_noticed(root):
    (root / "models" / "stan").mkdir(parents=True)
    (root / "models" / "stan" / "eight_schools_centered.stan").write_text("parameters { real mu; }")
    assert load(root, CENTRED).program == "differs"
    sha256 = known_programs()["eight_schools_centered"].program_sha256
    assert len(sha256) == len(hashlib.sha256().hexdigest())


def test_other_data_than_its_own_are_refused(root):
    posterior = load(root, CENTRED)
    with pytest.raises(ValueError, match=r"`y` must be that of schools-eight_schools_centered"):
        posterior.log_evidence(posterior.y + 1)
    assert posterior.log_evidence(posterior.y.tolist()) == posterior.evidence


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda root: root.joinpath("data/data/schools.json.zip").unlink(),
            "does not exist, nor as a zip file",
        ),
        (lambda root: root.joinpath("data/data/schools.json.zip").write_bytes(b"PK\3\4 no"), "is damaged"),
        (lambda root: root.joinpath("data/data/schools.json.zip").write_bytes(b""), "is damaged"),
        (lambda root: root.joinpath(f"posteriors/{CENTRED}.json").write_text("{"), "is damaged"),
        (lambda root: root.joinpath(f"posteriors/{CENTRED}.json").write_text("[1]"), "must be a dictionary in JSON"),
        (
            lambda root: root.joinpath(f"posteriors/{CENTRED}.json").write_text("{}"),
            "must have a name without a path as 'name'",
        ),
    ],
)
def test_a_damaged_folder_is_one_line(root, damage, message):
    damage(root)
    with pytest.raises(ValueError, match=message) as error:
        load(root, CENTRED)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["J", "y", "sigma"])
def test_data_without_an_entry_are_one_line(root, key):
    data = {name: value for name, value in SCHOOLS.items() if name != key}
    root.joinpath("data/data/schools.json.zip").unlink()
    root.joinpath("data/data/schools.json").write_text(json.dumps(data))
    try:
        load(root, CENTRED)
    except ValueError as error:
        assert f"have no '{key}'" in str(error)  # noqa: PT017 (an entry that is not needed may be missing)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "other"}, "must have its own name as 'name', got 'other'"),
        ({"name": "../../escaped"}, "must have a name without a path as 'name'"),
        ({"data_name": "../../../secret"}, "must have a name without a path as 'data_name'"),
        ({"model_name": "a/b"}, "must have a name without a path as 'model_name'"),
        ({"reference_posterior_name": 5}, "must have a name without a path as 'reference_posterior_name'"),
        ({"dimensions": 5}, "`dimensions` of schools-eight_schools_centered must be the numbers of its parameters"),
        ({"dimensions": ["mu"]}, "`dimensions` of schools-eight_schools_centered must be"),
        ({"dimensions": {"theta": 9}}, "`dimensions` of schools-eight_schools_centered must be"),
    ],
)
def test_an_entry_that_leads_elsewhere_is_one_line(root, entry, message):
    file = root / "posteriors" / f"{CENTRED}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | entry))
    with pytest.raises(ValueError, match=message):
        load(root, CENTRED)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"y": [12.0, -3.5, 4.0]}, "`y` has the length 3, which no size among the data says"),
        ({"sigma": [9.0, 6.0, 11.0, 8.0, 5.0]}, "`sigma` has the length 5"),
        ({"y": [12.0, None, 4.0, 7.5]}, "`y` must hold finite numbers"),
        ({"y": ["12", "-3.5", "4", "7.5"]}, "`y` must hold finite numbers"),
        ({"y": [12.0, float("nan"), 4.0, 7.5]}, "`y` must hold finite numbers"),
        ({"y": [[1, 2], [3]]}, "`y` must be a number, or lists of one length"),
        ({"sigma": [9.0, 6.0, 0.0, 8.0]}, "`noise_sds` must hold positive numbers"),
    ],
)
def test_data_that_stan_would_refuse_are_one_line(root, entry, message):
    root.joinpath("data/data/schools.json.zip").unlink()
    root.joinpath("data/data/schools.json").write_text(json.dumps(SCHOOLS | entry))
    with pytest.raises(ValueError, match=message) as error:
        load(root, CENTRED)
    assert str(error.value).startswith("the data 'schools' of schools-eight_schools_centered cannot be used: ")


def test_names_that_are_none_are_one_line(root, tmp_path):
    with pytest.raises(ValueError, match=r"`name` must be one of the 3 posteriors, got 'schools'"):
        load(root, "schools")
    with pytest.raises(ValueError, match="is not known exactly: nothing here integrates the program 'arma11'"):
        load(root, NOT_EXACT)
    with pytest.raises(ValueError, match=r"folder '.*none' does not exist"):
        load(tmp_path / "none", CENTRED)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"folder '.*empty' has no posterior_database/posteriors"):
        load(tmp_path / "empty", CENTRED)


def test_reference_draws_that_are_missing_are_one_line(root):
    add_draws(root, CENTRED, exact_draws(load(root, CENTRED), seed=0, size=10))
    file = root / "reference_posteriors/draws/draws" / f"{CENTRED}.json.zip"
    file.unlink()
    with pytest.raises(ValueError, match="does not exist, nor as a zip file"):
        load(root, CENTRED)


def test_what_is_exported_is_read_again_and_agrees(root, tmp_path):
    posterior = load(root, CENTRED)
    files = export.write(posterior, tmp_path / "out", seed=5)
    base = tmp_path / "out" / "posterior_database" / "reference_posteriors"
    assert sorted(file.relative_to(base).as_posix() for file in files) == [
        f"draws/draws/{CENTRED}.json.zip",
        f"draws/info/{CENTRED}.info.json",
        f"summary_statistics/mean_squared_value/info/{CENTRED}.info.json",
        f"summary_statistics/mean_squared_value/mean_squared_value/{CENTRED}.json",
        f"summary_statistics/mean_value/info/{CENTRED}.info.json",
        f"summary_statistics/mean_value/mean_value/{CENTRED}.json",
    ]
    draws = posterior.read_draws(files[0])
    assert draws.posterior["theta"].shape == (10, 1000, 4)
    assert check(draws, posterior, posterior.y).verdict == "pass"
    info = json.loads((base / "draws/info" / f"{CENTRED}.info.json").read_text())
    assert (info["inference"]["method"], info["diagnostics"]["ndraws"]) == ("analytical", 10000)
    means = json.loads((base / "summary_statistics/mean_value/mean_value" / f"{CENTRED}.json").read_text())
    squares = json.loads(
        (base / "summary_statistics/mean_squared_value/mean_squared_value" / f"{CENTRED}.json").read_text()
    )
    place = means["names"].index("mu")
    mu = posterior.distributions["mu"]
    assert means["mean_value"][place] == mu.mean()
    assert_allclose(squares["mean_squared_value"][place], mu.var() + mu.mean() ** 2, rtol=IDENTITY)
    with pytest.raises(ValueError, match="is there already"):
        export.write(posterior, tmp_path / "out", seed=5)
    again = export.write(posterior, tmp_path / "again", seed=5)
    assert again[0].read_bytes() == files[0].read_bytes()  # the same seed, the same bytes
