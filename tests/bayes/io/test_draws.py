"""Draws as people have them: put in shape where that is certain, refused with the way out where it is not."""

import numpy as np
import pytest
import xarray as xr

from bayes import check, check_sampler
from bayes.io.draws import Draws, as_draws, evidence_runs, is_smc
from bayes.registry import get_model

NORMAL = get_model("normal_normal")
MU = NORMAL.exact.posterior(NORMAL.y).rvs((4, 1000), random_state=np.random.default_rng(0))
CLASSES = get_model("dirichlet_multinomial")
P = CLASSES.exact.posterior(CLASSES.y).rvs(4000, np.random.default_rng(1))["p"].reshape(4, 1000, 4)


def verdict(draws, model=NORMAL):
    return check(draws, model.exact, model.y).verdict


def tree(**variables):
    arrays = {name: (("chain", "draw"), x) for name, x in variables.items()}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(arrays)})


@pytest.mark.parametrize("name", ["p[{}]", "p.{}"])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("kind", [dict, tree])
def test_elements_with_names_of_their_own_are_the_array(name, first, kind):
    draws = kind(**{name.format(i + first): P[..., i] for i in range(4)})
    assert check(draws, CLASSES.exact, CLASSES.y) == check({"p": P}, CLASSES.exact, CLASSES.y)
    wrong = kind(**{name.format(i + first): P[..., 3 - i] for i in range(4)})
    assert verdict(wrong, CLASSES) == "fail"  # negative control: in another order


def test_dimensions_with_names_may_be_in_any_order():
    swapped = xr.DataArray(MU.T, dims=("draw", "chain"))
    assert check({"mu": swapped}, NORMAL.exact, NORMAL.y) == check({"mu": MU}, NORMAL.exact, NORMAL.y)


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ({"mu": [list(MU[0]), list(MU[1, :500])]}, r"got chains of \[1000, 500\] draws"),
        ({"mu": MU[..., None]}, r"must have the shape \(chain, draw\), got \(4, 1000, 1\); take its last axis away"),
        ({"mu": MU.reshape(-1, 1)}, r"4000 chains of 1 draws, more chains than draws; .* x\.T"),
        ({"mu": MU.T}, r"1000 chains of 4 draws, more chains than draws; .* x\.T"),
        (tree(mu=MU.T), r"1000 chains of 4 draws, more chains than draws"),
        ({"mu": MU.ravel()}, r"got \(4000,\); use x\[None, :\]"),
    ],
)
def test_draws_of_another_shape_are_refused_with_the_way_out(draws, message):
    with pytest.raises(ValueError, match=message):
        verdict(draws)


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ({"p": np.concatenate([P, P[..., :1]], -1)}, r"\(chain, draw, 4\), got \(4, 1000, 5\)"),
        ({"p": P[..., :3]}, r"\(chain, draw, 4\), got \(4, 1000, 3\)"),
        ({"p": P.transpose(0, 2, 1)}, r"\(chain, draw, 4\), got \(4, 4, 1000\); .* np.moveaxis"),
        ({"p": P.transpose(1, 0, 2)}, r"1000 chains of 4 draws"),
        ({"p": P[..., None]}, r"got \(4, 1000, 4, 1\); take its last axis away"),
        ({f"p[{i}]": P[..., i] for i in (0, 1, 3)}, r"lacks some elements of 'p' of shape \(4,\)"),
        ({"p[0]": P[..., 0], "p[1]": P[:, :500, 1]}, r"`draws\['p\[1\]'\]` must have the shape \(4, 1000\)"),
        ({"p[0]": P[..., 0], "p[1,0]": P[..., 1]}, "as many indices at every element of 'p'"),
    ],
)
def test_vectors_of_another_shape_are_refused_with_the_way_out(draws, message):
    with pytest.raises(ValueError, match=message):
        verdict(draws, CLASSES)


