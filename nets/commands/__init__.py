"""Commands of ``python -m nets`` on a trained network: a file each, with its options and what it prints."""
