"""XLA on a CPU computes a wrong log density for thousands of points at once, and the right one for few.

    uv run python -m benchmarks.xla_batches

The function is the part of a PyMC model that JAX gets: a normal prior with variance 10 v and 15 normal observations
with variance v, v = exp(z). With JAX 0.12.0.1 it is right at 1,000 points, and off by 15/2 log 10 nats at 10,000, where
log(10 v) has taken the place of log v. ``bayes.approximations.unconstrained`` evaluates blocks of 1,000 points for
this reason.
"""

import jax
import numpy as np

from bayes.approximations import unconstrained
from bayes.registry import get_model

POINT = (6.96, 20.79)
"""log sigma2 and mu, near the mode."""


def main() -> None:
    """Print the log density at one point, evaluated once and as one of many equal points."""
    target = unconstrained.unconstrained_posterior(get_model("normal_inverse_gamma").program())
    at_once = jax.jit(jax.vmap(target.traced))
    right = float(target.log_density(np.array([POINT]))[0])
    print(f"jax {jax.__version__}, {jax.devices()[0].platform}: log density {right:.6f} nats at one point")
    for n in (1000, 4000, 5000, 10_000):
        with jax.enable_x64(True):
            values = np.asarray(at_once(np.tile(POINT, (n, 1))))
        print(f"{n:6d} points at once: {values.min():.6f} to {values.max():.6f}, off by {values.max() - right:+.6f}")
    print(f"15/2 log 10 = {7.5 * np.log(10):.6f}")


if __name__ == "__main__":
    main()
