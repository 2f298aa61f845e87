"""Sphinx extensions of this site: pages that are written from code, and formulas without a script.

- ``public_names``: what the API reference must have; ``api`` writes a page a module and checks that nothing is missing.
- ``models``: a page a model of the registry.
- ``gallery``: the report pages, with pictures of them.
- ``formulas``: LaTeX as SVG.
"""
