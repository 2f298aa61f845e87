"""Every method, the Taylor test and the adjoint test: they pass right gradients and fail wrong ones."""

import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nets.gradcheck import finite_differences
from nets.gradcheck.checks import adjoint_test, check_gradient, taylor_test
from nets.gradcheck.error_by_step import ErrorByStep
from nets.gradcheck.results import GradientCheck, GradientChecks
from nets.gradcheck.rounding_noise import EPS
from nets.gradcheck.verdicts import LOWER_PRECISION, TOLERANCE
from nets.models.losses import cross_entropy
from nets.models.mlp import MLP
from tests import tolerances
from tests.nets.gradcheck.networks import SigmoidNet, conv_net
from tests.nightly import every_nth

NET = SigmoidNet(N=6, M=3, H=5, seed=1)


def cube(params):
    return jnp.sum(params["w"] ** 3)


def verdict_by_method(checks):
    return {check.method: check.verdict for check in checks.checks}


def test_the_tolerances_are_those_of_the_tests():
    assert TOLERANCE == tolerances.GRADIENT


def test_the_relative_error_is_the_norm_of_the_difference_over_the_larger_norm():
    params = {"w": np.array([1.0, 2.0])}  # gradient 3, 12
    checks = check_gradient(cube, params, grad_fn=lambda _: {"w": jnp.array([3.0, 12.5])}, complex_f=cube)
    assert [check.method for check in checks.checks] == ["reverse", "forward", "richardson", "central", "complex step"]
    for check in checks.checks:
        np.testing.assert_allclose(check.relative_error, 0.5 / np.hypot(3, 12.5), rtol=1e-6)
        assert check.verdict == "fail"
        assert (check.leaf, check.shape, check.entries) == ("w", (2,), 2)
    assert checks.verdict == "fail"
    assert str(checks).startswith("grad_fn: fail\n  w  reverse ")


@pytest.mark.parametrize("seed", every_nth(3, range(3)))
def test_each_method_is_within_its_tolerance_and_its_error_estimate_is_near_it(seed):
    net = SigmoidNet(N=6, M=3, H=5, seed=seed)
    checks = check_gradient(net.loss, net.params, grad_fn=net.gradient, complex_f=net.textbook_loss)
    for check in checks.checks:
        assert check.relative_error < tolerances.GRADIENT[check.method]
        assert check.limit < 100 * tolerances.GRADIENT[check.method]


def test_without_grad_fn_reverse_mode_is_checked_against_the_others():
    checks = check_gradient(NET.loss, NET.params, complex_f=NET.textbook_loss)
    assert checks.gradient_name == "jax.grad"
    assert set(verdict_by_method(checks)) == set(tolerances.GRADIENT) - {"reverse"}
    assert checks.verdict == "pass"


@jax.custom_vjp
def slow_sine(x):
    return jnp.sin(x)


slow_sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, dy: (0.99 * dy * jnp.cos(x),))


def test_a_wrong_custom_rule_fails():
    def f(x):
        return jnp.sum(slow_sine(x))

    methods = ["richardson", "central", "complex step"]
    checks = check_gradient(f, np.arange(3.0), complex_f=f, methods=methods)
    assert verdict_by_method(checks) == dict.fromkeys(methods, "fail")
    assert taylor_test(f, np.arange(3.0)).verdict == "fail"


def test_the_precision_of_the_process_stays_as_it_was():
    dtypes = []

    def f(params):
        dtypes.append(params["w"].dtype)
        return cube(params)

    check_gradient(f, {"w": jnp.ones(2, jnp.float32)})
    taylor_test(f, {"w": jnp.ones(2, jnp.float32)})
    assert {str(dtype) for dtype in dtypes} == {"float64"}
    assert jnp.asarray(1.0).dtype == jnp.float32


def test_a_flax_state_is_a_tree_of_parameters():
    module, state = nnx.split(MLP((3,), 2, hidden=(4,), rngs=nnx.Rngs(0)))
    x, labels = np.random.default_rng(0).standard_normal((5, 3)), np.array([0, 1, 1, 0, 1])

    def loss(state):
        with jax.numpy_rank_promotion("allow"):
            return cross_entropy(nnx.merge(module, state)(jnp.asarray(x)), labels)

    checks = check_gradient(loss, state)
    assert checks.verdict == "pass", checks
    assert {check.leaf for check in checks.checks} == {
        "hidden.0.bias",
        "hidden.0.kernel",
        "logits.bias",
        "logits.kernel",
    }


