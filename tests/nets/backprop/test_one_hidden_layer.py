"""The sigmoid network: its derivation, its gradients against every method, saturation, shapes, second order."""

from functools import partial

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nets.backprop import one_hidden_layer
from nets.gradcheck.checks import check_gradient
from tests import tolerances
from tests.nets.gradcheck.networks import SigmoidNet


def exact(value):
    """A float64 as a number of 60 digits."""
    return mpmath.mpf(float(value))


def exact_point(params, x, y):
    """Loss and gradient of one point in 60 digits, straight from the definition of the network."""
    with mpmath.workdps(60):
        W1, b1, W2, b2 = (np.vectorize(exact, otypes=[object])(params[name]) for name in ["W1", "b1", "W2", "b2"])
        x = np.vectorize(exact, otypes=[object])(x)

        def sigmoid(a):
            return 1 / (1 + mpmath.exp(-a))

        with mpmath.workdps(500):  # 1 - sigmoid(500) has 217 zeros behind the point
            z1 = np.array([sigmoid(a) for a in W1 @ x + b1])
            yhat = sigmoid((W2 @ z1 + b2)[0])
            loss = -mpmath.log(yhat if y else 1 - yhat)
            da2 = (-y / yhat + (1 - y) / (1 - yhat)) * yhat * (1 - yhat)
            da1 = da2 * W2[0] * z1 * (1 - z1)
        gradient = {"W1": np.outer(da1, x), "b1": da1, "W2": np.array([da2 * z1]), "b2": np.array([da2])}
        return float(loss), {name: value.astype(float) for name, value in gradient.items()}


def assert_trees_close(actual, desired, rtol):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=rtol), actual, desired)


nets = st.builds(
    SigmoidNet,
    N=st.sampled_from([1, 2, 5]),
    M=st.sampled_from([1, 3]),
    H=st.sampled_from([1, 4]),
    seed=st.integers(0, 10**6),
    size=st.sampled_from([0.0, 0.1, 1.0]),
    labels=st.sampled_from(["mixed", "zeros", "ones"]),
)


@settings(max_examples=1)
@given(nets)
@example(SigmoidNet(N=1, labels="ones"))
@example(SigmoidNet(N=3, M=3, H=3))
def test_every_method_passes_the_gradient_by_hand(net):
    checks = check_gradient(net.loss, net.params, grad_fn=net.gradient, complex_f=net.textbook_loss)
    assert {check.method for check in checks.checks} == set(tolerances.GRADIENT)
    assert checks.verdict == "pass", checks


@given(nets)
@settings(max_examples=5)
def test_a_batch_is_the_mean_of_its_points_in_any_order(net):
    with jax.enable_x64(True):
        (x, y), params = net.data, net.params
        points = [one_hidden_layer.point_gradient(params, x[n], y[n]) for n in range(net.N)]
        mean = jax.tree.map(lambda *parts: sum(parts) / net.N, *points)
        scale = max(float(jnp.max(jnp.abs(part))) for point in points for part in point.values())
        order = np.random.default_rng(0).permutation(net.N)
        for name, leaf in one_hidden_layer.gradient(params, x, y).items():
            close = partial(np.testing.assert_allclose, rtol=0, atol=tolerances.IDENTITY * scale)
            close(leaf, mean[name])
            close(one_hidden_layer.gradient(params, x[order], y[order])[name], leaf)
        loss = np.mean([one_hidden_layer.loss(params, x[n], y[n]) for n in range(net.N)])
        np.testing.assert_allclose(one_hidden_layer.loss(params, x, y), loss, rtol=tolerances.IDENTITY)


@given(nets)
@settings(max_examples=5)
def test_the_stable_loss_is_the_textbook_loss(net):
    with jax.enable_x64(True):
        np.testing.assert_allclose(net.loss(net.params), net.textbook_loss(net.params), rtol=tolerances.IDENTITY)


@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("a2", [-30, -2.5, 0, 1.25, 20])
def test_the_derivative_of_the_loss_by_the_logit_is_yhat_minus_y(a2, y):
    with mpmath.workdps(60):

        def loss(a):
            yhat = 1 / (1 + mpmath.exp(-a))
            return -(y * mpmath.log(yhat) + (1 - y) * mpmath.log(1 - yhat))

        yhat = 1 / (1 + mpmath.exp(-mpmath.mpf(a2)))
        assert mpmath.almosteq(mpmath.diff(loss, a2), yhat - y, rel_eps=1e-20)
    with jax.enable_x64(True):
        params = {"W1": jnp.zeros((1, 1)), "b1": jnp.zeros(1), "W2": jnp.zeros((1, 1)), "b2": jnp.full(1, float(a2))}
        db2 = one_hidden_layer.point_gradient(params, jnp.zeros(1), y)["b2"]
    np.testing.assert_allclose(db2, float(yhat - y), rtol=tolerances.EXACT)


