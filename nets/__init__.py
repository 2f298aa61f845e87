"""Networks trained with JAX, and their gradients by hand. Nothing is here yet; see CHANGELOG.md for what is."""
