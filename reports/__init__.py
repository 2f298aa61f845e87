"""Report pages that compare approximations with exact answers; ``python -m reports`` makes them.

Each page has a folder:

- ``normal_normal``: one model, its predictives and samplers on it.
- ``models``: all models of the registry.
- ``samplers``: many samplers on many models, and what the verdicts can detect.
- ``gradients``: gradients derived by hand, and their checks.
- ``classifiers``: what trained networks get right and wrong.

``shared`` has the code that pages share.
"""
