"""XLA on a CPU computes a wrong sum of two logarithms for thousands of points at once, and the right one for few.

    uv run python -m benchmarks.xla_batches

With v = exp(z), f(z) = sum_i (b_i - 1/2 log v) - 1/2 log(10 v) over 15 numbers b_i whose sum is 0. So f(z) is
-8 z - 1/2 log 10. A sum like it is in the log density of ``bayes.programs.normal_inverse_gamma``. With JAX 0.12.0.1 it
is right for 4,000 equal points. For 5,000 it is too large by 1/2 log 10, in float32 as in float64: log v has taken the
place of log(10 v). For this reason ``bayes.sampling.points`` evaluates blocks of 1,000 points.
"""

import jax
import jax.numpy as jnp
import numpy as np

Z = 6.96
B = np.linspace(-60.0, 60.0, 15)


def f(z: jax.Array) -> jax.Array:
    """Return sum_i (b_i - 1/2 log v) - 1/2 log(10 v)."""
    v = jnp.exp(z)
    log_sd = 0.5 * jnp.log(v.reshape(1))
    return jnp.sum(B - log_sd) - 0.5 * jnp.log(10.0 * v)


def main() -> None:
    """Print f at one point, evaluated as one of ever more equal points."""
    right = -8 * Z - 0.5 * np.log(10)
    print(f"jax {jax.__version__}, {jax.devices()[0].platform}; the right value is {right:.6f}")
    for dtype in ("float32", "float64"):
        with jax.enable_x64(dtype == "float64"):
            for n in (1000, 4000, 5000, 10_000):
                values = np.asarray(jax.jit(jax.vmap(f))(jnp.full(n, Z, dtype=dtype)))
                print(f"{dtype}, {n:6d} points: {values.min():.6f} to {values.max():.6f}")


if __name__ == "__main__":
    main()
