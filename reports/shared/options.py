"""The options every page has."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every page."""

    out: Path = Path("build/report")
    """Folder the pages are written to; it is made if it is missing."""
    seed: int = 0
    """Seed of everything random on the page: the same seed gives the same page."""
    quick: bool = False
    """Less of what takes time, for a first look."""
