"""Data sets, read and prepared."""
