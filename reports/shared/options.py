"""The options that every page has."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every page."""

    out: Path = Path("build/report")
    """Folder that the pages are written to; it is created if it is missing."""
    seed: int = 0
    """Seed of everything random on the page. The same seed gives the same page."""
    full: bool = False
    """More draws, runs and samplers, for smaller errors. It takes longer, and continues where it was interrupted."""
    processes: int = 0
    """Number of processes; 0 means one for each core, at most 8. It does not change the pages."""
