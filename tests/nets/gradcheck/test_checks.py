"""The witnesses, the Taylor test and the adjoint test: right where they should be, and seen to fail elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nets.gradcheck import derivatives
from nets.gradcheck import verdicts as judging
from nets.gradcheck.checks import adjoint_test, compare_gradients, taylor_test
from nets.gradcheck.results import GradientCheck, GradientChecks
from nets.models.losses import cross_entropy
from nets.models.mlp import MLP
from tests import tolerances
from tests.nets.gradcheck.networks import SigmoidNet, conv_net

NET = SigmoidNet(N=6, M=3, H=5, seed=1)


def cube(params):
    return jnp.sum(params["w"] ** 3)


def verdicts(checks):
    return {check.witness: check.verdict for check in checks.checks}


def test_the_tolerances_are_those_of_the_tests():
    assert judging.TOLERANCE == tolerances.GRADIENT


def test_the_relative_error_is_the_norm_of_the_difference_over_the_larger_norm():
    params = {"w": np.array([1.0, 2.0])}  # gradient 3, 12
    checks = compare_gradients(cube, params, by_hand=lambda _: {"w": jnp.array([3.0, 12.5])}, holomorphic=cube)
    assert [check.witness for check in checks.checks] == ["reverse", "forward", "richardson", "central", "complex step"]
    for check in checks.checks:
        np.testing.assert_allclose(check.relative_error, 0.5 / np.hypot(3, 12.5), rtol=1e-6)
        assert check.verdict == "fail"
        assert (check.block, check.shape, check.entries) == ("w", (2,), 2)
    assert checks.verdict == "fail"
    assert str(checks).startswith("by_hand: fail\n  w  reverse ")


@pytest.mark.parametrize("seed", range(3))
def test_each_witness_is_as_close_as_its_tolerance_and_as_its_own_account_says(seed):
    net = SigmoidNet(N=6, M=3, H=5, seed=seed)
    checks = compare_gradients(net.loss, net.params, by_hand=net.gradient, holomorphic=net.textbook_loss)
    for check in checks.checks:
        assert check.relative_error < tolerances.GRADIENT[check.witness]
        assert check.limit < 100 * tolerances.GRADIENT[check.witness]


def test_without_a_gradient_by_hand_reverse_mode_is_held_to_the_others():
    checks = compare_gradients(NET.loss, NET.params, holomorphic=NET.textbook_loss)
    assert checks.subject == "jax.grad"
    assert set(verdicts(checks)) == set(tolerances.GRADIENT) - {"reverse"}
    assert checks.verdict == "pass"


@jax.custom_vjp
def slow_sine(x):
    return jnp.sin(x)


slow_sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, dy: (0.99 * dy * jnp.cos(x),))


def test_a_wrong_custom_rule_is_caught():
    def f(x):
        return jnp.sum(slow_sine(x))

    asked = ["richardson", "central", "complex step"]
    checks = compare_gradients(f, np.arange(3.0), holomorphic=f, witnesses=asked)
    assert verdicts(checks) == dict.fromkeys(asked, "fail")
    assert taylor_test(f, np.arange(3.0)).verdict == "fail"


def test_the_precision_of_the_process_stays_as_it_was():
    seen = []

    def f(params):
        seen.append(params["w"].dtype)
        return cube(params)

    compare_gradients(f, {"w": jnp.ones(2, jnp.float32)})
    taylor_test(f, {"w": jnp.ones(2, jnp.float32)})
    assert {str(dtype) for dtype in seen} == {"float64"}
    assert jnp.asarray(1.0).dtype == jnp.float32


def test_a_flax_state_is_a_tree_of_parameters():
    module, state = nnx.split(MLP((3,), 2, hidden=(4,), rngs=nnx.Rngs(0)))
    x, labels = np.random.default_rng(0).standard_normal((5, 3)), np.array([0, 1, 1, 0, 1])

    def loss(state):
        with jax.numpy_rank_promotion("allow"):
            return cross_entropy(nnx.merge(module, state)(jnp.asarray(x)), labels)

    checks = compare_gradients(loss, state)
    assert checks.verdict == "pass", checks
    assert {check.block for check in checks.checks} == {
        "hidden.0.bias",
        "hidden.0.kernel",
        "logits.bias",
        "logits.kernel",
    }


def test_large_blocks_are_sampled_for_the_differences_and_whole_for_reverse_mode():
    params = {"w": np.random.default_rng(0).standard_normal(500), "b": np.ones(3)}

    def f(params):
        return cube(params) + jnp.sum(jnp.exp(params["b"]))

    def one_wrong_entry(params):
        return {"w": (3 * params["w"] ** 2).at[17].add(1.0), "b": jnp.exp(params["b"])}

    checks = compare_gradients(f, params, by_hand=one_wrong_entry, entries=20)
    entries = {(check.block, check.witness): check.entries for check in checks.checks}
    assert entries["w", "reverse"] == 500
    assert entries["w", "central"] == entries["w", "richardson"] == 20
    assert entries["b", "central"] == 3
    assert checks.verdict == "fail"


@pytest.mark.parametrize("at", [0.0, 1e-6, 3e-3])
def test_a_difference_across_a_kink_is_inconclusive_and_not_a_fail(at):
    def f(x):
        return jnp.sum(jnp.maximum(x, 0.0) + jnp.sin(x))

    checks = compare_gradients(f, np.array([at, 1.0]), by_hand=jax.grad(f))
    assert checks.verdict == "pass"
    for check in checks.checks:
        if check.witness in ("central", "richardson"):
            assert (check.entries, check.kinked) == (1 + (at > 0), at == 0)  # near one, a small step does
    alone = compare_gradients(f, np.array([at]), by_hand=jax.grad(f))
    assert verdicts(alone)["central"] == ("pass" if at > 0 else "inconclusive")


def test_with_differences_alone_a_kink_leaves_no_verdict():
    checks = compare_gradients(lambda x: jnp.sum(jnp.abs(x)), np.zeros(2), witnesses=["central", "richardson"])
    assert checks.verdict == "inconclusive"


def test_a_step_out_of_the_domain_is_inconclusive():
    def f(x):
        return jnp.sum(jnp.sqrt(x))

    checks = compare_gradients(f, np.array([1e-7, 1.0]))
    assert {check.witness: check.doubtful for check in checks.checks}["richardson"] == 1
    assert checks.verdict == "inconclusive"  # forward mode is no witness of an entry by itself
    assert "Some entries of params are in doubt" in str(checks)
    assert compare_gradients(f, np.array([1e-7, 1.0]), by_hand=lambda x: 0.5 / jnp.sqrt(x)).verdict == "pass"


def test_a_gradient_below_the_rounding_of_the_differences_is_inconclusive_for_them():
    checks = compare_gradients(
        lambda x: 1.0 + 1e-9 * jnp.sum(jnp.sin(x)), np.ones(2), by_hand=lambda x: 1e-9 * jnp.cos(x)
    )
    got = verdicts(checks)
    assert (got["reverse"], got["central"]) == ("pass", "inconclusive")


def test_a_complex_step_through_a_function_that_is_not_holomorphic_is_caught():
    checks = compare_gradients(NET.loss, NET.params, by_hand=NET.gradient, holomorphic=stable)
    assert verdicts(checks)["complex step"] == "fail"


def stable(params):
    """The loss by logaddexp, for complex parameters: not holomorphic."""
    x, y = NET.data
    z1 = 1 / (1 + jnp.exp(-(x @ params["W1"].T + params["b1"][None, :])))
    a2 = (z1 @ params["W2"].T + params["b2"][None, :])[:, 0]
    return jnp.mean(jnp.logaddexp(0 * a2, (1 - 2 * y) * a2))


@pytest.mark.parametrize("params", [np.zeros(3), np.ones(3)])
def test_a_gradient_that_is_zero_passes_and_one_that_should_be_does_not(params):
    def constant(x):
        return 2.0 + 0.0 * jnp.sum(x)

    assert compare_gradients(constant, params, by_hand=jnp.zeros_like).verdict == "pass"
    assert compare_gradients(constant, params, by_hand=lambda x: jnp.full_like(x, 1e-3)).verdict == "fail"
    assert taylor_test(constant, params, by_hand=jnp.zeros_like).verdict == "pass"
    assert taylor_test(constant, params, by_hand=lambda x: jnp.full_like(x, 1e-3)).verdict == "fail"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_fails(bad):
    params = {"w": np.ones(3)}

    def by_hand(params):
        return {"w": (3 * params["w"] ** 2).at[1].set(bad)}

    assert set(verdicts(compare_gradients(cube, params, by_hand=by_hand)).values()) == {"fail"}
    assert taylor_test(cube, params, by_hand=by_hand).verdict == "fail"


def test_a_gradient_of_jax_that_is_not_finite_fails():
    def f(x):  # the derivative of the branch not taken is infinite, and 0 times it nan
        return jnp.sum(jnp.where(x > 0, jnp.sqrt(x), x))

    at = np.array([0.0, 2.0])
    assert compare_gradients(f, at).verdict == "fail"
    checks = compare_gradients(f, at, by_hand=lambda x: jnp.where(x > 0, 0.5 / jnp.sqrt(x), 1.0))
    assert checks.verdict == "pass"  # a witness without a number condemns nobody
    assert {check.witness: check.doubtful for check in checks.checks}["reverse"] == 1


def test_one_verdict_from_many():
    def check(block, verdict):
        return GradientCheck(
            block=block, shape=(), witness="w", entries=1, norm=1, relative_error=0, limit=1, verdict=verdict
        )

    passing, failing, blind = (check("a", verdict) for verdict in ["pass", "fail", "inconclusive"])
    assert GradientChecks("s", (passing, blind)).verdict == "pass"
    assert GradientChecks("s", (passing, failing, blind)).verdict == "fail"
    assert GradientChecks("s", (passing, check("b", "inconclusive"))).verdict == "inconclusive"


def test_the_slopes_of_the_taylor_test_are_1_and_2_and_with_a_wrong_gradient_1_and_1():
    right = taylor_test(NET.loss, NET.params, by_hand=NET.gradient)
    assert right.verdict == "pass"
    wrong = taylor_test(NET.loss, NET.params, by_hand=lambda p: jax.tree.map(lambda g: 1.001 * g, NET.gradient(p)))
    assert wrong.verdict == "fail"
    for tests, second in [(right, 2), (wrong, 1)]:
        for check in tests.checks:
            np.testing.assert_allclose(check.slopes, (1, second), atol=0.05)
            assert check.limit < 1e-3 or second == 1
    assert str(right).startswith("by_hand: pass\n  W1  slopes 1.00 and 2.00  pass")


def test_the_taylor_test_of_a_linear_function_has_no_remainder_and_still_fails_a_sign():
    assert taylor_test(lambda x: 3.0 * x[0], np.ones(1)).verdict == "pass"
    assert taylor_test(lambda x: 3.0 * x[0], np.ones(1), by_hand=lambda _: -3.0 * jnp.ones(1)).verdict == "fail"
    assert taylor_test(lambda x: 3.0 * x[0], np.ones(1), by_hand=jnp.zeros_like).verdict == "fail"


def test_a_taylor_test_that_leaves_the_domain_or_drowns_in_rounding_is_inconclusive():
    assert taylor_test(lambda x: jnp.sum(jnp.sqrt(x)), np.full(2, 1e-9), seed=3).verdict != "pass"
    assert taylor_test(lambda x: 1.0 + 1e-11 * jnp.sum(x), np.ones(2)).verdict == "inconclusive"


def test_the_taylor_test_of_a_network_with_kinks_passes():
    network = conv_net(seed=4)
    assert taylor_test(network.loss, network.params, by_hand=network.gradient).verdict == "pass"


def test_the_adjoint_test_fails_for_a_transpose_and_for_one_per_mille():
    A = np.random.default_rng(0).standard_normal((3, 3))
    right = adjoint_test(lambda x: A @ x, np.ones(3), by_hand=lambda _, u: A.T @ u)
    assert right.verdict == "pass"
    assert right.checks[0].witness == "adjoint"
    assert adjoint_test(lambda x: A @ x, np.ones(3), by_hand=lambda _, u: A @ u).verdict == "fail"
    assert adjoint_test(lambda x: A @ x, np.ones(3), by_hand=lambda _, u: 1.001 * A.T @ u).verdict == "fail"
    assert adjoint_test(lambda x: A @ x, np.ones(3), by_hand=lambda _, u: np.nan * u).verdict == "fail"
    assert adjoint_test(lambda x: 0 * x, np.ones(3), by_hand=lambda _, u: 0 * u).verdict == "pass"


@pytest.mark.parametrize("way", ["one_sided", "central", "richardson"])
def test_the_error_of_a_difference_falls_with_its_order(way):
    order = {"one_sided": 1, "central": 2, "richardson": 6}[way]
    with jax.enable_x64(True):
        theta, index = jnp.array([0.7]), np.arange(1)
        options = {"tries": 1} if way == "richardson" else {}
        steps = [2.0**-8, 2.0**-9] if way == "one_sided" else [0.5, 0.25]
        differences = [
            getattr(derivatives, way)(lambda t: jnp.sin(t[0]), theta, index, derivatives.EPS, h, **options)
            for h in steps
        ]
        errors = [abs(float(difference.value[0]) - np.cos(0.7)) for difference in differences]
        np.testing.assert_allclose(np.log2(errors[0] / errors[1]), order, atol=0.1)
        for difference, error in zip(differences, errors, strict=True):
            assert error <= difference.uncertainty[0]


W = {"w": np.ones(2)}


def test_the_worst_entry_is_named():
    checks = compare_gradients(
        cube,
        {"w": np.ones((2, 3))},
        by_hand=lambda p: {"w": (3 * p["w"] ** 2).at[1, 2].set(4.0)},
        witnesses=["reverse"],
    )
    assert checks.checks[0].worst == ((1, 2), 4.0, 3.0)
    assert "worst at [1, 2]: 4, and 3 by reverse" in str(checks)


def test_aux_is_left_out_when_it_is_said_that_there_is_some():
    def f(params):
        return cube(params), {"accuracy": 1.0}

    assert compare_gradients(f, W, has_aux=True).verdict == taylor_test(f, W, has_aux=True).verdict == "pass"
    with pytest.raises(ValueError, match="of a pair \\(value, aux\\) say `has_aux=True`"):
        compare_gradients(f, W)
    with pytest.raises(ValueError, match="must return a pair"):
        compare_gradients(cube, W, has_aux=True)


def test_the_adjoint_of_several_outputs():
    def function(x):
        return {"a": jnp.sin(x), "b": (2 * x, jnp.sum(x))}

    def by_hand(x, u):
        return jnp.cos(x) * u["a"] + 2 * u["b"][0] + u["b"][1]

    assert adjoint_test(function, np.ones(3), by_hand=by_hand).verdict == "pass"
    assert adjoint_test(function, np.ones(3), by_hand=lambda x, u: by_hand(x, u) - u["b"][1]).verdict == "fail"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_parameters_may_have_any_precision(dtype):
    assert compare_gradients(cube, {"w": jnp.ones(2, dtype)}).verdict == "pass"
    assert taylor_test(cube, {"w": jnp.ones(2, dtype)}).verdict == "pass"


PIXELS = np.arange(256, dtype=np.float32)


def test_what_is_closed_over_in_float32_has_the_same_numbers_for_all():
    def f(w):
        return jnp.sum(w * (jnp.asarray(PIXELS) / 127.5 - 1) / jnp.asarray(PIXELS).std())

    for function in [f, jax.jit(f)]:
        assert compare_gradients(function, np.ones(256)).verdict == "pass"
        assert taylor_test(function, np.ones(256)).verdict == "pass"
    for by_hand in [
        right := lambda _: (jnp.asarray(PIXELS) / 127.5 - 1) / jnp.asarray(PIXELS).std() * jnp.ones(256),
        jax.jit(right),
    ]:
        assert compare_gradients(f, np.ones(256), by_hand=by_hand).verdict == "pass"
    assert compare_gradients(f, np.ones(256), by_hand=lambda w: 1.00001 * right(w)).verdict == "fail"


@pytest.mark.parametrize("weights", [np.ones(256), np.full(256, 0.5), np.zeros(256)], ids=["ones", "halves", "zeros"])
@pytest.mark.parametrize("factors", [PIXELS / np.float32(127.5) - 1, np.tile([1 / 3, -1 / 3], 128)])
def test_a_linear_function_that_is_exact_at_the_point_alone(factors, weights):
    def f(w):  # of few digits: there nothing is rounded, and elsewhere it is
        return jnp.sum(w * factors)

    for judge in [compare_gradients, taylor_test]:
        assert judge(f, weights).verdict == "pass"
        assert judge(f, weights, by_hand=lambda _: 1.00001 * factors.astype(float)).verdict == "fail"


def test_casts_that_the_value_does_not_need_are_allowed_and_others_named_by_their_line(capfd):
    def f(w):
        jax.debug.print("{}", w)
        accuracy = w.astype(jnp.float32).mean()
        jax.debug.print("{}", accuracy)
        return jnp.sum(w**2)

    assert compare_gradients(f, np.ones(2)).verdict == taylor_test(f, np.ones(2)).verdict == "pass"
    assert not capfd.readouterr().out

    def scanned(w):
        def body(carry, x):
            return carry + w.astype(jnp.float32).sum() * x, x

        return jax.lax.scan(body, jnp.float32(0), jnp.ones(3, jnp.float32))[0] + jnp.sum(w)

    line = scanned.__code__.co_firstlineno + 2
    with pytest.raises(ValueError, match=rf"cast to float32 inside it \(test_gradients.py, line {line}\)"):
        compare_gradients(scanned, np.ones(2))


@pytest.mark.usefixtures("flax_promotes_ranks")
def test_batch_norm_in_training():
    class Normed(nnx.Module):
        def __init__(self, rngs):
            self.linear, self.norm = nnx.Linear(3, 2, rngs=rngs), nnx.BatchNorm(2, rngs=rngs)
            self.last = nnx.Linear(2, 2, rngs=rngs)

        def __call__(self, x):
            return self.last(self.norm(self.linear(x)))

    module, params, rest = nnx.split(Normed(nnx.Rngs(0)), nnx.Param, ...)
    x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)

    for curve in [jnp.sin, lambda outputs: outputs]:

        def f(params, curve=curve):
            return jnp.mean(curve(nnx.merge(module, params, rest, copy=True)(jnp.asarray(x))) ** 2)

        checks = compare_gradients(f, params)
        assert checks.verdict == "pass", checks  # the bias before it has no gradient, and a bias after it may have none


def test_what_has_no_reverse_mode_is_held_to_the_others():
    def loop(a):
        return jax.lax.while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * a), (0, a))[1]

    def beta(p):
        return jax.scipy.special.betainc(p[0], p[1], 0.3)

    at = np.array(0.9)
    assert compare_gradients(loop, at, by_hand=lambda a: 6 * a**5, witnesses=["central"]).verdict == "pass"
    assert compare_gradients(loop, at, by_hand=lambda a: 5 * a**5).verdict == "fail"
    assert verdicts(compare_gradients(beta, np.ones(2), by_hand=lambda p: p)) == {
        "richardson": "fail",
        "central": "fail",
    }
    with pytest.raises(ValueError, match="must leave out 'reverse'"):
        compare_gradients(loop, at, by_hand=lambda a: 6 * a**5, witnesses=["reverse"])
    with pytest.raises(ValueError, match="`by_hand` must be given where"):
        compare_gradients(loop, at)


def test_float32_that_remains_widens_the_tolerance():
    def f(w):
        def body(carry, pixels):
            return carry + jnp.sum(w * (pixels / 127.5 - 1)), None

        return jax.lax.scan(body, 0.0 * w[0], jnp.asarray(PIXELS).reshape(2, 128))[0]

    checks = compare_gradients(f, np.ones(128))
    assert checks.verdict == "pass", checks
    assert min(check.limit for check in checks.checks) == judging.LOWER_PRECISION


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"params": {}}, "`params` must be a tree with at least one array, got {}"),
        ({"params": {"w": np.arange(2)}}, r"`params` must be floats, got int64 of shape \(2,\) at w; leave out"),
        ({"params": {"w": np.array([1, np.nan])}}, "`params at w` must be finite, got nan"),
        ({"params": {"w": jax.random.key(0)}}, "`params` must be floats, got key.* at w; close over a key"),
        ({"params": {"w": np.ones(2, complex)}}, r"got complex128 of shape \(2,\) at w; give its parts"),
        ({"params": {"w": "text"}}, "`params at w` must be an array of numbers, got str"),
        ({"f": lambda p: p["w"]}, r"`f` must return one number, shape \(\), got float64 of shape \(2,\)"),
        ({"f": lambda p: (cube(p), 1)}, r"`f` must return one number, shape \(\), got tuple"),
        ({"f": lambda p: cube(p).astype("float32")}, "`f` must return float64 for float64 parameters, got float32"),
        ({"f": lambda p: jnp.log(-cube(p))}, "`f` must be finite at `params`, got nan"),
        ({"by_hand": lambda p: p["w"]}, "`by_hand` must return a tree like `params`"),
        ({"by_hand": lambda _: {"w": jnp.ones(3)}}, r"`by_hand` must return float64 of shape \(2,\) at w, got float64"),
        ({"by_hand": lambda _: {"w": jnp.ones(2, "float32")}}, "`by_hand` must return float64 .* got float32"),
        ({"holomorphic": lambda p: 2 * cube(p)}, "`holomorphic` must be the same function as `f`, got 4.0"),
        ({"witnesses": ["forwards"]}, r"`witnesses` must be some of \['reverse'.*got \['forwards'\]"),
        ({"witnesses": []}, "`witnesses` must be some of"),
        ({"witnesses": ["reverse"]}, "`witnesses` must name one that jax.grad can be held to"),
        ({"witnesses": ["complex step"]}, "`witnesses` must name one that jax.grad can be held to"),
        ({"entries": 0}, "`entries` must be 1 or more, got 0"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare_gradients(**{"f": cube, "params": W, **arguments})


def test_bad_input_to_the_taylor_and_adjoint_tests_is_one_clear_line():
    with pytest.raises(ValueError, match="`f` must be finite at `params`, got nan"):
        taylor_test(lambda p: jnp.log(-cube(p)), W)
    with pytest.raises(ValueError, match="`by_hand` must return a tree like `params`"):
        taylor_test(cube, W, by_hand=lambda p: p["w"])
    with pytest.raises(ValueError, match="`by_hand` must return float64 of shape"):
        adjoint_test(lambda p: p["w"], W, by_hand=lambda _, u: {"w": u[:1]})
    with pytest.raises(ValueError, match="`function` must return floats, and float64 for float64 inputs, got int64"):
        adjoint_test(lambda p: (p["w"], 1), W, by_hand=lambda _, u: {"w": u})
