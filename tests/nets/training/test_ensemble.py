"""Deep ensembles: members equal to networks trained alone, the predictive, and resuming."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from nets.data.datasets import load
from nets.evaluation.metrics import fit_validation_temperature
from nets.evaluation.tables import evaluation_record
from nets.training import runs
from nets.training.ensemble import ensemble_logits, predictive_logits
from nets.training.fitting import NonFiniteLossError, fit
from tests.nets.training.digits import CONFIG
from tests.nightly import every_nth

pytestmark = pytest.mark.usefixtures("flax_promotes_ranks")

ENSEMBLE = replace(CONFIG, epochs=2, members=3, seed=5, validation=0)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    import jax

    with jax.numpy_rank_promotion("allow"):
        return fit(replace(ENSEMBLE, run_dir=tmp_path_factory.mktemp("ensemble") / "run"))


def test_the_predictive_is_the_mean_of_the_members():
    logits = np.random.default_rng(0).standard_normal((4, 7, 3)).astype(np.float32)
    logits[0, 0] = [500, -500, 0]  # whose exponential overflows
    np.testing.assert_allclose(
        softmax(ensemble_logits(logits), axis=1), softmax(logits, axis=2).mean(axis=0), rtol=1e-5
    )
    assert ensemble_logits(logits).dtype == np.float32
    np.testing.assert_allclose(predictive_logits(jnp.asarray(logits)), ensemble_logits(logits), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(predictive_logits(jnp.asarray(logits[1])), logits[1])
    np.testing.assert_array_equal(ensemble_logits(logits[1]), logits[1])  # one network


@pytest.mark.parametrize("member", every_nth(2, range(3)))
def test_a_member_equals_a_network_trained_alone_with_its_seed(ensemble, tmp_path, member):
    single = fit(replace(ENSEMBLE, members=1, seed=5 + member, run_dir=tmp_path / "single"))
    logits = ensemble.predictions["test_member_logits"]
    assert logits.shape == (3, 360, 10)
    np.testing.assert_allclose(logits[member], single.predictions["test_logits"], atol=1e-3)  # summed in another order
    assert np.abs(logits[member] - logits[member - 1]).max() > 0.5
    assert "test_member_logits" not in single.predictions


def test_the_predictions_of_an_ensemble_are_its_predictive(ensemble):
    predictions, test = ensemble.predictions, load("digits").test
    predictive = softmax(predictions["test_member_logits"], axis=2).mean(axis=0)
    np.testing.assert_allclose(softmax(predictions["test_logits"], axis=1), predictive, rtol=1e-4)
    np.testing.assert_allclose(ensemble.predict(test.images), predictive, rtol=1e-3, atol=1e-6)
    last = ensemble.metrics[-1]
    np.testing.assert_allclose(np.mean(predictive.argmax(axis=1) == test.labels), last["test_accuracy"], rtol=1e-6)
    assert predictions["validation_member_logits"].shape == (3, 0, 10)
    assert ensemble.provenance["seeds"] == [5, 6, 7]
    assert ensemble.provenance["parameters"] == 65 * 64 + 65 * 10  # of one network


def test_the_evaluation_compares_an_ensemble_with_single_networks_and_temperatures(tmp_path):
    run = fit(replace(ENSEMBLE, validation=None, run_dir=tmp_path / "run"))
    scores = evaluation_record(run, None)["test_predictives"]
    assert set(scores) == {
        *["single network (mean)", "single network, with temperature (mean)"],
        *["ensemble", "ensemble, with temperature"],
    }
    labels = run.predictions["test_labels"]
    for name, logits in [
        ("ensemble", run.predictions["test_logits"]),
        ("single network (mean)", run.predictions["test_member_logits"]),
    ]:
        label_log_p = log_softmax(logits, axis=-1)[..., np.arange(len(labels)), labels]
        np.testing.assert_allclose(scores[name]["nll"], -label_log_p.mean(), rtol=1e-5)
    # By Jensen's inequality the mean predictive is not worse than the members on average: -log is convex.
    assert scores["ensemble"]["nll"] < scores["single network (mean)"]["nll"]
    temperature = fit_validation_temperature(run).value
    label_log_p = log_softmax(run.predictions["test_logits"] / temperature, axis=1)[np.arange(len(labels)), labels]
    np.testing.assert_allclose(scores["ensemble, with temperature"]["nll"], -label_log_p.mean(), rtol=1e-5)


def test_an_ensemble_resumes_from_its_last_checkpoint(ensemble, tmp_path):
    config = replace(ENSEMBLE, run_dir=tmp_path / "run")
    stops = iter([False] * 3 + [True])
    with pytest.raises(KeyboardInterrupt):
        fit(config, stop=lambda: next(stops))
    with pytest.raises(ValueError, match=r"`members` is 2, but the run in .* has 3"):
        fit(replace(config, members=2), resume=True)
    resumed = fit(config, resume=True)
    np.testing.assert_array_equal(resumed.predictions["test_logits"], ensemble.predictions["test_logits"])


def test_a_nonfinite_loss_of_one_member_stops_all(tmp_path):
    config = replace(ENSEMBLE, optimizer="sgd", schedule="constant", learning_rate=1e30, run_dir=tmp_path / "run")
    with pytest.raises(NonFiniteLossError, match="not finite at step 2"):
        fit(config)
    assert not runs.load_run(tmp_path / "run").finished


def test_an_ensemble_has_its_own_folder():
    assert replace(CONFIG, members=5).folder.name == "digits-mlp-seed0-x5"
    with pytest.raises(ValueError, match=r"`seed` must be between 0 and 2\*\*32 - `members`, got 4294967295"):
        replace(CONFIG, members=2, seed=2**32 - 1)
