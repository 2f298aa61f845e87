"""``check`` as a sampler's author uses it: right draws pass, broken samplers fail, bad input is refused."""

import numpy as np
import pytest
import xarray as xr

from bayes import check, check_sampler, load_draws
from bayes.exact.normal_normal import EXAMPLE, NormalNormal
from bayes.io import stan
from bayes.programs.normal_normal import program
from bayes.registry import get_model
from bayes.sampling import inference


@pytest.fixture(scope="module")
def draws():
    """Exact draws, as a sampler's tree has them."""
    mu = EXAMPLE.model.posterior(EXAMPLE.y).rvs((4, 1000), random_state=np.random.default_rng(11))
    groups = {"posterior": {"mu": mu}, "sample_stats": {"diverging": np.zeros(mu.shape, bool)}}
    return tree(groups)


@pytest.fixture(scope="module")
def runs():
    """Runs of SMC as a tree has them: log-normal estimates of the evidence without bias."""
    rng = np.random.default_rng(12)
    log_evidence = EXAMPLE.model.log_evidence(EXAMPLE.y) + rng.normal(-0.005, 0.1, size=16)
    particles = EXAMPLE.model.posterior(EXAMPLE.y).rvs((16, 500), random_state=rng)
    return tree({"posterior": {"mu": particles}, "sample_stats": {"log_evidence": log_evidence}})


def tree(groups):
    return xr.DataTree.from_dict(
        {
            group: xr.Dataset({name: (("chain", "draw")[: x.ndim], x) for name, x in variables.items()})
            for group, variables in groups.items()
        }
    )


def test_right_draws_and_runs_pass(draws, runs):
    checks = check(draws, EXAMPLE.model, EXAMPLE.y, evidence=runs)
    assert checks.verdict == "pass", checks
    assert {c.parameter for c in checks} == {"mu", "log evidence"}
    assert len(checks) == 4


def test_smc_of_ours_passes_and_a_run_alone_is_inconclusive():
    """The tree as the sampler makes it, and not as we say here that it does."""
    smc = inference.smc(program(EXAMPLE.model, EXAMPLE.y), seed=12, draws=200)
    assert check(None, EXAMPLE.model, EXAMPLE.y, evidence=smc).verdict == "pass"
    alone = smc.isel(chain=[0])
    assert check(None, EXAMPLE.model, EXAMPLE.y, evidence=alone).verdict == "inconclusive"


@pytest.mark.parametrize("change", [{"prior_sd": 0.5}, {"noise_sd": 1.2}, {"prior_mean": 10.0}])
def test_draws_of_another_model_fail(draws, runs, change):
    """Negative control: the same draws and runs, held to a model with one hyperparameter changed."""
    other = NormalNormal(**({"prior_mean": 0.0, "prior_sd": 5**0.5, "noise_sd": 1.0} | change))
    assert check(draws, other, EXAMPLE.y).verdict == "fail"
    assert check(None, other, EXAMPLE.y, evidence=runs).verdict == "fail"


def test_check_sampler_names_the_model_whose_draws_are_refused(runs):
    with pytest.raises(ValueError, match=r"^normal_normal: `draws` are particles of SMC"):
        check_sampler(lambda *_: runs, models=["normal_normal"])
    with pytest.raises(ValueError, match=r"^beta_binomial: .* the sampler did not move"):
        check_sampler(lambda *_: {"theta": np.ones((4, 100))}, models=["beta_binomial"])


def test_other_data_fail(draws):
    assert check(draws, EXAMPLE.model, [*EXAMPLE.y[:-1], 9.0]).verdict == "fail"


def test_few_draws_and_few_runs_are_inconclusive(draws, runs):
    few = {"mu": draws.posterior["mu"].values[:, :50]}
    checks = check(few, EXAMPLE.model, EXAMPLE.y, evidence=runs.sample_stats["log_evidence"].values[:7])
    assert checks.verdict == "inconclusive"
    assert {c.verdict for c in checks} == {"inconclusive"}
    assert "evidence runs 7 < 8" in str(checks)
    assert "ESS" in str(checks)


def test_a_saved_and_loaded_file_has_the_same_verdicts(draws, runs, tmp_path):
    for name, group in [("nuts.nc", draws), ("smc.nc", runs)]:
        group.to_netcdf(tmp_path / name)
    with xr.open_datatree(tmp_path / "nuts.nc") as nuts, xr.open_datatree(tmp_path / "smc.nc") as smc:
        opened = check(nuts, EXAMPLE.model, EXAMPLE.y, evidence=smc)
    assert opened == check(draws, EXAMPLE.model, EXAMPLE.y, evidence=runs)
    read = load_draws(tmp_path / "nuts.nc", ["mu"])
    assert check(read, EXAMPLE.model, EXAMPLE.y, evidence=load_draws(tmp_path / "smc.nc", [])) == opened
    assert check(draws["posterior"].to_dataset(), EXAMPLE.model, EXAMPLE.y).verdict == "pass"


