"""Settings of every test: strict JAX, its programs compiled once, and one hypothesis profile without a clock."""

import gc
import os
import tempfile
from pathlib import Path

from hypothesis import settings

from closedform.provenance import cpu_fingerprint

os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"  # read when jax is first imported

# Tests take the CPU, whatever a machine has. Read when JAX's devices start; a plugin for a GPU then needs no driver.
os.environ["JAX_PLATFORMS"] = "cpu"

# Commands keep what they compile: not in the user's folder, and between tests.
os.environ.setdefault("CLOSEDFORM_CACHE", str(Path(tempfile.gettempdir()) / "closedform-tests"))

# All test processes, and those that they start, compile equal programs once. JAX reads this when it is first imported.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(os.environ["CLOSEDFORM_CACHE"]) / "tests" / cpu_fingerprint())
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

# LLVM's passes take a quarter of the tests' time. Flax's tests of its examples leave them out too; XLA's passes
# remain. A nightly run sets this to 0, and compiles as users do.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

# One thread for the small matrices of the tests, read when numpy is first imported: both cores have a test process, and
# a second thread waits in a busy loop.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Compilers make many objects, few of them in cycles, and each collection by Python's defaults visits all modules.
gc.set_threshold(50_000, 20, 20)

# A deadline fails on a busy machine, not on a wrong answer; derandomised, so that CI and a desk see the same examples.
settings.register_profile("closedform", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("closedform")
