"""Verdicts in two stages, for samplers that can draw more: what is flagged or unconverged is resampled.

The scheme of Gandy and Scott (2020), "Unit testing for MCMC and other Monte Carlo methods", arXiv 2001.06465, algorithm
1, with two rounds, and Holm in place of Bonferroni. With beta = alpha / 2 and gamma = sqrt(beta),

    first stage    Holm at beta: what it rejects fails; Holm at beta + gamma: what it rejects beyond that is flagged
    second stage   fresh draws of the flagged, Holm among them at beta / gamma: what it rejects fails

Chains that seem not to have converged are unconverged: no test of them can pass. One in a thousand that have converged
seems so too, and four times the draws settle it. Fresh draws of k unconverged tests of m are judged by Holm at
beta k / m, the share of the second beta that the scheme spends on as many others.

If no more than the true null hypotheses N are tested, P(one fails) <= beta + gamma beta / gamma = alpha: N meets a
rejection at beta with probability beta at most, at beta + gamma with beta + gamma at most, and given that a flagged
one is in N the fresh draws reject it with probability beta / gamma at most. At alpha = 0.001 the first stage looks at
0.023 and the second at 0.022. So the two detect errors for which one stage at 0.001 needs more draws.
"""

from collections.abc import Callable, Collection, Sequence
from math import sqrt

from bayes.checking.judging import p_values, with_verdict
from bayes.checking.results import Check, Checks
from closedform.multiple_testing import ALPHA, holm

MORE = 4
"""Times as many draws in the second stage: half the error."""


def same_checks(first: Sequence[Check], places: list[int], fresh: Sequence[Check]) -> list[Check]:
    """Return those of ``fresh`` that compare what ``first`` does at ``places``."""
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
    """Judge a family of checks, the flagged and those with a reason against a pass by fresh draws.

    Parameters
    ----------
    first
        The checks of the first stage, of which at least one.
    resample
        Called with the places in ``first`` to resample, if there are any. It returns the same checks in the same
        order, from draws that are independent of the first.
    final
        Places in ``first`` of checks that cannot be resampled: these have the first stage alone.
    alpha
        Probability that a family with nothing wrong has a failed check.

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
