"""Deep ensembles: members as if trained alone, one predictive, and all that a run of one network can do."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from nets.data.datasets import load
from nets.evaluation import tables as summary
from nets.evaluation.metrics import temperature_of
from nets.training import runs
from nets.training.ensemble import combine
from nets.training.fitting import NotFiniteError, fit
from tests.nets.training.trained import CONFIG

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")

ENSEMBLE = replace(CONFIG, epochs=2, members=3, seed=5, validation=0)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    import jax

    with jax.numpy_rank_promotion("allow"):
        return fit(replace(ENSEMBLE, run_dir=tmp_path_factory.mktemp("ensemble") / "run"))


def test_the_predictive_is_the_mean_of_the_members():
    logits = np.random.default_rng(0).standard_normal((4, 7, 3)).astype(np.float32)
    logits[0, 0] = [500, -500, 0]  # an exponential of which is infinite
    np.testing.assert_allclose(softmax(combine(logits), axis=1), softmax(logits, axis=2).mean(axis=0), rtol=1e-5)
    assert combine(logits).dtype == np.float32
    np.testing.assert_array_equal(combine(logits[1]), logits[1])  # one network


@pytest.mark.parametrize("member", range(3))
def test_a_member_is_the_network_that_its_seed_trains_alone(ensemble, tmp_path, member):
    alone = fit(replace(ENSEMBLE, members=1, seed=5 + member, run_dir=tmp_path / "alone"))
    logits = ensemble.predictions["test_member_logits"]
    assert logits.shape == (3, 360, 10)
    np.testing.assert_allclose(logits[member], alone.predictions["test_logits"], atol=1e-3)  # summed in another order
    assert np.abs(logits[member] - logits[member - 1]).max() > 0.5
    assert "test_member_logits" not in alone.predictions


def test_what_is_kept_of_an_ensemble_is_its_predictive(ensemble):
    predictions, test = ensemble.predictions, load("digits").test
    predictive = softmax(predictions["test_member_logits"], axis=2).mean(axis=0)
    np.testing.assert_allclose(softmax(predictions["test_logits"], axis=1), predictive, rtol=1e-4)
    np.testing.assert_allclose(ensemble.predict(test.images), predictive, rtol=1e-3, atol=1e-6)
    last = ensemble.metrics[-1]
    np.testing.assert_allclose(np.mean(predictive.argmax(axis=1) == test.labels), last["test_accuracy"], rtol=1e-6)
    assert predictions["validation_member_logits"].shape == (3, 0, 10)
    assert ensemble.provenance["seeds"] == [5, 6, 7]
    assert ensemble.provenance["parameters"] == 65 * 64 + 65 * 10  # of one


def test_evaluation_sets_an_ensemble_beside_one_network_and_a_temperature(tmp_path):
    run = fit(replace(ENSEMBLE, validation=None, run_dir=tmp_path / "run"))
    ways = summary.numbers(run, None)["test_predictives"]
    assert set(ways) == {
        *["one network, on average", "one, with temperature, on average"],
        *["ensemble", "ensemble, with temperature"],
    }
    labels = run.predictions["test_labels"]
    for name, logits in [
        ("ensemble", run.predictions["test_logits"]),
        ("one network, on average", run.predictions["test_member_logits"]),
    ]:
        of_label = log_softmax(logits, axis=-1)[..., np.arange(len(labels)), labels]
        np.testing.assert_allclose(ways[name]["nll"], -of_label.mean(), rtol=1e-5)
    # The mean of predictives is never worse on average than one of them: -log is convex (Jensen).
    assert ways["ensemble"]["nll"] < ways["one network, on average"]["nll"]
    temperature = temperature_of(run).value
    of_label = log_softmax(run.predictions["test_logits"] / temperature, axis=1)[np.arange(len(labels)), labels]
    np.testing.assert_allclose(ways["ensemble, with temperature"]["nll"], -of_label.mean(), rtol=1e-5)


def test_an_ensemble_goes_on_where_it_was_stopped(ensemble, tmp_path):
    config = replace(ENSEMBLE, run_dir=tmp_path / "run")
    asked = iter([False] * 3 + [True])
    with pytest.raises(KeyboardInterrupt):
        fit(config, stop=lambda: next(asked))
    with pytest.raises(ValueError, match=r"`members` is 2, but the run in .* has 3"):
        fit(replace(config, members=2), resume=True)
    resumed = fit(config, resume=True)
    np.testing.assert_array_equal(resumed.predictions["test_logits"], ensemble.predictions["test_logits"])


def test_one_member_that_is_lost_stops_them_all(tmp_path):
    config = replace(ENSEMBLE, optimizer="sgd", schedule="constant", learning_rate=1e30, run_dir=tmp_path / "run")
    with pytest.raises(NotFiniteError, match="not finite at step 2"):
        fit(config)
    assert not runs.load_run(tmp_path / "run").finished


def test_an_ensemble_has_a_folder_of_its_own():
    assert replace(CONFIG, members=5).folder.name == "digits-mlp-seed0-x5"
    with pytest.raises(ValueError, match=r"`seed` must be between 0 and 2\*\*32 - `members`, got 4294967295"):
        replace(CONFIG, members=2, seed=2**32 - 1)
