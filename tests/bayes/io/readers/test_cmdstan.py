"""CmdStan's own CSV files, as its manual describes them: one a chain, with comments, adaptation and warm-up."""

import bz2
import gzip

import numpy as np
import pytest

from bayes import check
from bayes.io.draws_file import load_draws
from bayes.registry import get_model

REGRESSION = get_model("linear_regression")
NAMES = ["beta", "sigma2"]
HEADS = "lp__,accept_stat__,stepsize__,treedepth__,n_leapfrog__,divergent__,energy__,beta.1,beta.2,sigma2"


@pytest.fixture(scope="module")
def draws():
    """Exact draws, (4, 500): beta (…, 2) and sigma2."""
    vectors = REGRESSION.exact.posterior(REGRESSION.y).rvs(2000, np.random.default_rng(1))
    return {name: values.reshape(4, 500, *values.shape[1:]) for name, values in vectors.items()}


def text(draws, chain, warmup=0, thin=1, heads=HEADS, divergent=()):
    """Return the file of a chain, its draws after ``warmup`` rows far from them."""
    rows = [[-9.0, 0.9, 0.8, 2, 3, 0, 5.0, 1e6, -1e6, 1e6] for _ in range(warmup)]
    for i, (beta, sigma2) in enumerate(zip(draws["beta"][chain], draws["sigma2"][chain], strict=True)):
        rows.append([-7.0, 0.9, 0.8, 2, 3, int(i in divergent), 5.0, *beta, sigma2])
    lines = [",".join(map(repr, map(float, row))) for row in rows]
    adaptation = [
        "# Adaptation terminated",
        "# Step size = 0.8",
        "# Diagonal elements of inverse mass matrix:",
        "# 1, 2",
    ]
    return "\n".join(
        [
            "# stan_version_major = 2",
            "# stan_version_minor = 36",
            "# model = linear_regression_model",
            "# method = sample (Default)",
            "#   sample",
            f"#     num_samples = {thin * len(draws['sigma2'][chain])}",
            f"#     num_warmup = {thin * (warmup or 1000)} (Default)",
            f"#     save_warmup = {'true' if warmup else 'false (Default)'}",
            f"#     thin = {thin} (Default)",
            f"# id = {chain + 1}",
            heads,
            *lines[:warmup],
            *adaptation,
            *lines[warmup:],
            "# ",
            "#  Elapsed Time: 0.1 seconds (Warm-up)",
            "#                0.2 seconds (Total)",
            "# \n",
        ]
    )


def saved(folder, texts):
    files = [folder / f"run-{chain + 1}.csv" for chain in range(len(texts))]
    for file, content in zip(files, texts, strict=True):
        file.write_text(content)
    return files


@pytest.mark.parametrize("warmup", [0, 100])
@pytest.mark.parametrize("thin", [1, 3])
def test_the_draws_are_those_after_the_warm_up(tmp_path, draws, warmup, thin):
    files = saved(tmp_path, [text(draws, chain, warmup, thin, divergent=range(chain)) for chain in range(4)])
    (tmp_path / "run-1-config.json").write_text("{}")
    (tmp_path / "run.txt").write_text("console")
    for path in (files, str(tmp_path / "run-*.csv"), tmp_path):
        loaded = load_draws(path, NAMES)
        for name in NAMES:
            np.testing.assert_array_equal(loaded.posterior[name], draws[name])
        assert loaded.sample_stats["diverging"].sum(axis=1).tolist() == [0, 1, 2, 3]
    checks = check(loaded, REGRESSION, REGRESSION.y)
    assert "6 of 2000 transitions diverged" in str(checks)


def test_save_warmup_may_be_a_number_as_before_2_34(tmp_path, draws):
    (file,) = saved(tmp_path, [text(draws, 0, 100).replace("save_warmup = true", "save_warmup = 1")])
    np.testing.assert_array_equal(load_draws(file, NAMES).posterior["sigma2"], draws["sigma2"][:1])


def test_a_fixed_parameter_has_no_warm_up_to_save(tmp_path, draws):
    settings = "#     save_warmup = true\n#     algorithm = fixed_param"
    (file,) = saved(tmp_path, [text(draws, 0).replace("#     save_warmup = false (Default)", settings)])
    np.testing.assert_array_equal(load_draws(file, NAMES).posterior["sigma2"], draws["sigma2"][:1])


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_files_may_be_compressed(tmp_path, draws, suffix, compress):
    for chain in range(2):
        (tmp_path / f"run-{chain}.csv{suffix}").write_bytes(compress(text(draws, chain).encode()))
    np.testing.assert_array_equal(load_draws(tmp_path, NAMES).posterior["beta"], draws["beta"][:2])


