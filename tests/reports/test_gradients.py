"""The gradients page: it shows the shapes and verdicts as computed, for any size, and it can fail."""

import inspect
import json
import re

import numpy as np
import pytest

from nets.backprop import one_hidden_layer
from reports import gradients
from reports.gradients import checks, cubic, derivation, library, peers, step_sizes
from reports.shared.page import Page, drawing
from tests.reports import stand_ins


def problem_of(**options):
    return gradients.read(gradients.Options(**options))


@pytest.fixture(scope="module")
def page():
    """A page with one of the networks that are trained; beside JAX's own check nothing is measured."""
    options = gradients.Options(seed=3, points=7, inputs=2)
    with pytest.MonkeyPatch.context() as patch, drawing():
        patch.setattr(gradients, "STEPS", 200)
        patch.setattr(checks, "NETWORKS", {"MLP": checks.NETWORKS["MLP"]})
        patch.setattr(peers, "_verdicts", lambda *gradient: ("pass", "pass", VERDICTS[gradient == peers.AT_KINK]))
        return gradients.build(gradients.read(options), options, [])


VERDICTS = {False: "fail", True: "inconclusive"}


def test_every_check_of_the_page_passes(page):
    numbers = json.loads(page.json())["numbers"]
    assert page.verdict == "pass"
    for section in ["methods", "mistakes", "peers", "classifiers", "second_order"]:
        assert numbers[section]["verdict"] == "pass"
    assert numbers["methods"]["taylor_verdict"] == "pass"
    assert numbers["methods"]["largest_exact"] < 1e-13
    assert set(numbers["mistakes"]["mistakes"]["verdict"]) == {"fail"}
    assert len(numbers["mistakes"]["mistakes"]["mistake"]) == 5
    assert set(numbers["methods"]["methods"]["verdict"]) == {"pass"}


def test_the_shapes_are_read_from_the_arrays():
    problem = problem_of(points=7, inputs=2, hidden=5)
    numbers = derivation.shapes_section(problem)
    shapes = numbers["shapes"]
    assert shapes["array"] == ["x", "W1", "b1", "a1", "z1", "W2", "b2", "a2", "yhat"]
    assert shapes["7 points"] == [str(shape) for shape in one_hidden_layer.shapes(problem.params, problem.x).values()]
    assert shapes["one point"] == ["(2,)", "(5, 2)", "(5,)", "(5,)", "(5,)", "(1, 5)", "(1,)", "(1,)", "(1,)"]
    assert numbers["shared"] == ["W1", "b1", "W2", "b2"]
    assert [shapes["array"][i] for i, axis in enumerate(shapes["has an axis for the points"]) if axis == "no"] == (
        numbers["shared"]
    )


def test_the_measured_slopes_and_optima_are_those_of_theory(page):
    table = page.numbers["step_sizes"]["step_sizes"]
    np.testing.assert_allclose(table["slope measured"], [1, 2, 6, 2], atol=0.1)
    for theory, best in zip(table["h^* in theory"][:3], table["best step tried"][:3], strict=True):
        assert theory / 8 < best < theory * 8
    assert table["h^* in theory"][3] is None
    assert table["smallest error"] == sorted(table["smallest error"], reverse=True)


def test_the_smallest_network_has_its_checks_and_fewer_mistakes():
    smallest = problem_of(points=1, inputs=1, hidden=1)
    assert derivation.shapes_section(smallest)["batch"] == "1 points"
    numbers = checks.mistakes_section(smallest)
    assert numbers["verdict"] == "pass"
    assert len(numbers["mistakes"]["mistake"]) == 3


def test_the_page_shows_formulas_code_and_pictures(page):
    html = page.html()
    assert html.count("<figure>") == 2
    assert html.count('class="formula"') > 10
    assert "@nnx.jit" in html
    assert inspect.getsource(cubic.squared_error).splitlines()[0] in re.sub("&gt;", ">", html)
    assert "nn.Linear(3, 1)" in html
    assert not stand_ins.dead_links(html)
    assert "$" not in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)


def test_a_wrong_derivation_fails(monkeypatch):
    correct = one_hidden_layer.gradient

    def wrong(params, x, y):
        return correct(params, x, y) | {"b1": 1.001 * correct(params, x, y)["b1"]}

    monkeypatch.setattr(one_hidden_layer, "gradient", wrong)
    numbers = checks.methods_section(problem_of(points=7, inputs=2))
    assert numbers["verdict"] == "fail"
    assert numbers["taylor_verdict"] == "fail"


SECTIONS = {
    "methods": checks,
    "mistakes": checks,
    "classifiers": checks,
    "second_order": checks,
    "peers": peers,
    "step_sizes": step_sizes,
    "library": library,
}


@pytest.mark.parametrize("failing", ["methods", "taylor", "mistakes", "classifiers", "second_order", "peers"])
def test_the_verdict_of_the_page_is_the_worst_of_its_sections(monkeypatch, failing):
    for name, module in SECTIONS.items():
        verdicts = {"verdict": "fail" if name == failing else "pass"}
        if name == "methods":
            verdicts["taylor_verdict"] = "fail" if failing == "taylor" else "pass"
        monkeypatch.setattr(module, f"{name}_section", lambda *_, verdicts=verdicts: verdicts)
    monkeypatch.setattr(derivation, "saturation_section", dict)
    monkeypatch.setattr(Page, "section", lambda *_: None)
    assert gradients.build(problem_of(), gradients.Options(), []).verdict == "fail"


def test_an_error_that_jaxs_own_check_passes_in_float32_fails_ours():
    assert peers._verdicts(*peers.MISTAKES["0.1 % too large"]) == ("pass", "fail", "fail")


def test_a_mistake_that_we_pass_fails_the_section(monkeypatch):
    monkeypatch.setattr(peers, "_verdicts", lambda *_: ("pass", "pass", "pass"))
    numbers = peers.peers_section()
    assert (numbers["verdict"], numbers["check_gradient_passes"]) == ("fail", len(peers.MISTAKES))


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
