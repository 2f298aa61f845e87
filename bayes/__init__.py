"""Models with exact answers, the same models as PyMC and Stan programs, and checks of samplers against them.

``check`` compares draws with the exact answer of a model. ``check_sampler`` runs a sampler on many models and checks
it. ``check_loo`` compares PSIS-LOO of draws with the exact leave-one-out densities. ``calibrate`` runs a sampler on
many simulated data sets of one model. ``check_kernel`` checks one transition of a kernel from exact draws, and
``check_joint_kernel`` one from draws of parameters and data. ``load_draws`` reads draws from a file, and ``models`` is
the registry of models. For tests, ``bayes.testing`` has the checks of samplers as assertions. The subpackages:

- ``bayes.exact``: posterior, predictive and evidence in closed form, one family of models a file. It needs only NumPy
  and SciPy.
- ``bayes.programs``: the same families as PyMC and Stan programs, with the same file names.
- ``bayes.registry``: every model by its name, with example data.
- ``bayes.checking``: the statistics. They take exact distributions and draws, and return checks with a verdict.
- ``bayes.calibration``: many simulated data sets, each with its exact posterior.
- ``bayes.sampling``: NUTS, slice sampling and SMC on a program.
- ``bayes.approximations``: ADVI, Pathfinder and Laplace's method on a program, and what each loses.
- ``bayes.evidence``: the log evidence of any PyMC model, by bridge sampling and others, with its claimed error.
- ``bayes.io``: files of draws, observations and hyperparameters, and models as Stan code.
- ``bayes.faults``: faulty samplers, and how often correct samplers fail.
- ``bayes.commands``: the commands of ``python -m bayes``.

Import from the subpackages by name, as in ``from bayes.registry import get_model``. ``python -m bayes`` lists and
samples the models, checks draws and exports Stan code.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
