"""LaTeX as inline SVG: a page shows its formulas without a network, a script or an installed font."""

from functools import cache
from xml.etree import ElementTree

import ziamath
from markupsafe import Markup

SIZE = 16.0
"""Font size at which a formula is typeset, in pixels; the page scales it in em."""


@cache
def typeset(latex: str, *, inline: bool) -> Markup:
    """Return ``latex`` as an ``<svg>`` on the baseline of the text around it; screen readers read the LaTeX."""
    formula = ziamath.Latex(latex, size=SIZE, inline=inline)
    svg = formula.svgxml()
    for side in ["width", "height"]:
        svg.set(side, f"{float(svg.get(side, '0')) / SIZE:.4f}em")
    depth = (formula.margin - formula.node.bbox.ymin) / SIZE
    svg.set("style", f"vertical-align: {-depth:.4f}em")
    svg.set("role", "img")
    svg.set("aria-label", latex)
    return Markup(ElementTree.tostring(svg, encoding="unicode"))


def with_formulas(text: str) -> Markup:
    """Return HTML with each ``$LaTeX$`` in it typeset."""
    parts = text.split("$")  # text and LaTeX by turns
    return Markup("").join(typeset(part, inline=True) if i % 2 else Markup(part) for i, part in enumerate(parts))
