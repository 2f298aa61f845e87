"""Draws from files: every format gives the draws that were saved, and what cannot be read is one line."""

import json
import pickle
import re
import warnings

import h5py
import numpy as np
import pytest
import xarray as xr

from bayes import check
from bayes.io.draws import evidence_runs, is_smc
from bayes.io.draws_file import load_draws
from bayes.registry import get_model

REGRESSION = get_model("linear_regression")
NAMES = ["beta", "sigma2"]


@pytest.fixture(scope="module")
def draws():
    """Exact draws, (4, 500): beta (…, 2) and sigma2."""
    vectors = REGRESSION.exact.posterior(REGRESSION.y).rvs(2000, np.random.default_rng(1))
    return {name: values.reshape(4, 500, *values.shape[1:]) for name, values in vectors.items()}


@pytest.fixture(scope="module")
def tree(draws):
    posterior = xr.Dataset({name: (("chain", "draw", "k")[: x.ndim], x) for name, x in draws.items()})
    posterior = posterior.assign_coords(chain=range(4), draw=range(500), k=["a", "b"])  # as ArviZ has them
    posterior["other"] = 2 * posterior["sigma2"]
    diverging = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 500), bool)), "lp": posterior["sigma2"]})
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": diverging})


def text(draws, heads=("chain", "draw", "beta[0]", "beta[1]", "sigma2")):
    rows = [
        [chain, draw, *draws["beta"][chain, draw], draws["sigma2"][chain, draw]]
        for chain in range(4)
        for draw in range(500)
    ]
    return "\n".join([",".join(heads), *(",".join(map(repr, map(float, row))) for row in rows)])


def saved(tmp_path, kind, draws, tree):
    """Save the draws in one of the ways in which people do."""
    file = tmp_path / f"draws.{kind}"
    match kind:
        case "nc":
            tree.to_netcdf(file, engine="h5netcdf")
        case "zarr":
            with warnings.catch_warnings():  # zarr's, of what it writes itself
                warnings.simplefilter("ignore")
                tree.to_zarr(file)
        case "zarr2":
            tree.to_zarr(file, zarr_format=2)
        case "old.nc":  # as ArviZ 0.x: one group after another
            for i, (name, group) in enumerate(tree.children.items()):
                dataset = group.to_dataset().assign_attrs(inference_library="pymc", arviz_version="0.17.1")
                dataset.to_netcdf(file, mode="a" if i else "w", group=name, engine="h5netcdf")
        case "one.nc":
            tree["posterior"].to_dataset().to_netcdf(file, engine="h5netcdf")
        case "classic.nc":  # as xarray writes it where there is scipy alone
            tree["posterior"].to_dataset().drop_vars("k").to_netcdf(file, engine="scipy")
        case "csv":
            file.write_text("# made by hand\n" + text(draws))
        case "r.csv":
            file.write_text(text(draws, (".chain", ".draw", "beta[1]", "beta[2]", "sigma2")))
        case "stan.csv":
            file.write_text(text(draws, ("chain__", "draw__", "beta.1", "beta.2", "sigma2")))
    return file


