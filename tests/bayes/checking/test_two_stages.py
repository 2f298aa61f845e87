"""Two stages: the rate is kept, the flagged alone are drawn again, and more is detected than in one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm

from bayes.checking.judging import judge
from bayes.checking.two_stages import judge_in_two_stages
from tests.bayes.checking.test_results import check
from tests.tolerances import FALSE_ALARM


def family(p_values):
    return [check(p, parameter=f"theta[{i}]") for i, p in enumerate(p_values)]


def never(places):
    raise AssertionError(places)


def test_what_is_not_flagged_is_not_drawn_again():
    checks = judge_in_two_stages(family([0.5, 0.02, 0.9]), never)
    assert checks.verdict == "pass"
    assert [check.stage for check in checks] == [1, 1, 1]


def test_what_is_beyond_doubt_fails_at_once():
    checks = judge_in_two_stages(family([0.5, 1e-6, 0.9]), never)
    assert [check.verdict for check in checks] == ["pass", "fail", "pass"]


@pytest.mark.parametrize(("fresh_p_value", "verdict"), [(0.5, "pass"), (0.02, "fail"), (0.03, "pass")])
def test_the_flagged_are_judged_by_fresh_draws_alone(fresh_p_value, verdict):
    requests = []

    def resample(places):
        requests.append(places)
        return [check(fresh_p_value, parameter="theta[1]", estimate=7.0)]

    checks = judge_in_two_stages(family([0.5, 0.001, 0.9]), resample)
    assert requests == [[1]]
    assert [check.verdict for check in checks] == ["pass", verdict, "pass"]
    assert [check.stage for check in checks] == [1, 2, 1]
    assert [check.estimate for check in checks] == [2.1, 7.0, 2.1]


UNCONVERGED = "means of long batches drift (p = 0.0004)"


@pytest.mark.parametrize(
    ("fresh_p_value", "reason", "verdict"),
    [
        (0.5, "", "pass"),
        (2e-3, "", "pass"),  # were it flagged, 0.022 would be enough
        (1e-4, "", "fail"),
        (1e-4, UNCONVERGED, "fail"),
        (0.5, UNCONVERGED, "inconclusive"),
    ],
)
def test_what_seems_not_to_have_converged_is_drawn_again(fresh_p_value, reason, verdict):
    requests = []

    def resample(places):
        requests.append(places)
        return [check(fresh_p_value, parameter="theta[1]", reason=reason)]

    first = family([0.5, 0.9, 0.9])
    first[1] = replace(first[1], reason=UNCONVERGED)
    checks = judge_in_two_stages(first, resample)
    assert requests == [[1]]
    assert [check.verdict for check in checks] == ["pass", verdict, "pass"]
    assert [check.stage for check in checks] == [1, 2, 1]
    assert judge_in_two_stages(first, never, final=[1]).verdict == "inconclusive"


def test_what_has_not_converged_and_is_certainly_wrong_fails_at_once():
    first = [replace(family([1e-6])[0], reason=UNCONVERGED)]
    assert judge_in_two_stages(first, never).verdict == "fail"


def test_the_rate_is_kept_where_many_seem_not_to_have_converged():
    rng = np.random.default_rng(7)
    runs, m, alpha = 4000, 7, 0.05

    def run_family():
        first = [replace(c, reason=UNCONVERGED if rng.random() < 0.5 else "") for c in family(rng.uniform(size=m))]
        return judge_in_two_stages(
            first, lambda places: [check(rng.uniform(), parameter=f"theta[{i}]") for i in places], alpha=alpha
        ).verdict

    failed = sum(run_family() == "fail" for _ in range(runs))
    assert runs * alpha / 4 <= failed <= binom(runs, alpha).isf(FALSE_ALARM)


def test_fresh_draws_that_cannot_be_judged_are_inconclusive():
    checks = judge_in_two_stages(
        family([0.5, 0.001]), lambda _: [check(0.5, parameter="theta[1]", reason="R-hat 1.2 > 1.01")]
    )
    assert checks.verdict == "inconclusive"


def test_what_cannot_be_drawn_again_is_judged_at_the_first_stage():
    first = family([0.5, 0.001])
    assert judge_in_two_stages(first, never, final=[1]).verdict == "pass"
    first[1] = replace(first[1], p_value=2e-4)
    assert judge_in_two_stages(first, never, final=[1]).verdict == "fail"


def test_other_checks_than_those_asked_for_are_refused():
    with pytest.raises(ValueError, match="`resample` must return the checks it was asked for"):
        judge_in_two_stages(family([0.5, 0.001]), lambda _: [check(0.5)])
    with pytest.raises(ValueError, match="`alpha` must lie between 0 and 1"):
        judge_in_two_stages(family([0.5]), never, alpha=1.0)
    with pytest.raises(ValueError, match="nothing to judge"):
        judge_in_two_stages([], never)


@pytest.mark.parametrize("alpha", [0.02, 0.2])
def test_the_rate_of_a_family_is_kept_and_looking_twice_at_it_is_not(alpha):
    rng = np.random.default_rng(5)
    runs, m = 4000, 7

    def fresh(places):
        return [check(rng.uniform(), parameter=f"theta[{i}]") for i in places]

    def family_of(p):
        return judge_in_two_stages(family(p), fresh, alpha=alpha).verdict == "fail"

    failed = sum(family_of(rng.uniform(size=m)) for _ in range(runs))
    assert failed <= binom(runs, alpha).isf(FALSE_ALARM)
    assert failed >= runs * alpha / 4  # and most of it is used

    # Negative control: the flagged judged again by the very draws that made them so.
    same = sum(
        judge_in_two_stages(
            first := family(rng.uniform(size=m)), lambda places, first=first: [first[i] for i in places], alpha=alpha
        ).verdict
        == "fail"
        for _ in range(runs)
    )
    assert same > binom(runs, alpha).isf(FALSE_ALARM)


def test_more_is_detected_than_in_one_stage():
    """An error of 3.5 standard errors in one of 7 checks, and of 7 in four times the draws."""
    rng = np.random.default_rng(6)

    def p_value(error):
        return 2 * norm.sf(abs(rng.normal() + error))

    one_stage = two_stages = 0
    for _ in range(400):
        first = family([p_value(3.5), *rng.uniform(size=6)])
        one_stage += judge(first).verdict == "fail"
        two_stages += (
            judge_in_two_stages(
                first,
                lambda places: [
                    check(p_value(7.0) if i == 0 else rng.uniform(), parameter=f"theta[{i}]") for i in places
                ],
            ).verdict
            == "fail"
        )
    assert one_stage < 190  # 0.38 of them
    assert two_stages > 245  # 0.71