def test_large_leaves_are_sampled_for_differences_and_compared_in_full_with_reverse_mode():
    params = {"w": np.random.default_rng(0).standard_normal(500), "b": np.ones(3)}

    def f(params):
        return cube(params) + jnp.sum(jnp.exp(params["b"]))

    def wrong_entry(params):
        return {"w": (3 * params["w"] ** 2).at[17].add(1.0), "b": jnp.exp(params["b"])}

    checks = check_gradient(f, params, grad_fn=wrong_entry, max_entries=20)
    entries = {(check.leaf, check.method): check.entries for check in checks.checks}
    assert entries["w", "reverse"] == 500
    assert entries["w", "central"] == entries["w", "richardson"] == 20
    assert entries["b", "central"] == 3
    assert checks.verdict == "fail"


@pytest.mark.parametrize("at", [0.0, 1e-6, 3e-3])
def test_a_difference_across_a_kink_is_inconclusive_and_not_a_fail(at):
    def f(x):
        return jnp.sum(jnp.maximum(x, 0.0) + jnp.sin(x))

    checks = check_gradient(f, np.array([at, 1.0]), grad_fn=jax.grad(f))
    assert checks.verdict == "pass"
    for check in checks.checks:
        if check.method in ("central", "richardson"):
            # Near a kink, a small step does not cross it.
            assert (check.entries, check.at_kink) == (1 + (at > 0), at == 0)
    single = check_gradient(f, np.array([at]), grad_fn=jax.grad(f))
    assert verdict_by_method(single)["central"] == ("pass" if at > 0 else "inconclusive")


def test_with_differences_alone_a_kink_is_inconclusive():
    checks = check_gradient(lambda x: jnp.sum(jnp.abs(x)), np.zeros(2), methods=["central", "richardson"])
    assert checks.verdict == "inconclusive"


@pytest.mark.parametrize("right_near_it", [True, False])
def test_a_kink_along_no_axis_excuses_a_gradient_that_is_right_near_it_alone(right_near_it):
    def f(x):
        return jnp.abs(x[0] + x[1]) - jnp.abs(x[0] - x[1])  # at 0 it is 0 along both axes

    def gradient(x):
        s, t = jnp.where(x[0] + x[1] >= 0, 1.0, -1.0), jnp.where(x[0] - x[1] >= 0, 1.0, -1.0)
        return jnp.stack([s - t, s + t]) if right_near_it else jnp.array([0.0, 2.0])

    checks = check_gradient(f, np.zeros(2), grad_fn=gradient)
    assert checks.verdict == ("inconclusive" if right_near_it else "fail")
    assert ("along no axis" in str(checks)) == right_near_it


def test_the_best_step_in_theory_has_the_smallest_sum_of_truncation_and_rounding():
    by_step = ErrorByStep(method="central", errors=np.ones(50), order=2, truncation=3.0, rounding=1e-9)
    h = by_step.optimum * np.array([0.99, 1.0, 1.01])
    assert np.argmin(by_step.truncation * h**2 + by_step.rounding / h) == 1


def test_a_step_out_of_the_domain_is_inconclusive():
    def f(x):
        return jnp.sum(jnp.sqrt(x))

    checks = check_gradient(f, np.array([1e-7, 1.0]))
    assert {check.method: check.uncertain for check in checks.checks}["richardson"] == 1
    assert checks.verdict == "inconclusive"  # forward mode alone passes no entry
    assert "Some entries of params are uncertain" in str(checks)
    assert check_gradient(f, np.array([1e-7, 1.0]), grad_fn=lambda x: 0.5 / jnp.sqrt(x)).verdict == "pass"


def test_a_gradient_below_the_rounding_of_the_differences_is_inconclusive_for_them():
    checks = check_gradient(lambda x: 1.0 + 1e-9 * jnp.sum(jnp.sin(x)), np.ones(2), grad_fn=lambda x: 1e-9 * jnp.cos(x))
    verdicts = verdict_by_method(checks)
    assert (verdicts["reverse"], verdicts["central"]) == ("pass", "inconclusive")


