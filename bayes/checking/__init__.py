"""Exact distributions and draws in, checks with a verdict out."""
