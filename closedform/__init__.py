"""Code that ``bayes`` and ``nets`` share. Both import this package, and neither imports the other.

- ``verdict``: pass, fail or inconclusive, and the exit code of each.
- ``multiple_testing``: Holm's method.
- ``validation``: validation of arguments.
- ``reasons``: error messages of other packages, in one line.
- ``files``: files that are written completely or not at all.
- ``provenance``: versions and commit.
- ``extras``: the extra to install for a missing package.
- ``command_line``: the common behaviour of all command lines; ``__main__`` is the command ``closedform``.
"""


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # here: it takes longer to load than everything in this module

    return version("closedform")
