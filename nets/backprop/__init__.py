"""Gradients derived by hand, with the derivation in the docstrings; jax.numpy only, no automatic differentiation.

Read ``one_hidden_layer`` first: one network, derived from the loss back to its inputs. ``layers`` has the
derivation of each layer, and ``networks`` chains those rules as back-propagation does. `nets.gradcheck` checks all
of them.

- ``one_hidden_layer``: the sigmoid network: its loss, its gradient and its Hessian-vector product.
- ``layers``: linear layer, ReLU, convolution, softmax cross-entropy, and the vector-Jacobian product of each.
- ``networks``: the gradients of the MLP and the conv net, composed of the rules of their layers.
- ``validate``: shapes, dtypes and values of the inputs; a wrong shape raises ValueError before it broadcasts.
"""
