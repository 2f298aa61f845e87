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
    full: bool = False
    """More draws, runs and samplers, for smaller errors. It takes longer, and goes on where it was interrupted."""
    processes: int = 0
    """Processes that compute; 0 is one a core, at most 8. Their number changes no page."""
