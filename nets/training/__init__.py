"""Training runs: configuration, training step, checkpoints and the run folder.

In reading order:

- ``config``: the configuration of a run, whose fields are the options of the command line, and the presets.
- ``fitting``: ``fit``, which trains a configuration and returns its run.
- ``task``: what ``fit`` prepares before the first step: data, network, optimizer and devices.
- ``step``: the train state, and the compiled function that runs a chunk of training steps.
- ``streaming``: the training images on the device, or read from disk in the order of the same shuffle.
- ``class_balance``: weights of classes in the loss, and metrics that count every class alike.
- ``optimizers``: the Optax optimizer and learning rate schedule of a configuration.
- ``ensemble``: the train state and the predictive of a deep ensemble.
- ``runs``: the run folder, written by ``fit`` and read by evaluation and reports.
- ``checkpoints``: checkpoints by Orbax, with checksums.
- ``run_lock``: the lock on a run folder, and the checks before a run starts or resumes.
"""