def test_a_complex_step_through_a_function_that_is_not_holomorphic_fails():
    checks = check_gradient(NET.loss, NET.params, grad_fn=NET.gradient, complex_f=stable)
    assert verdict_by_method(checks)["complex step"] == "fail"


def stable(params):
    """The loss by logaddexp, for complex parameters: not holomorphic."""
    x, y = NET.data
    z1 = 1 / (1 + jnp.exp(-(x @ params["W1"].T + params["b1"][None, :])))
    a2 = (z1 @ params["W2"].T + params["b2"][None, :])[:, 0]
    return jnp.mean(jnp.logaddexp(0 * a2, (1 - 2 * y) * a2))


@pytest.mark.parametrize("params", [np.zeros(3), np.ones(3)])
def test_a_zero_gradient_passes_and_a_nonzero_one_of_a_constant_fails(params):
    def constant(x):
        return 2.0 + 0.0 * jnp.sum(x)

    assert check_gradient(constant, params, grad_fn=jnp.zeros_like).verdict == "pass"
    assert check_gradient(constant, params, grad_fn=lambda x: jnp.full_like(x, 1e-3)).verdict == "fail"
    assert taylor_test(constant, params, grad_fn=jnp.zeros_like).verdict == "pass"
    assert taylor_test(constant, params, grad_fn=lambda x: jnp.full_like(x, 1e-3)).verdict == "fail"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_fails(bad):
    params = {"w": np.ones(3)}

    def grad_fn(params):
        return {"w": (3 * params["w"] ** 2).at[1].set(bad)}

    assert set(verdict_by_method(check_gradient(cube, params, grad_fn=grad_fn)).values()) == {"fail"}
    assert taylor_test(cube, params, grad_fn=grad_fn).verdict == "fail"


def test_a_gradient_of_jax_that_is_not_finite_fails():
    def f(x):  # the derivative of the branch not taken is infinite, and 0 times it nan
        return jnp.sum(jnp.where(x > 0, jnp.sqrt(x), x))

    at = np.array([0.0, 2.0])
    assert check_gradient(f, at).verdict == "fail"
    checks = check_gradient(f, at, grad_fn=lambda x: jnp.where(x > 0, 0.5 / jnp.sqrt(x), 1.0))
    assert checks.verdict == "pass"  # a method without a number fails no gradient
    assert {check.method: check.uncertain for check in checks.checks}["reverse"] == 1


def test_the_checks_combine_into_one_verdict():
    def check(leaf, verdict):
        return GradientCheck(
            leaf=leaf, shape=(), method="w", entries=1, norm=1, relative_error=0, limit=1, verdict=verdict
        )

    passing, failing, inconclusive = (check("a", verdict) for verdict in ["pass", "fail", "inconclusive"])
    assert GradientChecks("s", (passing, inconclusive)).verdict == "pass"
    assert GradientChecks("s", (passing, failing, inconclusive)).verdict == "fail"
    assert GradientChecks("s", (passing, check("b", "inconclusive"))).verdict == "inconclusive"


def test_the_slopes_of_the_taylor_test_are_1_and_2_and_with_a_wrong_gradient_1_and_1():
    right = taylor_test(NET.loss, NET.params, grad_fn=NET.gradient)
    assert right.verdict == "pass"
    wrong = taylor_test(NET.loss, NET.params, grad_fn=lambda p: jax.tree.map(lambda g: 1.001 * g, NET.gradient(p)))
    assert wrong.verdict == "fail"
    for tests, second in [(right, 2), (wrong, 1)]:
        for check in tests.checks:
            np.testing.assert_allclose(check.slopes, (1, second), atol=0.05)
            assert check.limit < 1e-3 or second == 1
    assert str(right).startswith("grad_fn: pass\n  W1  slopes 1.00 and 2.00  pass")


