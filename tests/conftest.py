"""Settings of every test: strict JAX, and one hypothesis profile without a clock."""

import os
import tempfile
from pathlib import Path

from hypothesis import settings

os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"  # read when jax is first imported

# Commands keep what they compile: not in the user's folder, and between tests.
os.environ.setdefault("CLOSEDFORM_CACHE", str(Path(tempfile.gettempdir()) / "closedform-tests"))

# A deadline fails on a busy machine, not on a wrong answer; derandomised, so that CI and a desk see the same examples.
settings.register_profile("closedform", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("closedform")
