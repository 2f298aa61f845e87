"""LaTeX as SVG in the colour of the text around it, as on the report pages: no script, no network, no fonts."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from reports.shared.formula import typeset


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the renderer ``ziamath``, for ``html_math_renderer``."""
    app.add_html_math_renderer("ziamath", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(f'<span class="math">{_svg(node, inline=True)}</span>')
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{_svg(node, inline=False)}</div>')
    raise nodes.SkipNode


def _svg(node: nodes.Element, *, inline: bool) -> str:
    return typeset(" ".join(node.astext().split()), inline=inline)
