"""The commands of ``python -m bayes``.

Each command has its options in a frozen dataclass, and a function ``run(options)`` that returns the text to print and
the exit code. ``parsing`` turns arguments into options; the hyperparameters of the named model are options too.
``inputs`` reads what several commands need.
"""
