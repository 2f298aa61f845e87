"""The log of cases: small inputs from public bug reports and files on which this project was once wrong, by number.

Each says what was wrong, and tests what is right now. Numbers that are missing here are tested where their answer is
computed.
"""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.signal import lfilter
from scipy.special import logsumexp
from scipy.stats import norm, t

from bayes import check, check_sampler
from bayes.io.draws_file import load_draws
from bayes.io.observations import read_observations
from bayes.registry import get_model

NORMAL = get_model("normal_normal")
POSTERIOR = NORMAL.exact.posterior(NORMAL.y)


def ar1(rng, rho, shape):
    noise = rng.normal(size=shape)
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    return POSTERIOR.mean() + POSTERIOR.std() * lfilter([1.0], [1.0, -rho], noise, axis=1)


def check_normal(draws, **options):
    return check(draws, NORMAL.exact, NORMAL.y, **options)


def nested_sampling(rng, runs, live_points, shrink):
    """Log evidence of ideal runs: in one dimension all that they need are prior volumes, X_i = exp(-i shrink)."""
    exact, y = NORMAL.exact, NORMAL.y
    n, N = len(y), live_points
    distance = np.linspace(0, 60, 100_001)
    inside = norm(exact.prior_mean, exact.prior_sd).cdf
    volume = inside(y.mean() + distance) - inside(y.mean() - distance)

    def log_likelihood(x):
        squares = np.sum((y - y.mean()) ** 2) + n * np.interp(x, volume, distance) ** 2
        return -n / 2 * np.log(2 * np.pi * exact.noise_sd**2) - squares / (2 * exact.noise_sd**2)

    live, rows, terms = rng.random((runs, N)), np.arange(runs), []
    for i in range(12 * N):
        worst = live.argmax(axis=1)
        outermost = live[rows, worst]
        terms.append(log_likelihood(outermost) - i * shrink + np.log(-np.expm1(-shrink)))
        live[rows, worst] = outermost * rng.random(runs)
    rest = logsumexp(log_likelihood(live), axis=1) - np.log(N) - 12 * N * shrink
    return np.logaddexp(logsumexp(terms, axis=0), rest)


SHRINK = {
    "log_unbiased": lambda N: 1 / N,  # Skilling: the mean of log X_i
    "inverse_unbiased": lambda N: np.log1p(1 / N),  # dynesty: log of the mean of X_i
    "unbiased": lambda N: -np.log1p(-1 / N),
}


def test_01_a_wrong_joint_distribution_fails_though_every_marginal_is_right():
    """Columns of exact draws, each in an order of its own: correlations of 0.6 became 0.01, and it passed."""
    schools = get_model("hierarchical_normal")
    samples = schools.exact.posterior(schools.y).rvs(2_000, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    permuted = {name: rng.permuted(values, axis=0) for name, values in samples.items()}
    for draws, verdict in [(samples, "pass"), (permuted, "fail")]:
        chains = {name: values.reshape(4, 500, *values.shape[1:]) for name, values in draws.items()}
        assert check(chains, schools, schools.y).verdict == verdict


@pytest.mark.parametrize("name", ["normal_inverse_gamma", "linear_regression"])
def test_01_a_variance_in_another_order_fails(name):
    model = get_model(name)
    samples = model.exact.posterior(model.y).rvs(8_000, np.random.default_rng(2))
    samples["sigma2"] = np.random.default_rng(3).permutation(samples["sigma2"])
    chains = {name: values.reshape(4, 2_000, *values.shape[1:]) for name, values in samples.items()}
    assert check(chains, model.exact, model.y).verdict == "fail"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("beta_binomial", {"successes": 1e-12, "failures": 1e-12}),
        ("normal_inverse_gamma", {"prior_count": 1e-12}),
        ("linear_regression", {"prior_covariance": np.eye(2) * 1e12}),
        ("multivariate_normal", {"prior_covariance": np.eye(2) * 1e12}),
    ],
)
def test_02_a_prior_that_was_forgotten_fails(name, change):
    """The data of the examples that people know drown their priors: these samplers passed 5 of 5 times."""

    def sample(model, seed, n):
        wrong = replace(model.exact, **change)
        samples = wrong.posterior(model.y).rvs(4 * n, random_state=np.random.default_rng([seed, 77]))
        samples = samples if isinstance(samples, dict) else {next(iter(model.exact.marginals(model.y))): samples}
        return {key: np.asarray(values).reshape(4, n, *np.shape(values)[1:]) for key, values in samples.items()}

    assert check_sampler(sample, models=[name]).verdict == "fail"


