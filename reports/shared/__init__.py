"""The code that the pages share.

- ``page``: a page, and how it is written as HTML and JSON; ``templates`` and ``style.mplstyle`` are its looks.
- ``markdown``: templates in Markdown with Jinja; ``formula``: LaTeX as SVG.
- ``options``: the options of every page; ``provenance``: the rows at the foot of a page.
- ``sampling``: the sections on samplers, for any model; ``sampling_figures``: their figures.
- ``registry_runs``: samplers on the models of the registry.
- ``work``: the tasks of pages, in several processes.
"""
