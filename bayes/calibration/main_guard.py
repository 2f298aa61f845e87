"""What happens in a worker process if the script that calls ``calibrate`` has no main guard.

A spawned process imports the script of its parent. Without ``if __name__ == "__main__":`` the script calls
``calibrate`` again there. That call leaves a mark and ends the process, and the parent says what is wrong.
"""

import multiprocessing
import os
from pathlib import Path

FOLDER = "CLOSEDFORM_WORKERS"
"""Environment variable with the folder of the local cluster; worker processes inherit it."""
MARK = "no_main_guard"


def end_if_imported_by_a_worker() -> None:
    """End this process, silently, if it is a worker that is still importing its parent's script."""
    folder = os.environ.get(FOLDER)
    if folder and getattr(multiprocessing.current_process(), "_inheriting", False):
        Path(folder, MARK).touch()
        raise SystemExit(1)
