"""Is a gradient right? One derived by hand, or `jax.grad`, held to witnesses that share no derivation with it.

`compare_gradients` asks every witness about every block of parameters. `taylor_test` costs a few evaluations a block,
however many parameters it has; `adjoint_test` is for the rule of a single layer, whose output is no number. All three
compute in float64, whatever the precision of the process, and leave that as it was.

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

from nets.gradcheck import derivatives
from nets.gradcheck._leaves import Blocks, describe, finite
from nets.gradcheck._one_sided_slopes import ASIDE, FURTHER, slopes_beside
from nets.gradcheck._reduced_programs import Reduced
from nets.gradcheck.estimates import Function, ask, hand_on, one_by_one, own_rounding
from nets.gradcheck.results import JAX_GRAD, GradientCheck, GradientChecks, TaylorChecks, verdict_on
from nets.gradcheck.taylor_remainders import CLOSE, STEPS, at_kink, kinked, taylor_check
from nets.gradcheck.verdicts import LOWER_PRECISION, TOLERANCE, norm_of


def compare_gradients(
    f: Function,
    params: Any,
    *,
    by_hand: Callable[[Any], Any] | None = None,
    holomorphic: Function | None = None,
    witnesses: Sequence[str] | None = None,
    entries: int = 1000,
    seed: int = 0,
    has_aux: bool = False,
) -> GradientChecks:
    """Hold a gradient derived by hand, or without one `jax.grad`'s, to every witness, block by block, in float64.

    Parameters
    ----------
    f
        Scalar function of ``params``, written with JAX. Arrays it closes over may have any precision.
    params
        Tree of floating-point arrays of any precision: the point at which the gradients are taken. Flax: ``module,
        params, rest = nnx.split(model, nnx.Param, ...)``, and ``nnx.merge(module, params, rest, copy=True)`` in ``f``.
    by_hand
        Your gradient: ``by_hand(params)`` returns a tree like ``params``. It is called with float64 arrays.
    holomorphic
        The same function, written with nothing but operations that are differentiable in the complex plane (no ``abs``,
        ``max``, ``where``, ``logaddexp``, ``conj``): ``f`` itself if it is. Without it there is no complex step.
    witnesses
        Which to ask (default: all that there are: a ``jax.custom_vjp`` has no forward mode, a ``jax.lax.while_loop`` no
        reverse mode, and what has neither needs ``by_hand``).
    entries
        Reverse mode and ``by_hand`` are compared whole. The others cost 5 to 28 evaluations of ``f`` an entry, so that
        of a block with more entries than this so many are compared: half where the gradient is largest, half drawn.
    seed
        Of that draw.
    has_aux
        ``f`` returns a pair, the number and something else, as for ``jax.grad``; ``by_hand`` the gradient alone.

    Returns
    -------
    GradientChecks
        One check a block and witness, and one verdict. Entries at which f has a kink are left out and counted: there is
        no derivative. Beside the kink there is, and a check named ``one-sided`` holds the gradient to the slopes there.

    Raises
    ------
    ValueError
        If ``params`` are not finite floats, ``f`` is no finite real scalar or loses float64 (what does not depend on
        ``params``, or does not reach the value, may), or ``by_hand`` has another structure, shapes or precision.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> def f(params):
    ...     return jnp.sum(jnp.sin(params["w"]) ** 2)
    >>> def wrong(params):
    ...     return {"w": 2 * jnp.sin(params["w"])}
    >>> params = {"w": jnp.arange(1.0, 4.0)}
    >>> print(compare_gradients(f, params).verdict)
    pass
    >>> print(compare_gradients(f, params, by_hand=wrong, holomorphic=f).verdict)
    fail
    """
    testimony = ask(
        f, params, holomorphic=holomorphic, witnesses=witnesses, entries=entries, seed=seed, has_aux=has_aux
    )
    return testimony.about_reverse() if by_hand is None else testimony.about("by_hand", by_hand)


def taylor_test(
    f: Function, params: Any, *, by_hand: Callable[[Any], Any] | None = None, seed: int = 0, has_aux: bool = False
) -> TaylorChecks:
    """Hold a gradient, ``by_hand`` or else `jax.grad`'s, to Taylor's theorem, along one direction in each block.

    With g the gradient and v a direction, as h -> 0::

        |f(theta + h v) - f(theta)|                 falls like h        (slope 1 on logarithmic axes)
        |f(theta + h v) - f(theta) - h <g, v>|      falls like h^2      (slope 2) if g is right, like h if it is wrong

    v is partly along g, so that an error in its size shows, and partly random, so that any other does. Where the slopes
    of f to either side do not meet there is a kink and no gradient: the block is inconclusive, unless the gradient a
    little to either side is not the slope there. Arguments and errors as in `compare_gradients`.

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
        blocks = Blocks.of(params)
        at = blocks.function("f", f, has_aux=has_aux)
        if by_hand is None:
            subject, gradient_at, lower = JAX_GRAD, jax.jit(jax.grad(at)), False
        else:
            subject, (gradient_at, lower) = "by_hand", hand_on(blocks, by_hand, at)
        values = derivatives.Values(at, blocks.theta)
        value = finite("f", values([0], 0.0, 0, 0.0)[0])
        gradient = np.asarray(gradient_at(blocks.theta))
        here = max(64 * derivatives.EPS * abs(value), 4 * derivatives.rounding(values, blocks.theta))
        # theta + h v is rounded too, and moves f by its slope there.
        here += 4 * derivatives.EPS * norm_of(np.nan_to_num(gradient) * np.asarray(blocks.theta))
        both = jnp.asarray(np.concatenate([STEPS, CLOSE, -STEPS, -CLOSE]))
        along = jax.jit(lambda v: jax.lax.map(lambda h: at(blocks.theta + h * v), both))
        checks = []
        for block, where in blocks.slices.items():
            v = _direction(rng, gradient, where)
            slope = float(np.sum(v * gradient, where=v != 0))  # <g, v>
            moved = np.asarray(along(v)).reshape(2, -1)
            ahead, behind = moved[:, : len(STEPS)]
            # At a point where f is 0, as at weights that are, it is rounded less than elsewhere.
            noise = here + 4 * derivatives.rounding_of(moved[:, len(STEPS) :]) * STEPS / STEPS[0]
            lost = LOWER_PRECISION if lower or at.rounds_in_lower_precision else 0.0
            slack = lost * float(np.sum(np.abs(v * gradient), where=v != 0))
            check = taylor_check(block, STEPS, value, ahead, slope, noise, slack)
            if np.isfinite(slope) and kinked(STEPS, value, ahead, behind, noise):
                beside, further = (slopes_beside(gradient_at, blocks.theta, v, d) for d in (ASIDE, FURTHER))
                check = at_kink(check, value, ahead, behind, beside, further, noise, number=by_hand is not None)
            checks.append(check)
    return TaylorChecks(subject, tuple(checks))


