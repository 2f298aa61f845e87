"""A trained network as StableHLO, by `jax.export`: a file that JAX alone reads and runs, on any device."""

import jax
import jax.numpy as jnp
from jax import export

from closedform.extras import require
from nets.export.functions import explained, network_function
from nets.training.runs import Run

PLATFORMS = ("cpu", "cuda", "tpu")
"""Devices for which the file has a program."""


def to_stablehlo(run: Run) -> bytes:
    """Return the network of ``run`` as the serialization of a ``jax.export.Exported``.

    ``jax.export.deserialize(content).call(images)`` returns the logits (N, K) float32 of ``images`` (N, height, width,
    channels) uint8, for any N. JAX reads files of its versions of the last six months at least. Raises ValueError if
    the run has no readable checkpoint, or its network is an own one that cannot be called with any N.
    """
    require("flatbuffers")  # which jax.export needs, and jax does not install
    shape = export.symbolic_shape(f"N, {', '.join(map(str, run.image_shape))}")
    function = jax.jit(network_function(run))
    with explained(run):
        exported = export.export(function, platforms=PLATFORMS)(jax.ShapeDtypeStruct(shape, jnp.uint8))
        return bytes(exported.serialize())
