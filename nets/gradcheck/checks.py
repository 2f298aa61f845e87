"""Checks of a gradient, by hand or by `jax.grad`, against methods that share no derivation with it.

`check_gradient` compares every leaf of the gradient with every method. `taylor_test` costs 74 evaluations of f a leaf,
however many parameters it has. `adjoint_test` is for the vector-Jacobian product of a function whose output is an array
or a tree of arrays, such as a layer. All three compute in float64, whatever the precision of the process, and do not
change that precision.

References
----------
Griewank, A., Walther, A. (2008). Evaluating Derivatives, 2nd ed. SIAM. Sections 3.1 and 3.2 (tangents and adjoints).
Farrell, P. E., Ham, D. A., Funke, S. W., Rognes, M. E. (2013). Automated derivation of the adjoint of high-level
transient finite element programs. SIAM J. Sci. Comput. 35, C369-C393. Section 5 (the Taylor remainder test).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from nets.gradcheck import exact_derivatives, rounding_noise
from nets.gradcheck._function_values import Values
from nets.gradcheck._leaves import Leaves, describe, finite
from nets.gradcheck._one_sided_slopes import FAR, NEAR, nearby_slopes
from nets.gradcheck._reduced_programs import ReducedProgram
from nets.gradcheck._traces import forgets_traces
from nets.gradcheck.methods import Function, eager_map, estimate_derivatives, gradient_rounding, ravel_gradient
from nets.gradcheck.results import JAX_GRAD, GradientCheck, GradientChecks, TaylorChecks, verdict_on
from nets.gradcheck.rounding_noise import EPS
from nets.gradcheck.taylor_remainders import NOISE_STEPS, STEPS, check_at_kink, has_kink, taylor_check
from nets.gradcheck.verdicts import LOWER_PRECISION, TOLERANCE, norm_of


@forgets_traces
def check_gradient(
    f: Function,
    params: Any,
    *,
    grad_fn: Callable[[Any], Any] | None = None,
    complex_f: Function | None = None,
    methods: Sequence[str] | None = None,
    max_entries: int = 1000,
    seed: int = 0,
    has_aux: bool = False,
) -> GradientChecks:
    """Check ``grad_fn``, or without it `jax.grad`, against every other method, leaf by leaf, in float64.

    Parameters
    ----------
    f
        Scalar function of ``params``, written with JAX. Arrays it closes over may have any precision.
    params
        Pytree of floating-point arrays of any precision: the point at which the gradients are taken. Flax: ``module,
        params, rest = nnx.split(model, nnx.Param, ...)``, and ``nnx.merge(module, params, rest, copy=True)`` in ``f``.
    grad_fn
        Your gradient: ``grad_fn(params)`` returns a tree like ``params``. It is called with float64 arrays.
    complex_f
        The same function in a form that accepts complex parameters, for the complex step: it may use holomorphic
        operations only (no ``abs``, ``max``, ``where``, ``logaddexp``, ``conj``). If ``f`` is such a function, pass
        ``f`` itself. Without it there is no complex step.
    methods
        Names of the methods to use. Default: all that exist. A ``jax.custom_vjp`` has no forward mode and a
        ``jax.lax.while_loop`` no reverse mode; without reverse mode, ``grad_fn`` is required.
    max_entries
        Reverse mode is compared at every entry. The other methods cost 5 to 28 evaluations of ``f`` per entry, so a
        leaf with more entries than this is compared at a sample of this size: half of it where the gradient is
        largest, half drawn at random.
    seed
        Seed of that sample.
    has_aux
        As for ``jax.grad``: ``f`` returns a pair, the number and auxiliary data; ``grad_fn`` returns only the gradient.

    Returns
    -------
    GradientChecks
        One check for each leaf and method, and one verdict. Entries at which f has a kink are left out and counted:
        there is no derivative. Near the kink there is one; a check named ``one-sided`` compares the gradient with the
        slopes there.

    Raises
    ------
    ValueError
        If ``params`` are not finite floats, if ``f`` does not return a finite real number or does not compute it in
        float64 (values that do not depend on ``params``, or do not affect the result, may have any precision), or if
        ``grad_fn`` returns another structure, other shapes or another precision.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> def f(params):
    ...     return jnp.sum(jnp.sin(params["w"]) ** 2)
    >>> def wrong(params):
    ...     return {"w": 2 * jnp.sin(params["w"])}
    >>> params = {"w": jnp.arange(1.0, 4.0)}
    >>> print(check_gradient(f, params).verdict)
    pass
    >>> print(check_gradient(f, params, grad_fn=wrong, complex_f=f).verdict)
    fail
    """
    estimates = estimate_derivatives(
        f, params, complex_f=complex_f, methods=methods, max_entries=max_entries, seed=seed, has_aux=has_aux
    )
    return estimates.check_jax_grad() if grad_fn is None else estimates.check("grad_fn", grad_fn)


@forgets_traces
def taylor_test(
    f: Function, params: Any, *, grad_fn: Callable[[Any], Any] | None = None, seed: int = 0, has_aux: bool = False
) -> TaylorChecks:
    """Check a gradient, ``grad_fn`` or else `jax.grad`, by Taylor's theorem, along one direction in each leaf.

    With g the gradient and v a direction, as h -> 0::

        |f(theta + h v) - f(theta)|                 falls like h        (slope 1 on logarithmic axes)
        |f(theta + h v) - f(theta) - h <g, v>|      falls like h^2      (slope 2) if g is right, like h if it is wrong

    v is partly along g, to show an error in the norm of g, and partly random, to show any other error. Where the
    slopes of f on either side differ, there is a kink and no gradient. The leaf is then inconclusive, unless the
    gradient near the point is not the slope there: then it fails. Arguments and errors as in `check_gradient`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> def f(params):
    ...     return jnp.sum(jnp.exp(params["w"]))
    >>> print(taylor_test(f, {"w": jnp.arange(3.0)}))
    jax.grad: pass
      w  slopes 1.00 and 2.00  pass
    """
    rng = _rng(seed)
    with jax.enable_x64(True):
        leaves = Leaves.of(params)
        theta = leaves.theta
        flat_f = leaves.function("f", f, has_aux=has_aux)
        if grad_fn is None:
            name, flat_gradient, lower_precision = JAX_GRAD, jax.jit(jax.grad(flat_f)), False
        else:
            name, (flat_gradient, lower_precision) = "grad_fn", ravel_gradient(leaves, grad_fn, flat_f)
        f_values = Values(flat_f, theta)
        value = finite("f", f_values([0], 0.0, 0, 0.0)[0])
        gradient = np.asarray(flat_gradient(theta))
        rounding = max(64 * EPS * abs(value), 4 * rounding_noise.rounding(f_values, theta))
        # theta + h v is rounded too, and that changes f by its slope there.
        rounding += 4 * EPS * norm_of(np.nan_to_num(gradient) * np.asarray(theta))
        steps = jnp.asarray(np.concatenate([STEPS, NOISE_STEPS, -STEPS, -NOISE_STEPS]))
        values_along = jax.jit(lambda v: jax.lax.map(lambda h: flat_f(theta + h * v), steps))
        checks = []
        for leaf, where in leaves.slices.items():
            v = _direction(rng, gradient, where)
            slope = float(np.sum(v * gradient, where=v != 0))  # <g, v>
            values = np.asarray(values_along(v)).reshape(2, -1)
            right, left = values[:, : len(STEPS)]
            # At a point where f is 0, as at zero weights, the rounding is smaller than elsewhere.
            noise = rounding + 4 * rounding_noise.rounding_of(values[:, len(STEPS) :]) * STEPS / STEPS[0]
            tolerance = LOWER_PRECISION if lower_precision or flat_f.rounds_in_lower_precision else 0.0
            slack = tolerance * float(np.sum(np.abs(v * gradient), where=v != 0))
            check = taylor_check(leaf, STEPS, value, right, slope, noise, slack)
            if np.isfinite(slope) and has_kink(STEPS, value, right, left, noise):
                near, far = (nearby_slopes(flat_gradient, theta, v, d) for d in (NEAR, FAR))
                check = check_at_kink(check, value, right, left, near, far, noise, may_be_constant=grad_fn is not None)
            checks.append(check)
    return TaylorChecks(name, tuple(checks))


def directional_derivative(f: Function, v: Any) -> Function:
    """Return the function <gradient of f, v>, whose own gradient is the Hessian of ``f`` times ``v``.

    With it, `check_gradient` checks a Hessian-vector product.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> def f(x):
    ...     return jnp.sum(x**3)
    >>> x, v = jnp.array([1.0, 2.0]), jnp.array([3.0, -1.0])
    >>> check_gradient(directional_derivative(f, v), x, grad_fn=lambda x: 6 * x * v).verdict
    'pass'
    """

    def derivative(params: Any) -> jax.Array:
        tangent = jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype), v, params)  # complex, for the complex step
        return jax.jvp(f, (params,), (tangent,))[1]

    return derivative


@forgets_traces
def adjoint_test(
    f: Callable[[Any], Any], inputs: Any, *, vjp_fn: Callable[[Any, Any], Any], seed: int = 0
) -> GradientChecks:
    """Check the vector-Jacobian product of ``f`` against its Jacobian-vector product, leaf by leaf.

    The output of ``f`` is an array or a tree of arrays. With J the Jacobian of ``f`` at ``inputs``, u like its output
    and v like one leaf of its input, both random, ``<u, J v> = <J^T u, v>``: J v is from `jax.jvp`, and J^T u is
    ``vjp_fn(inputs, u)``, a tree like ``inputs``. The relative error is the difference divided by the larger of
    ||u|| ||J v|| and ||J^T u|| ||v||. To check the backward rule of a ``jax.custom_vjp``, pass the function without the
    decorator. Raises ValueError as in `check_gradient`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from nets.backprop.layers import linear, linear_vjp
    >>> inputs = {"x": jnp.ones((5, 3)), "kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    >>> def vjp_fn(inputs, dy):
    ...     return linear_vjp(inputs["x"], inputs["kernel"], dy)._asdict()
    >>> adjoint_test(lambda inputs: linear(**inputs), inputs, vjp_fn=vjp_fn).verdict
    'pass'
    """
    rng = _rng(seed)
    with jax.enable_x64(True):
        leaves = Leaves.of(inputs, "inputs")
        program = ReducedProgram.of(lambda vector: f(leaves.tree(vector)), leaves.theta)
        outputs, treedef = jax.tree.flatten(program.shapes)
        for output in outputs:
            if output.dtype != jnp.float64:
                raise ValueError(
                    f"`f` must return floats, and float64 for float64 inputs, got {describe(output)}; leave dtypes to "
                    "JAX, and leave out outputs that are not differentiated."
                )
        if program.has_custom_vjp:
            raise ValueError("`f` must have no `jax.custom_vjp` in it, got one; there is no J v through it.")
        ends = np.cumsum([output.size for output in outputs])
        u = rng.standard_normal(ends[-1])

        def pull(theta_and_u: jax.Array) -> NDArray[np.float64]:  # J^T u
            theta, cotangent = np.split(np.asarray(theta_and_u), [len(leaves.theta)])
            parts = zip(np.split(cotangent, ends[:-1]), outputs, strict=True)
            arrays = [jnp.asarray(part.reshape(output.shape)) for part, output in parts]
            return leaves.vector("vjp_fn", vjp_fn(leaves.tree(theta), jax.tree.unflatten(treedef, arrays)))

        def flat_f(theta: jax.Array) -> jax.Array:
            return jnp.concatenate([jnp.ravel(output) for output in jax.tree.leaves(program(theta))])

        def push(theta_and_v: jax.Array) -> jax.Array:  # J v
            theta, v = jnp.split(theta_and_v, 2)
            return jax.jvp(flat_f, (theta,), (v,))[1]

        point = jnp.concatenate([leaves.theta, u])
        partials = exact_derivatives.value_and_rounding(pull, point, eager_map)
        pulled, rounding = partials.value, gradient_rounding(pull, point, partials, leaves.slices)
        push_all = jax.jit(partial(jax.lax.map, push))
        pushes = []
        for where in leaves.slices.values():
            v = np.zeros_like(pulled)
            v[where] = rng.standard_normal(where.stop - where.start)
            pushed = exact_derivatives.value_and_rounding(
                push, np.concatenate([leaves.theta, v]), lambda _, points: push_all(points)
            )
            pushes.append((v[where], pushed.value, pushed.uncertainty))
    checks = []
    for (leaf, where), (v, Jv, Jv_rounding) in zip(leaves.slices.items(), pushes, strict=True):
        norm = max(norm_of(u) * norm_of(Jv), norm_of(pulled[where]) * norm_of(v)) or 1.0
        relative_error = float(abs(np.sum(u / norm * Jv) - np.sum(pulled[where] / norm * v)))
        uncertainty = norm_of(u) * norm_of(Jv_rounding) + norm_of(rounding[where]) * norm_of(v)
        limit = max(TOLERANCE["forward"], uncertainty / norm)
        checks.append(
            GradientCheck(
                leaf=leaf,
                shape=leaves.shapes[leaf],
                method="adjoint",
                entries=where.stop - where.start,
                norm=float(norm),
                relative_error=relative_error,
                limit=limit,
                verdict=verdict_on(relative_error, limit),
            )
        )
    return GradientChecks("vjp_fn", tuple(checks))


def _rng(seed: int) -> np.random.Generator:
    """Return a generator that differs from that of a caller who draws data with the same seed: u must not be x."""
    if seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {seed}.")
    return np.random.default_rng([seed, 0xAD])


def _direction(rng: np.random.Generator, gradient: NDArray[np.float64], where: slice) -> NDArray[np.float64]:
    """Return a direction in one leaf, more along the gradient than random, so that the two never cancel."""
    along, other = gradient[where], rng.standard_normal(where.stop - where.start)
    along = np.where(np.isfinite(along), along, 0)
    v = np.zeros_like(gradient)
    v[where] = along / (norm_of(along) or 1) + other / (2 * norm_of(other))
    return v
