"""What keeps the digits of the closed forms where textbook formulas lose them.

- ``distributions``: scipy's distributions, with densities that keep their digits.
- ``log_gamma``: ratios of gamma functions; ``exact_sums``: sums of observations; ``matrices``: in 300 decimal digits.
- ``quadrature``: distributions that are one integral away; ``quantiles``: their inverse CDF, by root-finding.
- ``sums_over_integers``: sums too long for a table.
"""
