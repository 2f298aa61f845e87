"""Gradients held to methods that share no derivation with them."""
