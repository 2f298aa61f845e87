"""Checks of gradients, by hand or by `jax.grad`, against methods that share no derivation with them.

Read ``checks`` first: it has the public functions.

- ``checks``: `check_gradient`, `taylor_test`, `adjoint_test`, and the derivative along a direction.
- ``exact_derivatives``: reverse mode, forward mode and the complex step, exact to rounding.
- ``finite_differences``: central differences and Richardson's extrapolation, their steps and their error estimates.
- ``rounding_noise``: the noise of a function and of a gradient, measured by differences over tiny steps.
- ``methods``: all methods at one point, so that several gradients can be checked against them.
- ``verdicts``: which entries of a leaf are compared, within which error, and the verdict.
- ``results``: one check for each leaf and method, one verdict, and the table that is printed.
- ``taylor_remainders``: the Taylor test of one leaf, from remainders that fall like h or h^2.
- ``error_by_step``: the error of each finite difference by its step, with theory.

``_leaves`` turns a pytree into a vector, ``_function_values`` evaluates a function at many points.
``_reduced_programs`` removes operations that a function does not need, and finds casts. ``_one_sided_slopes`` has the
slopes on either side of a kink.
"""

from closedform.extras import require

require("jax")
