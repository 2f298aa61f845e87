"""What the pages share.

- ``page``: a page and how it is written, as HTML and JSON; ``templates`` and ``style.mplstyle`` are its looks.
- ``formula``: LaTeX as SVG; ``options``: options of every page; ``provenance``: the rows at the foot.
- ``sampling``: sections on samplers, for any model; ``sampling_figures``: their figures.
"""
