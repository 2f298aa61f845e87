"""Networks in Flax NNX, their layers and their loss."""
