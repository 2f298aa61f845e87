"""The evidence log p(y), in nats.

- ``estimates``: independent runs combined, with a standard error, and Bayes factors.
"""
