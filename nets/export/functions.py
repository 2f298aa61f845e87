"""The trained network of a run as a function from bytes to logits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp

from nets.training.ensemble import predictive_logits
from nets.training.own_networks import first_line
from nets.training.runs import Run
from nets.training.step import scale_images


def network_function(run: Run) -> Callable[[jax.Array], jax.Array]:
    """Return the function from images (N, height, width, channels) uint8 to logits (N, K) float32.

    The parameters are constants of the function. The logits of an ensemble are the logarithm of its predictive, as in
    `Run.logits`. Raises ValueError if the run has no readable checkpoint.
    """
    network = run.network
    # jax2onnx has no rule for a vmapped layer, so members are computed one after the other.
    members = [run.variables]
    if run.config.members > 1:
        members = [jax.tree.map(itemgetter(m), run.variables) for m in range(run.config.members)]

    def logits(variables: Any, images: jax.Array) -> jax.Array:
        return network.logits(variables, scale_images(images))  # (N, K)

    def ensemble_logits(images: jax.Array) -> jax.Array:
        return predictive_logits(jnp.stack([logits(variables, images) for variables in members]))  # (M, N, K) to (N, K)

    return ensemble_logits if len(members) > 1 else lambda images: logits(members[0], images)


@contextmanager
def explained(run: Run) -> Iterator[None]:
    """Raise ValueError, in one line, if an own network of ``run`` cannot be converted in this block."""
    try:
        yield
    except Exception as error:  # whatever a network raises that is called with an unknown number of images
        if not run.config.own_network:
            raise
        shape = ", ".join(map(str, run.image_shape))
        raise ValueError(
            f"`model` {run.config.model} of run {run.folder} cannot be exported: called with images of shape (N, "
            f"{shape}) for any N, it raised {first_line(error)}; take N from `images.shape[0]`, not `len(images)`, and "
            "use it for shapes alone, without calls back to Python. The run needs no new training: change the class, "
            "with the same parameters, and export again."
        ) from error
