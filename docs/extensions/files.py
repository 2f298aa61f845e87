"""Pages that are written before Sphinx reads them, into folders that git ignores."""

from collections.abc import Mapping
from pathlib import Path


def write_pages(folder: Path, pages: Mapping[str, str], suffix: str) -> None:
    """Write each page whose text has changed, so that Sphinx reads no other again; remove pages that are not wanted."""
    folder.mkdir(exist_ok=True)
    for stale in {file.stem for file in folder.glob(f"*{suffix}")} - set(pages):
        (folder / f"{stale}{suffix}").unlink()
    for name, text in pages.items():
        file = folder / f"{name}{suffix}"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
