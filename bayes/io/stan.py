"""A model of the registry as Stan code and a data file, so that draws of CmdStan can be checked.

The code is ``bayes/programs/NAME.stan``. Its parameters have the names that are keys of ``marginals``. It keeps every
normalising constant (``target +=``), which bridge sampling needs. The data are the observations ``y``, their number
``n``, and the hyperparameters by name. A vector also has ``size_NAME``, and a matrix ``rows_NAME`` and
``columns_NAME``. A prior of a scale is ``NAME_family``, its place in ``bayes.exact.scale_priors.PARAMETERS`` counted
from 1, and ``NAME_numbers``, a vector of two; a family of fewer numbers has zeros behind them.
"""

from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayes.exact.scale_priors import PARAMETERS, ScalePrior
from bayes.registry import get_model


def code(name: str) -> str:
    """Return the Stan program of a model of the registry; raise ValueError, with the names, if there is none."""
    return files("bayes.programs").joinpath(f"{get_model(name).name}.stan").read_text(encoding="utf-8")


def data(exact: Any, y: ArrayLike) -> dict[str, Any]:
    """Return the data of the Stan program: ``y`` and the hyperparameters of ``exact``, ready for ``json.dump``.

    Examples
    --------
    >>> from bayes.exact.normal_normal import EXAMPLE
    >>> data(EXAMPLE.model, [1.5, 2.0])["y"]
    [1.5, 2.0]
    """
    contents: dict[str, Any] = {"n": len(np.asarray(y)), "y": np.asarray(y).tolist()}
    for name, value in vars(exact).items():
        if isinstance(value, ScalePrior):
            contents[f"{name}_family"] = list(PARAMETERS).index(value.family) + 1
            contents[f"{name}_numbers"] = [*value.numbers, 0.0, 0.0][:2]
            continue
        shape = np.shape(value)
        if len(shape) == 1:
            contents[f"size_{name}"] = shape[0]
        elif len(shape) == 2:
            contents |= {f"rows_{name}": shape[0], f"columns_{name}": shape[1]}
        contents[name] = value.tolist() if shape else value
    return contents
