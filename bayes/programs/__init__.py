"""The families of ``bayes.exact`` as PyMC programs, under the same file names.

Each file has one function, ``program(exact, y) -> pm.Model``. It takes the exact model, so every number is written only
once. The variables have the names that are the keys of ``exact.marginals(y)``, and the observed variable is ``y``.
"""
