from .data.arrays import from_arrays as from_arrays
from .evaluation.metrics import evaluate as evaluate
from .gradcheck.checks import adjoint_test as adjoint_test
from .gradcheck.checks import check_gradient as check_gradient
from .gradcheck.checks import taylor_test as taylor_test
from .training.config import TrainConfig as TrainConfig
from .training.fitting import fit as fit
from .training.runs import load_run as load_run
