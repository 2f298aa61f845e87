"""Verdicts in two stages, for samplers that can draw more: checks that are flagged or unconverged get fresh draws.

The scheme is algorithm 1 of Gandy and Scott (2020), "Unit testing for MCMC and other Monte Carlo methods", arXiv
2001.06465, with two rounds, and with Holm's method in place of Bonferroni's. With beta = alpha / 2 and
gamma = sqrt(beta)::

    first stage    what Holm rejects at beta fails; what Holm rejects only at beta + gamma is flagged
    second stage   fresh draws for the flagged checks; what Holm rejects among them at beta / gamma fails

Checks of chains that seem not to have converged cannot pass. They are unconverged, and get fresh draws too. One run in
a thousand seems so although it has converged, and four times as many draws settle that. If k of m checks are
unconverged, their fresh draws are judged by Holm at beta k / m, their share of the second beta.

The false-alarm rate is alpha. Let N be the set of true null hypotheses, and a <= beta the probability of a rejection in
N at the level beta. At the level beta + gamma it is at most beta + gamma, so the probability of a flagged check in N,
and no failed one, is at most beta + gamma - a. The fresh draws reject in N with probability at most beta / gamma < 1.
Together, P(a check in N fails) <= a + (beta + gamma - a) beta / gamma <= 2 beta = alpha. Unconverged checks add at most
beta E[k] / m, which is small if the chains converge. At alpha = 0.001 the first stage flags at 0.023, and the second
stage rejects at 0.022. So two stages detect errors for which one stage at 0.001 needs more draws.
"""

from collections.abc import Callable, Collection, Sequence
from math import sqrt

from bayes.checking.judging import p_values, with_verdict
from bayes.checking.results import Check, Checks
from closedform.multiple_testing import ALPHA, holm

MORE = 4
"""The second stage has this many times as many draws, and so half the error."""


def same_checks(first: Sequence[Check], places: list[int], fresh: Sequence[Check]) -> list[Check]:
    """Return the checks in ``fresh`` that compare the same as ``first`` at the indices ``places``."""
    by_key = {(c.model, c.parameter, c.statistic): c for c in fresh}
    return [by_key[first[i].model, first[i].parameter, first[i].statistic] for i in places]


def judge_in_two_stages(
    first: Sequence[Check],
    resample: Callable[[list[int]], Sequence[Check]],
    *,
    final: Collection[int] = (),
    alpha: float = ALPHA,
    notes: Sequence[str] = (),
) -> Checks:
    """Judge a family of checks; those that are flagged or have a reason against a pass are judged by fresh draws.

    Parameters
    ----------
    first
        The checks of the first stage, at least one.
    resample
        Function that is called with the indices in ``first`` to resample, if there are any. It returns the same checks
        in the same order, from draws that are independent of the first.
    final
        Indices in ``first`` of checks that cannot be resampled. They have only the first stage.
    alpha
        Probability that the family has a failed check although nothing is wrong.

    Raises
    ------
    ValueError
        If ``alpha`` is not a probability between 0 and 1, the family is empty, or ``resample`` returns other checks.
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
    candidates = [i for i in range(m) if not failed[i] and i not in final]
    unconverged = [i for i in candidates if first[i].reason]
    extreme = holm(p, beta + gamma)
    flagged = [i for i in candidates if extreme[i] and not first[i].reason]
    levels = [(beta if i in final else beta + gamma) / m for i in range(m)]
    checks = [with_verdict(c, bool(f), level) for c, f, level in zip(first, failed, levels, strict=True)]
    if places := sorted([*flagged, *unconverged]):
        second = list(resample(places))
        requested_keys = [(first[i].model, first[i].parameter, first[i].statistic) for i in places]
        fresh_keys = [(c.model, c.parameter, c.statistic) for c in second]
        if requested_keys != fresh_keys:
            raise ValueError(f"`resample` must return the checks it was asked for, {requested_keys}, got {fresh_keys}.")
        fresh = dict(zip(places, second, strict=True))
        for group, rate in ((flagged, beta / gamma), (unconverged, beta * len(unconverged) / m)):
            rejected = holm(p_values([fresh[i] for i in group]), rate) if group else []
            for i, reject in zip(group, rejected, strict=True):
                checks[i] = with_verdict(fresh[i], bool(reject), rate / len(group), stage=2)
    return Checks(checks=tuple(checks), alpha=alpha, notes=tuple(notes))
