"""BlackJAX's Pathfinder steps away from the mode, and leaves out the last iterate.

    uv run python -m benchmarks.pathfinder_direction

Pathfinder's normal at an iterate theta has the mean theta + Sigma grad log p(theta) (Zhang et al. 2022, JMLR 23,
algorithm 4, where Sigma is the inverse Hessian of L-BFGS). BlackJAX 1.7.1 passes the gradient of -log p, so that the
mean is theta - Sigma grad log p(theta). On a normal target every iterate with the right Sigma is exact: its ELBO is
log Z, here 1/2 log(2 pi s^2). The iterate at the mode hides the fault, because its step is zero.
"""

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from blackjax.vi import pathfinder

MEAN, SD, START = 2.0, 0.25, 0.0


def main() -> None:
    """Print, of each iterate, the ELBO of BlackJAX and that of the mean with the right sign."""

    def log_density(x: jax.Array) -> jax.Array:
        return -0.5 * jnp.sum((x - MEAN) ** 2) / SD**2

    def elbo(mean: float, variance: float) -> float:
        """Return E_q[log p~ - log q], in closed form."""
        return -0.5 * ((mean - MEAN) ** 2 + variance) / SD**2 + 0.5 * np.log(2 * np.pi * np.e * variance)

    with jax.enable_x64(True):
        _, info = pathfinder.approximate(jax.random.key(0), log_density, jnp.array([START]), num_samples=10_000)
        path = info.path
        covariance = np.asarray(
            path.alpha[:, :, None] * jnp.eye(1) + path.beta @ path.gamma @ path.beta.swapaxes(1, 2)
        ).ravel()
        position, gradient = np.asarray(path.position).ravel(), np.asarray(path.grad_position).ravel()
    print(f"BlackJAX {blackjax.__version__}; the exact answer is log Z = {0.5 * np.log(2 * np.pi * SD**2):.4f}\n")
    print("iterate  position  sd      ELBO by BlackJAX  with its sign  with the right sign")
    for i in range(4):
        sd, step = covariance[i] ** 0.5, covariance[i] * gradient[i]
        print(
            f"{i:7d}  {position[i]:8.4f}  {sd:6.4f}  {float(path.elbo[i]):16.4f}  "
            f"{elbo(position[i] + step, covariance[i]):13.4f}  {elbo(position[i] - step, covariance[i]):19.4f}"
        )


if __name__ == "__main__":
    main()
