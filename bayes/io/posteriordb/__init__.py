"""Posteriors of posteriordb that are known exactly (Magnusson et al. 2025, "posteriordb").

- ``posteriors``: ``load``, a posterior as an exact model with its data and reference draws.
- ``folder``: a clone of posteriordb.
- ``export``: exact draws in posteriordb's own layout.
- ``known``: how a posterior is known, and what its data become.
- The other files have the posteriors of one family each, in ``KNOWN``: name of the Stan program -> how it is known.
"""

from bayes.io.posteriordb.posteriors import Posterior as Posterior
from bayes.io.posteriordb.posteriors import load as load
