"""The command ``check``: a verdict on draws of a file, and an exit code."""

import json

import numpy as np
import pytest
import xarray as xr

from bayes.exact.normal_normal import EXAMPLE, NormalNormal
from bayes.registry import get_model
from tests.bayes.commands.draws import exact_draws


@pytest.mark.parametrize(
    ("options", "code", "verdict"),
    [([], 0, "pass"), (["--prior-sd", 1], 1, "fail"), (["--prior-mean=1e3", "--prior_sd=0.1"], 1, "fail")],
)
@pytest.mark.usefixtures("saved")
def test_draws_of_a_file_get_a_verdict_and_an_exit_code(run, options, code, verdict):
    finished = run("check", "draws.nc", "--model", "normal_normal", *options)
    assert (finished[0], finished[2]) == (code, "")
    assert f"{verdict}: 3 checks share a false-alarm rate of 0.001." in finished[1]


def test_too_few_draws_are_inconclusive(run, folder):
    exact_draws(EXAMPLE.model, EXAMPLE.y).isel(draw=slice(50)).to_netcdf(folder / "draws.nc")
    code, out, _ = run("check", "draws.nc", "--model=normal_normal")
    assert code == 3
    assert "cannot pass: bulk ESS" in out


def test_data_hyperparameters_and_names_of_the_user(run, folder):
    exact, heights = NormalNormal(prior_mean=170.0, prior_sd=20.0, noise_sd=7.0), [181.0, 169.5, 175.2]
    exact_draws(exact, heights).rename(mu="height").to_netcdf(folder / "draws.nc")
    (folder / "heights.csv").write_text("cm\n181.0\n169.5\n175.2\n")
    options = ["--data", "heights.csv", "--prior-mean", 170, "--prior-sd", 20, "--noise-sd", 7, "--var", "height=mu"]
    code, out, err = run("check", "draws.nc", "--model", "normal_normal", *options, "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["verdict"], report["observations"]) == ("pass", 3)
    assert report["hyperparameters"] == {"prior_mean": 170, "prior_sd": 20, "noise_sd": 7}
    assert [row["statistic"] for row in report["checks"]][:2] == ["location", "scale"]
    assert report["checks"][0]["exact"] == pytest.approx(exact.posterior(heights).mean())
    assert report["checks"][0]["p_value"] > 0.001


def test_evidence_runs_of_a_file_are_held_to_the_exact_evidence(run, folder):
    log_evidence = EXAMPLE.model.log_evidence(EXAMPLE.y) + np.random.default_rng(0).normal(-0.005, 0.1, size=16)
    for shift, code in [(0.0, 0), (0.5, 1)]:
        stats = xr.Dataset({"log_evidence": ("chain", log_evidence + shift)})
        tree = xr.DataTree.from_dict({"posterior": exact_draws(EXAMPLE.model, EXAMPLE.y), "sample_stats": stats})
        tree.to_netcdf(folder / f"smc{code}.nc")
        exit_code, out, err = run("check", f"smc{code}.nc", "--model", "normal_normal")
        assert (exit_code, err) == (code, "")
        assert "log evidence  runs" in out
        assert "E[Z_r] = Z, evidence law unbiased" in out
        for law, equation in [("log_unbiased", "E[log Z_r] = log Z"), ("inverse_unbiased", "E[1/Z_r] = 1/Z")]:
            options = ["--model", "normal_normal", "--evidence-law", law]
            exit_code, out, err = run("check", f"smc{code}.nc", *options)
            assert (exit_code, err) == (code, "")
            assert f"{equation}, evidence law {law}" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.nc", "--model", "normal_normal"], "file 'nowhere.nc' does not exist"),
        (["draws.nc", "--model", "beta_binomial"], "file 'draws.nc' has no 'theta', only mu;"),
        (["draws.nc", "--model", "normal_normal", "--var", "mu"], "`var` must be YOURS=MODEL"),
        (["draws.nc", "--model", "normal_normal", "--var", "mu=nu"], "`var` must be YOURS=MODEL"),
        (["draws.nc", "--model", "normal_normal", "--prior-sd", "wide"], "`prior_sd` must be a number"),
        (["draws.nc", "--model", "normal_normal", "--prior-sd", "-1"], "`prior_sd` must be a positive number"),
        (
            ["draws.nc", "--model", "normal_normal", "--prior-sd", f"1{'0' * 400}"],
            "`prior_sd` must be a positive number",
        ),
        (["draws.nc", "--model", "normal_normal", "--prior-sd", "[[1,2],[3]]"], "`prior_sd` must be a number"),
        (["draws.nc", "--model", "normal_normal", "--prior-sd", "[" * 10**5], "`prior_sd` must be a number"),
        (["draws.nc", "--model", "normal_normal", "--alpha", "2"], "`alpha` must lie between 0 and 1"),
        (["draws.nc", "--model", "normal_normal", "--data", "no.csv"], "`data` file"),
    ],
)
@pytest.mark.usefixtures("saved")
def test_what_cannot_be_checked_is_one_line(run, arguments, message):
    code, out, err = run("check", *arguments)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err


