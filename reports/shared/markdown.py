"""Templates in Markdown with Jinja.

The Markdown of a template becomes HTML before Jinja fills it, so no value is read as Markdown. A template may have
everything of CommonMark, tables, and

- ``$LaTeX$`` in a sentence and ``$$LaTeX$$`` on lines of its own;
- Jinja's ``{{ name }}`` and ``{% tag %}`` in a sentence, and ``{% tag %}`` on a line of its own, outside any paragraph;
- ``> text``, the conclusion of a section.
"""

import re
from collections.abc import Callable
from typing import Any

from jinja2.ext import Extension
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from reports.shared.formula import typeset

TAG = r"\{%(?:(?!%\}).)*%\}"
FIELD = r"\{\{(?:(?!\}\}).)*\}\}"
INLINE = re.compile(rf"{TAG}|{FIELD}|\$(?P<latex>[^$]+)\$", re.DOTALL)
IN_A_LINE = re.compile(rf"{TAG}|{FIELD}|\$[^$\n]+\$")
BAR = "\x91"
"""Stands for ``|`` inside Jinja and LaTeX, so that a table is not split there."""
BLOCK = re.compile(rf"(?:(?:{TAG}[ \t]*)+|\$\$(?P<latex>[^$]+)\$\$[ \t]*)$", re.DOTALL | re.MULTILINE)


class Markdown(Extension):
    """Turns a template with a name that ends in ``.md`` into HTML, before Jinja reads it."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Return the source that Jinja reads."""
        return to_html(source) if name is not None and name.endswith(".md") else source


def to_html(source: str) -> str:
    """Return Markdown as HTML, with its formulas typeset and its Jinja unchanged."""
    barless = IN_A_LINE.sub(lambda match: match[0].replace("|", BAR), source)
    return _parser().render(barless).replace(BAR, "|")


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table").disable("code")  # four spaces are no code
    parser.inline.ruler.before("escape", "jinja", _inline)
    parser.block.ruler.before("table", "jinja", _block, {"alt": ["paragraph", "blockquote", "list", "table"]})
    for token, html in {
        "blockquote_open": '<div class="conclusion">\n',
        "blockquote_close": "</div>\n",
        "table_open": '<div class="scroll"><table>\n',
        "table_close": "</table></div>\n",
    }.items():
        parser.add_render_rule(token, _always(html))
    return parser


def _always(html: str) -> Callable[..., str]:
    def rule(*_: Any) -> str:
        return html

    return rule


def _inline(state: StateInline, silent: bool) -> bool:
    """Pass a Jinja field or tag in a sentence through, or typeset a formula."""
    match = INLINE.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        latex = match["latex"]
        state.push("html_inline", "", 0).content = match[0] if latex is None else _typeset(latex, inline=True)
    state.pos = match.end()
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: ARG001
    """Pass Jinja tags on lines of their own through, or typeset a formula on lines of its own."""
    match = BLOCK.match(state.src, state.bMarks[start] + state.tShift[start])
    if match is None:
        return False
    if not silent:
        content = match[0]
        if (latex := match["latex"]) is not None:
            content = f'<div class="formula">{_typeset(latex, inline=False)}</div>'
        state.push("html_block", "", 0).content = content + "\n"
        state.line = start + match[0].count("\n") + 1
    return True


def _typeset(latex: str, *, inline: bool) -> str:
    """Return typeset LaTeX, which may extend over lines, such that Jinja reads no braces in it."""
    text = " ".join(latex.replace(BAR, "|").split())
    return "{% raw %}" + typeset(text, inline=inline) + "{% endraw %}"
