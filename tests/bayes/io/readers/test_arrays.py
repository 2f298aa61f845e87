"""Arrays of NumPy, emcee's HDF5 backend, posteriordb's JSON, Parquet, and what is compressed."""

import bz2
import gzip
import json
import sys
import warnings
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes.io.draws_file import load_draws

RNG = np.random.default_rng(0)
THETA, MU = RNG.normal(size=(4, 50, 3)), RNG.normal(size=(4, 50))
NAMES = ["theta", "mu"]


def require(loaded):
    np.testing.assert_array_equal(loaded.posterior["theta"], THETA)
    np.testing.assert_array_equal(loaded.posterior["mu"], MU)


def refusal(file, names=NAMES, **options):
    """Return the one line that says why a file cannot be read."""
    with pytest.raises(ValueError, match=r"^files? ") as error:
        load_draws(file, names, **options)
    assert "\n" not in str(error.value)
    assert file.name in str(error.value)
    return str(error.value)


def half(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


# ---- NumPy


def test_arrays_of_numpy(tmp_path):
    diverging = np.arange(200).reshape(4, 50) < 3
    np.savez(tmp_path / "draws.npz", theta=THETA, mu=MU, diverging=diverging, other=np.zeros(3))
    loaded = load_draws(tmp_path / "draws.npz", NAMES)
    require(loaded)
    np.testing.assert_array_equal(loaded.sample_stats["diverging"], diverging)
    np.savez_compressed(tmp_path / "elements.npz", mu=MU, **{f"theta[{i}]": THETA[..., i] for i in range(3)})
    require(load_draws(tmp_path / "elements.npz", NAMES))
    assert "has no 'nu', only theta, mu, other; if it has another name" in refusal(tmp_path / "draws.npz", ["nu"])


def test_arrays_that_cannot_be_are_one_line(tmp_path):
    np.savez(tmp_path / "objects.npz", mu=np.array([MU, None], dtype=object), theta=THETA)
    assert "'mu' cannot be read (Object arrays" in refusal(tmp_path / "objects.npz")
    np.savez(tmp_path / "flat.npz", mu=MU.ravel(), theta=THETA)
    with pytest.raises(ValueError, match=r"must have the shape \(chain, draw\), got \(200,\)"):
        load_draws(tmp_path / "flat.npz", NAMES)
    np.savez(tmp_path / "half.npz", mu=MU, theta=THETA)
    assert "it is damaged or was not written to its end" in refusal(half(tmp_path / "half.npz"))


# ---- emcee


def write_emcee(file, steps=50, written=60, name="mcmc"):
    """As emcee 3's HDFBackend lays it out: the chain is made longer before its steps are taken."""
    with h5py.File(file, "a") as content:
        run = content.create_group(name)
        run.attrs.update({"version": "3.1.6", "nwalkers": 4, "ndim": 4, "has_blobs": False, "iteration": steps})
        chain = np.zeros((written, 4, 4))
        chain[:50] = np.concatenate([THETA, MU[..., None]], axis=-1).transpose(1, 0, 2)
        run["chain"], run["log_prob"], run["accepted"] = chain, np.zeros((written, 4)), np.zeros(4)
    return file


EMCEE = {"0": "theta[0]", "1": "theta[1]", "2": "theta[2]", "3": "mu"}


def test_walkers_of_emcee_are_chains_and_parameters_are_named(tmp_path):
    file = write_emcee(tmp_path / "run.h5")
    require(load_draws(file, NAMES, EMCEE))
    assert "has no 'theta', only 0, 1, 2, 3; if it has another name there, say --var NAME=theta." in refusal(file)
    assert "has no '7', only 0, 1, 2, 3" in refusal(file, ["mu"], rename={"7": "mu"})
    with pytest.raises(ValueError, match=r"`var` lacks some elements of 'theta' of shape \(3,\)"):
        load_draws(file, NAMES, {name: target for name, target in EMCEE.items() if name != "1"})
    write_emcee(file, name="burn-in")
    assert "has several runs of emcee, burn-in, mcmc; save one by itself" in refusal(file, rename=EMCEE)


def test_an_empty_run_of_emcee_has_too_few_draws(tmp_path):
    file = write_emcee(tmp_path / "run.h5", steps=0)
    assert load_draws(file, NAMES, EMCEE).posterior["mu"].shape == (4, 0)
    assert "cannot be read as a netCDF file" in refusal(half(file), rename=EMCEE)


# ---- posteriordb


def reference_draws(lengths=(50, 50, 50, 50)):
    columns = {f"theta[{i + 1}]": THETA[..., i] for i in range(3)} | {"mu": MU}
    return [{name: x[c, :n].tolist() for name, x in columns.items()} for c, n in enumerate(lengths)]


def test_reference_draws_of_posteriordb(tmp_path):
    (tmp_path / "draws.json").write_text(json.dumps(reference_draws()))
    require(load_draws(tmp_path / "draws.json", NAMES))
    with zipfile.ZipFile(tmp_path / "draws.json.zip", "w") as archive:
        archive.writestr("draws.json", json.dumps(reference_draws()))
    require(load_draws(tmp_path / "draws.json.zip", NAMES))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "cannot be read as JSON: Expecting value"),
        ("{}", "must be a list of chains as posteriordb has them"),
        ("[1, 2]", "must be a list of chains as posteriordb has them"),
        ('[{"mu": [1, 2], "theta": [1, null]}]', "'theta' must be numbers, got 'None' at chain 0, draw 1"),
        ('[{"mu": [1, 2], "theta": 3}]', "'theta' must be numbers, got '3' at chain 0, draw 0"),
        ('[{"mu": [1, 2]}, {"theta": [1, 2]}]', "has no 'theta', only"),
        (json.dumps(reference_draws((50, 50, 30, 50))), "has 30 draws of one and 50 of another; .* --trim"),
    ],
)
def test_json_that_cannot_be_is_one_line(tmp_path, text, message):
    (tmp_path / "draws.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_draws(tmp_path / "draws.json", NAMES)
    refusal(tmp_path / "draws.json")


def test_reference_draws_are_trimmed_on_request(tmp_path):
    (tmp_path / "draws.json").write_text(json.dumps(reference_draws((50, 30, 50, 50))))
    np.testing.assert_array_equal(load_draws(tmp_path / "draws.json", ["mu"], trim=True).posterior["mu"], MU[:, :30])


# ---- Parquet and CSV


def table(lengths=(50, 50, 50, 50), labels=("0", "1", "2")):
    rows = [
        {"chain": c, "draw": d} | {f"theta[{x}]": THETA[c, d, i] for i, x in enumerate(labels)} | {"mu": MU[c, d]}
        for c, n in enumerate(lengths)
        for d in range(n)
    ]
    return pd.DataFrame(rows)


def test_a_table_in_parquet_is_one_in_csv(tmp_path):
    table().to_parquet(tmp_path / "draws.parquet")
    require(load_draws(tmp_path / "draws.parquet", NAMES))
    table().set_index(["chain", "draw"]).to_parquet(tmp_path / "indexed.parquet")  # as xarray's to_dataframe has them
    require(load_draws(tmp_path / "indexed.parquet", NAMES))
    table().rename(columns={"chain": "chains"}).to_parquet(tmp_path / "chains.parquet")
    assert "must have one column 'chain', got the columns chains, draw" in refusal(tmp_path / "chains.parquet")
    assert "cannot be read as Parquet" in refusal(half(tmp_path / "draws.parquet"))
    table().assign(mu="x").to_parquet(tmp_path / "text.parquet")
    assert "column 'mu' must hold numbers" in refusal(tmp_path / "text.parquet")


def test_parquet_names_its_extra(tmp_path, monkeypatch):
    (tmp_path / "draws.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "needs pyarrow; pip install 'closedform[parquet]'" in refusal(tmp_path / "draws.parquet")


def test_a_table_is_trimmed_on_request(tmp_path):
    table((50, 30, 50, 50)).to_csv(tmp_path / "draws.csv", index=False)
    message = refusal(tmp_path / "draws.csv")
    assert "got chains of [50, 30, 50, 50] rows" in message
    assert "or cut all to the shortest with --trim" in message
    loaded = load_draws(tmp_path / "draws.csv", NAMES, trim=True)
    np.testing.assert_array_equal(loaded.posterior["theta"], THETA[:, :30])


def test_elements_may_have_labels_in_the_order_of_the_file(tmp_path):
    table(labels=("Choate", "Deerfield", "Phillips Andover")).to_csv(tmp_path / "draws.csv", index=False)
    loaded = load_draws(tmp_path / "draws.csv", NAMES)
    require(loaded)
    assert loaded.labels["theta"] == (("Choate", "Deerfield", "Phillips Andover"),)
    table(labels=("Choate", "1", "2")).to_csv(tmp_path / "mixed.csv", index=False)
    assert "must have numbers or labels at 'theta', not both, got Choate, 1, 2" in refusal(tmp_path / "mixed.csv")


# ---- compressed


def zipped(file, folder):
    with zipfile.ZipFile(file, "w") as archive:
        for part in folder.rglob("*"):
            archive.write(part, part.relative_to(folder))
    return file


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_folder_in_a_zip_file(tmp_path, inside, version):
    posterior = xr.Dataset({"theta": (("chain", "draw", "k"), THETA), "mu": (("chain", "draw"), MU)})
    with warnings.catch_warnings():  # zarr's, of what it writes itself
        warnings.simplefilter("ignore")
        xr.DataTree.from_dict({"posterior": posterior}).to_zarr(tmp_path / "z" / "draws.zarr", zarr_format=version)
    folder = tmp_path / "z" if inside else tmp_path / "z" / "draws.zarr"
    require(load_draws(zipped(tmp_path / "draws.zarr.zip", folder), NAMES))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("kind", ["csv", "json", "nc"])
def test_any_file_may_be_compressed(tmp_path, kind, compress):
    match kind:
        case "csv":
            content = table().to_csv(index=False).encode()
        case "json":
            content = json.dumps(reference_draws()).encode()
        case "nc":
            posterior = xr.Dataset({"theta": (("chain", "draw", "k"), THETA), "mu": (("chain", "draw"), MU)})
            posterior.to_netcdf(tmp_path / "draws.nc")
            content = (tmp_path / "draws.nc").read_bytes()
    file = tmp_path / "compressed"
    file.write_bytes(compress(content))
    require(load_draws(file, NAMES))
    assert "is compressed, and cannot be unpacked" in refusal(half(file))


@pytest.mark.parametrize("folder", ["", "../", "{tmp_path}/"])
def test_the_file_in_a_zip_file_is_read_and_no_other_of_its_name(tmp_path, folder):
    (tmp_path / "draws.csv").write_text("no draws")
    with zipfile.ZipFile(tmp_path / "draws.zip", "w") as archive:
        archive.writestr(folder.format(tmp_path=tmp_path) + "draws.csv", table().to_csv(index=False))
    require(load_draws(tmp_path / "draws.zip", NAMES))


def test_a_zip_file_of_several_is_refused(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / "z").mkdir(exist_ok=True)
        (tmp_path / "z" / name).write_text("chain,draw,mu\n")
    message = refusal(zipped(tmp_path / "draws.zip", tmp_path / "z"))
    assert "must hold one file or a Zarr folder, got 2: a.csv, b.csv" in message.replace("b.csv, a.csv", "a.csv, b.csv")


def test_what_unpacks_to_more_than_is_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("bayes.io.readers.compressed.LARGEST", 1000)
    (tmp_path / "draws.csv.gz").write_bytes(gzip.compress(b"1" * 10_000))
    assert "holds more than 0 GiB" in refusal(tmp_path / "draws.csv.gz")