def test_a_store_that_cannot_be_read_is_not_one_that_cannot_be_written(run, folder):
    (folder / "draws.zarr" / "zarr.json").mkdir(parents=True)
    code, _, message = run("check", folder / "draws.zarr", "--model", "normal_normal")
    assert code == 2
    assert "cannot be read" in message
    assert "zarr.json" in message
    assert "written" not in message


def test_a_transform_of_a_variable_is_said_by_var(run, folder):
    model = get_model("normal_variance")
    v = model.exact.posterior(model.y).rvs((4, 1000), random_state=np.random.default_rng(3))
    np.savez("draws.npz", log_sd=np.log(np.sqrt(v)))
    code, out, err = run("check", "draws.npz", "--model", "normal_variance", "--var", "log_sd=log(sqrt(sigma2))")
    assert (code, err) == (0, ""), out
    for option, message in [
        ("log_sd=sqrt(sigma2)", "file 'draws.npz': 'log_sd' at chain 0, draw"),
        ("log_sd=cbrt(sigma2)", "`var` must have one of the transforms exp, log, "),
        ("log_sd=log(sd)", "`var` must be YOURS=MODEL with a variable of the model, sigma2, got 'log_sd=log(sd)'"),
    ]:
        code, out, err = run("check", "draws.npz", "--model", "normal_variance", "--var", option)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"error: {message}")
    code, _, err = run("check", folder / "draws.npz", "--model", "normal_normal", "--var", "log_sd=square(mu)")
    assert (code, "mu may be negative, so that its square does not say what it is" in err) == (2, True)


def test_chains_in_files_of_their_own_and_of_different_lengths(run, folder):
    mu = EXAMPLE.model.posterior(EXAMPLE.y).rvs((4, 1000), random_state=np.random.default_rng(4))
    for chain, n in enumerate([1000, 1000, 1000, 900]):
        rows = "\n".join(f"-1.0,0.9,0,{float(x)!r}" for x in mu[chain, :n])
        comments = f"# method = sample\n#  num_samples = {n}\n#  num_warmup = 1000\n#  thin = 1"
        (folder / f"run-{chain}.csv").write_text(f"{comments}\nlp__,accept_stat__,divergent__,mu\n{rows}\n")
    files = [f"run-{chain}.csv" for chain in range(4)]
    code, out, err = run("check", *files, "--model", "normal_normal")
    assert (code, out, "have chains of 1000, 1000, 1000, 900 draws" in err) == (2, "", True)
    for paths in (files, ["run-*.csv"], ["."]):
        code, out, err = run("check", *paths, "--model", "normal_normal", "--trim", "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["file"] == (paths if len(paths) > 1 else paths[0])
    code, _, err = run("check", "-", "run-0.csv", "--model", "normal_normal", standard_input=b"")
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.usefixtures("saved")
def test_a_variable_of_the_file_is_said_once_what_it_is(run):
    code, out, err = run("check", "draws.nc", "--model=normal_inverse_gamma", "--var", "mu=sigma2", "--var", "mu=mu")
    assert (code, out) == (2, "")
    assert "`var` must say once what mu is, got sigma2 and mu." in err


def test_leave_one_out_of_a_file_is_held_to_the_exact_values(run, folder):
    draws = exact_draws(EXAMPLE.model, EXAMPLE.y)
    for shift, code in [(0.0, 0), (0.3, 1)]:
        y = np.array(EXAMPLE.y) + shift
        log_likelihood = EXAMPLE.model.pointwise_log_likelihood({"mu": draws["mu"].to_numpy()}, y)
        logs = xr.Dataset({"y": (("chain", "draw", "i"), log_likelihood)})
        xr.DataTree.from_dict({"posterior": draws, "log_likelihood": logs}).to_netcdf(folder / f"loo{code}.nc")
        exit_code, out, err = run("check", f"loo{code}.nc", "--model", "normal_normal", "--loo")
        assert (exit_code, err) == (code, "")
        assert out.splitlines()[0].split() == [
            *("observation", "exact", "PSIS-LOO", "error", "MCSE", "error/MCSE", "k", "WAIC", "error", "verdict")
        ]
        exit_code, out, _ = run("check", f"loo{code}.nc", "--model", "normal_normal", "--loo", "--json")
        report = json.loads(out)
        assert exit_code == code
        assert [row["observation"] for row in report["checks"]][-2:] == ["y[13]", "total"]
        assert report["checks"][0]["exact"] == pytest.approx(EXAMPLE.model.leave_one_out(EXAMPLE.y)[0])
        assert report["checks"][-1]["pareto_k"] is None


@pytest.mark.usefixtures("saved")
def test_a_file_without_log_likelihood_has_that_of_the_model(run):
    code, out, err = run("check", "draws.nc", "--model", "normal_normal", "--loo")
    assert (code, err) == (0, "")
    assert "note: the draws have no log_likelihood" in out