@pytest.mark.parametrize("kind", ["nc", "zarr", "zarr2", "old.nc", "one.nc", "classic.nc", "csv", "r.csv", "stan.csv"])
def test_every_format_gives_the_draws_that_were_saved(tmp_path, draws, tree, kind):
    loaded = load_draws(saved(tmp_path, kind, draws, tree), NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(loaded.posterior[name], draws[name])
    assert not is_smc(loaded)
    assert check(loaded, REGRESSION.exact, REGRESSION.y).verdict != "fail"


def test_rows_of_a_csv_file_may_be_in_any_order(tmp_path, draws):
    head, *rows = text(draws).splitlines()
    (tmp_path / "draws.csv").write_text("\n".join([head, *np.random.default_rng(0).permutation(rows)]))
    np.testing.assert_array_equal(load_draws(tmp_path / "draws.csv", NAMES).posterior["beta"], draws["beta"])


def test_variables_of_other_names_are_mapped(tmp_path, draws, tree):
    saved(tmp_path, "nc", draws, tree)
    loaded = load_draws(tmp_path / "draws.nc", NAMES, {"other": "sigma2"})
    np.testing.assert_array_equal(loaded.posterior["sigma2"], 2 * draws["sigma2"])
    with pytest.raises(ValueError, match=r"has no 'nu', only beta, sigma2, other; .* --var NAME=beta"):
        load_draws(tmp_path / "draws.nc", NAMES, {"nu": "beta"})
    with pytest.raises(ValueError, match="has no 'theta', only beta, sigma2, other"):
        load_draws(tmp_path / "draws.nc", ["theta"])
    with pytest.raises(ValueError, match="`var` must give a variable of the model once, got other=sigma2"):
        load_draws(tmp_path / "draws.nc", NAMES, {"other": "sigma2", "sigma2": "sigma2"})


def test_divergences_come_with_the_draws(tmp_path, draws, tree):
    divergent = tree.copy()
    divergent["sample_stats"] = divergent["sample_stats"].to_dataset().assign(diverging=lambda d: d["diverging"] | True)
    file = saved(tmp_path, "nc", draws, divergent)
    checks = check(load_draws(file, NAMES), REGRESSION.exact, REGRESSION.y)
    assert checks.verdict == "inconclusive"
    assert "divergent transitions 2000" in str(checks)


@pytest.mark.parametrize(("divergent", "verdict"), [(0, "pass"), (1, "pass"), (3, "inconclusive")])
def test_divergences_come_with_a_csv_file_of_cmdstanpy(tmp_path, draws, divergent, verdict):
    head, *rows = text(draws, ("chain__", "draw__", "beta[1]", "beta[2]", "sigma2")).splitlines()
    lines = [f"{head},divergent__", *(f"{row},{int(i < divergent)}" for i, row in enumerate(rows))]
    (tmp_path / "draws.csv").write_text("\n".join(lines))
    loaded = load_draws(tmp_path / "draws.csv", NAMES)
    np.testing.assert_array_equal(loaded.posterior["beta"], draws["beta"])
    checks = check(loaded, REGRESSION.exact, REGRESSION.y)
    assert checks.verdict == verdict
    assert (f"{divergent} of 2000 transitions diverged" in str(checks)) == (divergent > 0)
    assert ("cannot pass: divergent transitions 3 of 2000" in str(checks)) == (verdict == "inconclusive")


def bad_csv(old, new):
    return lambda draws: text(draws).replace(old, new, 1)


def third(cell):
    """Another last cell of the third draw, which is in line 4."""

    def make(draws):
        lines = text(draws).splitlines()
        lines[3] = f"{lines[3].rpartition(',')[0]},{cell}"
        return "\n".join(lines)

    return make


def merged(draws):
    """The chain in the first row of each alone, as a spreadsheet saves merged cells."""
    rows = [line.split(",", 2) for line in text(draws).splitlines()]
    return "\n".join(",".join([chain if draw in ("draw", "0.0") else "", draw, rest]) for chain, draw, rest in rows)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bad_csv("chain,", "run,"), "must have one column 'chain', got the columns run, draw"),
        (bad_csv("beta[1]", "beta[2]"), r"lacks some elements of 'beta' of shape \(3,\): it has"),
        (
            bad_csv("sigma2", "s2"),
            "has no 'sigma2', only beta.*s2; if it has another name there, say --var NAME=sigma2",
        ),
        (lambda draws: text(draws) + "\n3.0,499.0,1.0,1.0,1.0", "every draw of every chain once"),
        (lambda draws: text(draws) + "\n3.0,500.0,1.0,1.0,1.0", "every draw of every chain once"),
        (lambda draws: text(draws) + "\n3.0,499.0,1.0", "every draw of every chain once"),
        (lambda _: "chain,draw,beta[0],beta[1],sigma2", "has no draws"),
        (bad_csv("\n0.0,1.0,", "\n,1.0,"), "row 2 below the headings has no 'chain', as 0 others have none"),
        (bad_csv("\n0.0,1.0,", "\n0.0,,"), "row 2 below the headings has no 'draw'"),
        (merged, "row 2 below the headings has no 'chain', as 1995 others have none; .*merged"),
        (
            bad_csv("\n0.0,1.0,", "\n0.0,draw 1,"),
            "column 'draw' must hold the numbers of the draws, below 2.63, got 'draw 1'",
        ),
        (lambda _: "lp_approx__,lp__,path__,mu\n1,1,1,1", "Pathfinder, an approximation .*psis_resample=False"),
        (lambda _: "lp__,log_p__,log_g__,mu\n1,1,1,1", "draws of ADVI, an approximation"),
        (lambda _: "log_p__,log_q__,mu\n1,1,1", "draws of Laplace's method"),
        (lambda _: "lp__,mu\n1,1", r"got the columns lp__, mu\.$"),
        (lambda _: "lp__,accept_stat__,mu\n1,1,1", r"must have one column 'chain', .*draws_pd\(\)"),
        (
            lambda draws: text(draws).replace("\n", ",1\n").replace("sigma2,1", "sigma2"),
            "line 2 has more cells in its row than headings",
        ),
        (bad_csv("beta[1]", "beta.1.1"), "must have as many indices at every element of 'beta'"),
        (bad_csv("beta[1]", f"beta[{10**20}]"), "lacks some elements of 'beta'"),
        (lambda draws: text(draws).replace("0.0,1.0,", "0.0,1.0,x", 1), r"line 3, column 'beta\[0\]': 'x"),
        (lambda _: "\0" * 5000, "cannot be read as CSV: it is not text"),
        (lambda _: f"{'x' * 5000}\n1", "must have one column 'chain', got the columns x{200}[.]$"),
        (
            lambda draws: text(draws).replace(",", ";"),
            r"line 1: the headings are separated by semicolons; .*`to_csv\(file\)`",
        ),
        (
            lambda draws: text(draws).replace(",", ";").replace(".", ","),
            "line 1: the headings are separated by semicolons",
        ),
        (lambda draws: text(draws).replace(",", "\t"), "line 1: the headings are separated by tabs"),
        (
            lambda draws: re.sub(r"(\d)\.(\d)", r"\1,\2", text(draws)),
            "line 2 has more cells in its row than headings, 10 and 5; .* not a decimal comma",
        ),
        (bad_csv("\n0.0,1.0,", "\n0.0,1.0,7,"), "line 3 has more cells in its row than headings, 6 and 5"),
        *(
            (
                third(text_in_file),
                f"line 4, column 'sigma2': {cell!r} is not a number; write every draw, with a decimal point",
            )
            for text_in_file, cell in [
                *((cell, cell) for cell in ("word", "TRUE", "NA", "", "nan", "1_0", "#N/A")),
                ('"2,1"', "2,1"),
            ]
        ),
        (
            lambda draws: re.sub(r",[^,]+(?=\n|$)", ",TRUE", text(draws)).replace(",TRUE", ",sigma2", 1),
            "line 2, column 'sigma2': 'TRUE'",
        ),
        (
            lambda draws: re.sub(r"(\d)\.0,", r"\1,", text(draws)).replace("\n0,1,", f"\n0,{10**20},"),
            f"column 'draw' must hold .* below 2.63, got '{10**20}'",
        ),
        (bad_csv("sigma2", "beta[0]"), r"line 1 has the heading 'beta\[0\]' twice; give each its own"),
        (lambda _: "", "is empty"),
    ],
)
def test_a_csv_file_that_cannot_be_is_one_line(tmp_path, draws, make, message):
    (tmp_path / "draws.csv").write_text(make(draws))
    with pytest.raises(ValueError, match=message) as error:
        load_draws(tmp_path / "draws.csv", NAMES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("draws.csv", "chain,draw,mu\n".encode("utf-16"), "it is text in UTF-16; save it as UTF-8"),
        ("draws.csv", "chain,draw,größe\n0,0,1\n".encode("latin-1"), "it is not text in UTF-8; save it as UTF-8"),
        ("draws.csv", "chain,draw,mu\n0,0,1\n0,1,é\n".encode("latin-1"), "it is not text in UTF-8; save it as UTF-8"),
        ("draws.npy", b"\x93NUMPY\x01\x00", "it is one array of NumPy; save all by"),
    ],
)
def test_what_is_no_text_is_refused_in_words_of_our_own(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"cannot be read as CSV: {message}"):
        load_draws(tmp_path / name, ["mu"])


