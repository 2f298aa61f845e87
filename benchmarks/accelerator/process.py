"""A part in a process of its own, so that its failure, or the end of its time, loses only what it had not yet measured.

`python -m benchmarks.accelerator.process PART SETTINGS ROWS` runs the part, and appends each row to the file ROWS as a
line of JSON as soon as it is measured.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.accelerator.settings import Settings, read_settings

REASON_LINES = 3
"""Last lines of standard error that are reported when a part fails."""


def run_part(name: str, settings: Settings, seconds: float, log: Path) -> dict[str, Any]:
    """Run a part for at most ``seconds``, and return its status, duration and rows.

    The status is complete, failed or timed out; with the last two the rows are those that were measured before, and the
    reason is given. Standard output and error are appended to ``log``.
    """
    settings_file, rows_file = settings.folder / f"{name}.json", settings.folder / f"{name}.jsonl"
    settings.write(settings_file)
    rows_file.touch()
    command = [sys.executable, "-m", "benchmarks.accelerator.process", name, str(settings_file), str(rows_file)]
    started = time.perf_counter()
    with log.open("a", encoding="utf-8") as stream:
        print(f"# {name}", file=stream, flush=True)
        first = stream.tell()
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            code = process.wait(timeout=seconds)
            status, reason = ("complete", None) if code == 0 else ("failed", None)
        except subprocess.TimeoutExpired:
            status, reason = "timed out", f"it did not end within {seconds:.0f} s"
        finally:
            end_group(process)
    with log.open(encoding="utf-8", errors="replace") as stream:
        stream.seek(first)
        lines = [line.strip() for line in stream if line.strip()]
    if status == "failed":
        reason = " ".join(lines[-REASON_LINES:]) or f"it ended with exit code {process.returncode}"
    rows = [json.loads(line) for line in rows_file.read_text(encoding="utf-8").splitlines()]
    return {"status": status, "reason": reason, "seconds": time.perf_counter() - started, "rows": rows}


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session, and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main(part: str, settings: Path, rows: Path) -> None:
    """Run a part in this process."""
    module = importlib.import_module(f"benchmarks.accelerator.parts.{part}")
    with rows.open("a", encoding="utf-8") as stream:
        for row in module.rows(read_settings(settings)):
            print(json.dumps(row), file=stream, flush=True)
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
