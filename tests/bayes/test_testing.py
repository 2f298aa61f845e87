"""The assertions for the tests of a sampler: they return what passes, and show the table of what does not."""

import numpy as np
import pytest

from bayes import models
from bayes.testing import assert_draws_agree, assert_sampler_correct

MODEL = models["normal_normal"]


def sampler(shift=0.0, chains=4):
    def sample(model, seed, n):
        draws = model.exact.posterior(model.y).rvs((chains, n), random_state=np.random.default_rng([seed, 5]))
        return {"mu": draws + shift}

    return sample


def test_correct_draws_and_samplers_pass():
    assert assert_draws_agree(sampler()(MODEL, 0, 1000), MODEL, MODEL.y).verdict == "pass"
    assert assert_sampler_correct(sampler(), models="normal_normal").verdict == "pass"


@pytest.mark.parametrize(("faulty", "verdict"), [(sampler(shift=0.2), "fail"), (sampler(chains=1), "inconclusive")])
def test_others_show_the_verdict_and_the_table(faulty, verdict):
    with pytest.raises(AssertionError, match=rf"^{verdict}: the draws do not pass\n(?s:.*)mu +location .* {verdict}"):
        assert_draws_agree(faulty(MODEL, 0, 100 if verdict == "inconclusive" else 1000), MODEL, MODEL.y)
    with pytest.raises(AssertionError, match=rf"^{verdict}: the draws do not pass\n"):
        assert_sampler_correct(faulty, models="normal_normal", draws=60)


def test_the_registry_is_a_mapping_of_names():
    assert next(iter(models)) == "normal_normal"
    assert len(models) == len(set(models)) > 9
    assert models["normal-normal"] is MODEL
    assert "nrmal" not in models
    with pytest.raises(KeyError, match="did you mean normal_normal"):
        models["nrmal"]
