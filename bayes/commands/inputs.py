"""Input that several commands read: files, and a model with the user's data and hyperparameters."""

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bayes.exact.distribution import scalar_distributions
from bayes.io import hyperparameters
from bayes.registry import Model, get_model

STANDARD_INPUT = Path("-")


def hyperparameter_texts(options: Any) -> dict[str, str]:
    """Return the hyperparameters on the command line, as text."""
    group = getattr(options, "hyperparameters", None)
    return {} if group is None else {name: text for name, text in asdict(group).items() if text is not None}


def model_with_data(options: Any) -> Model:
    """Return the model with the hyperparameters and the data of the options."""
    model = get_model(options.model)
    texts = hyperparameter_texts(options)
    if not texts and options.data is None:
        return model
    exact = hyperparameters.with_values(model.exact, texts)
    if options.data is None:
        try:
            return model.with_data(model.y, exact=exact)
        except ValueError as error:
            raise ValueError(
                f"{error} Without --data the observations are those of the example: give yours with --data."
            ) from error
    from bayes.io.observations import read_observations

    columns = np.size(exact.predictive_marginals([]).mean()) if model.y.ndim == 2 else 1
    with readable(options.data, ".csv") as path:
        y = read_observations(path, columns=columns)
    return model.with_data(y, exact=exact)


@contextmanager
def readable(path: Path, suffix: str = "") -> Iterator[Path]:
    """Yield the path of a file; the content of - and of pipes is copied to a file first.

    Raises ValueError, with the name, if the file cannot be read.
    """
    try:
        if path == STANDARD_INPUT:
            if sys.stdin is None:  # as after `<&-`
                raise ValueError(
                    "file - is the standard input, which is closed; give a file, or a pipe into this command."
                )
            content, label = sys.stdin.buffer.read(), "- (standard input)"
        elif path.exists() and not path.is_file() and not path.is_dir():  # a pipe, as of `<(command)`, is read once
            content, label = path.read_bytes(), repr(str(path))
        else:
            yield path
            return
        suffix = suffix or (".nc" if content[:4] in {b"\x89HDF", b"CDF\x01", b"CDF\x02"} else ".csv")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, f"input{suffix}")
            copy.write_bytes(content)
            try:
                yield copy
            except ValueError as error:
                raise ValueError(str(error).replace(repr(str(copy)), label)) from error
    except OSError as error:
        raise ValueError(f"file {str(path)!r} cannot be read: {error.strerror or error}.") from error


def renamings(texts: Iterable[str], names: Sequence[str], model: Model) -> dict[str, str]:
    """Return the options --var, YOURS=MODEL, as names in the file -> variables, of ``names``, or transforms of them.

    Raises ValueError if one is no such text, or if a name in the file is said twice.
    """
    rename: dict[str, str] = {}
    for text in texts:
        name, expression = _renaming(text, names, model)
        if name in rename:
            raise ValueError(f"`var` must say once what {name} is, got {rename[name]} and {expression}.")
        rename[name] = expression
    return rename


def _renaming(text: str, names: Sequence[str], model: Model) -> tuple[str, str]:
    """Return the two sides of an option --var: the name in the file, and the variable of the model or its transform."""
    from bayes.io.transforms import parsed_target  # here: it imports scipy, which takes seconds

    name_in_file, _, expression = text.partition("=")
    target = parsed_target(expression)
    name = target.element[0]
    if not name_in_file or name not in names:
        raise ValueError(f"`var` must be YOURS=MODEL with a variable of the model, {', '.join(names)}, got {text!r}.")
    if "square" in target.functions and _may_be_negative(name, model):
        raise ValueError(f"`var` {text!r}: {name} may be negative, so that its square does not say what it is.")
    return name_in_file, expression


def _may_be_negative(name: str, model: Model) -> bool:
    """Return whether a variable may be negative under the posterior, or is none whose posterior is known."""
    marginals = scalar_distributions(model.marginals).items()
    return name not in model.variables or any(m.cdf(0.0) > 0 for (variable, _), m in marginals if variable == name)
