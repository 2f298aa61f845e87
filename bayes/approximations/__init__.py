"""Approximate posteriors of PyMC programs, and what each of them loses against the exact answer.

The approximations, of any PyMC model with continuous variables:

- ``unconstrained``: the log density on the unconstrained space, with its gradient and its Hessian.
- ``results``: an approximate posterior: independent draws, and both log densities of each.
- ``laplace_method``: a normal at the mode.
- ``variational``: ADVI by ``pm.fit``, mean field and full rank.
- ``pathfinders``: Pathfinder by BlackJAX, on one path or on several.
- ``lower_bounds``: its ELBO, as a bound of the evidence.

What is lost, on a model whose answer is exact:

- ``exact_losses``: the function to call, and the table.
- ``marginal_losses``: errors of place and width, coverage of intervals, and the divergence of a marginal.
- ``predictive_losses``: the log score of a new observation that is lost, in nats.
- ``point_estimates``: the maximum of the likelihood and of the posterior, for the same axis.
"""

from closedform.extras import require

require("pymc")
