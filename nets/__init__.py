"""Classifiers in Flax NNX and their training, gradients derived by hand, and a check for any gradient.

``check_gradient`` checks a gradient. ``fit`` trains a ``TrainConfig``, on the data that it names or on those of
``from_arrays``; ``load_run`` reads the run, and ``evaluate`` computes its metrics. The subpackages:

- ``nets.gradcheck``: checks of a gradient against methods that share no derivation with it. It knows no network.
- ``nets.backprop``: gradients derived by hand; the derivation is the docstring.
- ``nets.models``: the networks, their layers, initialization and loss.
- ``nets.data``: image data sets, decoded once and memory-mapped.
- ``nets.training``: configuration, step, checkpoints and the run folder.
- ``nets.distributed``: several devices and several processes.
- ``nets.evaluation``: metrics with intervals, calibration, comparisons; classes of image files.
- ``nets.export``: a trained network as one file of StableHLO or ONNX.
- ``nets.commands``: the commands on a trained network.

Import from the subpackages by name, as in ``from nets.data.datasets import load``. ``python -m nets`` trains
classifiers, lists runs and evaluates them.
"""

import lazy_loader

from closedform.extras import explained

_attribute, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    try:
        return _attribute(name)
    except ModuleNotFoundError as error:
        raise explained(error) from error
