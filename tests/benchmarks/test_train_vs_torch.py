"""The benchmark against PyTorch, tested without PyTorch: its checks and its parameter layout."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tyro
from rich.console import Console

from benchmarks import train_vs_torch
from benchmarks.torch_worker import torch_layout

ENVIRONMENT = {"device": "cpu", "threads": 2, "malloc": {}}


def test_options_are_read():
    options = tyro.cli(
        train_vs_torch.Options, args=["--torch-python", "/x/python", "--batches", "32", "64", "--models", "mlp"]
    )
    assert (options.torch_python, options.batches, options.models) == (Path("/x/python"), (32, 64), ("mlp",))


@pytest.mark.parametrize(
    "other", [{"threads": 1}, {"device": "NVIDIA H200"}, {"malloc": {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}}]
)
def test_workers_with_different_environments_are_refused(other):
    train_vs_torch.require_same_environment(ENVIRONMENT, ENVIRONMENT)
    with pytest.raises(
        train_vs_torch.NotComparableError, match=f"{next(iter(other))}: .* in PyTorch; set both the same"
    ):
        train_vs_torch.require_same_environment(ENVIRONMENT, ENVIRONMENT | other)


def test_losses_that_differ_or_do_not_change_are_refused():
    losses = [2.3, 2.1, 1.8]
    train_vs_torch.require_same_losses(losses, [2.3, 2.1001, 1.8], "float32", "case")
    train_vs_torch.require_same_losses(losses, [2.3, 2.105, 1.8], "bfloat16", "case")
    for wrong in [[2.3, 2.105, 1.8], [2.3, 2.1, float("nan")]]:
        with pytest.raises(
            train_vs_torch.NotComparableError, match=r"case: the loss of step [23] is .* not train the same network"
        ):
            train_vs_torch.require_same_losses(losses, wrong, "float32", "case")
    with pytest.raises(train_vs_torch.NotComparableError, match="hardly change"):
        train_vs_torch.require_same_losses([2.3, 2.3001], [2.3, 2.3001], "float32", "case")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeats": 0}, "`repeats` must be at least 1"),
        ({"models": ()}, "`models`, .* must not be empty"),
        ({"data_dir": Path("data"), "batches": (32, 5000)}, "more than CIFAR-10's 50,000 images"),
        ({"json": Path("/none/x.json")}, "`json` must be in an existing folder, got /none/x.json"),
    ],
)
def test_invalid_options_are_refused_before_the_workers_start(options, message):
    with pytest.raises(ValueError, match=message):
        train_vs_torch.main(train_vs_torch.Options(torch_python=Path("/none"), **options), Console(quiet=True))


def test_a_precision_setting_without_effect_on_pytorch_is_refused(monkeypatch):
    monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    with pytest.raises(ValueError, match=r"JAX_DEFAULT_MATMUL_PRECISION is set, .* unset it"):
        train_vs_torch.main(train_vs_torch.Options(torch_python=Path("/none")), Console(quiet=True))


def test_a_python_without_pytorch_is_reported():
    for python, message in [
        (sys.executable, "torch ended .*No module named 'torch'"),
        ("/none", "must be an executable Python"),
    ]:
        with pytest.raises(ValueError, match=message):
            train_vs_torch.main(train_vs_torch.Options(torch_python=Path(python)), Console(quiet=True))


def test_parameters_have_the_layout_of_pytorch():
    rng = np.random.default_rng(0)
    images, kernel = rng.standard_normal((2, 5, 4, 3)), rng.standard_normal((3, 3, 3, 6))
    linear = rng.standard_normal((3 * 2 * 6, 7))
    params = {"conv": [(kernel, np.zeros(6))], "linear": [(linear, np.zeros(7))]}
    conv_t, _, linear_t, _ = torch_layout(params, images.shape[1:])
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2))  # (N, 3, 2, C, P, Q)
    nhwc = np.einsum("nijcpq,pqcd->nijd", windows, kernel)
    nchw = np.einsum("nijcpq,dcpq->ndij", windows, conv_t)  # as torch.nn.Conv2d computes and lays out
    np.testing.assert_allclose(nchw.reshape(2, -1) @ linear_t.T, nhwc.reshape(2, -1) @ linear, rtol=1e-12)
    assert not np.allclose(nchw.reshape(2, -1) @ linear, nhwc.reshape(2, -1) @ linear)  # negative control
