"""The evidence log p(y), in nats.

- ``estimates``: the log evidence from independent runs, with a standard error, and Bayes factors.
"""