def slope_along(f: Function, v: Any) -> Function:
    """Return the function <gradient of f, v>, whose own gradient is the Hessian of ``f`` times ``v``.

    It makes `compare_gradients` a test of a Hessian-vector product.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> def f(x):
    ...     return jnp.sum(x**3)
    >>> x, v = jnp.array([1.0, 2.0]), jnp.array([3.0, -1.0])
    >>> compare_gradients(slope_along(f, v), x, by_hand=lambda x: 6 * x * v).verdict
    'pass'
    """

    def slope(params: Any) -> jax.Array:
        direction = jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype), v, params)  # complex, for the complex step
        return jax.jvp(f, (params,), (direction,))[1]

    return slope


def adjoint_test(
    function: Callable[[Any], Any], inputs: Any, *, by_hand: Callable[[Any, Any], Any], seed: int = 0
) -> GradientChecks:
    """Hold the vector-Jacobian product of a function with any output to its Jacobian-vector product, block by block.

    With J the Jacobian of ``function`` at ``inputs``, u like its output and v like one block of its input, both
    random, ``<u, J v> = <J^T u, v>``: J v is from `jax.jvp`, J^T u is ``by_hand(inputs, u)``, a tree like ``inputs``.
    The output may be a tree of arrays, and u is then one like it. The relative error is the difference over the larger
    of ||u|| ||J v|| and ||J^T u|| ||v||. ValueError as in `compare_gradients`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from nets.backprop.layers import linear, linear_vjp
    >>> inputs = {"x": jnp.ones((5, 3)), "kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    >>> def by_hand(inputs, dy):
    ...     return linear_vjp(inputs["x"], inputs["kernel"], dy)._asdict()
    >>> adjoint_test(lambda inputs: linear(**inputs), inputs, by_hand=by_hand).verdict
    'pass'
    """
    rng = _rng(seed)
    with jax.enable_x64(True):
        blocks = Blocks.of(inputs, "inputs")
        reduced = Reduced.of(lambda vector: function(blocks.tree(vector)), blocks.theta)
        outputs, treedef = jax.tree.flatten(reduced.shapes)
        for output in outputs:
            if output.dtype != jnp.float64:
                raise ValueError(
                    f"`function` must return floats, and float64 for float64 inputs, got {describe(output)}; leave "
                    "dtypes to JAX, and what is not differentiated out."
                )
        if reduced.has_custom_vjp:
            raise ValueError("`function` must have no `jax.custom_vjp` in it, got one; there is no J v through it.")
        ends = np.cumsum([output.size for output in outputs])
        u = rng.standard_normal(ends[-1])

        def pull(both: jax.Array) -> NDArray[np.float64]:  # J^T u, from theta and u in one vector
            theta, one = np.split(np.asarray(both), [len(blocks.theta)])
            split = zip(np.split(one, ends[:-1]), outputs, strict=True)
            parts = [jnp.asarray(part.reshape(output.shape)) for part, output in split]
            return blocks.vector("by_hand", by_hand(blocks.tree(theta), jax.tree.unflatten(treedef, parts)))

        def flat(theta: jax.Array) -> jax.Array:
            return jnp.concatenate([jnp.ravel(output) for output in jax.tree.leaves(reduced(theta))])

        def push(both: jax.Array) -> jax.Array:  # J v
            theta, v = jnp.split(both, 2)
            return jax.jvp(flat, (theta,), (v,))[1]

        here = jnp.concatenate([blocks.theta, u])
        stated = derivatives.measured(pull, here, one_by_one)
        pulled, rounding = np.asarray(stated.value), own_rounding(pull, here, stated, blocks.slices)
        measured_push = jax.jit(partial(derivatives.measured, push))
        pushes = []
        for where in blocks.slices.values():
            v = np.zeros_like(pulled)
            v[where] = rng.standard_normal(where.stop - where.start)
            pushed = measured_push(jnp.concatenate([blocks.theta, v]))
            pushes.append((v[where], np.asarray(pushed.value), np.asarray(pushed.uncertainty)))
    checks = []
    for (block, where), (v, Jv, Jv_rounding) in zip(blocks.slices.items(), pushes, strict=True):
        norm = max(norm_of(u) * norm_of(Jv), norm_of(pulled[where]) * norm_of(v)) or 1.0
        relative_error = float(abs(np.sum(u / norm * Jv) - np.sum(pulled[where] / norm * v)))
        doubt = norm_of(u) * norm_of(Jv_rounding) + norm_of(rounding[where]) * norm_of(v)
        limit = max(TOLERANCE["forward"], doubt / norm)
        checks.append(
            GradientCheck(
                block=block,
                shape=blocks.shapes[block],
                witness="adjoint",
                entries=where.stop - where.start,
                norm=float(norm),
                relative_error=relative_error,
                limit=limit,
                verdict=verdict_on(relative_error, limit),
            )
        )
    return GradientChecks("by_hand", tuple(checks))


def _rng(seed: int) -> np.random.Generator:
    """Return random numbers that are not those of a caller who draws data with the same seed: u must not be x."""
    if seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {seed}.")
    return np.random.default_rng([seed, 0xAD])


def _direction(rng: np.random.Generator, gradient: NDArray[np.float64], where: slice) -> NDArray[np.float64]:
    """Return a direction in one block, more along the gradient than random, so that the two never cancel."""
    along, other = gradient[where], rng.standard_normal(where.stop - where.start)
    along = np.where(np.isfinite(along), along, 0)
    v = np.zeros_like(gradient)
    v[where] = along / (norm_of(along) or 1) + other / (2 * norm_of(other))
    return v
