"""LaTeX as SVG in the colour of the text around it, as on the report pages: no script, no network, no fonts."""

import html

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from reports.shared.formula import typeset

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the renderer ``ziamath``, for ``html_math_renderer``."""
    app.add_html_math_renderer("ziamath", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(f'<span class="math">{svg(node, inline=True)}</span>')
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{svg(node, inline=False)}</div>')
    raise nodes.SkipNode


def svg(node: nodes.Element, *, inline: bool) -> str:
    """Return a formula as SVG, or its LaTeX and a warning if it cannot be typeset."""
    latex = " ".join(node.astext().split())
    try:
        return typeset(latex, inline=inline)
    except Exception as error:  # of many types
        logger.warning("the formula %r cannot be typeset: %s", latex, type(error).__name__, location=node)
        return html.escape(latex)