@pytest.mark.parametrize(
    ("kind", "name"),
    [("nc", "n.csv"), ("classic.nc", "c.txt"), ("zarr", "z.csv"), ("csv", "draws.txt"), ("csv", "draws")],
)
def test_the_kind_of_a_file_is_that_of_its_content(tmp_path, draws, tree, kind, name):
    loaded = load_draws(saved(tmp_path, kind, draws, tree).rename(tmp_path / name), NAMES)
    np.testing.assert_array_equal(loaded.posterior["beta"], draws["beta"])


def half(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def no_posterior(file):
    with h5py.File(file, "a") as content:
        content.move("posterior", "prior")


def flat(file):
    with h5py.File(file, "w") as content:
        content["mu"] = np.zeros(10)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (half, "cannot be read as a netCDF file"),
        (lambda file: file.write_bytes(b"GIF89a"), "cannot be read as a netCDF file"),
        (lambda file: file.write_bytes(pickle.dumps({"beta": 1})), "cannot be read as a netCDF file"),
        (no_posterior, "has no group `posterior`, but prior, sample_stats"),
        (flat, "cannot be read as a netCDF file|has no group `posterior`, but no group"),
        (lambda file: file.unlink(), "does not exist"),
        (
            lambda file: (file.unlink(), file.mkdir()),
            "draws.nc' has no draws: it is no Zarr folder, and has no CSV file",
        ),
    ],
)
def test_a_netcdf_file_that_cannot_be_is_one_line(tmp_path, draws, tree, damage, message):
    file = saved(tmp_path, "nc", draws, tree)
    damage(file)
    with pytest.raises(ValueError, match=message) as error:
        load_draws(file, NAMES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("version", [1, 2, 5])
def test_a_damaged_file_of_the_classic_format_is_one_line(tmp_path, version):
    (tmp_path / "draws.nc").write_bytes(b"CDF" + bytes([version]) + b"\0\0\0\4")
    with pytest.raises(ValueError, match="cannot be read as a netCDF file") as error:
        load_draws(tmp_path / "draws.nc", NAMES)
    assert "\n" not in str(error.value)


def test_a_zarr_folder_that_cannot_be_opened_is_one_that_cannot_be_read(tmp_path, draws, tree):
    folder = saved(tmp_path, "zarr", draws, tree)
    (folder / "zarr.json").unlink()
    (folder / "zarr.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="cannot be read as a Zarr folder"):
        load_draws(folder, NAMES)


def test_particles_that_pymc_saved_are_known(tmp_path):
    """Its tree of a single run: the stages where runs belong."""
    posterior = xr.Dataset({"sigma2": (("chain", "draw"), np.ones((1, 50)))})
    stats = xr.Dataset({"log_marginal_likelihood": ("chain", [np.nan, -3.0]), "beta": ("chain", [0.4, 1.0])})
    xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats}).to_netcdf(tmp_path / "smc.nc")
    loaded = load_draws(tmp_path / "smc.nc", NAMES)
    assert is_smc(loaded)
    assert evidence_runs(loaded).tolist() == [-3.0]


