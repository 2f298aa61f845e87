"""Networks in Flax NNX, their gradients by hand, and the witnesses that both are held to."""