@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("logit", [-500, -80, -37, 37, 80, 500])
@pytest.mark.parametrize("hidden", [0, -40, 40])
def test_saturated_inputs_have_the_gradient_of_sixty_digits(logit, y, hidden):
    net = SigmoidNet(N=1, seed=3)
    params = net.params
    params = params | {"b1": params["b1"] + hidden, "b2": params["b2"] + logit}
    x = net.data[0][0]
    loss, gradient = exact_point(params, x, y)
    with jax.enable_x64(True):
        np.testing.assert_allclose(one_hidden_layer.loss(params, x, y), loss, rtol=tolerances.EXACT)
        assert_trees_close(one_hidden_layer.point_gradient(params, x, y), gradient, tolerances.EXACT)
        assert_trees_close(one_hidden_layer.gradient(params, x[None], [y]), gradient, tolerances.EXACT)
        autodiff = jax.grad(one_hidden_layer.loss)({name: jnp.asarray(value) for name, value in params.items()}, x, y)
        assert_trees_close(autodiff, gradient, tolerances.EXACT)


def test_saturated_inputs_stay_finite_in_float32():
    params = jax.tree.map(jnp.asarray, SigmoidNet().params)
    x, y = SigmoidNet().data
    for logit in [-500.0, 500.0]:
        for leaf in one_hidden_layer.gradient(params | {"b2": jnp.full(1, logit)}, x, y).values():
            assert leaf.dtype == jnp.float32
            assert np.isfinite(leaf).all()


def test_the_shapes_are_as_documented_and_biases_have_no_axis_for_the_points():
    params = SigmoidNet(M=3, H=4).params
    shared = {"W1": (4, 3), "b1": (4,), "W2": (1, 4), "b2": (1,)}
    one = {"x": (3,), "a1": (4,), "z1": (4,), "a2": (1,), "yhat": (1,)}
    many = {"x": (7, 3), "a1": (7, 4), "z1": (7, 4), "a2": (7, 1), "yhat": (7, 1)}
    assert one_hidden_layer.shapes(params, np.ones(3)) == shared | one
    assert one_hidden_layer.shapes(params, np.ones((7, 3))) == shared | many
    for gradient in [
        one_hidden_layer.point_gradient(params, np.ones(3), 1),
        one_hidden_layer.gradient(params, np.ones((7, 3)), np.ones(7)),
    ]:
        assert {name: leaf.shape for name, leaf in gradient.items()} == shared


@settings(max_examples=2)
@given(nets, st.integers(0, 10**6))
def test_the_hessian_vector_product_is_the_jvp_of_the_gradient(net, seed):
    with jax.enable_x64(True):
        (x, y), params = net.data, jax.tree.map(jnp.asarray, net.params)
        v, u = (jax.tree.map(jnp.asarray, SigmoidNet(M=net.M, H=net.H, seed=seed + i).params) for i in [0, 1])
        Hv = one_hidden_layer.hessian_vector_product(params, v, x, y)
        _, forward_over_reverse = jax.jvp(lambda p: jax.grad(one_hidden_layer.loss)(p, x, y), (params,), (v,))
        size = max(float(jnp.max(jnp.abs(leaf))) for leaf in Hv.values())
        for name, leaf in Hv.items():
            atol = tolerances.GRADIENT["forward"] * size
            np.testing.assert_allclose(leaf, forward_over_reverse[name], rtol=0, atol=atol)

        def dot(a, b):
            return sum(float(jnp.sum(a[name] * b[name])) for name in a)

        Hu = one_hidden_layer.hessian_vector_product(params, u, x, y)
        np.testing.assert_allclose(dot(u, Hv), dot(v, Hu), rtol=0, atol=tolerances.IDENTITY * size * 20)


GOOD = SigmoidNet(N=5, M=3, H=4)
X, Y = GOOD.data