def test_a_variable_too_large_is_refused_before_it_is_read(tmp_path):
    with h5py.File(tmp_path / "draws.nc", "w") as content:
        group = content.create_group("posterior")
        for i, (name, size) in enumerate({"chain": 4, "draw": 10**9}.items()):
            scale = group.create_dataset(name, shape=(size,), dtype="i8", chunks=(4,) if i == 0 else (10**6,))
            scale.make_scale(name)
        mu = group.create_dataset("sigma2", shape=(4, 10**9), dtype="f8", chunks=(1, 10**6))
        mu.dims[0].attach_scale(group["chain"])
        mu.dims[1].attach_scale(group["draw"])
    assert (tmp_path / "draws.nc").stat().st_size < 10**6
    with pytest.raises(ValueError, match=r"has 29.8 GiB of 'sigma2', more than 4; thin the draws"):
        load_draws(tmp_path / "draws.nc", ["sigma2"])


def test_pickle_in_a_zarr_folder_is_refused(tmp_path, draws, tree):
    folder = saved(tmp_path, "zarr2", draws, tree)
    metadata = json.loads((folder / "posterior/sigma2/.zarray").read_text())
    metadata |= {"dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}]}
    (folder / "posterior/sigma2/.zarray").write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match="holds pickled objects, which are not read"):
        load_draws(folder, NAMES)


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        (["beta[0]", "beta.1"], "names elements of 'beta' in two ways"),
        (["beta[1]", "beta[01]"], r"one element of 'beta' twice, as 'beta\[1\]' and 'beta\[01\]'"),
        (["beta[a]", "beta[ a]"], "one element of 'beta' twice"),
    ],
)
def test_an_element_that_is_there_twice_is_refused(tmp_path, draws, heads, message):
    (tmp_path / "draws.csv").write_text(text(draws, ("chain", "draw", *heads, "sigma2")))
    with pytest.raises(ValueError, match=message):
        load_draws(tmp_path / "draws.csv", NAMES)


