"""Networks in Flax NNX and their training; their gradients by hand, and the checks of both."""
