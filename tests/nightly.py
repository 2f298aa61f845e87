"""Which cases of a long list run at every push, and which at night (`pytest -m slow`)."""

from collections.abc import Iterable
from typing import Any

import pytest


def nightly_but(push: Iterable[Any], cases: Iterable[Any]) -> list[Any]:
    """Return the ``cases`` of a parametrised test; those that are not in ``push`` are marked slow."""
    push, cases = list(push), list(cases)
    assert all(case in cases for case in push), push
    return [case if case in push else _slow(case) for case in cases]


def every_nth(n: int, cases: Iterable[Any]) -> list[Any]:
    """Return the ``cases`` of a parametrised test; all but every ``n``-th, from the first on, are marked slow."""
    cases = list(cases)
    return nightly_but(cases[::n], cases)


def _slow(case: Any) -> Any:
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
