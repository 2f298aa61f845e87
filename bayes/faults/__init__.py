"""Samplers that are wrong on purpose, and how often right ones are failed."""