def test_a_model_of_the_registry_is_accepted_and_what_is_no_model_refused():
    assert check({"mu": MU}, NORMAL, NORMAL.y) == check({"mu": MU}, NORMAL.exact, NORMAL.y)
    for wrong in ("normal_normal", None, NORMAL.exact.posterior(NORMAL.y)):
        with pytest.raises(ValueError, match="`model` must be a model known in closed form"):
            check({"mu": MU}, wrong, NORMAL.y)


def exact(model, seed, n):
    return {"mu": model.exact.posterior(model.y).rvs((4, n), random_state=np.random.default_rng(seed))}


def test_one_name_is_one_model():
    assert check_sampler(exact, models="normal_normal") == check_sampler(exact, models=["normal_normal"])
    with pytest.raises(ValueError, match="`models` is empty"):
        check_sampler(exact, models=[])


# ---- fresh draws that repeat the first


@pytest.fixture(scope="module")
def flagged():
    """Exact draws off by the least that a second stage is asked about."""
    for shift in np.arange(0.0, 0.2, 0.004):
        seeds = []

        def fresh(seed, n, seeds=seeds):
            seeds.append(seed)
            return exact(NORMAL, seed, n)

        draws = MU + shift * NORMAL.exact.posterior(NORMAL.y).std()
        check({"mu": draws}, NORMAL.exact, NORMAL.y, resample=fresh)
        if seeds:
            return draws
    raise AssertionError("no shift is flagged")


FRESH = {
    "begin with the old": lambda old, n: np.hstack([old, exact(NORMAL, 3, n - 1000)["mu"]]),
    "contain the old": lambda old, n: np.hstack([exact(NORMAL, 3, n - 1000)["mu"], old]),
    "are the old": lambda old, _: old,
    "are the old in another order": lambda old, _: old[::-1, ::-1],
    "hold half an old chain": lambda old, n: np.hstack([exact(NORMAL, 3, n - 500)["mu"], old[[3, 2, 1, 0], 500:]]),
}


@pytest.mark.parametrize("kind", FRESH)
def test_fresh_draws_that_repeat_the_first_are_refused(kind, flagged):
    message = r"^`resample`: the fresh draws of 'mu' are not independent of the first: chain"
    with pytest.raises(ValueError, match=message):
        check({"mu": flagged}, NORMAL.exact, NORMAL.y, resample=lambda _, n: {"mu": FRESH[kind](flagged, n)})


def test_fresh_draws_must_be_as_many_as_were_asked_for(flagged):
    with pytest.raises(ValueError, match=r"^`resample`: 4000 draws a chain are needed .*, got 1000; return that many"):
        check({"mu": flagged}, NORMAL.exact, NORMAL.y, resample=lambda seed, _: exact(NORMAL, seed, 1000))


def test_a_sampler_that_ignores_its_seed_is_refused(flagged):
    def sample(_, __, n):
        return {"mu": flagged if n == 1000 else FRESH["begin with the old"](flagged, n)}

    with pytest.raises(ValueError, match=r"^normal_normal: the fresh draws of 'mu' are not independent"):
        check_sampler(sample, models="normal_normal", draws=1000)


# ---- trees of SMC

LAYOUTS = {
    "numbers padded with nan": (("chain", "stage"), np.array([[np.nan, -21.5, np.nan], [np.nan, np.nan, -21.6]])),
    "objects padded with nan": (("chain", "stage"), np.array([[np.nan, -21.5], [np.nan, -21.6]], dtype=object)),
    "lists": (("chain",), np.array([[np.nan, -21.5], [np.nan, np.nan, -21.6]], dtype=object)),
    "a number a run": (("chain",), np.array([-21.5, -21.6])),
}


