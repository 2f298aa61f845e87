"""A small folder in posteriordb's layout: three posteriors, two of them known exactly, with data of ours."""

import json
import zipfile

import numpy as np

SCHOOLS = {"J": 4, "y": [12.0, -3.5, 4.0, 7.5], "sigma": [9.0, 6.0, 11.0, 8.0]}
EXACT = ("schools-eight_schools_centered", "schools-eight_schools_noncentered")
NOT_EXACT = "schools-arma11"


def write_zip(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(path.name.removesuffix(".zip"), json.dumps(content))


def write_folder(folder):
    """Write the folder without reference draws, and return the root of its files."""
    root = folder / "posterior_database"
    (root / "posteriors").mkdir(parents=True)
    for name in (*EXACT, NOT_EXACT):
        entry = {
            "name": name,
            "model_name": name.partition("-")[2],
            "data_name": "schools",
            "reference_posterior_name": None,
            "dimensions": {"theta": 4, "mu": 1, "tau": 1},
        }
        (root / "posteriors" / f"{name}.json").write_text(json.dumps(entry))
    write_zip(root / "data" / "data" / "schools.json.zip", SCHOOLS)
    return root


def add_draws(root, name, draws):
    """Add reference draws, Stan's name of a scalar -> (chain, draw), to a posterior of the folder."""
    file = root / "posteriors" / f"{name}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"reference_posterior_name": name}))
    chains = [{scalar: values[chain].tolist() for scalar, values in draws.items()} for chain in range(4)]
    write_zip(root / "reference_posteriors" / "draws" / "draws" / f"{name}.json.zip", chains)


def exact_draws(posterior, seed, size=500):
    """Return independent draws of every parameter, four chains."""
    draws = posterior.rvs(4 * size, np.random.default_rng(seed))
    return {name: draws[name].reshape(4, size) for name in posterior.parameters}
