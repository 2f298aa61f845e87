"""Exact draws of a posterior in posteriordb's own layout, ready for a pull request there.

posteriordb takes reference draws that are made analytically (its ``doc/REFERENCE_POSTERIOR_DEFINITION.md``): 10 chains
of 1,000 draws, with the mean and the mean square of every parameter. Here these are independent draws of the exact
posterior, and the summaries are the exact numbers, without Monte Carlo error.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.io.posteriordb.folder import ROOT
from bayes.io.posteriordb.posteriors import Posterior
from closedform.files import write_text, written_whole

CHAINS, DRAWS = 10, 1000
ADDED_BY = "closedform"
SUMMARIES = ("mean_value", "mean_squared_value")


def write(posterior: Posterior, folder: Path, seed: int) -> list[Path]:
    """Write draws, summaries and their descriptions below ``folder``, each file completely or not at all.

    Returns the files. Raises ValueError, before anything is written, if one of them is there already.
    """
    root = folder / ROOT / "reference_posteriors"
    name = posterior.name
    draws_file = root / "draws" / "draws" / f"{name}.json.zip"
    texts = {root / "draws" / "info" / f"{name}.info.json": _info(posterior, seed)}
    for summary, values in zip(SUMMARIES, _summaries(posterior), strict=True):
        texts[root / "summary_statistics" / summary / summary / f"{name}.json"] = values
        texts[root / "summary_statistics" / summary / "info" / f"{name}.info.json"] = _info(posterior, seed)
    files = [draws_file, *texts]
    require_new(posterior, folder)
    chains = list(_chains(posterior, np.random.default_rng(seed)))
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(draws_file) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(f"{name}.json", date_time=(1980, 1, 1, 0, 0, 0))  # the same seed, the same bytes
        archive.writestr(entry, json.dumps(chains), compress_type=zipfile.ZIP_DEFLATED)
    for file, content in texts.items():
        write_text(file, json.dumps(content, indent=2) + "\n")
    return files


def require_new(posterior: Posterior, folder: Path) -> None:
    """Raise ValueError if a file of the posterior is there already."""
    for file in sorted((folder / ROOT / "reference_posteriors").rglob(f"{posterior.name}.*")):
        raise ValueError(f"`export`: file {str(file)!r} is there already; choose another folder, or remove it.")


def _chains(posterior: Posterior, rng: np.random.Generator) -> Iterator[Mapping[str, list[float]]]:
    """Yield 10 chains of 1,000 independent draws of every parameter."""
    draws: dict[str, NDArray[np.float64]] = posterior.rvs(CHAINS * DRAWS, rng)
    for chain in range(CHAINS):
        part = slice(chain * DRAWS, (chain + 1) * DRAWS)
        yield {name: draws[name][part].tolist() for name in posterior.parameters}


def _summaries(posterior: Posterior) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the exact means and mean squares, with standard errors of 0."""
    names = list(posterior.parameters)
    means = np.array([float(posterior.distributions[name].mean()) for name in names])
    variances = np.array([float(posterior.distributions[name].var()) for name in names])
    exact = [0.0] * len(names)
    return (
        {"names": names, "mean_value": means.tolist(), "mcse_mean": exact},
        {"names": names, "mean_squared_value": (variances + means**2).tolist(), "mcse_mean": exact},
    )


def _info(posterior: Posterior, seed: int) -> dict[str, Any]:
    """Return the description of the draws, with the keys that posteriordb's own have."""
    return {
        "name": posterior.name,
        "inference": {
            "method": "analytical",
            "method_arguments": {"chains": CHAINS, "draws": DRAWS, "seed": seed, "solution": posterior.known.how},
        },
        "diagnostics": {
            "diagnostic_information": {"names": list(posterior.parameters)},
            "ndraws": CHAINS * DRAWS,
            "nchains": CHAINS,
        },
        "checks_made": {"ndraws_is_10k": True, "nchains_is_gte_4": True},
        "comments": "Independent draws of the exact posterior; the summary statistics are exact numbers.",
        "added_by": ADDED_BY,
        "added_date": date.today().isoformat(),
        "versions": {"closedform": version("closedform"), "numpy": version("numpy"), "scipy": version("scipy")},
    }