def test_chains_of_different_lengths_are_trimmed_on_request(tmp_path, draws):
    short = {name: values[:, :300] for name, values in draws.items()}
    files = saved(tmp_path, [text(draws, 0), text(short, 1)])
    with pytest.raises(ValueError, match=r"have chains of 500, 300 draws; .* or cut all to the shortest with --trim"):
        load_draws(files, NAMES)
    np.testing.assert_array_equal(load_draws(files, NAMES, trim=True).posterior["beta"], draws["beta"][:2, :300])


def test_a_run_that_did_not_end_is_refused_and_its_whole_rows_are_read_on_request(tmp_path, draws):
    whole = text(draws, 0)
    (file,) = saved(tmp_path, [whole[: whole.index("# \n#  Elapsed") - 8]])  # a number that lost its last digits
    with pytest.raises(ValueError, match=r"has 499 draws after the warm-up, and its comments say 500: the run did not"):
        load_draws(file, NAMES)
    np.testing.assert_array_equal(load_draws(file, NAMES, trim=True).posterior["sigma2"], draws["sigma2"][:1, :499])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("beta.2", "beta.3"), "lacks some elements of 'beta'"),
        (lambda t: t.replace("num_samples = 500", "num_samples = many"), "does not say in its comments how many draws"),
        (lambda t: t.replace("num_samples = 500", "num_samples = 5"), "comments say 5: it is not as CmdStan wrote it"),
        (lambda t: t[: t.index("lp__")], "must have one column 'chain'|cannot be read as CSV"),
        (lambda t: t[: t.index("# Adaptation")], "has 0 draws after the warm-up"),
        (lambda t: "\n".join(line for line in t.splitlines() if line[0] != "#"), r"draws_pd\(\)` returns"),
        (lambda t: t.replace("-7.0,0.9,0.8,2.0", "-7.0,0.9,0.8,x", 1).replace("sigma2\n", "sigma2\n", 1), None),
    ],
)
def test_a_file_that_cannot_be_is_one_line(tmp_path, draws, change, message):
    (file,) = saved(tmp_path, [change(text(draws, 0))])
    if message is None:  # a column that nobody asked for
        load_draws(file, NAMES)
        return
    with pytest.raises(ValueError, match=message) as error:
        load_draws(file, NAMES)
    assert "\n" not in str(error.value)
    assert "run-1.csv" in str(error.value)


def test_a_cell_that_is_no_number_is_named_by_its_line(tmp_path, draws):
    lines = text(draws, 0).splitlines()
    lines[20] = lines[20].rpartition(",")[0] + ",nan"
    (file,) = saved(tmp_path, ["\n".join(lines) + "\n"])
    with pytest.raises(ValueError, match=r"run-1.csv', line 21, column 'sigma2': 'nan' is not a number"):
        load_draws(file, NAMES)


def test_files_that_do_not_belong_together_are_refused(tmp_path, draws):
    other_model = text(draws, 1, heads=HEADS.replace("sigma2", "tau"))
    with pytest.raises(ValueError, match=r"run-1.csv' and .*run-2.csv' are of different models: the column 'sigma2'"):
        load_draws(saved(tmp_path, [text(draws, 0), other_model]), NAMES)
    same_columns = text(draws, 1).replace("linear_regression_model", "flat_prior_model")
    with pytest.raises(ValueError, match=r"different models, 'linear_regression_model' and 'flat_prior_model'"):
        load_draws(saved(tmp_path, [text(draws, 0), same_columns]), NAMES)
    tidy = "chain,draw,mu\n0,0,1\n"
    with pytest.raises(ValueError, match=r"several files must be CSV files as CmdStan writes them, .*run-2.csv"):
        load_draws(saved(tmp_path, [text(draws, 0), tidy]), NAMES)
    same = saved(tmp_path, [text(draws, 0), text(draws, 0)])
    with pytest.raises(ValueError, match="hold copied chains: chains 0 and 1"):
        check(load_draws(same, NAMES), REGRESSION, REGRESSION.y)


def test_a_pattern_that_finds_nothing_does_not_exist(tmp_path):
    with pytest.raises(ValueError, match=r"run-\*.csv' does not exist"):
        load_draws(str(tmp_path / "run-*.csv"), NAMES)
