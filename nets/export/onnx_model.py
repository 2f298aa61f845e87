"""A trained network as ONNX, by jax2onnx: a file that ONNX Runtime and many other programs read."""

import logging

import jax
import jax.numpy as jnp

from nets.export.functions import explained, network_function
from nets.training.runs import Run


def to_onnx(run: Run) -> bytes:
    """Return the network of ``run`` as an ONNX model with the input ``images`` and the output ``logits``.

    The images are (N, height, width, channels) uint8, the logits (N, K) float32, and N is any number. Raises ValueError
    if the run has no readable checkpoint, or its network is an own one that cannot be called with any N, and
    ModuleNotFoundError without jax2onnx.
    """
    import jax2onnx  # pyright: ignore[reportMissingImports]  # of the extra onnx, with an environment of its own

    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # it warns that shapes inside the model have no type
    function = network_function(run)
    with explained(run):
        model = jax2onnx.to_onnx(
            function,
            [jax.ShapeDtypeStruct(("N", *run.image_shape), jnp.uint8)],  # pyright: ignore[reportArgumentType]
            model_name="closedform",
            input_names=["images"],
            output_names=["logits"],
        )
    return model.SerializeToString()
