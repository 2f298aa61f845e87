"""Size of a closed population where capture probabilities differ: the models Mt and Mb.

They are ``bayes.exact.capture_recapture`` with another capture probability in some trials. All capture probabilities
have the same beta prior, and given N they are independent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.exact.capture_recapture import CaptureRecapture, GivenAbundance
from bayes.exact.numerics.beta_mixtures import log_beta_ratio


@dataclass(frozen=True, kw_only=True)
class OccasionEffects(CaptureRecapture):
    """The model Mt, with a capture probability for each occasion: ``p`` has shape (T,).

    Its hyperparameters are those of ``CaptureRecapture``.

    Examples
    --------
    >>> model = OccasionEffects(occasions=2)
    >>> list(model.marginals([[1, 1], [1, 0], [0, 0]]))
    ['omega', 'p[0]', 'p[1]']
    """

    def which(self, histories: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the capture probability that each trial has: that of the occasion."""
        return np.broadcast_to(np.arange(self.occasions), histories.shape)

    def by_name(self, p: Any) -> dict[str, Any]:
        """Return capture probabilities (..., T) as the variable ``p``."""
        return {"p": p}

    def stacked(self, params: Mapping[str, Any]) -> Any:
        """Return ``p`` (..., T)."""
        return np.asarray(params["p"], dtype=float)

    def _names(self) -> list[str]:
        return [f"p[{t}]" for t in range(self.occasions)]


@dataclass(frozen=True, kw_only=True)
class TrapResponse(CaptureRecapture):
    """The model Mb, with the probability ``c`` of a capture after a capture on the occasion before, else ``p``.

    This is the immediate response of Kéry and Schaub (2012), section 6.2.3. In Otis et al. (1978) the response is
    permanent: there an animal has the probability c for ever after its first capture. The hyperparameters are those of
    ``CaptureRecapture``.

    Examples
    --------
    >>> model = TrapResponse(occasions=3)
    >>> marginals = model.marginals([[1, 1, 0], [0, 1, 1], [0, 0, 0]])  # c: two captures, a miss
    >>> round(float(marginals["c"].mean()), 4)
    0.6
    """

    def which(self, histories: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the capture probability that each trial has: 0 for p and 1 for c."""
        return np.concatenate([np.zeros_like(histories[:, :1]), histories[:, :-1]], axis=1)

    def capture_means(self, given: GivenAbundance) -> Any:
        """Return the probability of a capture on each occasion given N, (G, T), summed over all 2^T histories."""
        histories = np.array(list(product([0, 1], repeat=self.occasions)))
        captures, misses = (counts[:, None] for counts in self.trials(histories))
        p = np.exp(log_beta_ratio(captures, misses, given.captures, given.misses).sum(axis=2))
        return p.T @ histories

    def _names(self) -> list[str]:
        return ["p", "c"]
