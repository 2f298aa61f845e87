"""Networks in Flax NNX and their training; their gradients by hand, and the witnesses that both are held to."""
