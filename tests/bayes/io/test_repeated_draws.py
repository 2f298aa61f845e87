"""What is no chain is told from chains whose values meet by rejection or by rounding."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import invgamma, norm, t

from bayes.faults.faulty_samplers import random_walk
from bayes.io.repeated_draws import require_chains, shared_values
from tests.nightly import every_nth

ROUNDED = [lambda x: x, np.float32, *(lambda x, d=d: x.round(d) for d in (6, 5, 4, 3, 2, 1))]
IDS = ["float64", "float32", *(f"{d} decimals" for d in (6, 5, 4, 3, 2, 1))]


def ar1(seed, rho, shape=(4, 1000), mean=2.09, sd=0.265):
    noise = np.random.default_rng(seed).normal(size=shape)
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    return mean + sd * lfilter([1.0], [1.0, -rho], noise, axis=1)


def metropolis(seed, step, shape=(4, 1000)):
    rng = np.random.default_rng(seed)
    start = np.full(shape[0], 2.09)  # every chain from one place
    return random_walk(lambda x: norm.logpdf(x, 2.09, 0.265), start, step, rng, shape[1])[0]


RIGHT = {
    **{f"AR(1) {rho}": ar1(1, rho) for rho in (-0.9, 0.0, 0.9, 0.99, 0.999)},
    "32 walkers": ar1(2, 0.9, (32, 1000)),
    "many short chains": ar1(3, 0.9, (100, 100)),
    "one chain": ar1(4, 0.9, (1, 4000)),
    "an offset of 10,000 sds": ar1(5, 0.9, mean=2650.0),
    "small steps": metropolis(6, 0.02),
    "steps that mix": metropolis(7, 0.6),
    "wide steps": metropolis(8, 5.0),
    "thinned": metropolis(9, 5.0)[:, ::5],
    "antithetic": np.concatenate([(x := ar1(10, 0.5, (2, 1000))), 4.18 - x]),
    "heavy tails": invgamma(2).ppf(norm.cdf((ar1(11, 0.9) - 2.09) / 0.265)),
    "a few draws": ar1(12, 0.5, (4, 12)),
    "transformed": np.exp(3 * ar1(13, 0.9).round(4)) - 7.1,
    "sums of rounded draws": ar1(14, 0.9).round(4) + ar1(15, 0.9).round(4),
}


@pytest.mark.parametrize("rounded", ROUNDED, ids=IDS)
@pytest.mark.parametrize("name", RIGHT)
def test_chains_are_chains_however_their_values_meet(name, rounded):
    require_chains("mu", np.asarray(rounded(RIGHT[name]), dtype=float))


@pytest.mark.parametrize("digits", [3, 4, 6, 9])
def test_significant_digits_are_a_grid_of_many_steps(digits):
    draws = [[float(f"{x:.{digits}g}") for x in chain] for chain in RIGHT["heavy tails"]]
    require_chains("sigma2", np.array(draws))


def copies_except(x, replacement, index):
    copies = np.repeat(x[:1], 4, axis=0)
    copies[:, index] = replacement[:, index]
    return copies


def copies_of(kind, x):
    replacement, n = ar1(99, 0.9, x.shape), x.shape[1]
    half = n // 2
    match kind:
        case "two chains twice":
            return x[[0, 1, 0, 1]]
        case "but for the first":
            return copies_except(x, replacement, slice(1))
        case "but for one in fifty":
            return copies_except(x, replacement, slice(0, n, 50))
        case "merged at 80 %":  # chains with common random numbers
            return copies_except(x, replacement, slice(4 * n // 5))
        case "windows":
            return np.array([x.ravel()[37 * i :][:n] for i in range(4)])
        case "half overlapping":
            return np.array([x.ravel()[half * i :][:n] for i in range(4)])
        case "reversed":
            return np.array([x[0], x[0][::-1], x[1], x[2]])
        case "repeated within":
            return np.tile(x[:, :half], 2)
        case "back again":
            return np.hstack([x[:, :half], x[:, :half][:, ::-1]])


@pytest.mark.parametrize("rounded", every_nth(2, ROUNDED[:-1]), ids=IDS[:-1])
@pytest.mark.parametrize(
    "kind",
    [
        *["two chains twice", "but for the first", "but for one in fifty", "merged at 80 %", "windows"],
        *["half overlapping", "reversed", "repeated within", "back again"],
    ],
)
def test_copies_are_refused_however_they_are_shifted_and_rounded(kind, rounded):
    for x in (ar1(20, 0.0), ar1(21, 0.9), metropolis(22, 0.6, (4, 2000))):
        with pytest.raises(ValueError, match=r"hold copied chains|are no chains"):
            require_chains("mu", np.asarray(rounded(copies_of(kind, x)), dtype=float))


def test_the_chains_are_named():
    x = ar1(23, 0.5, (6, 500))
    with pytest.raises(ValueError, match=r"`draws\['mu'\]` hold copied chains: chains 1 and 4 have 500 .* in common;"):
        require_chains("mu", x[[0, 1, 2, 3, 1, 5]])
    with pytest.raises(ValueError, match=r"chains 0 and 4 have 500 .* in common, and so have 2 and 5;"):
        require_chains("mu", x[[0, 1, 2, 3, 0, 2]])
    with pytest.raises(ValueError, match=r"250 values of chain 3 come back .* \(so do some of 4\)"):
        require_chains("mu", np.vstack([x[:3], np.tile(x[3:5, :250], 2)]))


def resampled(seed, shape=(4, 1000), *, by_chain=True):
    """Draws with replacement from four times as wide Student t draws, by their importance weights."""
    rng = np.random.default_rng(seed)
    q = 2.09 + 1.06 * rng.standard_t(5, size=shape)
    w = norm.pdf(q, 2.09, 0.265) / t.pdf(q, 5, 2.09, 1.06)
    if not by_chain:
        return rng.choice(q.ravel(), q.size, p=w.ravel() / w.sum()).reshape(shape)
    return np.array([rng.choice(a, len(a), p=b / b.sum()) for a, b in zip(q, w, strict=True)])


@pytest.mark.parametrize("rounded", ROUNDED[:5], ids=IDS[:5])
@pytest.mark.parametrize("shape", [(1, 4000), (4, 1000), (40, 100)])
def test_draws_with_replacement_are_no_chains(shape, rounded):
    for draws in (resampled(30, shape), resampled(31, shape, by_chain=False)):
        assert shared_values(list(np.asarray(rounded(draws), dtype=float)))


def test_shuffled_and_interleaved_draws_are_no_chains():
    x = metropolis(32, 0.6, (4, 1000))
    with pytest.raises(ValueError, match="are no chains"):
        require_chains("mu", np.random.default_rng(33).permuted(x, axis=1))
    with pytest.raises(ValueError, match="are no chains"):
        require_chains("mu", x.T.reshape(1, -1))
    require_chains("mu", x.reshape(1, -1))  # one after another they are a chain, of a sort that R-hat is to judge


def test_chains_of_different_lengths_are_compared_too():
    x = ar1(34, 0.5, (2, 1000))
    assert shared_values([x[0], x[1, :300]]) == {}
    assert shared_values([x[0], x[1], np.concatenate([ar1(35, 0.5, (1, 3000))[0], x[1]])]) == {(1, 2): 1000}
