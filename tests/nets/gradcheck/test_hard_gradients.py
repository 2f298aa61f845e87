"""Gradients that are hard to check: extreme scales, lost digits, kinks, periods, sparse leaves, custom rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nets.gradcheck.checks import adjoint_test, check_gradient, directional_derivative, taylor_test
from nets.gradcheck.taylor_remainders import STEPS as TAYLOR_STEPS
from nets.gradcheck.taylor_remainders import taylor_check
from tests.nightly import every_nth

W = np.array([1.0, 2.0])


def offset(p):
    return 1e10 + 1e-6 * jnp.sum(p**2)


def verdict_by_method(checks):
    return {check.method: check.verdict for check in checks.checks}


# Wrong gradients that must not pass.


def test_an_offset_hides_no_wrong_gradient():
    checks = check_gradient(offset, W, grad_fn=lambda p: -7e-6 * p, complex_f=offset)
    assert checks.verdict == "fail"
    assert {verdict_by_method(checks)[name] for name in ["reverse", "forward", "complex step"]} == {"fail"}
    assert verdict_by_method(check_gradient(offset, W, grad_fn=lambda p: 2e-6 * p))["reverse"] == "pass"
    assert taylor_test(offset, W, grad_fn=lambda p: -7e-6 * p).verdict != "pass"


@pytest.mark.parametrize("scale", every_nth(4, [1e-200, 1e-100, 1e100, 1e155, 1e200]))
def test_at_every_scale_a_wrong_gradient_fails_and_a_right_one_passes(scale):
    def f(p):
        return scale * jnp.sum(p**2)

    assert check_gradient(f, W, grad_fn=lambda p: 2.02 * scale * p).verdict == "fail"
    assert check_gradient(f, W, grad_fn=lambda p: 2 * scale * p).verdict == "pass"
    assert taylor_test(f, W, grad_fn=lambda p: 2.02 * scale * p).verdict == "fail"
    assert taylor_test(f, W).verdict == "pass"
    assert adjoint_test(lambda x: scale * x, W, vjp_fn=lambda _, u: 2 * scale * u).verdict == "fail"
    assert adjoint_test(lambda x: scale * x, W, vjp_fn=lambda _, u: scale * u).verdict == "pass"


@jax.custom_vjp
def lookup(table):
    return table[jnp.array([5, 700, 1999])]


lookup.defvjp(
    lambda table: (lookup(table), table.shape),
    lambda shape, dy: (jnp.zeros(shape, dy.dtype).at[jnp.array([5, 700, 1999])].set(-5 * dy),),
)


@pytest.mark.parametrize("seed", range(4))
def test_a_wrong_rule_for_a_few_rows_of_a_large_table_fails(seed):
    table = np.random.default_rng(0).standard_normal((2000, 4))
    checks = check_gradient(lambda p: jnp.sum(jnp.sin(lookup(p))), table, max_entries=50, seed=seed)
    assert verdict_by_method(checks) == {"richardson": "fail", "central": "fail"}  # a custom_vjp has no forward mode
    assert "(50 of 8000 entries; worst at [" in str(checks)


def test_a_sample_without_any_of_the_gradient_is_inconclusive():
    table = np.zeros((2000, 4))

    def grad_fn(p):  # where the true gradient is 0
        return jnp.zeros_like(p).at[1000:1003].set(1.0)

    checks = check_gradient(
        lambda p: 0.0 * jnp.sum(p), table, grad_fn=grad_fn, methods=["central"], max_entries=10, seed=1
    )
    assert checks.verdict == "inconclusive"


# Right gradients that must not fail.


def gaussian_process(p):
    x = jnp.linspace(0.0, 1.0, 20)
    K = jnp.exp(p[0] - 0.5 * ((x[:, None] - x[None, :]) / jnp.exp(p[1])) ** 2) + 1e-6 * jnp.eye(20)
    L = jnp.linalg.cholesky(K)
    z = jax.scipy.linalg.solve_triangular(L, jnp.sin(6 * x), lower=True)
    return 0.5 * z @ z + jnp.sum(jnp.log(jnp.diag(L)))


def sigmoid_slope(p):
    return jax.nn.sigmoid(p) * jax.nn.sigmoid(-p)


VANDERMONDE = np.vander(np.linspace(1, 2, 12), 6)


@pytest.mark.parametrize(
    ("f", "at", "grad_fn"),
    [
        (lambda p: jnp.sum(jax.nn.sigmoid(p)), np.array([10.0]), sigmoid_slope),
        (gaussian_process, np.array([0.1, -1.0]), None),
        pytest.param(
            lambda X: jnp.linalg.slogdet(X.T @ X)[1],
            VANDERMONDE,
            lambda X: 2 * jnp.linalg.pinv(X).T,
            marks=pytest.mark.slow,
        ),
        (lambda p: jnp.sum(jnp.sin(jnp.pi * p) + jnp.cos(jnp.pi * 512 * p)), np.array([0.3, 0.77]), None),
        (lambda p: jnp.sum(1 / p), np.array([1e-6]), None),
        (lambda p: jnp.sum(jnp.sin(p)), 10 ** (3 + np.arange(20) / 8), None),
        (lambda p: jnp.sum(jnp.sin(100 * p)), np.zeros(2), None),
        (lambda p: jnp.sum(jnp.tanh(300 * p)), np.zeros(2), None),
        (lambda p: jnp.sum(jnp.sqrt(p + 1e8) - 1e4), np.array([0.1]), None),
    ],
)
def test_lost_digits_and_oscillations_are_never_a_fail(f, at, grad_fn):
    checks = check_gradient(f, at, grad_fn=grad_fn)
    assert checks.verdict != "fail", checks
    assert "pass" in verdict_by_method(checks).values()
    assert taylor_test(f, at, grad_fn=grad_fn).verdict != "fail"


def test_least_squares_near_its_solution_passes():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20000, 3)), rng.standard_normal(20000)
    near = np.linalg.lstsq(X, y)[0] + 1e-6
    checks = check_gradient(lambda w: jnp.sum((X @ w - y) ** 2), near, grad_fn=lambda w: 2 * X.T @ (X @ w - y))
    assert checks.verdict == "pass", checks


def test_a_gradient_that_is_zero_up_to_rounding_passes():
    z, v = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 7.0])

    def f(b):  # does not depend on b
        return jax.nn.softmax(z + b) @ v

    assert check_gradient(f, jnp.array(0.3), grad_fn=jnp.zeros_like).verdict == "pass"
    assert check_gradient(f, jnp.array(0.3), grad_fn=lambda b: jnp.full_like(b, 1e-9)).verdict == "fail"


@pytest.mark.parametrize("seed", every_nth(4, range(10)))
def test_a_taylor_test_across_kinks_is_never_a_fail(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((8, 3)), rng.standard_normal(8)
    params = {"W": rng.standard_normal((3, 6)), "b": rng.standard_normal(6), "v": rng.standard_normal(6)}

    def f(p):
        return jnp.mean(jnp.abs(jnp.maximum(x @ p["W"] + p["b"][None, :], 0) @ p["v"] - y))

    assert taylor_test(f, params).verdict != "fail"
    wrong = taylor_test(f, params, grad_fn=lambda p: jax.tree.map(lambda g: 1.05 * g, jax.grad(f)(p)))
    assert wrong.verdict == "fail"


@pytest.mark.parametrize("at", [[1e-8], [1e-6, 1.0]])
def test_a_taylor_test_at_the_edge_of_the_domain_is_no_fail(at):
    assert taylor_test(lambda p: jnp.sum(jnp.log(p)), np.array(at)).verdict != "fail"


def test_a_leaf_with_contradictory_methods_is_named():
    @jax.custom_vjp
    def sine(x):
        return jnp.sin(x)

    sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, dy: (-dy * jnp.cos(x),))
    checks = check_gradient(lambda p: jnp.sum(sine(p["w"])), {"w": W}, grad_fn=lambda p: {"w": jnp.cos(p["w"])})
    assert verdict_by_method(checks) == {"reverse": "fail", "richardson": "pass", "central": "pass"}
    assert "The methods contradict each other at w" in str(checks)


# What used to crash, and what raises ValueError.


def test_leaves_may_have_paths_with_the_same_name():
    params = {"a": {"b": W}, "a.b": W + 1, "x": {"value": W}}
    checks = check_gradient(lambda p: jnp.sum(p["a"]["b"] ** 2) + jnp.sum(p["a.b"] ** 3 + p["x"]["value"]), params)
    assert checks.verdict == "pass"
    assert {check.leaf for check in checks.checks} == {"a.b", "a.b'", "x"}


def test_a_network_with_dropout_is_differentiated_by_its_parameters():
    class Dropping(nnx.Module):
        def __init__(self, rngs):
            self.linear, self.dropout = nnx.Linear(3, 2, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.dropout(self.linear(x))

    module, params, rest = nnx.split(Dropping(nnx.Rngs(0)), nnx.Param, ...)
    x = np.random.default_rng(0).standard_normal((4, 3))

    def f(params):
        with jax.numpy_rank_promotion("allow"):
            return jnp.sum(nnx.merge(module, params, rest, copy=True)(jnp.asarray(x)) ** 2)

    assert check_gradient(f, params).verdict == "pass"
    with pytest.raises(ValueError, match=r"leave out what is not differentiated \(in Flax"):
        check_gradient(f, nnx.state(nnx.merge(module, params, rest)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: check_gradient(lambda p: jnp.sum(jnp.sin(p.astype("float32"))).astype(float), W),
            "cast to float32",
        ),
        (
            lambda: check_gradient(lambda p: jnp.sum(lookup(p)), np.ones((2000, 1)), methods=["forward"]),
            "leave out",
        ),
        (lambda: adjoint_test(lookup, np.ones((2000, 1)), vjp_fn=lambda p, _: p), "must have no `jax.custom_vjp`"),
        (lambda: check_gradient(lambda p: jnp.sum(p), np.ones((0, 3))), "at least one number"),
        (lambda: taylor_test(lambda p: jnp.sum(p), W, seed=-1), "`seed` must be 0 or more, got -1"),
        (lambda: check_gradient(lambda p: jnp.sum(p), W, seed=-1), "`seed` must be 0 or more, got -1"),
    ],
)
def test_what_cannot_be_checked_raises_one_clear_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_complex_f_in_another_form_may_lose_digits():
    def textbook(p):
        return -jnp.sum(jnp.log(1 / (1 + jnp.exp(-p))))

    checks = check_gradient(lambda p: jnp.sum(jnp.logaddexp(0.0, -p)), np.array([20.0]), complex_f=textbook)
    assert checks.verdict == "pass", checks


def test_a_hessian_vector_product_passes():
    def f(x):
        return jnp.sum(x**3)

    assert check_gradient(directional_derivative(f, W), W, grad_fn=lambda x: 6 * x * W).verdict == "pass"


@pytest.mark.parametrize("more", [1, 100])
@pytest.mark.parametrize(("error", "verdict"), [(0.0, "pass"), (1e-4, "fail"), (0.01, "fail"), (1.0, "fail")])
def test_rounding_that_was_measured_too_small_changes_no_verdict(error, verdict, more):
    """f(h) = 3 + 2 h + 0.7 h^2 with up to ``more`` times the rounding that the check receives."""
    rng = np.random.default_rng(0)
    noise = np.full(len(TAYLOR_STEPS), 1e-12)
    rounding = more * noise * rng.choice([-1, 1], len(TAYLOR_STEPS)) * rng.uniform(0.5, 1, len(TAYLOR_STEPS))
    values = 3.0 + 2.0 * TAYLOR_STEPS + 0.7 * TAYLOR_STEPS**2 + rounding
    assert taylor_check("w", TAYLOR_STEPS, 3.0, values, 2.0 * (1 + error), noise).verdict == verdict
