"""Refuse draws that cannot be independent chains: values come back, or stretches of draws occur twice.

A Markov chain of continuous parameters repeats a value only where it rejects a move, and then the equal values are side
by side. Once the chain has left a value, neither it nor another chain meets that value again. Values come back in draws
that were taken with replacement (equal-weight samples of nested sampling, SMC or importance resampling), shuffled or
interleaved. Chains that are copies, windows or reversals of one another share values. The ESS depends only on the order
of the draws, and counts such values as new.

Rounded draws also have equal values, by chance. Two counts tell the two cases apart::

    values      On a grid of step g, rounding makes as many pairs of draws differ by g as it makes equal. So the number
                of equal pairs is compared with the number for draws of the same density on a grid as fine as the
                smallest difference nearby. Copies do not change that difference.
    stretches   On a coarse grid many values are equal, but not many one after another. A word of w moves occurs twice
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
"""Number of blocks of neighbouring values; within a block the density and the grid are assumed to be even."""
TIMES_CHANCE, TIMES_CHANCE_IN_ALL = 10, 4
"""Draws are refused from this ratio of equal pairs to those expected by chance, for two chains and for all chains. The
largest ratios in correct AR(1) and Metropolis chains were 6.3 and 2.6. These were rounded to 1 to 6 digits, with up to
32 x 1,000 and 4 x 10,000 draws. A chain that hardly moves stays in one place for longer than its share."""
FEWEST = 10
"""Draws are refused from this number of different values that come back. Fewer may be chains with the same starting
point, or do not matter."""
CHANCE = 1e-6
"""Probability that a word occurs twice among correct draws, if the moves are independent."""

Chain = NDArray[np.float64]
Pair = tuple[int, int]


def require_chains(name: str, theta: NDArray[np.float64]) -> None:
    """Raise ValueError, with the chains, unless the draws ``theta`` (chain, draw) may be separate Markov chains."""
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
    """Return pairs of chains (a, b), a <= b, with values in common, and their number. In (a, a) values come back.

    ``chains`` are vectors of any length. Pairs whose common values rounding explains are left out.
    """
    moves = _moves(chains)
    return _by_values(moves) or _by_stretches(moves)


@dataclass(frozen=True)
class _Moves:
    """Chains one after another, without repeats side by side: their values in order, and the place of each move."""

    values: NDArray[np.float64]
    place: NDArray[np.intp]
    chain: NDArray[np.intp]
    n_chains: int


def _moves(chains: Sequence[Chain]) -> _Moves:
    """Round each value to 46 bits, because transforms of rounded draws differ in the last bits, and drop repeats."""
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
    shared = (presence @ presence.T).toarray()  # the number of different values
    shared[diagonal, diagonal] = (repeats > 0).sum(axis=1)
    chance = _pairs_by_chance(moves)
    upper = np.triu(np.ones((n, n), bool))
    excess = (pairs > TIMES_CHANCE * chance + FEWEST) & (shared >= FEWEST) & upper
    if not excess.any() and pairs[upper].sum() > TIMES_CHANCE_IN_ALL * chance[upper].sum() + FEWEST:
        excess = (shared > 0) & upper & (np.sum(counts.sum(axis=0) > 1) >= FEWEST)
    return {(int(a), int(b)): int(shared[a, b]) for a, b in np.argwhere(excess)}


def _pairs_by_chance(moves: _Moves) -> NDArray[np.float64]:
    """Return the expected number of equal pairs, shape (chain, chain), among draws on the grid that the values show.

    In a block of K = width / step cells, n_a and n_b draws have n_a n_b / K equal pairs. One chain has half of that.
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
    start = np.flatnonzero(moves.chain[: len(windows)] == moves.chain[w - 1 :])  # where a whole word is in one chain
    forwards, backwards = (windows @ factors)[start], (windows @ factors[::-1])[start]
    order = np.argsort(forwards, kind="stable")
    counts: Counter[Pair] = Counter()
    for words in (forwards, backwards):
        nearest = np.minimum(np.searchsorted(forwards, words, sorter=order), max(len(order) - 1, 0))
        first = order[nearest] if len(order) else nearest
        is_apart = np.abs(start - start[first]) >= w  # a chain that moves to and fro repeats its last moves
        for i in np.flatnonzero((forwards[first] == words) & is_apart):
            a, b = sorted((int(moves.chain[start[i]]), int(moves.chain[start[first[i]]])))
            counts[a, b] += 1
    return dict(sorted(counts.items()))


def _word_length(moves: _Moves) -> int:
    """Return the number of moves w in a word, such that one occurs twice in N draws only with probability ``CHANCE``.

    If two moves coincide with probability p, the expected number of equal words among N^2 / 2 pairs is N^2 p^w / 2. The
    result is twice the w for which this is ``CHANCE``, because a move depends on the last one. For chains that move to
    and fro, p is that of two steps.
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
