"""Wrong and right gradients at kinks, zeros, special values and below rounding, for `tests.nets.test_kinds`."""