@pytest.mark.parametrize(
    ("change", "x", "y", "message"),
    [
        ({"W1": np.ones((3, 4))}, X, Y, r"`params\['b1'\]` must have shape \(H,\) with H = 3, got \(4,\)"),
        ({}, X[:, :2], Y, r"`x` must have shape \(N, M\) with M = 3, got \(5, 2\)"),
        ({"W2": np.ones((4, 1))}, X, Y, r"`params\['W2'\]` must have shape \(1, H\) with H = 4, got \(4, 1\)"),
        ({"b1": np.ones((1, 4))}, X, Y, r"`params\['b1'\]` must have shape \(H,\) with H = 4, got \(1, 4\)"),
        ({"b2": np.ones(4)}, X, Y, r"`params\['b2'\]` must have shape \(1,\), got \(4,\)"),
        ({"b1": np.arange(4)}, X, Y, r"`params\['b1'\]` must hold real floating-point numbers, got dtype int"),
        ({"b1": np.ones(4) + 0j}, X, Y, r"`params\['b1'\]` must hold real floating-point numbers, got dtype complex"),
        ({"W1": np.full((4, 3), np.nan)}, X, Y, r"`params\['W1'\]` must be finite, got nan"),
        ({"b2": np.array([np.inf])}, X, Y, r"`params\['b2'\]` must be finite, got inf"),
        ({"b2": "one"}, X, Y, r"`params\['b2'\]` must be an array of numbers, got str"),
        ({"b3": np.ones(1)}, X, Y, r"`params` must be a mapping with the keys \['W1', 'b1', 'W2', 'b2'\]"),
        ({}, X, Y + 1, "`y` must hold the labels 0 and 1, got 2; map your two classes"),
        ({}, X, Y * 0.5, "`y` must hold the labels 0 and 1, got 0.5"),
        ({}, X, 2 * Y - 1, "`y` must hold the labels 0 and 1, got -1"),
        ({}, X, Y[:, None], r"`y` must have shape \(N,\) with N = 5, got \(5, 1\)"),
        ({}, X, Y[:4], r"`y` must have shape \(N,\) with N = 5, got \(4,\)"),
        ({}, X, Y + 0j, "`y` must hold the labels 0 and 1, got dtype complex"),
        ({}, X[0], Y, r"`x` must have shape \(N, M\) with M = 3, got \(3,\)"),
        ({}, X[:0], Y[:0], r"`x` must have shape \(N, M\) with M = 3, got \(0, 3\)"),
        ({}, X * np.nan, Y, "`x` must be finite, got nan"),
        ({}, [[1.0], [2.0, 3.0]], Y, "`x` must be an array of numbers, got list"),
    ],
)
def test_bad_input_is_one_clear_line(change, x, y, message):
    with pytest.raises(ValueError, match=message):
        one_hidden_layer.gradient(GOOD.params | change, x, y)


def test_one_point_is_no_batch_and_a_direction_has_the_shapes_of_the_parameters():
    with pytest.raises(ValueError, match=r"`x` must have shape \(M,\) with M = 3, got \(5, 3\)"):
        one_hidden_layer.point_gradient(GOOD.params, X, 1)
    with pytest.raises(ValueError, match=r"`y` must have shape \(\), got \(1,\)"):
        one_hidden_layer.point_gradient(GOOD.params, X[0], [1])
    with pytest.raises(ValueError, match=r"`v\['W2'\]` must have shape \(1, H\) with H = 4, got \(1, 3\)"):
        one_hidden_layer.hessian_vector_product(GOOD.params, GOOD.params | {"W2": np.ones((1, 3))}, X, Y)
    with pytest.raises(ValueError, match=r"`v\['W1'\]` must have shape \(H, M\) with H = 4, M = 3, got \(5, 3\)"):
        one_hidden_layer.hessian_vector_product(GOOD.params, SigmoidNet(H=5).params, X, Y)
    with pytest.raises(ValueError, match=r"`params` must be a mapping .* got list"):
        one_hidden_layer.forward([1.0], X)


def test_everything_works_under_jit_where_values_are_not_known():
    params, (x, y) = jax.tree.map(jnp.asarray, GOOD.params), GOOD.data
    compiled = jax.jit(one_hidden_layer.gradient)(params, x, y)
    assert_trees_close(compiled, one_hidden_layer.gradient(params, x, y), 1e-5)  # float32
    with pytest.raises(ValueError, match="`x` must have shape"):
        jax.jit(one_hidden_layer.gradient)(params, x[:, :2], y)
