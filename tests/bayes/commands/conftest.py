"""Commands run in this process, in an empty folder."""

import io
import sys
from types import SimpleNamespace

import pytest
import xarray as xr

from bayes.__main__ import main
from bayes.exact.normal_normal import EXAMPLE
from tests.bayes.commands.draws import exact_draws


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run ``python -m bayes`` with arguments; return exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, standard_input=None):
        if standard_input is not None:
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(standard_input)))
        try:
            code = main(list(map(str, arguments)))
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def saved(folder):
    """Right draws of the example in draws.nc."""
    xr.DataTree.from_dict({"posterior": exact_draws(EXAMPLE.model, EXAMPLE.y)}).to_netcdf(folder / "draws.nc")
    return folder