def test_05_what_converged_is_not_failed_beside_what_did_not():
    """A Gibbs sampler, slow in sigma2: mu, whose own R-hat was fine, was failed in 6 of 48 runs."""
    model = get_model("normal_inverse_gamma")
    exact, y, k = model.exact, np.asarray(model.y, float), model.exact.prior_count + len(model.y)
    rng = np.random.default_rng(1)
    runs, chains, n = 8, 4, 2_000
    samples = exact.posterior(y).rvs(runs * chains, rng)
    mu, v = samples["mu"].reshape(runs, chains), np.log(samples["sigma2"]).reshape(runs, chains)

    def log_density(v, mu):
        """Of v = log sigma2 given mu."""
        squares = exact.prior_count * (mu - exact.prior_mean) ** 2 + ((y - mu[..., None]) ** 2).sum(-1)
        return -(exact.shape + (len(y) + 1) / 2) * v - (exact.scale + squares / 2) * np.exp(-v)

    draws = {"mu": np.empty((runs, chains, n)), "sigma2": np.empty((runs, chains, n))}
    for i in range(n):
        mean = (exact.prior_count * exact.prior_mean + y.sum()) / k
        mu = mean + np.sqrt(np.exp(v) / k) * rng.normal(size=mu.shape)
        proposed = v + 0.02 * rng.normal(size=v.shape)
        accepted = np.log(rng.random(v.shape)) < log_density(proposed, mu) - log_density(v, mu)
        v = np.where(accepted, proposed, v)
        draws["mu"][..., i], draws["sigma2"][..., i] = mu, np.exp(v)
    for r in range(runs):
        checks = check({name: values[r] for name, values in draws.items()}, exact, y)
        assert checks.verdict == "inconclusive"
        assert "sigma2" in checks.checks[0].reason


@pytest.mark.parametrize("law", SHRINK)
def test_04_nested_sampling_is_judged_by_the_law_of_its_shrinkage(law):
    """Ideal runs with 25 live points, 100 of them, failed 56 % of the time: they were held to E[Z_r] = Z."""
    runs = nested_sampling(np.random.default_rng(4), 2000, 25, SHRINK[law](25))
    verdicts = [check_normal(None, evidence=batch, evidence_law=law).verdict for batch in runs.reshape(20, 100)]
    assert verdicts == ["pass"] * 20
    assert check_normal(None, evidence=runs + 0.2, evidence_law=law).verdict == "fail"  # negative control
    other_laws = {other: check_normal(None, evidence=runs, evidence_law=other) for other in SHRINK if other != law}
    assert "fail" in {checks.verdict for checks in other_laws.values()}
    assert all(f"evidence law {other} " in checks.notes[0] for other, checks in other_laws.items())


@pytest.mark.parametrize("n_other", [0, 1, 10, 500])
def test_06_chains_that_are_copies_but_for_some_draws_are_refused(n_other):
    """Copies but for the first draw, from other starting points, were counted four times: 28 % failed."""
    rng = np.random.default_rng(6)
    draws = np.repeat(POSTERIOR.rvs((1, 1000), random_state=rng), 4, axis=0)
    draws[:, :n_other] = POSTERIOR.rvs((4, n_other), random_state=rng)
    with pytest.raises(ValueError, match="hold copied chains: chains 0 and 1"):
        check_normal({"mu": draws})


def test_08_blank_cells_of_chain_are_refused_by_their_row(tmp_path):
    """Cells of `chain` that a spreadsheet merged were dropped before a reshape: 14 passes of 40 became fails."""
    draws = ar1(np.random.default_rng(8), 0.9, (4, 500))
    for name, chain_of, message in [
        ("merged", lambda chain, draw: chain if draw == 0 else "", "row 2 below the headings has no 'chain'"),
        ("last", lambda chain, _: chain if chain < 4 else "", "row 1501 below the headings has no 'chain'"),
    ]:
        rows = [f"{chain_of(chain + 1, draw)},{draw},{value:.4f}" for (chain, draw), value in np.ndenumerate(draws)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["chain,draw,mu", *rows]))
        with pytest.raises(ValueError, match=message):
            load_draws(tmp_path / f"{name}.csv", ["mu"])


def test_09_equal_weight_samples_are_no_chains():
    """Importance resampling: values that repeat, not side by side, were judged as if they were independent."""
    rng = np.random.default_rng(9)
    q = POSTERIOR.mean() + 4 * POSTERIOR.std() * rng.standard_t(5, size=(4, 1000))
    w = POSTERIOR.pdf(q) / t.pdf(q, 5, POSTERIOR.mean(), 4 * POSTERIOR.std())
    resampled = [rng.choice(row, 1000, p=weights / weights.sum()) for row, weights in zip(q, w, strict=True)]
    with pytest.raises(ValueError, match="values of chain 0 come back after others stood between them"):
        check_normal({"mu": np.array(resampled)})


