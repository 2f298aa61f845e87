"""Arrays that transformations of JAX hand on are unchanged; all others may be changed."""

import jax
import jax.numpy as jnp
import pytest

from nets.training.handed_on import changed

X, Y = jnp.arange(3.0), jnp.ones(3)


def branches(*functions):
    return lambda x, y: jax.lax.cond(x.sum() > y.sum(), *functions, x, y)


def loop(step):
    return lambda x, y: jax.lax.fori_loop(0, 3, lambda _, carry: step(*carry), (x, y))


def loop_with_constants(x, y):
    return jax.lax.while_loop(lambda carry: carry[0].sum() < x.sum(), lambda carry: (carry[0] + y, carry[1]), (y, x))


def carry(step):
    return lambda x, y: jax.lax.scan(lambda carry, _: (step(*carry), None), (x, y), length=3)[0]


def stacked(step):
    return lambda x, y: jax.lax.scan(lambda total, xy: (total + 1, step(*xy)), 0.0, (x, y))[1]


@jax.custom_jvp
def custom(x, y):
    return x, y + x


custom.defjvp(lambda primals, tangents: (custom(*primals), tangents))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x, y: (x, y), []),
        (lambda x, y: (y, x), ["x", "y"]),
        (lambda x, y: (x + 0, jnp.where(True, y, x)), ["x", "y"]),
        (lambda x, y: (x, jnp.ones_like(y)), ["y"]),
        (jax.jit(lambda x, y: (x, 2 * y)), ["y"]),
        (jax.jit(jax.checkpoint(lambda x, y: (2 * x, y))), ["x"]),
        (jax.jit(lambda x, y: (y, x)), ["x", "y"]),
        (custom, ["y"]),
        (jax.vmap(lambda x, y: (x, x + y)), ["y"]),
        (branches(lambda x, y: (x, y), lambda x, y: (x, 2 * y)), ["y"]),
        (branches(lambda x, y: (x, y), lambda x, y: (y, x)), ["x", "y"]),
        (loop(lambda x, y: (x, x + y)), ["y"]),
        (loop(lambda x, y: (y, x)), ["x", "y"]),
        (loop_with_constants, ["x", "y"]),
        (lambda x, y: loop_with_constants(x, y)[::-1], ["y"]),
        (carry(lambda x, y: (x, x + y)), ["y"]),
        (carry(lambda x, y: (y, x)), ["x", "y"]),
        (stacked(lambda x, y: (x, x + y)), ["y"]),
        (stacked(lambda x, y: (y, x)), ["x", "y"]),
        (lambda x, y: (x, jax.lax.scan(lambda total, _: (total, x[0]), 0.0, y)[1]), ["y"]),
    ],
)
def test_only_what_is_handed_on_is_unchanged(function, expected):
    def pairs(x, y):
        new_x, new_y = function(x, y)
        return {"y": (y, new_y), "x": (x, new_x)}

    assert changed(pairs, X, Y) == expected
