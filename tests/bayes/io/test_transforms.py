"""Variables that a file has transformed: the draws are transformed back, and what can be none of them is refused."""

import numpy as np
import pytest

from bayes import check
from bayes.io.draws_file import load_draws
from bayes.io.transforms import TRANSFORMS, inverted, parsed_target
from bayes.registry import get_model

FORWARD = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "square": np.square,
    "reciprocal": np.reciprocal,
    "logit": lambda x: np.log(x) - np.log1p(-x),
    "inv_logit": lambda x: 1 / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_is_inverted(name):
    x = np.random.default_rng(0).uniform(0.01, 0.99, size=(4, 100, 2))
    np.testing.assert_allclose(inverted("y", FORWARD[name](x), (name,), "file 'f'"), x, rtol=1e-12)


def test_transforms_are_nested_from_the_outside():
    x = np.random.default_rng(1).uniform(0.5, 2.0, size=(2, 10))
    target = parsed_target(" log( sqrt(sigma2) ) ")
    assert (target.functions, target.element) == (("log", "sqrt"), ("sigma2", ()))
    np.testing.assert_allclose(inverted("y", np.log(np.sqrt(x)), target.functions, "file 'f'"), x, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "draw", "rule"),
    [
        ("exp", 0.0, "0 is not positive"),
        ("log", np.inf, "inf is not finite"),
        ("sqrt", -0.1, "-0.1 is not 0 or more"),
        ("square", -2.0, "-2 is not 0 or more"),
        ("reciprocal", 0.0, "0 is not other than 0"),
        ("logit", np.nan, "nan is not finite"),
        ("inv_logit", 1.0, "1 is not between 0 and 1"),
    ],
)
def test_the_first_draw_that_is_no_value_of_the_transform_is_named(name, draw, rule):
    y = np.full((2, 10), 0.5)
    y[1, 3] = draw
    with pytest.raises(ValueError, match=rf"^file 'f': 'y' at chain 1, draw 3 is .*, which {name} of no .* as {rule}"):
        inverted("y", y, (name,), "file 'f'")


@pytest.mark.parametrize("draws", [np.ones((4, 10), complex), np.ones((4, 10), bool), np.full((4, 10), "1")])
@pytest.mark.parametrize("target", ["mu", "log(mu)"])
def test_what_is_no_real_number_is_refused_under_another_name_too(tmp_path, draws, target):
    np.savez(tmp_path / "draws.npz", m=draws)
    model = get_model("normal_normal")
    with pytest.raises(ValueError, match="must hold real numbers, got"):
        check(load_draws(tmp_path / "draws.npz", ["mu"], {"m": target}), model, model.y)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cube(x)", "`var` must have one of the transforms exp, log, .*, got 'cube'"),
        ("exec(open(x))", "got 'exec'"),
        ("square(log(x))", "square next to the variable"),
    ],
)
def test_what_is_no_transform_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parsed_target(text)


def test_draws_of_an_sd_are_held_to_the_law_of_the_variance(tmp_path):
    model = get_model("normal_inverse_gamma")
    samples = model.exact.posterior(model.y).rvs(4000, np.random.default_rng(2))
    draws = {name: values.reshape(4, 1000) for name, values in samples.items()}
    np.savez(tmp_path / "draws.npz", centre=draws["mu"], sigma=np.sqrt(draws["sigma2"]))
    rename = {"centre": "mu", "sigma": "sqrt(sigma2)"}
    loaded = load_draws(tmp_path / "draws.npz", model.variables, rename)
    assert check(loaded, model, model.y).verdict == "pass"
    wrong = load_draws(tmp_path / "draws.npz", model.variables, rename | {"sigma": "sigma2"})
    assert check(wrong, model, model.y).verdict == "fail"  # negative control
