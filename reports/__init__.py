"""Pages that hold approximations beside the exact answer, run by ``python -m reports``: one folder a page.

- ``normal_normal``: one model, its predictives and its samplers; ``models``: all models of the registry.
- ``samplers``: many samplers on many models, and what the verdicts can detect.
- ``gradients``: gradients by hand, and their checks; ``classifiers``: what trained networks get right and wrong.
- ``shared``: what pages share.
"""
