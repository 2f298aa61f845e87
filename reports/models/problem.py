"""The options of the page, and the models that they name."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from bayes.registry import NAMES, Model, canonical, get_model
from reports.shared.options import Common
from reports.shared.registry_runs import Size, size_of


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    """Every exact model: its formulas, an example, and NUTS and SMC compared with the exact answer."""

    model: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Name of a model, as `python -m bayes models` lists it; repeat the option for several. If left out: all."""
    engine: Annotated[tuple[Literal["nutpie", "pymc", "numpyro", "blackjax"], ...], tyro.conf.UseAppendAction] = ()
    """NUTS implementation; repeat the option to compare several with the exact answer. If left out: nutpie."""
    draws: int | None = None
    """NUTS draws in each of 4 chains after warm-up. If left out: 1500, or 5000 with --full."""

    @property
    def models(self) -> tuple[str, ...]:
        """Return the names of the models to show, each once."""
        return tuple(dict.fromkeys(map(canonical, self.model))) or NAMES

    @property
    def engines(self) -> tuple[str, ...]:
        """Return the engines to run, each once."""
        return tuple(dict.fromkeys(self.engine)) or ("nutpie",)

    @property
    def size(self) -> Size:
        """Return how many draws, runs and particles the samplers use."""
        return size_of(self.full, self.draws)


@dataclass(frozen=True)
class Problem:
    """The subject of the page."""

    models: tuple[Model, ...]


def read(options: Options) -> Problem:
    """Read and validate everything that the options name; raise ValueError, in one line, if an option is wrong."""
    if not 100 <= options.size.draws <= 10**6:
        raise ValueError(f"`draws` must lie between 100 and {10**6}, got {options.size.draws}.")
    if options.seed < 0:
        raise ValueError(f"`seed` must be 0 or more, got {options.seed}.")
    return Problem(tuple(get_model(name) for name in options.models))
