"""Are draws independent chains? Values that come back, and stretches of draws that occur twice, say no.

A Markov chain of continuous parameters repeats a value where it rejects a move, side by side; once it has left a value
it never meets it again, and neither does another chain. What is drawn with replacement (equal-weight samples of nested
sampling, SMC or importance resampling), shuffled, or interleaved has values that come back; chains that are copies,
windows or reversals of one another share theirs. An ESS knows only the order of the draws, and counts such
values as new.

Draws that were rounded meet by chance, and look the same. Two counts tell them apart.

    values      Rounding to a grid of step g that makes two draws equal makes as many differ by g. So the number of
                equal pairs is held to the number that draws of the same density would have on a grid as fine as the
                smallest difference near by. No copy changes that difference.
    stretches   On a coarse grid many values are equal, but not many one after another: a word of w moves occurs twice
                by chance in fewer than one in a million sets of draws.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

BLOCKS = 16
"""Blocks of neighbouring values within which density and grid are taken to be even."""
TIMES_CHANCE, TIMES_CHANCE_IN_ALL = 10, 4
"""Equal pairs over those by chance, of two chains and of all, for which draws are refused. The most in correct AR(1)
and Metropolis chains, rounded to 1 to 6 digits, of up to 32 x 1,000 and 4 x 10,000 draws, was 6.3 and 2.6: a chain that
hardly moves is at one place longer than its share."""
FEWEST = 10
"""Different values that come back: fewer are as many chains from one starting point, or nothing that matters."""
CHANCE = 1e-6
"""Probability that a word occurs twice among correct draws, if their moves were independent."""

Chain = NDArray[np.float64]
Pair = tuple[int, int]


def require_chains(name: str, theta: NDArray[np.float64]) -> None:
    """Raise ValueError, naming the chains, unless the draws ``theta`` (chain, draw) are chains, each of its own."""
    shared = shared_values(list(theta))
    repeating = [a for a, b in shared if a == b]
    if repeating:
        first, *others = repeating
        raise ValueError(
            f"`draws[{name!r}]` are no chains: {shared[first, first]} values of chain {first} come back "
            f"after others stood between them{_more_chains(others)}, which no Markov chain does. Equal-weight samples "
            "of nested sampling, SMC or importance resampling, and draws that were shuffled, joined twice or "
            "interleaved (emcee's flat=True), have no ESS to be judged by; give every chain in the order in which it "
            "was drawn, once."
        )
    if shared:
        (a, b), *others = shared
        addition = f", and so have {', '.join(f'{c} and {d}' for c, d in others[:5])}" if others else ""
        ellipsis = ", ..." if len(others) > 5 else ""
        raise ValueError(
            f"`draws[{name!r}]` hold copied chains: chains {a} and {b} have {shared[a, b]} values or stretches in "
            f"common{addition}{ellipsis}; give each chain its own seed, and every draw once."
        )


def _more_chains(chains: list[int]) -> str:
    return f" (so do some of {', '.join(map(str, chains[:5]))}{', ...' if len(chains) > 5 else ''})" if chains else ""


def shared_values(chains: Sequence[Chain]) -> dict[Pair, int]:
    """Return pairs of chains (a, b), a <= b, with values in common, and how many: (a, a) has some that come back.

    ``chains`` are vectors, of any lengths. Pairs with no more than rounding explains are left out.
    """
    moves = _moves(chains)
    return _by_values(moves) or _by_stretches(moves)


@dataclass(frozen=True)
class _Moves:
    """Chains without repeats side by side, one after another: their values in order, and the place of each move."""

    values: NDArray[np.float64]
    place: NDArray[np.intp]
    chain: NDArray[np.intp]
    n_chains: int


def _moves(chains: Sequence[Chain]) -> _Moves:
    """Round each value to 46 bits of its own, as transforms of rounded draws differ in the last, and drop repeats."""
    draws = np.concatenate(chains)
    chain = np.repeat(np.arange(len(chains)), [len(values) for values in chains])
    fraction, exponent = np.frexp(draws)
    rounded = np.ldexp(np.round(np.ldexp(fraction, 46)), exponent - 46)
    values, place = np.unique(rounded, return_inverse=True)
    is_move = np.concatenate([[True], (np.diff(place) != 0) | (np.diff(chain) != 0)])
    return _Moves(values, place[is_move], chain[is_move], len(chains))


def _by_values(moves: _Moves) -> dict[Pair, int]:
    """Return pairs of chains with more equal values than chance and rounding explain, and how many values."""
    n, chain, place = moves.n_chains, moves.chain, moves.place
    counts = csr_array((np.ones(len(place)), (chain, place)), shape=(n, len(moves.values)))
    counts.sum_duplicates()
    presence, repeats = counts.copy(), counts.copy()
    presence.data[:] = 1.0
    repeats.data = counts.data * (counts.data - 1) / 2
    diagonal = np.arange(n)
    pairs = (counts @ counts.T).toarray()  # (chain, chain): the sum over the values of count_a count_b
    pairs[diagonal, diagonal] = repeats.sum(axis=1)
    shared = (presence @ presence.T).toarray()  # how many different values
    shared[diagonal, diagonal] = (repeats > 0).sum(axis=1)
    chance = _pairs_by_chance(moves)
    upper = np.triu(np.ones((n, n), bool))
    excess = (pairs > TIMES_CHANCE * chance + FEWEST) & (shared >= FEWEST) & upper
    if not excess.any() and pairs[upper].sum() > TIMES_CHANCE_IN_ALL * chance[upper].sum() + FEWEST:
        excess = (shared > 0) & upper & (np.sum(counts.sum(axis=0) > 1) >= FEWEST)
    return {(int(a), int(b)): int(shared[a, b]) for a, b in np.argwhere(excess)}


def _pairs_by_chance(moves: _Moves) -> NDArray[np.float64]:
    """Return the number of equal pairs, shape (chain, chain), among draws on a grid as fine as the values show.

    In a block of K = width / step cells, n_a and n_b draws have n_a n_b / K equal pairs, and those of one chain half.
    """
    n_values = len(moves.values)
    edges = np.linspace(0, n_values, min(BLOCKS, max(1, n_values // BLOCKS)) + 1).astype(int)
    block = np.searchsorted(edges, moves.place, side="right") - 1
    inside = np.zeros((moves.n_chains, len(edges) - 1))
    np.add.at(inside, (moves.chain, block), 1.0)
    gaps = [np.diff(moves.values[low:high]) for low, high in pairwise(edges)]
    cells = np.array([1 + gap.sum() / gap.min() if len(gap) else 1.0 for gap in gaps])
    chance = (inside / cells) @ inside.T
    diagonal = np.arange(moves.n_chains)
    chance[diagonal, diagonal] = (inside * np.maximum(inside - 1, 0) / cells).sum(axis=1) / 2
    return chance


def _by_stretches(moves: _Moves) -> dict[Pair, int]:
    """Return pairs of chains with a word in common, forwards or backwards, and how many such words."""
    w = _word_length(moves)
    if len(moves.place) < w:
        return {}
    factors = np.random.default_rng(w).integers(2**63, size=w, dtype=np.uint64) * 2 + 1  # a hash: sums modulo 2^64
    windows = np.lib.stride_tricks.sliding_window_view(moves.place.astype(np.uint64), w)
    start = np.flatnonzero(moves.chain[: len(windows)] == moves.chain[w - 1 :])  # where a word lies in one chain
    forwards, backwards = (windows @ factors)[start], (windows @ factors[::-1])[start]
    order = np.argsort(forwards, kind="stable")
    counts: Counter[Pair] = Counter()
    for words in (forwards, backwards):
        nearest = np.minimum(np.searchsorted(forwards, words, sorter=order), max(len(order) - 1, 0))
        first = order[nearest] if len(order) else nearest
        is_apart = np.abs(start - start[first]) >= w  # a chain that swings to and fro is like itself a few moves ago
        for i in np.flatnonzero((forwards[first] == words) & is_apart):
            a, b = sorted((int(moves.chain[start[i]]), int(moves.chain[start[first[i]]])))
            counts[a, b] += 1
    return dict(sorted(counts.items()))


def _word_length(moves: _Moves) -> int:
    """Return the number of moves w of which no N draws have the same twice, but by ``CHANCE``.

    Of moves that coincide with probability p, N^2 / 2 pairs of words coincide with N^2 p^w / 2; twice the w for which
    that is ``CHANCE``, because a chain's moves depend on the last. Of chains that swing to and fro p is that of two
    steps.
    """
    x, n = moves.values[moves.place], len(moves.place)
    p = 1 / n
    for steps in (1, 2):
        increments = x[steps:] - x[:-steps]
        size = np.abs(increments).max(initial=0.0)
        if size > 0:
            _, counts = np.unique(np.round(increments / size, 9), return_counts=True)
            p = max(p, float(np.sum(counts * (counts - 1.0))) / n**2)
    return 2 * ceil(log(n**2 / 2 / CHANCE) / -log(min(p, 0.99)))
