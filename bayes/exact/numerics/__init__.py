"""Arithmetic that keeps the digits of the closed forms where textbook formulas lose them.

- ``distributions``: SciPy's distributions, with densities that keep their digits.
- ``log_gamma``: ratios of gamma functions.
- ``exact_sums``: sums of observations.
- ``matrices``: matrices in 300 decimal digits.
- ``quadrature``: distributions that need a one-dimensional integral.
- ``boxes``: integrals over two or three parameters, and distributions that are tabulated once.
- ``conditionals``: independent draws of two parameters whose integral is a box.
- ``interpolation``: a smooth function of two numbers as a polynomial.
- ``logistic_likelihood``: the likelihood of logistic regression, and separable classes.
- ``positive_box``: integrals over three positive numbers, in their logs.
- ``large_mixtures``: mixtures of very many normals, compressed.
- ``planes``, ``grouped_normal``, ``grouped_mixtures``: regression with groups, given its two sds and over them.
- ``mixtures``: marginals of many mixtures over the same nodes.
- ``monotone``: functions of a number whose distribution is tabulated.
- ``beta_mixtures``, ``beta_differences``: mixtures of betas, and the difference of two.
- ``where_mass_is``: the ends of an integral whose integrand is narrow.
- ``normal_coefficients``: coefficients of a regression given any noise sd.
- ``noise_sds``: the sd whose variance is inverse-gamma.
- ``orders``: orders of observations in which each in turn is the last.
- ``quantiles``: the inverse of a CDF, by root-finding.
- ``sums_over_integers``: sums too long for a table.
"""
