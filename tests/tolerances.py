"""Every tolerance of the tests: its name, its value and why it is that large."""

EXACT = 1e-12
"""A closed form in float64 against 50 digits, relative to the sum of its absolute terms: as the docstrings promise."""

IDENTITY = 1e-11
"""Two float64 routes to one number, relative to the sum of the absolute terms: each may be off by EXACT, and routes of
many steps (a product of predictives, a sequence) add up a few such errors."""

PRINTED = 5e-8
"""A reference value printed with 7 decimals: half a unit of its last digit."""

MONTE_CARLO = 5
"""Largest error of a Monte Carlo estimate in its own standard errors: passed by chance in 2 of 10 million estimates, so
that a fixed seed that fails points at the code."""
