"""Posteriors of posteriordb that are known exactly.

- ``known``: how a posterior is known, and what its data become.
- The other files have the posteriors of one family each, in ``KNOWN``: name of the Stan program -> how it is known.
"""
