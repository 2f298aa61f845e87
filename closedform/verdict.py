"""The three verdicts of a check, and the exit code of each."""

from collections.abc import Collection
from typing import Literal

type Verdict = Literal["pass", "fail", "inconclusive"]

EXIT_CODES: dict[Verdict, int] = {"pass": 0, "fail": 1, "inconclusive": 3}
"""Verdict -> exit code of a command that ends with it. The exit code 2 is bad usage."""


def worst(verdicts: Collection[Verdict]) -> Verdict:
    """Return ``fail`` if it is among ``verdicts``, else ``inconclusive`` if it is, else ``pass``.

    Examples
    --------
    >>> worst(["pass", "inconclusive", "pass"])
    'inconclusive'
    """
    return "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"