def smc_tree(name, dims, values, chains):
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"mu": (("chain", "draw"), MU[:chains])}),
            "sample_stats": xr.Dataset({name: (dims, values)}),
        }
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["log_marginal_likelihood", "log_evidence"])
def test_every_layout_of_evidence_gives_the_last_stage_of_each_run(layout, name):
    dims, values = LAYOUTS[layout]
    evidence_tree = smc_tree(name, dims, values, 2)
    assert is_smc(as_draws(evidence_tree, []))
    np.testing.assert_array_equal(evidence_runs(as_draws(evidence_tree, [])), [-21.5, -21.6])
    with pytest.raises(ValueError, match="particles of SMC"):
        check(evidence_tree, NORMAL.exact, NORMAL.y)
    (result,) = check(None, NORMAL.exact, NORMAL.y, evidence=evidence_tree)
    assert result.ess == 2


def test_a_run_alone_stores_its_stages_where_runs_belong():
    single_run = smc_tree("log_marginal_likelihood", ("chain",), np.array([np.nan, np.nan, -21.5]), 1)
    np.testing.assert_array_equal(evidence_runs(as_draws(single_run, [])), [-21.5])


def test_a_run_without_evidence_is_not_dropped():
    dims, values = LAYOUTS["numbers padded with nan"]
    with pytest.raises(ValueError, match=r"must be finite, got evidence\[1\] = nan"):
        check(
            None,
            NORMAL,
            NORMAL.y,
            evidence=smc_tree("log_evidence", dims, np.where(values == -21.6, np.nan, values), 2),
        )


# ---- labels


def test_labels_of_a_tree_are_printed_and_places_compared():
    coords = {"class": ["ants", "bees", "cats", "dogs"]}
    labelled = xr.Dataset({"p": (("chain", "draw", "class"), P)}, coords=coords)
    checks = check(labelled, CLASSES.exact, CLASSES.y)
    assert [c.parameter for c in checks][:4] == [*["p[ants]"] * 3, "p[bees]"]
    assert [c.p_value for c in checks] == [c.p_value for c in check({"p": P}, CLASSES.exact, CLASSES.y)]
    for numbers in ([0, 1, 2, 3], [1, 2, 3, 4], [2, 0, 1, 3]):  # which would be taken for positions
        counted = labelled.assign_coords({"class": numbers})
        assert check(counted, CLASSES.exact, CLASSES.y) == check({"p": P}, CLASSES.exact, CLASSES.y)
    years = labelled.assign_coords({"class": [2001, 2002, 2003, 2004]})
    assert next(iter(check(years, CLASSES.exact, CLASSES.y))).parameter == "p[2001]"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"posterior": {"p": [[1.0, 2.0]]}}, r"`posterior\['p'\]` must be an array \(chain, draw, ...\), got list"),
        ({"posterior": {"p": np.ones(5)}}, r"`posterior\['p'\]` must be an array .* got shape \(5,\)"),
        (
            {"posterior": {"p": np.ones((2, 5, 3))}, "labels": {"p": (("a", "b"),)}},
            r"`labels\['p'\]` must be as many as the elements, \(3,\), got \(2,\)",
        ),
    ],
)
def test_draws_that_are_none_are_refused(content, message):
    with pytest.raises(ValueError, match=message):
        Draws(**content)


def test_fresh_draws_without_the_labels_of_the_first_are_the_same_parameters():
    def sample(model, seed, n):
        p = model.exact.posterior(model.y).rvs(4 * n, np.random.default_rng(seed))["p"].reshape(4, n, 4)
        p = p if seed else np.concatenate([p[:, :-20], np.roll(p[:, -20:], 1, axis=-1)], axis=1)  # flagged at first
        dims = ("chain", "draw", "class")
        return {"p": p} if seed else xr.Dataset({"p": (dims, p)}, coords={"class": [*"abcd"]})

    checks = check(sample(CLASSES, 0, 1000), CLASSES, CLASSES.y, resample=lambda _, n: sample(CLASSES, 1, n))
    assert {c.parameter for c in checks} >= {"p[a]", "p[b]", "p[c]", "p[d]"}
