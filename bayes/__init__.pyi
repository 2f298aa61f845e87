from . import exact as exact
from . import testing as testing
from ._check import check as check
from ._check import check_sampler as check_sampler
from .io import posteriordb as posteriordb
from .io.draws_file import load_draws as load_draws
from .registry import models as models
