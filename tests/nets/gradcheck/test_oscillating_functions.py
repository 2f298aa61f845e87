"""Gradients where f oscillates within a step, has a smoothed corner, or has a kink near a wrong entry."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nets.gradcheck.checks import check_gradient, taylor_test
from nets.gradcheck.methods import estimate_derivatives
from tests.nightly import every_nth


def with_rule(f, rule):
    """Return ``f`` with the backward rule ``rule(x, dy)``."""
    elementwise = jax.custom_vjp(f)
    elementwise.defvjp(lambda x: (f(x), x), lambda x, dy: (rule(x, dy),))
    return lambda x: jnp.sum(elementwise(x))


def fast(x):
    return jnp.sin(1e7 * x)


WRONG = {
    "constant across the kink of abs": (
        lambda x: jnp.sum(jnp.abs(jax.lax.stop_gradient(x[:2]))) + jnp.sum(x[2:] ** 2),
        [0.0, 0.0, 1.0],
    ),
    "a ReLU's, always 1": (with_rule(jax.nn.relu, lambda _, dy: dy), [0.0, 1.0]),
    "of abs, always 1": (with_rule(jnp.abs, lambda _, dy: dy), [0.0, 1.0]),
    "of abs, always 0": (with_rule(jnp.abs, lambda _, dy: 0 * dy), [0.0, 0.0, 1.0, 2.0]),
    "of clip, always 1": (with_rule(lambda x: jnp.clip(x, -1, 1), lambda _, dy: dy), [1.0, 0.3]),
    "of a hinge, always -1": (with_rule(lambda x: jnp.maximum(0, 1 - x), lambda _, dy: -dy), [1.0, 0.3]),
    "0 of a fast sine, by stop_gradient": (lambda x: jnp.sum(fast(jax.lax.stop_gradient(x))), [1.0, 0.3]),
    "0 of a fast sine, by a rule": (with_rule(fast, lambda _, dy: 0 * dy), [1e-7, 2e-7]),
}
RIGHT = {
    **{
        f"sqrt(x^2 + {e:g})": (lambda x, e=e: jnp.sum(jnp.sqrt(x**2 + e)), [0.0, 1.0])
        for e in 10.0 ** -np.arange(12, 27, 2)
    },
    "a safe norm": (lambda x: jnp.sqrt(jnp.sum(x**2) + 1e-16), [0.0, 0.0, 0.0]),
    "a safe norm and a plane": (lambda x: jnp.sqrt(jnp.sum(x**2) + 1e-16) + jnp.sum(x), [0.0, 0.0]),
    "a corner nearby": (lambda x: jnp.sum(jnp.sqrt(x**2 + 1e-18)), [1e-9]),
    "a norm near 0": (jnp.linalg.norm, [1e-9, 2e-9]),
    "a fast sine near 0": (lambda x: jnp.sum(fast(x)), [1e-7, 2e-7]),
    "a fast sine": (lambda x: jnp.sum(fast(x)), [1.0, 0.3]),
    "a faster one": (lambda x: jnp.sum(jnp.sin(1e8 * x)), [1e-8, 2e-8]),
    "a fast cosine": (lambda x: jnp.sum(jnp.cos(2 * jnp.pi * 3e6 * x)), [1e-7, 0.4]),
    "the logistic map": (lambda x: jax.lax.fori_loop(0, 40, lambda _, c: 3.9 * c * (1 - c), x)[0], [0.3]),
    "with 1e8 added on the way": (lambda x: jnp.sum((1e8 + jnp.sin(x)) - 1e8), [0.3, 1.0]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_fail(name):
    f, at = WRONG[name]
    assert check_gradient(f, np.array(at)).verdict == "fail"
    assert taylor_test(f, np.array(at)).verdict == "fail"


@pytest.mark.parametrize("name", every_nth(2, RIGHT))
def test_right_gradients_do_not_fail(name):
    f, at = RIGHT[name]
    estimates = estimate_derivatives(f, np.array(at))
    checks = estimates.check_jax_grad()
    assert checks.verdict != "fail", checks
    assert estimates.check("grad_fn", jax.grad(f)).verdict != "fail"
    assert taylor_test(f, np.array(at)).verdict != "fail"


@jax.custom_jvp
def sine(x):
    return jnp.sin(x)


sine.defjvp(lambda at, to: (jnp.sin(at[0]), jnp.where(at[0] == 0, 0, jnp.cos(at[0])) * to[0]))  # wrong at 0


def pairs(x):
    return jnp.sum(sine(x[:1])) + jnp.sum(jnp.minimum(jax.nn.relu(x[1:5]), jax.nn.relu(x[5:])))


def many(x):
    return jnp.sum(jax.nn.relu(jnp.min(x[:12].reshape(6, 2), axis=1))) + jnp.sum(sine(x[12:]))


@pytest.mark.parametrize(("f", "size"), every_nth(2, [(pairs, 9), (many, 13)]))
def test_a_kink_excuses_no_wrong_entry_that_equals_reverse_mode(f, size):
    assert check_gradient(f, np.zeros(size), grad_fn=jax.grad(f)).verdict != "pass"
    assert check_gradient(lambda x: jnp.sum(sine(x)), np.zeros(2), grad_fn=lambda x: 0 * x).verdict == "fail"


def test_a_small_wrong_entry_at_a_kink_does_not_pass_beside_a_larger_one():
    def f(x):
        return jnp.abs(x[0]) + 1e-6 * jnp.abs(x[1]) + x[2] ** 2

    def grad_fn(x):
        return jnp.array([jnp.sign(x[0]), 5e-6 * jnp.sign(x[1]), 2 * x[2]])

    assert check_gradient(f, np.array([0.0, 0.0, 1.0]), grad_fn=grad_fn).verdict != "pass"
    leaky = with_rule(lambda x: jax.nn.leaky_relu(x, 1e-6), lambda x, dy: dy * (x > 0))
    assert check_gradient(leaky, np.array([0.0, 1.0])).verdict != "pass"
