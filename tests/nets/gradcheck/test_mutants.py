"""Mutants of every term of every derivation, made from its source: every method must fail every one."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nets.backprop import layers, networks, one_hidden_layer
from nets.gradcheck.checks import adjoint_test, directional_derivative, taylor_test
from nets.gradcheck.methods import estimate_derivatives
from nets.gradcheck.verdicts import TOLERANCE
from tests.nets.gradcheck.mutants import mutants
from tests.nets.gradcheck.networks import SigmoidNet, conv_net, mlp
from tests.nightly import nightly_but

SQUARE = SigmoidNet(N=4, M=4, H=4, seed=2)  # all sizes equal, so that a wrong transpose or axis has a fitting shape
X, Y = SQUARE.data
V = SigmoidNet(N=4, M=4, H=4, seed=9).params

EQUIVALENT = {
    # A vector is its own transpose.
    "W2.T @ da2 -> (W2.T @ da2).T",
    # Softmax is invariant to a constant added to all logits of a point: the largest may as well be added.
    "logits - jnp.max(logits, axis=1, keepdims=True) -> logits + jnp.max(logits, axis=1, keepdims=True)",
}


SIGMOID = {
    "gradient": (SQUARE.loss, SQUARE.textbook_loss, lambda gradient, params: gradient(params, X, Y)),
    "point_gradient": (  # of two points, since a label at either end makes one term 0
        lambda params: one_hidden_layer.loss(params, X[0], 1) + one_hidden_layer.loss(params, X[1], 0),
        lambda params: (
            one_hidden_layer.textbook_loss(params, X[0], 1) + one_hidden_layer.textbook_loss(params, X[1], 0)
        ),
        lambda gradient, params: jax.tree.map(jnp.add, gradient(params, X[0], 1), gradient(params, X[1], 0)),
    ),
    "hessian_vector_product": (
        directional_derivative(SQUARE.loss, V),
        directional_derivative(SQUARE.textbook_loss, V),
        lambda product, params: product(params, V, X, Y),
    ),
}


def fails(checks):
    """Return the methods that fail a gradient."""
    return {check.method for check in checks.checks if check.verdict == "fail"}


def unless_shapes_clash(check, default):
    """Return ``check()``, or ``default`` if the mutant has no gradient because two shapes do not fit together."""
    try:
        return check()
    except (ValueError, TypeError) as error:
        if not any(words in str(error) for words in ["shape", "Size of label", "Incompatible types for broadcasting"]):
            raise
        return default


@pytest.mark.parametrize("function", nightly_but(["gradient"], SIGMOID))
def test_every_method_fails_every_mutant_of_the_sigmoid_network(function):
    loss, textbook, call = SIGMOID[function]
    estimates = estimate_derivatives(loss, SQUARE.params, complex_f=textbook)
    assert estimates.check("original", partial(call, getattr(one_hidden_layer, function))).verdict == "pass"
    tested = [mutant for mutant in mutants(one_hidden_layer, function) if mutant.change not in EQUIVALENT]
    for mutant in tested:
        check = partial(estimates.check, "mutant", partial(call, mutant.namespace[function]))
        methods = unless_shapes_clash(lambda check=check: fails(check()), set(TOLERANCE))
        assert methods == set(TOLERANCE), f"{mutant.place} ({mutant.operator}) passed {set(TOLERANCE) - methods}"
    operators = {mutant.operator for mutant in tested}
    assert {"missing factor", "forgotten slope", "sign", "missing term", "transpose", "0.1 % error"} <= operators
    assert {"missing mean", "wrong axis"} <= operators or function == "point_gradient"


@pytest.mark.parametrize("function", nightly_but(["gradient"], ["gradient", "point_gradient"]))
def test_the_taylor_test_fails_every_mutant_of_the_sigmoid_network(function):
    loss, _, call = SIGMOID[function]
    for mutant in mutants(one_hidden_layer, function):
        if mutant.change in EQUIVALENT:
            continue
        check = partial(taylor_test, loss, SQUARE.params, grad_fn=partial(call, mutant.namespace[function]))
        assert unless_shapes_clash(lambda check=check: check().verdict, "fail") == "fail", mutant.place


NETWORKS = {
    "softmax_cross_entropy_gradient": mlp((3, 1), hidden=(3, 3), points=3),
    "linear_vjp": mlp((3, 1), hidden=(3, 3), points=3),
    "relu_vjp": mlp((3, 1), hidden=(3, 3), points=3),
    "conv_vjp": conv_net((6, 6, 3), channels=(3, 3), hidden=(3, 3), points=3),
    "stack_vjp": conv_net((6, 6, 3), channels=(3, 3), hidden=(3, 3), points=3),
}
METHODS = set(TOLERANCE) - {"complex step"}  # ReLU is not holomorphic


@pytest.mark.parametrize("rule", nightly_but(["linear_vjp", "relu_vjp"], NETWORKS))
def test_every_method_fails_every_mutant_of_a_rule_in_a_network(rule, monkeypatch):
    network = NETWORKS[rule]
    estimates = estimate_derivatives(network.loss, network.params)
    assert estimates.check("original", network.gradient).verdict == "pass"
    tested = list(mutants(networks if rule == "stack_vjp" else layers, rule))
    assert tested
    for mutant in tested:
        if mutant.change in EQUIVALENT:
            continue
        monkeypatch.setattr(networks, rule, mutant.namespace[rule])
        check = partial(estimates.check, "mutant", network.gradient)
        methods = unless_shapes_clash(lambda check=check: fails(check()), METHODS)
        assert methods == METHODS, f"{mutant.place} ({mutant.operator}) passed {METHODS - methods}"


@pytest.mark.parametrize("rule", nightly_but(["linear_vjp"], ["linear_vjp", "conv_vjp"]))
def test_the_adjoint_test_fails_every_mutant_of_a_rule(rule):
    layer = getattr(layers, rule.removesuffix("_vjp"))
    rng = np.random.default_rng(0)
    shapes = {"linear": [(3, 3), (3, 3), (3,)], "conv": [(3, 5, 5, 3), (3, 3, 3, 3), (3,)]}[layer.__name__]
    inputs = {name: rng.standard_normal(shape) for name, shape in zip(["x", "kernel", "bias"], shapes, strict=True)}

    def verdict(vjp):
        return adjoint_test(
            lambda inputs: layer(**inputs),
            inputs,
            vjp_fn=lambda inputs, dy: vjp(inputs["x"], inputs["kernel"], dy)._asdict(),
        ).verdict

    assert verdict(getattr(layers, rule)) == "pass"
    for mutant in mutants(layers, rule):
        check = partial(verdict, mutant.namespace[rule])
        assert unless_shapes_clash(check, "fail") == "fail", mutant.place


def test_most_mutants_of_the_sigmoid_network_have_shapes_that_fit():
    # Fresh data: JAX keeps the float64 of an array that a trace under `enable_x64` read before it failed.
    all_mutants, params, data = list(mutants(one_hidden_layer, "gradient")), SQUARE.params, SQUARE.data
    fitting = [m for m in all_mutants if unless_shapes_clash(lambda m=m: m.namespace["gradient"](params, *data), None)]
    assert len(all_mutants) > 20
    assert len(fitting) > 0.8 * len(all_mutants)
