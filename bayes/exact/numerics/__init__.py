"""Numerical work under the closed forms."""
