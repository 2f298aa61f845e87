"""Training runs: configuration, training step, checkpoints and the run folder.

In reading order:

- ``config``: the configuration of a run, whose fields are the options of the command line, and the presets.
- ``fitting``: ``fit``, which trains a configuration and returns its run.
- ``estimator``: the same as an estimator of scikit-learn.
- ``task``: what ``fit`` prepares before the first step: data, network, optimizer and devices.
- ``networks``: the network of a configuration; ``own_networks``: those that are not the project's, found and tried.
- ``handed_on``: which results of a traced function are its unchanged inputs.
- ``variables``: parameters and statistics of a network as trees.
- ``step``: the train state, and the compiled function that runs a chunk of training steps.
- ``streaming``: the training images on the device, or read from disk in the order of the same shuffle.
- ``inference``: the logits of images under given parameters; ``evaluation``: their loss and accuracy after an epoch.
- ``class_balance``: weights of classes in the loss, and metrics that count every class alike.
- ``optimizers``: the Optax optimizer and learning rate schedule of a configuration.
- ``initial_parameters``: initial parameters that are those of another run.
- ``early_stopping``, ``extension``: fewer epochs, and more.
- ``ensemble``: the train state and the predictive of a deep ensemble.
- ``runs``: the run folder, written by ``fit`` and read by evaluation and reports.
- ``computed_predictions``: the data of a run, and predictions of the best checkpoint or an unfinished run.
- ``checkpoints``: checkpoints by Orbax, with checksums; ``checkpoint_writer``: their writing in the background.
- ``tensorboard``, ``profiling``: metrics for TensorBoard, and a profile of some steps.
- ``run_lock``: the lock on a run folder, and the checks before a run starts or resumes.
"""