@pytest.mark.parametrize("shape", [(4, 1000), (32, 1000)])
def test_10_draws_by_chains_are_refused_with_the_way_out(shape):
    """(draw, chain), as emcee's get_chain and PyStan 2 have them, was judged as thousands of chains, and failed."""
    draws = ar1(np.random.default_rng(10), 0.5, shape)
    with pytest.raises(ValueError, match=rf"{shape[1]} chains of {shape[0]} draws, more chains than draws; .* x\.T"):
        check_normal({"mu": draws.T})
    assert check_normal({"mu": draws}).verdict == "pass"


@pytest.mark.parametrize(
    ("text", "message"), [("height\n3,14", "decimal comma"), ("NA\n3.1\n2.8", "line 1: 'NA' is not a finite number")]
)
def test_13_a_decimal_comma_is_no_two_numbers_and_a_missing_value_no_heading(tmp_path, text, message):
    """3.14 was read as 3 and 14, and a first value that is missing as the name of the column."""
    (tmp_path / "y.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_observations(tmp_path / "y.csv")


def test_15_messages_say_what_is_wrong(tmp_path):
    """Of shapes numpy's own words came out; a classic netCDF file "cannot be read"; "got 'n'" for one name."""
    draws = POSTERIOR.rvs((4, 1000), random_state=np.random.default_rng(15))
    with pytest.raises(ValueError, match=r"chains of \[1000, 500\] draws"):
        check_normal({"mu": [list(draws[0]), list(draws[1, :500])]})
    with pytest.raises(ValueError, match=r"take its last axis away"):
        check_normal({"mu": draws[..., None]})
    classes = get_model("dirichlet_multinomial")
    p = classes.exact.posterior(classes.y).rvs(4000, np.random.default_rng(15))["p"].reshape(4, 1000, 4)
    for wrong in (np.concatenate([p, p[..., :1]], -1), p.transpose(0, 2, 1)):
        with pytest.raises(ValueError, match=r"must have the shape \(chain, draw, 4\)"):
            check({"p": wrong}, classes, classes.y)
    xr.Dataset({"mu": (("chain", "draw"), draws)}).to_netcdf(tmp_path / "classic.nc", engine="scipy")
    assert check(load_draws(tmp_path / "classic.nc", ["mu"]), NORMAL, NORMAL.y) == check_normal({"mu": draws})
    with pytest.raises(ValueError, match=r"^normal_normal: "):
        check_sampler(lambda *_: {}, models="normal_normal")


def test_16_pymc_s_own_tree_of_smc_is_recognised():
    """Its particles were judged as chains, and it was refused as evidence: its name of the evidence is another."""
    draws = POSTERIOR.rvs((4, 1000), random_state=np.random.default_rng(16))
    stages = np.array([[np.nan, NORMAL.exact.log_evidence(NORMAL.y) + shift] for shift in (-0.1, 0.02, 0.05, 0.0)])
    stats = xr.Dataset({"log_marginal_likelihood": (("chain", "stage"), stages.astype(object))})
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"mu": (("chain", "draw"), draws)}), "sample_stats": stats})
    with pytest.raises(ValueError, match="particles of SMC"):
        check_normal(tree)
    checks = check_normal(None, evidence=tree)
    assert checks.verdict == "inconclusive"  # 4 runs
    assert any("PyMC's own SMC adapts" in note for note in checks.notes)


def test_17_a_resample_that_ignores_its_seed_is_detected():
    """The second stage judged the first stage's draws again, at 22 times its level."""

    def resample(seed, n, run):
        rngs = [np.random.default_rng([run, seed, chain]) for chain in range(4)]
        return {"mu": np.array([POSTERIOR.rvs(n, random_state=rng) for rng in rngs])}

    refusals = []
    for run in range(20):
        assert check_normal(resample(0, 250, run), alpha=0.2, resample=lambda s, n, run=run: resample(s, n, run))
        try:
            check_normal(resample(0, 250, run), alpha=0.2, resample=lambda _, n, run=run: resample(0, n, run))
        except ValueError as error:
            refusals.append(str(error))
    assert refusals
    assert all("are not independent of the first: chain 0 has 250 values" in refusal for refusal in refusals)


def test_17_a_resample_of_the_same_object_or_of_too_few_draws_is_refused():
    bad = {"mu": POSTERIOR.rvs((4, 1000), random_state=0) + 0.07 * POSTERIOR.std()}
    few = {"mu": POSTERIOR.rvs((4, 150), random_state=9)}
    old = {"mu": np.concatenate([POSTERIOR.rvs((4, 3000), random_state=9), bad["mu"]], axis=1)}
    for resample, message in [
        (bad, "not independent of the first"),
        (few, "4000 draws a chain"),
        (old, "not independent of the first"),
    ]:
        with pytest.raises(ValueError, match=f"`resample`: .*{message}"):
            check_normal(bad, resample=lambda *_, resample=resample: resample)
