"""An estimate of the evidence against the exact value, by the error that it claims."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from bayes import check
from bayes.checking.evidence import compare_estimate, compare_evidence, law_of
from bayes.evidence.results import Diagnostic, EvidenceEstimate
from bayes.exact.normal_normal import EXAMPLE

EXACT = EXAMPLE.model.log_evidence(EXAMPLE.y)
ESTIMATE = EvidenceEstimate(log_evidence=EXACT + 0.01, standard_error=0.01, method="bridge", evaluations=1000)


def verdict(**changes):
    return check(None, EXAMPLE.model, EXAMPLE.y, evidence=replace(ESTIMATE, **changes)).verdict


def test_an_estimate_is_judged_by_the_error_that_it_claims():
    assert verdict() == "pass"
    assert verdict(log_evidence=EXACT + 0.06) == "fail"
    assert verdict(log_evidence=EXACT - 0.06) == "fail"
    assert compare_estimate(EXACT, ESTIMATE).z == pytest.approx(1)


def test_without_a_claim_or_with_a_warning_there_is_no_verdict():
    bad = Diagnostic(name="R-hat", value=1.5, threshold=1.01, meaning="the chains differ")
    assert verdict(log_evidence=EXACT + 1, diagnostics=(bad,)) == "inconclusive"
    assert verdict(standard_error=nan) == "inconclusive"
    assert verdict(method="laplace", standard_error=nan) == "inconclusive"
    assert "R-hat 1.5 > 1.01" in compare_estimate(EXACT, replace(ESTIMATE, diagnostics=(bad,))).reason


def test_a_bound_fails_on_one_side_only():
    assert verdict(method="elbo", log_evidence=EXACT - 3) == "pass"
    assert verdict(method="elbo", log_evidence=EXACT + 0.06) == "fail"


def test_the_name_of_a_method_stands_for_its_law():
    runs = EXACT + np.random.default_rng(0).normal(0, 0.1, size=16)
    assert compare_evidence(EXACT, runs, "bridge").p_value == compare_evidence(EXACT, runs, "log_unbiased").p_value
    assert compare_evidence(EXACT, runs, "bridge").p_value != compare_evidence(EXACT, runs, "smc").p_value
    assert law_of("smc") == "unbiased"
    with pytest.raises(ValueError, match="'laplace', which has no law"):
        law_of("laplace")
