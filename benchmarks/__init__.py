"""Timings and rates beside a peer, in one run; each script prints the table that the docs quote."""
