"""Commands that need an environment of their own, because what they need does not go with the rest."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]


def command_with_extra(extra: str, package: str, what: str, arguments: list[str]) -> list[str]:
    """Return the command that runs ``python -m nets`` with ``arguments`` in an environment with an extra.

    It is the first of these: this environment, if it has ``package``; the environment of the name ``extra`` of
    pixi.toml, inside ``pixi run``; and an isolated one by uv, in a checkout. Raises ValueError, which says what the
    package is needed for, if there is none.
    """
    command = ["python", "-m", "nets", *arguments]
    if find_spec(package) is not None:
        return [sys.executable, *command[1:]]
    if "PIXI_PROJECT_MANIFEST" in os.environ and (pixi := os.environ.get("PIXI_EXE") or shutil.which("pixi")):
        return [pixi, "run", "--manifest-path", os.environ["PIXI_PROJECT_MANIFEST"], "-e", extra, *command]
    if (ROOT / "pyproject.toml").exists() and (uv := os.environ.get("UV") or shutil.which("uv")):
        return [uv, "run", "--project", str(ROOT), "--isolated", "--no-dev", "--extra", extra, *command]
    raise ValueError(
        f"{what}, and neither pixi nor uv is installed to create an environment with it; `pip install "
        f"'closedform[{extra}]'` in one of its own, and run `python -m nets {arguments[0]}` there."
    )