def test_the_taylor_test_of_a_linear_function_has_no_remainder_and_still_fails_a_sign():
    assert taylor_test(lambda x: 3.0 * x[0], np.ones(1)).verdict == "pass"
    assert taylor_test(lambda x: 3.0 * x[0], np.ones(1), grad_fn=lambda _: -3.0 * jnp.ones(1)).verdict == "fail"
    assert taylor_test(lambda x: 3.0 * x[0], np.ones(1), grad_fn=jnp.zeros_like).verdict == "fail"


def test_a_taylor_test_out_of_the_domain_or_below_rounding_is_inconclusive():
    assert taylor_test(lambda x: jnp.sum(jnp.sqrt(x)), np.full(2, 1e-9), seed=3).verdict != "pass"
    assert taylor_test(lambda x: 1.0 + 1e-11 * jnp.sum(x), np.ones(2)).verdict == "inconclusive"


def test_the_taylor_test_of_a_network_with_kinks_passes():
    network = conv_net(seed=4)
    assert taylor_test(network.loss, network.params, grad_fn=network.gradient).verdict == "pass"


def test_the_adjoint_test_fails_for_a_transpose_and_for_one_per_mille():
    A = np.random.default_rng(0).standard_normal((3, 3))
    right = adjoint_test(lambda x: A @ x, np.ones(3), vjp_fn=lambda _, u: A.T @ u)
    assert right.verdict == "pass"
    assert right.checks[0].method == "adjoint"
    assert adjoint_test(lambda x: A @ x, np.ones(3), vjp_fn=lambda _, u: A @ u).verdict == "fail"
    assert adjoint_test(lambda x: A @ x, np.ones(3), vjp_fn=lambda _, u: 1.001 * A.T @ u).verdict == "fail"
    assert adjoint_test(lambda x: A @ x, np.ones(3), vjp_fn=lambda _, u: np.nan * u).verdict == "fail"
    assert adjoint_test(lambda x: 0 * x, np.ones(3), vjp_fn=lambda _, u: 0 * u).verdict == "pass"


@pytest.mark.parametrize("method", ["one_sided", "central", "richardson"])
def test_the_error_of_a_difference_falls_with_its_order(method):
    order = {"one_sided": 1, "central": 2, "richardson": 6}[method]
    with jax.enable_x64(True):
        theta, index = jnp.array([0.7]), np.arange(1)
        options = {"tries": 1} if method == "richardson" else {}
        steps = [2.0**-8, 2.0**-9] if method == "one_sided" else [0.5, 0.25]
        differences = [
            getattr(finite_differences, method)(lambda t: jnp.sin(t[0]), theta, index, EPS, h, **options) for h in steps
        ]
        errors = [abs(float(difference.value[0]) - np.cos(0.7)) for difference in differences]
        np.testing.assert_allclose(np.log2(errors[0] / errors[1]), order, atol=0.1)
        for difference, error in zip(differences, errors, strict=True):
            assert error <= difference.uncertainty[0]


W = {"w": np.ones(2)}


def test_the_worst_entry_is_named():
    checks = check_gradient(
        cube,
        {"w": np.ones((2, 3))},
        grad_fn=lambda p: {"w": (3 * p["w"] ** 2).at[1, 2].set(4.0)},
        methods=["reverse"],
    )
    assert checks.checks[0].worst == ((1, 2), 4.0, 3.0)
    assert "worst at [1, 2]: 4, and 3 by reverse" in str(checks)


def test_aux_is_left_out_with_has_aux():
    def f(params):
        return cube(params), {"accuracy": 1.0}

    assert check_gradient(f, W, has_aux=True).verdict == taylor_test(f, W, has_aux=True).verdict == "pass"
    with pytest.raises(ValueError, match="for a pair \\(value, aux\\) set `has_aux=True`"):
        check_gradient(f, W)
    with pytest.raises(ValueError, match="must return a pair"):
        check_gradient(cube, W, has_aux=True)


def test_the_adjoint_of_several_outputs():
    def f(x):
        return {"a": jnp.sin(x), "b": (2 * x, jnp.sum(x))}

    def vjp_fn(x, u):
        return jnp.cos(x) * u["a"] + 2 * u["b"][0] + u["b"][1]

    assert adjoint_test(f, np.ones(3), vjp_fn=vjp_fn).verdict == "pass"
    assert adjoint_test(f, np.ones(3), vjp_fn=lambda x, u: vjp_fn(x, u) - u["b"][1]).verdict == "fail"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_parameters_may_have_any_precision(dtype):
    assert check_gradient(cube, {"w": jnp.ones(2, dtype)}).verdict == "pass"
    assert taylor_test(cube, {"w": jnp.ones(2, dtype)}).verdict == "pass"


