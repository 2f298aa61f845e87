"""What needs a package that is not installed says which extra brings it."""

import sys
from importlib import import_module

import pytest

import nets
from bayes import models


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [("bayes.sampling", "pymc", "pymc"), ("nets.gradcheck", "jax", "nets")],
)
def test_a_chapter_names_its_extra(module, missing, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ModuleNotFoundError, match=rf"^{missing} is not installed; pip install 'closedform\[{extra}\]'"):
        import_module(module)


def test_the_public_face_and_a_program_name_their_extra(monkeypatch):
    def missing(_):
        raise ModuleNotFoundError("No module named 'optax.losses'", name="optax.losses")

    monkeypatch.setattr(nets, "_attribute", missing)
    with pytest.raises(ModuleNotFoundError, match=r"^optax is not installed; pip install 'closedform\[nets\]'"):
        nets.__getattr__("fit")
    monkeypatch.setitem(sys.modules, "pymc", None)
    with pytest.raises(ModuleNotFoundError, match=r"^pymc is not installed; pip install 'closedform\[pymc\]'"):
        models["normal_normal"].program()


def test_another_module_that_is_missing_is_left_as_it_is():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'nets\.nothing'"):
        import_module("nets.nothing")
