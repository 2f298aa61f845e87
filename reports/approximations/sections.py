"""The sections of the page, as the numbers that their templates show."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan, nan

import numpy as np

from bayes.approximations.exact_losses import Losses
from bayes.checking.evidence import compare_estimate
from bayes.checking.judging import judge
from bayes.checking.leave_one_out import LARGEST_K, LeaveOneOut
from bayes.registry import Model
from closedform.verdict import Verdict, worst
from reports.approximations import estimators, figures
from reports.approximations.estimators import root_mean_square, share, words
from reports.approximations.measurements import Estimates, Posteriors
from reports.approximations.problem import POINT_ESTIMATES
from reports.shared.page import Numbers

WRONG = 3.0
"""Claimed errors from which on an estimate is called wrong."""
CLOSE, FAR = 0.1, 1.0
"""Nats up to which an estimate without a claimed error is called close, and from which on far."""
LOSS = 0.1
"""Nats of KL divergence from which on an approximation is called bad."""
ROUNDING = 1e-11
"""Nats of a divergence, and of its error, that are rounding: the log densities of an exact normal differ by 1e-14."""


def evidence_section(results: Mapping[str, Sequence[Estimates]]) -> Numbers:
    """Return bias, claimed error and coverage of each estimator, by the label of the model."""
    cells = [(label, cell) for label, of_model in results.items() for cell in of_model]
    made = [(label, cell) for label, cell in cells if cell.estimates]
    errors = [estimators.errors(cell) for _, cell in made]
    claimed = [np.array([e.standard_error for e in cell.estimates]) for _, cell in made]
    covered = [estimators.covered(cell) for _, cell in made]
    wrong = [
        (cell.method, not estimate.reliable)
        for (_, cell), e in zip(made, errors, strict=True)
        for estimate, off in zip(cell.estimates, e, strict=True)
        if abs(off) > WRONG * estimate.standard_error
    ]
    rmse = {(label, cell.method): root_mean_square(e) for (label, cell), e in zip(made, errors, strict=True)}
    bridge = [
        (label, e, k) for (label, cell), e, k in zip(made, errors, covered, strict=True) if cell.method == "bridge"
    ]
    worst = max(bridge, key=lambda row: rmse[row[0], "bridge"])
    n, k = sum(len(e) for _, e, _ in bridge), sum(k or 0 for *_, k in bridge)
    return {
        "figure_of_errors": figures.evidence_errors(rmse),
        "figure_of_claims": figures.claims(
            [(cell.method, e, c) for (_, cell), e, c in zip(made, errors, claimed, strict=True)]
        ),
        "estimators": estimators.by_method([cell for _, cell in made]),
        "evidence": {
            "model": [label for label, _ in made],
            "estimator": [words(cell.method) for _, cell in made],
            "runs": [len(e) for e in errors],
            "bias": [float(e.mean()) for e in errors],
            "±": [float(e.std(ddof=1) / len(e) ** 0.5) if len(e) > 1 else None for e in errors],
            "RMSE": [root_mean_square(e) for e in errors],
            "claimed": [None if isnan(c[0]) else float(np.median(c)) for c in claimed],
            "covers": [share(count, len(e)) for count, e in zip(covered, errors, strict=True)],
            "flagged": [sum(not e.reliable for e in cell.estimates) / len(cell.estimates) for _, cell in made],
            "ms": [1e3 * cell.seconds for _, cell in made],
        },
        "reasons": {f"{words(cell.method)} of {label}": cell.reason for label, cell in cells if cell.reason},
        "coverage": share(k, n),
        "bridge_runs": n,
        "largest": rmse[worst[0], "bridge"],
        "largest_of": worst[0],
        "wrong": len(wrong),
        "claims": sum(len(e) for e, k in zip(errors, covered, strict=True) if k is not None),
        "wrong_flagged": sum(flagged for _, flagged in wrong),
        "wrong_bound": WRONG,
        **_which(rmse),
    }


def _which(rmse: Mapping[tuple[str, str], float]) -> Numbers:
    """Return the numbers of the paragraph on which estimator to use."""
    labels = list(dict.fromkeys(label for label, _ in rmse))
    best = [
        min((method for of, method in rmse if of == label), key=lambda m, label=label: rmse[label, m])
        for label in labels
    ]
    laplace = {label: rmse[label, "laplace"] for label in labels if (label, "laplace") in rmse}
    ratios = [rmse[label, "importance"] / rmse[label, "bridge"] for label in labels if rmse[label, "bridge"] > 0]
    return {
        "models": len(labels),
        "bridge_best": sum(
            rmse[label, "bridge"] <= min(rmse[label, m] for m in ("bridge", "importance", "harmonic_mean"))
            for label in labels
        ),
        "best": {words(method): best.count(method) for method in dict.fromkeys(best)},
        "importance_ratio": float(np.median(ratios)) if ratios else nan,
        "close": CLOSE,
        "far": FAR,
        "laplace_close": [label for label, value in laplace.items() if value <= CLOSE],
        "laplace_far": {label: value for label, value in laplace.items() if value >= FAR},
        "harmonic": float(np.median([rmse[label, "harmonic_mean"] for label in labels])),
    }


def posteriors_section(results: Mapping[str, Posteriors]) -> Numbers:
    """Return what each approximate posterior loses, by the label of the model."""
    rows = [
        (label, name, lost)
        for label, of_model in results.items()
        for name, lost in of_model.approximations.items()
        if isinstance(lost, Losses)
    ]
    reasons = {
        f"{name} of {label}": reason
        for label, of_model in results.items()
        for name, reason in {**of_model.approximations, **of_model.points}.items()
        if isinstance(reason, str)
    }
    lost: dict[str, dict[str, float]] = {
        label: {name: loss.predictive.nats for of, name, loss in rows if of == label}
        | {name: loss.nats for name, loss in of_model.points.items() if not isinstance(loss, str)}
        for label, of_model in results.items()
    }
    names = list(dict.fromkeys([*POINT_ESTIMATES, *(name for _, name, _ in rows)]))
    bad = [loss for *_, loss in rows if loss.kl > LOSS]
    good = [loss for *_, loss in rows if loss.kl <= LOSS]
    return {
        "figure_of_losses": figures.predictive_losses(lost, names),
        "figure_of_k": figures.divergences([(name, loss.pareto_k, loss.kl) for _, name, loss in rows]),
        "posteriors": {
            "model": [label for label, *_ in rows],
            "approximation": [name for _, name, _ in rows],
            "KL, nats": [_without_rounding(loss.kl) for *_, loss in rows],
            "±": [_without_rounding(loss.kl_se) for *_, loss in rows],
            "location": [loss.worst_location_error for *_, loss in rows],
            "log sd": [loss.worst_log_sd_ratio for *_, loss in rows],
            "90 % covers": [100 * loss.coverage(0.9) for *_, loss in rows],
            "lost": [loss.predictive.nats for *_, loss in rows],
            "± ": [loss.predictive.standard_error for *_, loss in rows],
            "k": [None if np.isneginf(loss.pareto_k) else loss.pareto_k for *_, loss in rows],
            "seconds": [loss.seconds for *_, loss in rows],
            "verdict": [loss.verdict for *_, loss in rows],
        },
        "points": {
            "model": list(lost),
            **{name: [of_model.get(name) for of_model in lost.values()] for name in POINT_ESTIMATES},
        },
        "reasons": reasons,
        "passed": [f"{name} of {label}" for label, name, loss in rows if loss.verdict == "pass"],
        "judged": sum(loss.checks is not None for *_, loss in rows),
        "loss": LOSS,
        "good_k": LARGEST_K,
        "bad": len(bad),
        "bad_flagged": sum(not loss.pareto_k <= LARGEST_K for loss in bad),
        "good": len(good),
        "good_flagged": sum(not loss.pareto_k <= LARGEST_K for loss in good),
    }


def loo_section(results: Mapping[str, LeaveOneOut]) -> Numbers:
    """Return PSIS-LOO and WAIC beside the exact leave-one-out densities, by the label of the data."""
    found = list(results.values())
    high = {label: int(np.sum(~(loo.pareto_k <= loo.good_k))) for label, loo in results.items()}
    worst_good = max(
        (float(np.max(abs(loo.estimate - loo.exact)[loo.pareto_k <= loo.good_k], initial=0.0)), label)
        for label, loo in results.items()
    )
    worst_high = max(
        (float(np.max(abs(loo.estimate - loo.exact)[~(loo.pareto_k <= loo.good_k)], initial=0.0)), label)
        for label, loo in results.items()
    )
    return {
        "figure_of_points": figures.pareto_k(results),
        "loo": {
            "data": list(results),
            "n": [len(loo.exact) for loo in found],
            "exact": [float(loo.exact.sum()) for loo in found],
            "error": [float((loo.estimate - loo.exact).sum()) for loo in found],
            "MCSE": [loo.total_mcse for loo in found],
            "ArviZ's se": [loo.standard_error for loo in found],
            "WAIC error": [float((loo.waic - loo.exact).sum()) for loo in found],
            "largest k": [float(loo.pareto_k.max()) for loo in found],
            "high k": [high[label] for label in results],
            "verdict": [loo.verdict for loo in found],
        },
        "observations": sum(len(loo.exact) for loo in found),
        "high": sum(high.values()),
        "worst_good": worst_good[0],
        "worst_good_of": worst_good[1],
        "worst_high": worst_high[0],
        "worst_high_of": worst_high[1],
        "points": {label: loo.rows() for label, loo in results.items()},
    }


def labelled(
    models: Sequence[Model], outliers: Mapping[str, LeaveOneOut], loos: Sequence[LeaveOneOut]
) -> dict[str, LeaveOneOut]:
    """Return leave-one-out of the models' data, and of those with an outlier, by a label."""
    plain = {model.label: loo for model, loo in zip(models, loos, strict=True)}
    return plain | {f"{name}, with an outlier": loo for name, loo in outliers.items()}


def _without_rounding(nats: float) -> float:
    """Return a divergence or its error, 0 if it is rounding alone."""
    return 0.0 if abs(nats) < ROUNDING else nats


def verdict(evidence: Mapping[str, Sequence[Estimates]], loos: Iterable[LeaveOneOut]) -> Verdict:
    """Return ``"fail"`` if bridge sampling or PSIS-LOO is wrong and does not say so, else ``"pass"``.

    The estimates of bridge sampling on all models are one family of z-tests. Approximations are not judged: that they
    lose something is what the page shows.
    """
    checks = [
        compare_estimate(cell.exact, estimate)
        for of_model in evidence.values()
        for cell in of_model
        if cell.method == "bridge"
        for estimate in cell.estimates
        if estimate.reliable
    ]
    return worst([judge(checks).verdict, *("fail" for loo in loos if loo.verdict == "fail")])