PIXELS = np.arange(256, dtype=np.float32)


def test_closed_over_float32_arrays_have_the_same_numbers_for_every_method():
    def f(w):
        return jnp.sum(w * (jnp.asarray(PIXELS) / 127.5 - 1) / jnp.asarray(PIXELS).std())

    for function in [f, jax.jit(f)]:
        assert check_gradient(function, np.ones(256)).verdict == "pass"
        assert taylor_test(function, np.ones(256)).verdict == "pass"
    for grad_fn in [
        right := lambda _: (jnp.asarray(PIXELS) / 127.5 - 1) / jnp.asarray(PIXELS).std() * jnp.ones(256),
        jax.jit(right),
    ]:
        assert check_gradient(f, np.ones(256), grad_fn=grad_fn).verdict == "pass"
    assert check_gradient(f, np.ones(256), grad_fn=lambda w: 1.00001 * right(w)).verdict == "fail"


@pytest.mark.parametrize("weights", [np.ones(256), np.full(256, 0.5), np.zeros(256)], ids=["ones", "halves", "zeros"])
@pytest.mark.parametrize("factors", [PIXELS / np.float32(127.5) - 1, np.tile([1 / 3, -1 / 3], 128)])
def test_a_linear_function_that_is_exact_at_the_point_alone(factors, weights):
    def f(w):  # of few digits: there nothing is rounded, and elsewhere it is
        return jnp.sum(w * factors)

    for check in [check_gradient, taylor_test]:
        assert check(f, weights).verdict == "pass"
        assert check(f, weights, grad_fn=lambda _: 1.00001 * factors.astype(float)).verdict == "fail"


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_point_where_nothing_is_rounded_is_no_fail_in_any_direction(seed):
    thirds = np.tile([1 / 3, -1 / 3], 128)
    assert taylor_test(lambda w: jnp.sum(w * thirds), np.zeros(256), seed=seed).verdict == "pass"


def test_casts_that_do_not_affect_the_value_are_allowed_and_others_are_named_by_their_line(capfd):
    def f(w):
        jax.debug.print("{}", w)
        accuracy = w.astype(jnp.float32).mean()
        jax.debug.print("{}", accuracy)
        return jnp.sum(w**2)

    assert check_gradient(f, np.ones(2)).verdict == taylor_test(f, np.ones(2)).verdict == "pass"
    assert not capfd.readouterr().out

    def scanned(w):
        def body(carry, x):
            return carry + w.astype(jnp.float32).sum() * x, x

        return jax.lax.scan(body, jnp.float32(0), jnp.ones(3, jnp.float32))[0] + jnp.sum(w)

    line = scanned.__code__.co_firstlineno + 2
    with pytest.raises(ValueError, match=rf"cast to float32 inside it \(test_checks.py, line {line}\)"):
        check_gradient(scanned, np.ones(2))


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

        checks = check_gradient(f, params)
        # The bias before it has no gradient, and a bias after it may have none. On some processors rounding hides that.
        uncertain = checks.verdict == "inconclusive" and checks.uncertain_leaves == ("norm.bias",)
        assert checks.verdict == "pass" or uncertain, checks


def test_a_function_without_reverse_mode_is_checked_by_the_other_methods():
    def loop(a):
        return jax.lax.while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * a), (0, a))[1]

    def beta(p):
        return jax.scipy.special.betainc(p[0], p[1], 0.3)

    at = np.array(0.9)
    assert check_gradient(loop, at, grad_fn=lambda a: 6 * a**5, methods=["central"]).verdict == "pass"
    assert check_gradient(loop, at, grad_fn=lambda a: 5 * a**5).verdict == "fail"
    assert verdict_by_method(check_gradient(beta, np.ones(2), grad_fn=lambda p: p)) == {
        "richardson": "fail",
        "central": "fail",
    }
    with pytest.raises(ValueError, match="must leave out 'reverse'"):
        check_gradient(loop, at, grad_fn=lambda a: 6 * a**5, methods=["reverse"])
    with pytest.raises(ValueError, match="`grad_fn` must be given where"):
        check_gradient(loop, at)


