"""posteriordb's bones: ages of children's skeletons from graded items with known parameters."""

from collections.abc import Mapping
from math import log, pi
from typing import Any

from bayes.exact.graded_response import GradedResponse
from bayes.io.posteriordb.data import whole
from bayes.io.posteriordb.known import Built, Known

PRIOR_SD = 36.0


def _bones(data: Mapping[str, Any]) -> Built:
    thresholds = [row[: grades - 1] for row, grades in zip(data["gamma"], data["ncat"], strict=True)]
    y = whole("grade", data["grade"], -1, max(data["ncat"]))
    return Built(
        model=GradedResponse(discriminations=data["delta"], thresholds=thresholds, prior_sd=PRIOR_SD),
        y=y,
        elements={f"theta[{i + 1}]": ("theta", (i,)) for i in range(len(y))},
        # theta ~ normal(0, 36)
        dropped=-len(y) * (log(2 * pi) / 2 + log(PRIOR_SD)),
    )


KNOWN: dict[str, Known] = {
    "bones_model": Known(
        how="independent one-dimensional integrals, one for each child",
        dimension=1,
        program_sha256="0d478060e879cf4c26f5a5d8eafb2de3e166a1d9e581999c26c00d3a002cf2c4",
        build=_bones,
    ),
}
