"""What both halves of the project stand on: ``bayes`` and ``nets`` know this package and not each other.

- ``verdict``: pass, fail or inconclusive, and the exit code of each; ``multiple_testing``: Holm's method.
- ``validation``: checks of arguments; ``reasons``: other people's errors in one line.
- ``files``: files written whole or not at all; ``provenance``: versions and commit.
- ``extras``: which extra brings a package that is not installed.
- ``command_line``: what every command line does; ``__main__``: the command ``closedform``.
"""


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # which takes longer to load than everything here

    return version("closedform")
