"""The cubic fit: its closed form, its gradient, and how near the training comes."""

import jax.numpy as jnp
import numpy as np
import pytest

from nets.gradcheck.checks import check_gradient
from reports.gradients import cubic
from tests import tolerances


@pytest.fixture(scope="module")
def fit():
    return cubic.fit()


def test_the_data_are_the_sine_and_three_powers():
    x, y = cubic.data(5)
    np.testing.assert_allclose(x[:, 0], [-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi], rtol=1e-6)
    np.testing.assert_allclose(x[:, 1:], np.stack([x[:, 0] ** 2, x[:, 0] ** 3], axis=1), rtol=1e-6)
    np.testing.assert_allclose(y[:, 0], [0, -1, 0, 1, 0], atol=1e-6)


def test_the_closed_form_is_where_the_gradient_is_zero_and_what_the_loss_says(fit):
    x, y = (np.asarray(a, float) for a in cubic.data())
    X = cubic.design(x)

    def loss(w):
        return jnp.sum((X @ w - y[:, 0]) ** 2)

    def grad_fn(w):
        return 2 * X.T @ (X @ w - y[:, 0])

    assert check_gradient(loss, fit.trained, grad_fn=grad_fn, complex_f=loss).verdict == "pass"
    scale = np.linalg.norm(2 * X.T @ y[:, 0])
    assert np.linalg.norm(grad_fn(fit.least_squares)) < tolerances.IDENTITY * scale
    # the loss is a square around its minimum
    excess = np.sum((X @ (fit.trained - fit.least_squares)) ** 2)
    np.testing.assert_allclose(fit.loss - fit.least_loss, excess, rtol=1e-8)


def test_rmsprop_comes_within_some_percent_of_the_least_squares(fit):
    assert fit.losses.shape == (2000,)
    assert fit.losses[0] > 1000 * fit.least_loss
    assert fit.least_loss < fit.loss < 1.1 * fit.least_loss
    np.testing.assert_allclose(fit.trained, fit.least_squares, atol=0.05)


def test_the_same_seed_gives_the_same_run():
    first, again = cubic.fit(steps=5, seed=1), cubic.fit(steps=5, seed=1)
    np.testing.assert_array_equal(first.losses, again.losses)
    assert (cubic.fit(steps=5, seed=2).losses != first.losses).all()
