"""Resolve what pixi.toml asks of PyPI, each environment on each of its platforms, so that a conflict is found here.

`uv run python -m tests.resolve` prints a line for each, and exits with 1 if one has no solution. Nothing is installed;
uv fetches what packages say they need.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PIXI = tomllib.loads((ROOT / "pixi.toml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GLIBC = "2.28"
"""What pixi takes a Linux machine to have at least, unless its platform says more."""


def environments() -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield environment, platform, uv's name of the platform, and requirements, for each that pixi would solve."""
    platforms = [p if isinstance(p, dict) else {"name": p, "platform": p} for p in PIXI["workspace"]["platforms"]]
    for environment, names in {"default": [], **PIXI["environments"]}.items():
        features = [PIXI, *(PIXI["feature"][name] for name in names)]
        for platform in platforms:
            name = platform["name"]
            if any(name not in feature.get("platforms", [name]) for feature in features[1:]):
                continue
            requirements = list(PROJECT["dependencies"])
            for feature in features:
                targets = [feature.get("target", {}).get(key, {}) for key in _targets(platform)]
                for part in [feature, *targets]:
                    requirements += _requirements(part.get("pypi-dependencies", {}))
            yield environment, name, _uv_platform(platform), requirements


def resolve(requirements: list[str], platform: str) -> tuple[list[str], str]:
    """Return the pinned packages that meet ``requirements``, none if there is no solution, and what uv says."""
    version = PIXI["dependencies"]["python"].removesuffix(".*")
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "-",
        "--quiet",
        "--no-header",
        "--no-annotate",
        "--python-version",
        version,
    ]
    command += ["--python-platform", platform, "--exclude-newer", PIXI["workspace"]["exclude-newer"]]
    made = subprocess.run(command, input="\n".join(requirements), capture_output=True, text=True, check=False)
    return (made.stdout.split() if made.returncode == 0 else []), made.stderr.strip()


def _targets(platform: dict[str, Any]) -> list[str]:
    system = "linux" if platform["platform"].startswith("linux") else "osx"
    return ["unix", system, platform["platform"], platform["name"]]


def _uv_platform(platform: dict[str, Any]) -> str:
    if platform["platform"] == "osx-arm64":
        return "aarch64-apple-darwin"
    return f"x86_64-manylinux_{platform.get('glibc', GLIBC).replace('.', '_')}"


def _requirements(dependencies: dict[str, Any]) -> list[str]:
    """Return pixi's table of PyPI dependencies as requirements, with the project's own extras spelled out."""
    requirements = []
    for name, wanted in dependencies.items():
        table = {"version": wanted} if isinstance(wanted, str) else wanted
        if name == PROJECT["name"]:
            requirements += [requirement for extra in table["extras"] for requirement in _of_extra(extra)]
            continue
        extras = f"[{','.join(table['extras'])}]" if "extras" in table else ""
        requirements.append(f"{name}{extras}{table['version'].replace('*', '')}")
    return requirements


def _of_extra(extra: str) -> list[str]:
    """Return the requirements of an extra of the project, and of those that it is made of."""
    requirements = []
    for requirement in PROJECT["optional-dependencies"][extra]:
        own = re.fullmatch(rf"{PROJECT['name']}\[(.*)\]", requirement)
        requirements += [part for name in own[1].split(",") for part in _of_extra(name)] if own else [requirement]
    return requirements


def main() -> int:
    """Resolve everything and return the exit code."""
    failed = 0
    for environment, name, platform, requirements in environments():
        packages, said = resolve(requirements, platform)
        accelerated = [p for p in packages if p.startswith(("jax==", "jax-cuda", "libtpu", "tensorflow"))]
        print(f"{environment} on {name}: {len(packages)} packages, {', '.join(accelerated)}" if packages else said)
        if not packages:
            print(f"{environment} on {name}: no solution")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
