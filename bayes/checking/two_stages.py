"""Verdicts in two stages, for samplers that can be asked for more: what is suspicious or unsettled is drawn again.

The scheme of Gandy and Scott (2020), "Unit testing for MCMC and other Monte Carlo methods", arXiv 2001.06465, algorithm
1, with two rounds, and Holm in place of Bonferroni. With beta = alpha / 2 and gamma = sqrt(beta),

    first stage    Holm at beta: what it rejects fails; Holm at beta + gamma: what it rejects beyond that is suspicious
    second stage   fresh draws of the suspicious, Holm among them at beta / gamma: what it rejects fails

Chains that seem not to have converged are unsettled: no test of them can pass. One in a thousand that have converged
seems so too, and four times the draws settle it. Fresh draws of k unsettled tests of m are judged by Holm at
beta k / m, the share of the second beta that the scheme spends on as many others.

If no more than the true null hypotheses N are tested, P(one fails) <= beta + gamma beta / gamma = alpha: N meets a
rejection at beta with probability beta at most, at beta + gamma with beta + gamma at most, and given that a suspicious
one is in N the fresh draws reject it with probability beta / gamma at most. At alpha = 0.001 the first stage looks at
0.023 and the second at 0.022: errors are seen that one stage at 0.001 needs more draws for.
"""

from collections.abc import Callable, Collection, Sequence
from math import sqrt

from bayes.checking.results import ALPHA, Checks, Comparison, checked, p_values
from closedform.multiple_testing import holm

MORE = 4
"""Times as many draws in the second stage: half the error."""


def same_comparisons(first: Sequence[Comparison], places: list[int], fresh: Sequence[Comparison]) -> list[Comparison]:
    """Return those of ``fresh`` that compare what ``first`` does at ``places``."""
    by_key = {(c.model, c.parameter, c.statistic): c for c in fresh}
    return [by_key[first[i].model, first[i].parameter, first[i].statistic] for i in places]


def judge_in_two_stages(
    first: Sequence[Comparison],
    again: Callable[[list[int]], Sequence[Comparison]],
    *,
    final: Collection[int] = (),
    alpha: float = ALPHA,
    notes: Sequence[str] = (),
) -> Checks:
    """Judge a family of comparisons, the suspicious and those with a reason against a pass by fresh draws.

    Parameters
    ----------
    first
        The comparisons of the first stage, of which at least one.
    again
        Called with the places in ``first`` to draw again, if there are any; returns the same comparisons, in the same
        order, of draws that are independent of the first.
    final
        Places in ``first`` of comparisons that cannot be drawn again: these have the first stage alone.
    alpha
        Probability that a family with nothing wrong has a failed check.

    Raises
    ------
    ValueError
        If ``alpha`` is not a probability between 0 and 1, the family is empty, or ``again`` returns other comparisons.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"`alpha` must lie between 0 and 1, got {alpha}; it is the family's false-alarm rate.")
    if not first:
        raise ValueError("`first` is empty: there is nothing to judge; give draws of a known marginal, or runs.")
    beta = alpha / 2
    gamma = sqrt(beta)
    p = p_values(first)
    failed = holm(p, beta)
    m = len(first)
    undecided = [i for i in range(m) if not failed[i] and i not in final]
    unsettled = [i for i in undecided if first[i].reason]
    doubted = holm(p, beta + gamma)
    suspicious = [i for i in undecided if doubted[i] and not first[i].reason]
    levels = [(beta if i in final else beta + gamma) / m for i in range(m)]
    checks = [checked(c, bool(f), level) for c, f, level in zip(first, failed, levels, strict=True)]
    if places := sorted([*suspicious, *unsettled]):
        second = list(again(places))
        asked = [(first[i].model, first[i].parameter, first[i].statistic) for i in places]
        got = [(c.model, c.parameter, c.statistic) for c in second]
        if asked != got:
            raise ValueError(f"`again` must return the comparisons it was asked for, {asked}, got {got}.")
        fresh = dict(zip(places, second, strict=True))
        for group, rate in ((suspicious, beta / gamma), (unsettled, beta * len(unsettled) / m)):
            rejected = holm(p_values([fresh[i] for i in group]), rate) if group else []
            for i, reject in zip(group, rejected, strict=True):
                checks[i] = checked(fresh[i], bool(reject), rate / len(group), stage=2)
    return Checks(checks=tuple(checks), alpha=alpha, notes=tuple(notes))