def test_float32_that_remains_widens_the_tolerance():
    def f(w):
        def body(carry, pixels):
            return carry + jnp.sum(w * (pixels / 127.5 - 1)), None

        return jax.lax.scan(body, 0.0 * w[0], jnp.asarray(PIXELS).reshape(2, 128))[0]

    checks = check_gradient(f, np.ones(128))
    assert checks.verdict == "pass", checks
    assert min(check.limit for check in checks.checks) == LOWER_PRECISION


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
        ({"grad_fn": lambda p: p["w"]}, "`grad_fn` must return a tree like `params`"),
        ({"grad_fn": lambda _: {"w": jnp.ones(3)}}, r"`grad_fn` must return float64 of shape \(2,\) at w, got float64"),
        ({"grad_fn": lambda _: {"w": jnp.ones(2, "float32")}}, "`grad_fn` must return float64 .* got float32"),
        ({"complex_f": lambda p: 2 * cube(p)}, "`complex_f` must be the same function as `f`, got 4.0"),
        ({"methods": ["forwards"]}, r"`methods` must be some of \['reverse'.*got \['forwards'\]"),
        ({"methods": []}, "`methods` must be some of"),
        ({"methods": ["reverse"]}, "`methods` must name one that can check jax.grad"),
        ({"methods": ["complex step"]}, "`methods` must name one that can check jax.grad"),
        ({"max_entries": 0}, "`max_entries` must be 1 or more, got 0"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, message):
    with pytest.raises(ValueError, match=message):
        check_gradient(**{"f": cube, "params": W, **arguments})


def test_bad_input_to_the_taylor_and_adjoint_tests_is_one_clear_line():
    with pytest.raises(ValueError, match="`f` must be finite at `params`, got nan"):
        taylor_test(lambda p: jnp.log(-cube(p)), W)
    with pytest.raises(ValueError, match="`grad_fn` must return a tree like `params`"):
        taylor_test(cube, W, grad_fn=lambda p: p["w"])
    with pytest.raises(ValueError, match="`vjp_fn` must return float64 of shape"):
        adjoint_test(lambda p: p["w"], W, vjp_fn=lambda _, u: {"w": u[:1]})
    with pytest.raises(ValueError, match="`f` must return floats, and float64 for float64 inputs, got int64"):
        adjoint_test(lambda p: (p["w"], 1), W, vjp_fn=lambda _, u: {"w": u})


@pytest.mark.parametrize(
    ("check", "jit", "rows"),  # a shape that no other test has: its operations are not compiled yet
    [(check_gradient, None, 31), (taylor_test, None, 32), (check_gradient, jax.jit, 33), (taylor_test, jax.jit, 34)],
)
def test_a_function_of_arrays_of_numpy_can_be_called_in_float32_afterwards(check, jit, rows):
    """JAX 0.12 gives an array of NumPy the dtype with which a function that is still alive was traced."""
    x = np.random.default_rng(0).standard_normal((rows, 2))

    def f(w):
        return jnp.sum(jnp.tanh(x @ w.T))

    w, gradient = jnp.ones((3, 2)), (jit or (lambda g: g))(jax.grad(f))
    gc.disable()  # else it might forget what the check did not
    try:
        check(f, w, grad_fn=gradient)
        np.testing.assert_allclose(f(w), 3 * np.tanh(x.sum(axis=1)).sum(), rtol=1e-5)
        assert gradient(w).dtype == np.float32
    finally:
        gc.enable()


def test_a_jitted_backward_rule_can_be_called_in_float32_afterwards():
    x = np.random.default_rng(0).standard_normal((35, 2))
    vjp_fn = jax.jit(lambda _, u: x.T @ u)
    assert adjoint_test(lambda w: x @ w, jnp.ones((2, 3)), vjp_fn=vjp_fn).verdict == "pass"
    assert vjp_fn(jnp.ones((2, 3)), jnp.ones((35, 3))).dtype == np.float32
    assert (x.T @ jnp.ones((35, 3))).dtype == np.float32
