"""The parts of the benchmark; each has ``rows(settings)``, which measures and yields one row at a time.

In reading order: ``device``, ``training``, ``steps`` with ``chunks``, ``pytorch``, ``reproducibility``, ``epochs``,
``optimizers``, ``scaling``.
"""