def test_bad_input_is_refused(draws, runs):
    with pytest.raises(ValueError, match="particles of SMC"):
        check(runs, EXAMPLE.model, EXAMPLE.y)
    with pytest.raises(ValueError, match="`evidence` has no `log_evidence`"):
        check(None, EXAMPLE.model, EXAMPLE.y, evidence=draws)
    with pytest.raises(ValueError, match="no variable 'mu', only \\['theta'\\]"):
        check({"theta": np.zeros((4, 10))}, EXAMPLE.model, EXAMPLE.y)
    with pytest.raises(ValueError, match="nothing to judge"):
        check(None, EXAMPLE.model, EXAMPLE.y)
    mu = draws.posterior["mu"].values
    with pytest.raises(ValueError, match=r"hold copied chains: chains 0 and 4 .*, and so have 2 and 5"):
        check({"mu": mu[[0, 1, 2, 3, 0, 2]]}, EXAMPLE.model, EXAMPLE.y)
    with pytest.raises(ValueError, match="must not have masked values"):
        check({"mu": np.ma.masked_greater(mu, np.median(mu))}, EXAMPLE.model, EXAMPLE.y)
    for wrong in [mu, "draws.nc", [{"mu": mu}]]:
        with pytest.raises(ValueError, match="`draws` must be an ArviZ DataTree"):
            check(wrong, EXAMPLE.model, EXAMPLE.y)


def test_an_exact_evidence_estimator_passes():
    """Importance sampling from the posterior returns the evidence itself, up to rounding, in every run."""
    log_evidence = EXAMPLE.model.log_evidence(EXAMPLE.y)
    assert check(None, EXAMPLE.model, EXAMPLE.y, evidence=[log_evidence] * 16).verdict == "pass"
    assert check(None, EXAMPLE.model, EXAMPLE.y, evidence=log_evidence + 1e-15 * np.arange(16)).verdict == "pass"
    assert check(None, EXAMPLE.model, EXAMPLE.y, evidence=log_evidence + 1e-9 * (1 + np.arange(16))).verdict == "fail"


def test_a_sampler_is_checked_on_models_with_own_data_and_hyperparameters():
    own_exact = NormalNormal(prior_mean=170.0, prior_sd=20.0, noise_sd=7.0)
    own_model = get_model("normal-normal").with_data([181.0, 169.5, 175.2], exact=own_exact)

    def correct(model, seed, n):
        return {"mu": model.exact.posterior(model.y).rvs((4, n), random_state=np.random.default_rng(seed))}

    def example_draws(_, seed, n):
        return correct(get_model("normal_normal"), seed, n)

    assert check_sampler(correct, models=[own_model, "normal_normal"]).verdict == "pass"
    checks = check_sampler(example_draws, models=own_model)
    assert checks.verdict == "fail"
    assert "normal_normal (own)" in str(checks)
    with pytest.raises(ValueError, match=r"`models` has normal_normal \(own\) twice"):
        check_sampler(correct, models=[own_model, own_model])
    with pytest.raises(ValueError, match="`exact` must be a NormalNormal, got a str"):
        own_model.with_data([1.0], exact="normal")
    with pytest.raises(ValueError, match="`y` must be one-dimensional"):
        own_model.with_data([[1.0]])


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ([[1.0, 2.0], [3.0]], "`evidence` must be a vector .* got runs of different lengths; take the last stage"),
        ([[1.0, 2.0]], r"`evidence` must be a vector .* got shape \(1, 2\)"),
        (["a"], "`evidence` must be a vector of log evidences in nats, one number a run, got text"),
        ([1j], "got complex numbers"),
        ([True], "got true and false"),
        ([1.0, np.nan], r"`evidence` must be finite, got evidence\[1\] = nan"),
        ([1.0, 1.0, 2.0], "the evidence runs hold one number twice among 3"),
    ],
)
def test_messages_about_wrong_evidence_name_it(evidence, message):
    with pytest.raises(ValueError, match=message):
        check(None, EXAMPLE.model, EXAMPLE.y, evidence=evidence)


def test_log_evidence_that_is_text_is_refused_in_words():
    stats = xr.Dataset({"log_evidence": ("chain", ["a", "b"])})
    with pytest.raises(ValueError, match="the log evidence of every run must be a number, got text"):
        check(None, EXAMPLE.model, EXAMPLE.y, evidence=xr.DataTree.from_dict({"sample_stats": stats}))


@pytest.mark.parametrize("alpha", ["a", None, [0.1], 1j, 0.0, float("nan")])
def test_what_is_no_probability_is_no_alpha(alpha):
    with pytest.raises(ValueError, match="`alpha` must lie between 0 and 1, got"):
        check(None, EXAMPLE.model, EXAMPLE.y, evidence=[-20.0, -21.0], alpha=alpha)


@pytest.mark.parametrize("name", [3, None, ["normal_normal"], "nrmal"])
def test_what_is_no_name_is_no_model(name):
    for call in (get_model, stan.code, lambda name: check_sampler(print, models=[name])):
        with pytest.raises(ValueError, match=r"`model` must be one of normal_normal, .*, got"):
            call(name)
    with pytest.raises(ValueError, match="`models` must be names of models, or one of them, got 3"):
        check_sampler(print, models=3)
