"""posteriordb's capture and recapture: M0, Mt and Mb with uniform priors.

The number of animals N is no parameter of these programs. ``model.abundance(y)`` has its posterior. The programs' prior
of every probability is uniform, and nothing is left out of their target.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.exact.capture_effects import OccasionEffects, TrapResponse
from bayes.exact.capture_recapture import CaptureRecapture
from bayes.exact.distribution import Element
from bayes.exact.numerics.beta_mixtures import log_choose
from bayes.io.posteriordb.data import whole
from bayes.io.posteriordb.known import Built, Known

HOW = "a finite mixture of betas, summed over the number of animals"


def _histories(data: Mapping[str, Any]) -> NDArray[np.int64]:
    return whole("y", data["y"], 0, 1)


def _m0(data: Mapping[str, Any]) -> Built:
    y, T = _histories(data), data["T"]
    captures = y.sum(axis=1)
    elements: dict[str, Element] = {"omega": ("omega", ()), "p": ("p", ())}
    # The program has the number of captures of each candidate, in any order, and the model their order too.
    log_orders = float(np.sum(log_choose(captures, T - captures)))
    return Built(model=CaptureRecapture(occasions=T), y=y, elements=elements, log_factor=log_orders)


def _mt(data: Mapping[str, Any]) -> Built:
    T = data["T"]
    elements: dict[str, Element] = {"omega": ("omega", ())} | {f"p[{t + 1}]": ("p", (t,)) for t in range(T)}
    return Built(model=OccasionEffects(occasions=T), y=_histories(data), elements=elements)


def _mb(data: Mapping[str, Any]) -> Built:
    # p_eff[i,t], a transformed parameter of this program, is p or c again.
    elements: dict[str, Element] = {name: (name, ()) for name in ("omega", "p", "c")}
    return Built(model=TrapResponse(occasions=data["T"]), y=_histories(data), elements=elements)


KNOWN: dict[str, Known] = {
    "M0_model": Known(
        how=HOW,
        dimension=0,
        program_sha256="56f27cc21218cfe634e3d02596617dac693c9f08c724a85bbebbf1fe86bb901c",
        build=_m0,
    ),
    "Mt_model": Known(
        how=HOW,
        dimension=0,
        program_sha256="3391120504996a0369e58658d1872f190d2932e5c7d192f63c3db2057e8d324c",
        build=_mt,
    ),
    "Mb_model": Known(
        how=HOW,
        dimension=0,
        program_sha256="fd8975a0bd29c338066cee715a3aeda704382daef4f4db30ffc4deb9f018b43f",
        build=_mb,
    ),
}
