"""Classifiers in Flax NNX, their layers and their loss.

In reading order:

- ``mlp``, ``conv_net``: a multilayer perceptron, and a convolutional network with the perceptron as its head.
- ``initialization``: how parameters are initialized.
- ``losses``: cross-entropy and accuracy as functions of logits and labels.
- ``linear_layers``: linear layers with the kernel layout and the bfloat16 products that training uses.
- ``convolutions``: the convolution by im2col and by XLA, with the choice between them.
"""

from typing import Literal

type Initialization = Literal["lecun-normal", "fan-in-uniform"]
