"""Packages that only some parts need, and the extra of closedform that has each."""

from importlib.util import find_spec

EXTRAS = {
    "arviz": "reports",
    "arviz_plots": "reports",
    "blackjax": "pymc",
    "distributed": "calibration",
    "dynesty": "dynesty",
    "filelock": "nets",
    "flatbuffers": "nets",
    "flax": "nets",
    "google_crc32c": "nets",
    "importlib_resources": "nets",
    "jax": "nets",
    "jax2onnx": "onnx",
    "jinja2": "reports",
    "markupsafe": "reports",
    "matplotlib": "reports",
    "numpyro": "pymc",
    "nutpie": "pymc",
    "onnxruntime": "onnx",
    "optax": "nets",
    "orbax": "nets",
    "PIL": "nets",
    "platformdirs": "nets",
    "psutil": "nets",
    "pyarrow": "parquet",
    "pymc": "pymc",
    "requests": "nets",
    "sklearn": "nets",
    "tensorboardX": "tensorboard",
    "tensorflow_datasets": "nets",
    "ziamath": "reports",
}
"""Package that may be missing -> the extra that has it."""


def require(package: str) -> None:
    """Raise ModuleNotFoundError, with the extra to install, unless ``package`` is installed.

    Examples
    --------
    >>> require("numpy")
    """
    if find_spec(package) is None:
        raise explained(ModuleNotFoundError(name=package))


def explained(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return ``error`` with the extra that has the missing package, or unchanged if there is none.

    Examples
    --------
    >>> print(explained(ModuleNotFoundError(name="optax.losses")))
    optax is not installed; pip install 'closedform[nets]'.
    """
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return error
    return ModuleNotFoundError(
        f"{package} is not installed; pip install 'closedform[{EXTRAS[package]}]'.", name=package
    )
