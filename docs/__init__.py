"""The documentation site: ``conf.py`` configures Sphinx, ``extensions`` writes the pages that come from code."""
