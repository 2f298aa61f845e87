"""The options of the page, and the posteriors that it is about."""

from dataclasses import dataclass
from pathlib import Path

from closedform.multiple_testing import ALPHA
from reports.shared.options import Common


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Exact posteriors and evidences of a clone of posteriordb, and its reference draws held to them."""

    folder: Path | None = None
    """A clone of github.com/stan-dev/posteriordb, or a folder in its layout. It must be given."""
    alpha: float = ALPHA
    """Probability that correct draws have a failed check, over all posteriors."""


@dataclass(frozen=True)
class Problem:
    """The posteriors of a folder, by name: all of them, and those that are known exactly."""

    folder: Path
    names: tuple[str, ...]
    exact: tuple[str, ...]


def read(options: Options) -> Problem:
    """Return the posteriors of the folder; raise ValueError, in one line, if there is none, or a file is damaged."""
    from bayes.io.posteriordb.folder import Folder
    from bayes.io.posteriordb.posteriors import exact_names, load_from

    if options.folder is None:
        raise ValueError(
            "`folder` must be given: --folder PATH, a clone of github.com/stan-dev/posteriordb or a folder like it."
        )
    if not 0 < options.alpha < 1:
        raise ValueError(f"`alpha` must lie between 0 and 1, got {options.alpha}.")
    folder = Folder(options.folder)
    exact = exact_names(folder)
    if not exact:
        raise ValueError(f"`folder` {str(options.folder)!r} has no posterior that is known exactly.")
    for name in exact:
        load_from(folder, name)  # a damaged file is found now, and not after a minute
    return Problem(folder=options.folder, names=tuple(folder.names), exact=tuple(exact))
