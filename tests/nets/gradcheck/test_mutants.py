"""Each term of each derivation broken in turn, in the source that is shipped: every witness must catch every one."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nets.backprop import layers as backprop_layers
from nets.backprop import networks as backprop_networks
from nets.backprop import one_hidden_layer as backprop
from nets.gradcheck.checks import adjoint_test, slope_along, taylor_test
from nets.gradcheck.estimates import ask
from nets.gradcheck.verdicts import TOLERANCE
from tests.nets.gradcheck.mutants import mutants
from tests.nets.gradcheck.networks import SigmoidNet, conv_net, mlp

SQUARE = SigmoidNet(N=4, M=4, H=4, seed=2)  # all sizes equal, so that a wrong transpose or axis has a fitting shape
X, Y = SQUARE.data
V = SigmoidNet(N=4, M=4, H=4, seed=9).params

EQUIVALENT = {
    # A vector is its own transpose.
    "W2.T @ da2 -> (W2.T @ da2).T",
    # Softmax does not see a constant added to all logits of a point: the largest may as well be added.
    "logits - jnp.max(logits, axis=1, keepdims=True) -> logits + jnp.max(logits, axis=1, keepdims=True)",
}


SIGMOID = {
    "gradient": (SQUARE.loss, SQUARE.textbook_loss, lambda gradient, params: gradient(params, X, Y)),
    "point_gradient": (  # of two points, since a label at either end makes one term 0
        lambda params: backprop.loss(params, X[0], 1) + backprop.loss(params, X[1], 0),
        lambda params: backprop.textbook_loss(params, X[0], 1) + backprop.textbook_loss(params, X[1], 0),
        lambda gradient, params: jax.tree.map(jnp.add, gradient(params, X[0], 1), gradient(params, X[1], 0)),
    ),
    "hessian_vector_product": (
        slope_along(SQUARE.loss, V),
        slope_along(SQUARE.textbook_loss, V),
        lambda product, params: product(params, V, X, Y),
    ),
}


def fails(checks):
    """Return the witnesses that say a gradient is wrong."""
    return {check.witness for check in checks.checks if check.verdict == "fail"}


def unless_shapes_clash(judge, otherwise):
    """Return ``judge()``, or ``otherwise`` if the mutant has no gradient because two shapes do not go together."""
    try:
        return judge()
    except (ValueError, TypeError) as error:
        if not any(words in str(error) for words in ["shape", "Size of label", "Incompatible types for broadcasting"]):
            raise
        return otherwise


@pytest.mark.parametrize("function", SIGMOID)
def test_every_witness_catches_every_mutant_of_the_sigmoid_network(function):
    loss, textbook, call = SIGMOID[function]
    testimony = ask(loss, SQUARE.params, holomorphic=textbook)
    assert testimony.about("shipped", partial(call, getattr(backprop, function))).verdict == "pass"
    made = [mutant for mutant in mutants(backprop, function) if mutant.change not in EQUIVALENT]
    for mutant in made:
        judge = partial(testimony.about, "mutant", partial(call, mutant.namespace[function]))
        caught = unless_shapes_clash(lambda judge=judge: fails(judge()), set(TOLERANCE))
        assert caught == set(TOLERANCE), f"{mutant.place} ({mutant.kind}) got past {set(TOLERANCE) - caught}"
    kinds = {mutant.kind for mutant in made}
    assert {"missing factor", "forgotten slope", "sign", "missing term", "transpose", "0.1 % error"} <= kinds
    assert {"missing mean", "wrong axis"} <= kinds or function == "point_gradient"


@pytest.mark.parametrize("function", ["gradient", "point_gradient"])
def test_the_taylor_test_catches_every_mutant_of_the_sigmoid_network(function):
    loss, _, call = SIGMOID[function]
    for mutant in mutants(backprop, function):
        if mutant.change in EQUIVALENT:
            continue
        judge = partial(taylor_test, loss, SQUARE.params, by_hand=partial(call, mutant.namespace[function]))
        assert unless_shapes_clash(lambda judge=judge: judge().verdict, "fail") == "fail", mutant.place


NETWORKS = {
    "softmax_cross_entropy_gradient": mlp((3, 1), hidden=(3, 3), points=3),
    "linear_vjp": mlp((3, 1), hidden=(3, 3), points=3),
    "relu_vjp": mlp((3, 1), hidden=(3, 3), points=3),
    "conv_vjp": conv_net((6, 6, 3), channels=(3, 3), hidden=(3, 3), points=3),
    "stack_vjp": conv_net((6, 6, 3), channels=(3, 3), hidden=(3, 3), points=3),
}
WITNESSES = set(TOLERANCE) - {"complex step"}  # ReLU is not holomorphic


@pytest.mark.parametrize("rule", NETWORKS)
def test_every_witness_catches_every_mutant_of_a_rule_in_a_network(rule, monkeypatch):
    network = NETWORKS[rule]
    testimony = ask(network.loss, network.params)
    assert testimony.about("shipped", network.gradient).verdict == "pass"
    made = list(mutants(backprop_networks if rule == "stack_vjp" else backprop_layers, rule))
    assert made
    for mutant in made:
        if mutant.change in EQUIVALENT:
            continue
        monkeypatch.setattr(backprop_networks, rule, mutant.namespace[rule])
        judge = partial(testimony.about, "mutant", network.gradient)
        caught = unless_shapes_clash(lambda judge=judge: fails(judge()), WITNESSES)
        assert caught == WITNESSES, f"{mutant.place} ({mutant.kind}) got past {WITNESSES - caught}"


@pytest.mark.parametrize("rule", ["linear_vjp", "conv_vjp"])
def test_the_adjoint_test_catches_every_mutant_of_a_rule(rule):
    layer = getattr(backprop_layers, rule.removesuffix("_vjp"))
    rng = np.random.default_rng(0)
    shapes = {"linear": [(3, 3), (3, 3), (3,)], "conv": [(3, 5, 5, 3), (3, 3, 3, 3), (3,)]}[layer.__name__]
    inputs = {name: rng.standard_normal(shape) for name, shape in zip(["x", "kernel", "bias"], shapes, strict=True)}

    def verdict(vjp):
        return adjoint_test(
            lambda inputs: layer(**inputs),
            inputs,
            by_hand=lambda inputs, dy: vjp(inputs["x"], inputs["kernel"], dy)._asdict(),
        ).verdict

    assert verdict(getattr(backprop_layers, rule)) == "pass"
    for mutant in mutants(backprop_layers, rule):
        judge = partial(verdict, mutant.namespace[rule])
        assert unless_shapes_clash(judge, "fail") == "fail", mutant.place


def test_most_mutants_of_the_sigmoid_network_have_shapes_that_fit():
    # Fresh data: JAX keeps the float64 of an array that a trace under `enable_x64` read before it failed.
    made, params, data = list(mutants(backprop, "gradient")), SQUARE.params, SQUARE.data
    fitting = [m for m in made if unless_shapes_clash(lambda m=m: m.namespace["gradient"](params, *data), None)]
    assert len(made) > 20
    assert len(fitting) > 0.8 * len(made)
