"""The families of ``bayes.exact`` as PyMC programs, under the same file names.

Each file has one function ``program(exact, y) -> pm.Model`` that takes the exact dataclass, so that every number
exists once. Variable names are the keys of ``exact.marginals(y)``; the observed variable is ``y``.
"""
