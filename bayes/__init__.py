"""Models known in closed form, the same models as programs, and the samplers held to them.

``check`` holds draws to a model's exact answer, ``check_sampler`` a sampler to many models, ``load_draws`` reads draws
from a file, and ``models`` is the registry. In a test, ``bayes.testing`` has both checks as assertions. The chapters:

- ``bayes.exact``: posterior, predictive and evidence in closed form, one family a file; of packages from outside numpy
and scipy only.
- ``bayes.programs``: the same families as PyMC and Stan programs, under the same file names.
- ``bayes.registry``: both by name, with data to try them on.
- ``bayes.checking``: exact distributions and draws in, checks with a verdict out. It knows no model.
- ``bayes.sampling``: a program run by NUTS, slice sampling or SMC.
- ``bayes.evidence``: log evidence from independent runs, with a standard error.
- ``bayes.io``: draws, observations and hyperparameters of the user, and models as Stan code.
- ``bayes.faults``: faulty samplers, and the false alarms on correct ones.
- ``bayes.commands``: the commands of ``python -m bayes``.

Import the chapters by their names, as in ``from bayes.registry import get_model``. ``python -m bayes`` lists and
samples the models, checks draws and exports Stan code.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