def test_a_variable_is_renamed_as_a_whole_or_by_its_elements(tmp_path, draws):
    np.savez(tmp_path / "draws.npz", slopes=draws["beta"], slope=draws["sigma2"], sigma2=draws["sigma2"])
    with pytest.raises(ValueError, match="`var` must give a variable of the model once"):
        load_draws(tmp_path / "draws.npz", NAMES, {"slopes": "beta", "slope": "beta[1]"})


def test_variables_of_different_lengths_are_refused(tmp_path, draws):
    np.savez(tmp_path / "draws.npz", beta=draws["beta"], sigma2=draws["sigma2"][:, :400])
    with pytest.raises(ValueError, match=r"as many chains and draws of every variable, got .* 'sigma2' \(4, 400\)"):
        check(load_draws(tmp_path / "draws.npz", NAMES), REGRESSION, REGRESSION.y)


def test_chains_that_are_padded_with_nan_are_trimmed_on_request(tmp_path, draws, tree):
    padded = xr.DataTree.from_dict({name: group.dataset.copy(deep=True) for name, group in tree.children.items()})
    for theta in padded["posterior"].data_vars.values():
        theta[{"chain": 1, "draw": slice(-30, None)}] = np.nan
    padded.to_netcdf(tmp_path / "padded.nc")
    n = tree["posterior"].sizes["draw"]
    names = list(draws)
    with pytest.raises(ValueError, match=rf"has a chain that is nan after {n - 30} of {n} draws; .* --trim"):
        load_draws(tmp_path / "padded.nc", names)
    loaded = load_draws(tmp_path / "padded.nc", names, trim=True)
    for name, theta in draws.items():
        np.testing.assert_array_equal(loaded.posterior[name], theta[:, : n - 30])


def test_nan_that_is_no_padding_stays_for_the_check_to_judge(tmp_path, tree):
    for i, where in enumerate([{"chain": 1, "draw": slice(10, 20)}, {"chain": 1}]):
        file = tmp_path / f"{i}.nc"
        broken = xr.DataTree.from_dict({name: group.dataset.copy(deep=True) for name, group in tree.children.items()})
        for theta in broken["posterior"].data_vars.values():
            theta[where] = np.nan
        broken.to_netcdf(file)
        loaded = load_draws(file, ["sigma2"], trim=True).posterior["sigma2"]
        assert loaded.shape == tree["posterior"]["sigma2"].shape
        assert np.isnan(loaded).any()


def test_the_stages_of_smc_are_not_trimmed(tmp_path):
    stages = np.full((2, 15), -21.5)
    posterior = np.ones((2, 15))
    posterior[1, 10:] = np.nan
    groups = {
        "posterior": xr.Dataset({"mu": (("chain", "draw"), posterior)}),
        "sample_stats": xr.Dataset({"log_marginal_likelihood": (("chain", "draw"), stages)}),
    }
    xr.DataTree.from_dict(groups).to_netcdf(tmp_path / "smc.nc")
    assert load_draws(tmp_path / "smc.nc", ["mu"], trim=True).posterior["mu"].shape == (2, 15)
