"""The command ``evidence``."""

import json
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from bayes.commands.inputs import renamings
from bayes.registry import NAMES, Model, canonical, get_model
from closedform.validation import whole_number
from closedform.verdict import EXIT_CODES

if TYPE_CHECKING:
    from bayes.checking.results import Check
    from bayes.evidence.results import EvidenceEstimate


DRAWS = 1000
"""Draws in each of four chains of NUTS, by default."""


@dataclass(frozen=True, kw_only=True)
class EstimateEvidence:
    """Estimate the evidence of a model by one method, and hold the estimate and its claimed error to the exact value.

    `evidence normal_normal` samples the model by NUTS and estimates its evidence by bridge sampling.
    `evidence draws.nc --model normal_normal` takes the draws of a file; they must have every free variable of the PyMC
    program. The methods bridge, importance and harmonic_mean use draws; the others use none.

    The table has the estimate, the error that the method claims, the exact value, and the difference in claimed errors.
    Below it are the diagnostics: a claimed error is believed if all are on the right side of their thresholds.

    Exit code: 0 if the estimate agrees with the exact evidence, 1 if it does not, 3 if the method claims no error or
    its diagnostics warn, 2 for bad usage or a file that cannot be read.
    """

    what: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL|FILE", help_behavior_hint="(required)")]
    """Name of a model, as `models` lists it, or a file of draws, in any format of `check`."""
    model: str = ""
    """Name of the model that the draws of a file belong to."""
    method: Literal[
        "bridge", "importance", "laplace", "harmonic_mean", "stepping_stone", "smc", "nested", "dynesty", "elbo"
    ] = "bridge"
    """The estimator. dynesty is an extra. elbo is a lower bound, which is wrong only if it is above the exact value."""
    var: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """YOURS=MODEL if a free variable has another name in your file, as in `check`. Repeat the option for several."""
    draws: int | None = None
    """Draws in each of four chains of NUTS, if no file is given and the method uses draws. If left out: 1000."""
    seed: int | None = None
    """Seed of everything random. If left out: 0."""
    json: bool = False
    """Print everything as JSON, for programs."""


def run(options: EstimateEvidence) -> tuple[str, int]:
    """Return the table, and the exit code of the verdict."""
    if options.draws is not None:
        whole_number("draws", options.draws, ", 100 or more", 100)
    if options.seed is not None:
        whole_number("seed", options.seed, " from 0 to 2^63 - 1", 0, 2**63 - 1)
    is_file = canonical(options.what) not in NAMES
    if is_file and not options.model:
        raise ValueError(
            f"`{options.what}` is no model of `python -m bayes models`; of a file say whose draws it has, --model NAME."
        )
    if not is_file and options.model:
        raise ValueError(f"`model` {options.model!r} and {options.what!r} are two models; give one of them.")
    model = get_model(options.model if is_file else options.what)
    from bayes.evidence.estimators import FROM_DRAWS, log_evidence

    if options.draws is not None and (is_file or options.method not in FROM_DRAWS):
        because = (
            "the draws are those of the file" if is_file else f"`method` {options.method!r} takes no draws of NUTS"
        )
        raise ValueError(f"`draws` {options.draws} has no effect: {because}; leave it out.")
    if options.seed is not None and (options.method == "laplace" or (is_file and options.method == "harmonic_mean")):
        raise ValueError(f"`seed` {options.seed} has no effect: nothing is random in `method` {options.method!r}.")
    if options.var and not is_file:
        raise ValueError("`var` has no effect: it renames the variables of a file; leave it out.")
    from bayes._check import check  # here, after the options are read: importing ArviZ takes seconds

    program = model.program()
    draws = None
    if options.method in FROM_DRAWS:
        draws = _draws(options, model, program, is_file)
    elif is_file:
        raise ValueError(f"`method` {options.method!r} takes no draws; give the name of the model, {model.name}.")
    estimate = log_evidence(program, draws, method=options.method, seed=options.seed or 0)
    checks = check(None, model, model.y, evidence=estimate)
    (judged,) = checks
    text = _json(options, model, estimate, judged) if options.json else _table(estimate, judged)
    return text, EXIT_CODES[checks.verdict]


def _draws(options: EstimateEvidence, model: Model, program: Any, is_file: bool) -> Any:
    """Return the draws of the file, or of NUTS."""
    if is_file:
        from bayes.io.draws_file import load_draws

        names = [variable.name for variable in program.free_RVs]
        return load_draws(Path(options.what), names, renamings(options.var, names, model))
    from bayes.sampling.inference import mcmc

    return mcmc(program, sampler="nutpie", seed=options.seed or 0, draws=options.draws or DRAWS)


def _table(estimate: "EvidenceEstimate", judged: "Check") -> str:
    from bayes.checking.results import aligned

    claimed = "none" if isnan(estimate.standard_error) else f"{estimate.standard_error:.2g}"
    head = ("method", "estimate", "claimed error", "exact", "difference", "in claimed errors", "verdict")
    row = (
        estimate.method,
        f"{estimate.log_evidence:.6f}",
        claimed,
        f"{judged.exact:.6f}",
        f"{judged.error:+.2g}",
        "-" if claimed == "none" else f"{judged.z:+.2f}",
        judged.verdict,
    )
    diagnostics = [f"  {diagnostic}" for diagnostic in estimate.diagnostics]
    return "\n".join(
        [
            *aligned([head, row]),
            "log p(y) in nats.",
            *(["diagnostics:", *diagnostics] if diagnostics else []),
            *(f"warning: {warning}" for warning in estimate.warnings),
            *(f"note: {note}" for note in estimate.notes),
        ]
    )


def _json(options: EstimateEvidence, model: Model, estimate: "EvidenceEstimate", judged: "Check") -> str:
    from bayes.commands.listing import with_nulls

    about = {
        "model": model.name,
        "file": options.what if options.model else None,
        **with_nulls({name: value for name, value in asdict(estimate).items() if name not in ("diagnostics", "notes")}),
        "exact": judged.exact,
        "difference": judged.error,
        "verdict": judged.verdict,
        "diagnostics": [with_nulls(asdict(d)) | {"good": d.good} for d in estimate.diagnostics],
        "warnings": list(estimate.warnings),
        "notes": list(estimate.notes),
    }
    return json.dumps(about, indent=2)
