"""The commands of ``python -m bayes``: the options of each in a frozen dataclass, and what it does in ``run``.

``run(options)`` returns the text to print and the exit code. ``parsing`` makes options of arguments, with the
hyperparameters of the named model among them; ``inputs`` is what several commands read.
"""
