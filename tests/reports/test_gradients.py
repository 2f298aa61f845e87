"""The gradients page: it shows the shapes and verdicts as computed, for any size, and it can fail."""

import inspect
import json
import re

import numpy as np
import pytest

from nets.backprop import one_hidden_layer
from reports import gradients
from reports.gradients import cubic
from reports.shared.page import drawing


def page_of(**options):
    options = gradients.Options(quick=True, **options)
    messages = []
    with drawing():
        page = gradients.build(gradients.read(options), options, messages.append)
    assert len(messages) == gradients.steps(options)
    return page


@pytest.fixture(scope="module")
def page():
    return page_of(seed=3)


def test_every_check_of_the_page_passes(page):
    numbers = json.loads(page.json())["numbers"]
    assert page.verdict == "pass"
    for name in ["methods_verdict", "taylor_verdict", "classifiers_verdict", "second_order_verdict"]:
        assert numbers[name] == "pass"
    assert numbers["largest_exact"] < 1e-13
    assert set(numbers["mistakes"]["verdict"]) == {"fail"}
    assert len(numbers["mistakes"]["mistake"]) == 5
    assert set(numbers["methods"]["verdict"]) == {"pass"}


def test_the_shapes_are_read_from_the_arrays():
    page = page_of(points=7, inputs=2, hidden=5)
    shapes = page.numbers["shapes"]
    problem = gradients.read(gradients.Options(points=7, inputs=2, hidden=5))
    assert shapes["array"] == ["x", "W1", "b1", "a1", "z1", "W2", "b2", "a2", "yhat"]
    assert shapes["7 points"] == [str(shape) for shape in one_hidden_layer.shapes(problem.params, problem.x).values()]
    assert shapes["one point"] == ["(2,)", "(5, 2)", "(5,)", "(5,)", "(5,)", "(1, 5)", "(1,)", "(1,)", "(1,)"]
    assert page.numbers["shared"] == "W1, b1, W2, b2"


def test_the_measured_slopes_and_optima_are_those_of_theory(page):
    table = page.numbers["step_sizes"]
    np.testing.assert_allclose(table["slope measured"], [1, 2, 6, 2], atol=0.1)
    for theory, best in zip(table["h^* in theory"][:3], table["best step tried"][:3], strict=True):
        assert theory / 8 < best < theory * 8
    assert table["h^* in theory"][3] is None
    assert table["smallest error"] == sorted(table["smallest error"], reverse=True)


def test_the_smallest_network_has_a_page(page):
    small = page_of(points=1, inputs=1, hidden=1)
    assert small.verdict == "pass"
    assert len(small.numbers["mistakes"]["mistake"]) == 3 < len(page.numbers["mistakes"]["mistake"])


def test_the_page_shows_formulas_code_and_pictures(page):
    html = page.html()
    assert html.count("<figure>") == 2
    assert html.count('class="formula"') > 10
    assert "@nnx.jit" in html
    assert inspect.getsource(cubic.squared_error).splitlines()[0] in re.sub("&gt;", ">", html)
    assert "nn.Linear(3, 1)" in html
    assert "$" not in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)


def test_a_wrong_derivation_fails_the_page(monkeypatch):
    correct = one_hidden_layer.gradient

    def wrong(params, x, y):
        return correct(params, x, y) | {"b1": 1.001 * correct(params, x, y)["b1"]}

    monkeypatch.setattr(one_hidden_layer, "gradient", wrong)
    page = page_of()
    assert page.verdict == "fail"
    assert page.numbers["methods_verdict"] == "fail"
    assert page.numbers["second_order_verdict"] == "pass"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 0}, "`points` must lie between 1 and 1000, got 0"),
        ({"inputs": 21}, "`inputs` must lie between 1 and 20, got 21"),
        ({"hidden": -1}, "`hidden` must lie between 1 and 20, got -1"),
        ({"seed": -1}, "`seed` must be 0 or more, got -1"),
    ],
)
def test_bad_options_are_one_clear_line(options, message):
    with pytest.raises(ValueError, match=message):
        gradients.read(gradients.Options(**options))
