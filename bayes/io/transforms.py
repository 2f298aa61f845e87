"""Variables that are transformed in a file. ``sigma=sqrt(sigma2)``: the file's sigma is the root of the model's sigma2.

The draws are transformed back, so that they are draws of the model's variable. This needs no density: if f(x) was
computed from draws of x, the inverse of f gives these draws back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from bayes.exact.distribution import Element, parsed_element
from closedform.validation import in_words

type Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Transform:
    """A transform: its inverse, and the values that it can have."""

    inverse: Callable[[Array], Array]
    has_value: Callable[[Array], NDArray[np.bool_]]
    values: str
    """The values that it can have, in words."""


TRANSFORMS = {
    "exp": Transform(inverse=np.log, has_value=lambda v: v > 0, values="positive"),
    "log": Transform(inverse=np.exp, has_value=np.isfinite, values="finite"),
    "sqrt": Transform(inverse=np.square, has_value=lambda v: v >= 0, values="0 or more"),
    "square": Transform(inverse=np.sqrt, has_value=lambda v: v >= 0, values="0 or more"),
    "reciprocal": Transform(inverse=np.reciprocal, has_value=lambda v: v != 0, values="other than 0"),
    "logit": Transform(inverse=expit, has_value=np.isfinite, values="finite"),
    "inv_logit": Transform(inverse=logit, has_value=lambda v: (v > 0) & (v < 1), values="between 0 and 1"),
}
"""Name -> transform. The inverse of a square is the root that is 0 or more."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """The meaning of a variable in a file: functions, the outermost first, of an element of the model."""

    functions: tuple[str, ...]
    element: Element


def parsed_target(text: str) -> Target:
    """Return the meaning of a text such as ``sqrt(sigma2)``, ``log(beta[0])`` or ``mu``; raise ValueError for others.

    Examples
    --------
    >>> parsed_target("log(beta[0])")
    Target(functions=('log',), element=('beta', (0,)))
    """
    functions = []
    while call := re.fullmatch(r"(\w+)\((.*)\)", text.strip()):
        if call[1] not in TRANSFORMS:
            raise ValueError(f"`var` must have one of the transforms {', '.join(TRANSFORMS)}, got {call[1]!r}.")
        functions.append(call[1])
        text = call[2]
    if "square" in functions[:-1]:
        raise ValueError("`var` must have square next to the variable: of what else would the root have a sign?")
    return Target(functions=tuple(functions), element=parsed_element(text.strip()))


def inverted(name: str, values: NDArray[Any], functions: tuple[str, ...], where: str) -> NDArray[Any]:
    """Return x for draws (chain, draw, ...) of f(x). Without functions the draws stay unchanged.

    Raises ValueError, with ``where`` in the message, if a draw is not a possible value of f.
    """
    if not functions:
        return values
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{where}: {name!r} must hold real numbers, got {in_words(values.dtype)}.")
    x = values.astype(float)
    for function in functions:
        transform = TRANSFORMS[function]
        good = transform.has_value(x)
        if not good.all():
            place = tuple(np.argwhere(~good)[0])
            raise ValueError(
                f"{where}: {name!r} at chain {place[0]}, draw {place[1]} is {values[place]}, which {function} of no "
                f"number is, as {x[place]:.6g} is not {transform.values}; check what the file has, and its --var."
            )
        with np.errstate(over="ignore"):  # infinite draws are judged as far out
            x = transform.inverse(x)
    return x
