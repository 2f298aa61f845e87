"""A clone of posteriordb, or a folder in its layout: names, data, Stan programs and files of reference draws."""

import hashlib
import json
import re
import zipfile
import zlib
from os import PathLike
from pathlib import Path
from typing import Any

from closedform.reasons import one_line
from closedform.validation import nearest, shown

ROOT = "posterior_database"
PLAIN = re.compile(r"\w[\w.-]{0,200}")
"""A name that is no path."""


class Folder:
    """A folder in posteriordb's layout: a clone of it, or the ``posterior_database`` in one.

    Raises
    ------
    ValueError
        If the folder does not exist or has no posteriors; in its methods, if a file is missing or damaged. The message
        is one line.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        path = Path(path)
        self.root = path / ROOT if (path / ROOT).is_dir() else path
        if not (self.root / "posteriors").is_dir():
            raise ValueError(
                f"folder {str(path)!r} {'has no' if path.is_dir() else 'does not exist; it must have a'} "
                f"{ROOT}/posteriors; give a clone of github.com/stan-dev/posteriordb, or a folder in its layout."
            )
        self.names = sorted(file.stem for file in (self.root / "posteriors").glob("*.json"))
        """The names of all posteriors."""

    def description(self, name: str) -> dict[str, Any]:
        """Return the entry of a posterior, which names its program, its data and its reference draws.

        An alias such as ``eight_schools`` counts as a name.
        """
        if name not in self.names:
            aliases = self._json(self.root / "alias" / "posteriors.json", {})
            if not isinstance(name, str) or aliases.get(name) not in self.names:
                where = nearest(str(name), self.names)
                raise ValueError(f"`name` must be one of the {len(self.names)} posteriors, got {shown(name)}{where}")
            name = aliases[name]
        entry = self._json(self.root / "posteriors" / f"{name}.json")
        file = repr(str(self.root / "posteriors" / f"{name}.json"))
        for key in ("name", "model_name", "data_name", "reference_posterior_name"):
            value = entry.get(key)
            if key == "reference_posterior_name" and value is None:
                continue
            if not isinstance(value, str) or not PLAIN.fullmatch(value):
                raise ValueError(f"file {file} must have a name without a path as {key!r}, got {shown(value)}.")
        if entry["name"] != name:
            raise ValueError(f"file {file} must have its own name as 'name', got {shown(entry['name'])}.")
        return entry

    def data(self, name: str) -> dict[str, Any]:
        """Return the data with this name."""
        return self._json(self._packed(self.root / "data" / "data" / f"{name}.json"))

    def reference_draws(self, name: str) -> Path:
        """Return the file of reference draws with this name; it exists."""
        return self._packed(self.root / "reference_posteriors" / "draws" / "draws" / f"{name}.json")

    def program_sha256(self, name: str) -> str | None:
        """Return the SHA-256 of the text of a Stan program in hexadecimal digits; None if the folder lacks it."""
        try:
            text = (self.root / "models" / "stan" / f"{name}.stan").read_bytes()
        except OSError:
            return None
        return hashlib.sha256(text.replace(b"\r\n", b"\n")).hexdigest()

    def _packed(self, path: Path) -> Path:
        """Return the path of a JSON file, or of the zip file that has it."""
        for file in (path.with_name(f"{path.name}.zip"), path):
            if file.is_file():
                return file
        raise ValueError(f"file {str(path)!r} does not exist, nor as a zip file; copy it from posteriordb.")

    def _json(self, path: Path, missing: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the dictionary in a JSON file, or in the only file of a zip file; ``missing`` if there is no file."""
        if missing is not None and not path.is_file():
            return missing
        try:
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    (entry,) = (entry for entry in archive.infolist() if not entry.is_dir())
                    text = archive.read(entry).decode("utf-8")
            else:
                text = path.read_text(encoding="utf-8")
            content = json.loads(text)
        except (OSError, ValueError, RecursionError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
            raise ValueError(f"file {str(path)!r} is damaged ({one_line(error, 120)}); copy it again.") from error
        if not isinstance(content, dict):
            raise ValueError(f"file {str(path)!r} must be a dictionary in JSON, got {shown(content)}; copy it again.")
        return content
