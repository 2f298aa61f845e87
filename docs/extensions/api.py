"""A page of the API reference for every public module, and the check that no public name is missing on them."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from bayes.registry import NAMES
from docs.extensions import public_names
from docs.extensions.files import write_pages
from docs.extensions.public_names import Name

LONGEST_VALUE = 60
"""Characters of a value that is shown as it is in the source."""
DIRECTIVES = {"function": "autofunction", "class": "autoclass", "data": "py:data", "type": "py:type"}
FULL_NAME = re.compile(rf"({'|'.join(public_names.PACKAGES)})(\.\w+)+")
ALIAS = re.compile(r"Alias for field number \d+")
LITERAL = re.compile(r"(``.*?``)")
NO_LINK_IN = (addnodes.pending_xref, nodes.reference, nodes.title)

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for its sources, and check them once it has read all of them."""
    app.connect("config-inited", lambda app, _: write_pages(Path(app.srcdir) / "api", pages(), suffix=".rst"))
    app.add_transform(LinkNames)
    app.connect("autodoc-process-docstring", lambda *arguments: escape_bars(arguments[-1]))
    app.connect("object-description-transform", lambda *arguments: drop_alias(arguments[-1]))
    app.connect("env-check-consistency", lambda _, env: report(missing(env.domaindata["py"]["objects"])))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class LinkNames(SphinxTransform):
    """Link program text that is the full name of something in the reference, as ``bayes.check``, on every page."""

    default_priority = 600

    def apply(self, **_: Any) -> None:
        """Wrap each such name in a reference, which Sphinx resolves once it has read every page."""
        for node in list(self.document.findall(nodes.literal)):
            if FULL_NAME.fullmatch(node.astext()) and not isinstance(node.parent, NO_LINK_IN):
                target = addnodes.pending_xref("", refdomain="py", reftype="obj", reftarget=node.astext())
                node.replace_self(target)
                target += node


def pages() -> dict[str, str]:
    """Return the text of the page of every public module, in reStructuredText, by the module's name."""
    modules = public_names.modules()
    return {module: page(module, modules) for module in modules}


def page(module: str, modules: dict[str, Path]) -> str:
    """Return the page of one of ``modules``: its docstring, what it passes on and defines, and the modules in it."""
    parts = [f"{module}\n{'=' * len(module)}", f".. automodule:: {module}\n   :no-members:"]
    if module.removeprefix("bayes.exact.") in NAMES:
        parts.append(
            f":doc:`The page of this model </models/{module.removeprefix('bayes.exact.')}>` has its formulas and data."
        )
    parts += [_directive(module, name) for name in public_names.names(modules[module])]
    inside = [other for other in modules if other.rpartition(".")[0] == module]
    if inside:
        parts += ["Modules\n-------", *(f":doc:`{other}`\n   {_summary(modules[other])}" for other in inside)]
        entries = "\n".join(f"   {other.rpartition('.')[2]} <{other}>" for other in inside)
        parts.append(f".. toctree::\n   :hidden:\n\n{entries}")
    return "\n\n".join(parts) + "\n"


def missing(documented: Iterable[str]) -> list[str]:
    """Return the public names that are not among ``documented``, the objects that the reference has."""
    return sorted(public_names.inventory() - set(documented))


def report(names: list[str]) -> None:
    """Warn of each name that is missing, which is an error where warnings are."""
    for name in names:
        logger.warning("the API reference lacks the public name %s", name)


def drop_alias(content: addnodes.desc_content) -> None:
    """Drop what Python says of a field of a named tuple, that it is a field, and its number."""
    if ALIAS.match(content.astext()):
        content.clear()


def escape_bars(lines: list[str]) -> None:
    """Escape ``|`` in prose: docstrings mean absolute values and conditions, and Sphinx would read a substitution."""
    program = example = False  # in a block after ``::``, or in lines of an interpreter
    depth = 0  # of the paragraph before the block
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        program = program and (not line.strip() or indent > depth)
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if not program and not example:
            parts = LITERAL.split(line)
            lines[i] = "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in parts)
            program, depth = line.endswith("::"), indent


def _directive(module: str, name: Name) -> str:
    """Return the directive of a public name; what Python keeps no docstring of is written as the source has it."""
    target, options, parts = f"{module}.{name.name}", {}, []
    match name.kind:
        case "class" if name.members:
            options = {"members": ", ".join(name.members), "undoc-members": "", "member-order": "bysource"}
        case "data" | "type":
            target = name.name
            shown = name.literal if len(name.literal) <= LONGEST_VALUE or name.kind == "type" else ""
            options = {"type": name.annotation, "value" if name.kind == "data" else "canonical": shown}
            options = {option: text for option, text in options.items() if text}
            parts = name.doc.splitlines()
            escape_bars(parts)
    if name.origin and not _private(name.origin):
        parts += ["", f"Defined in :doc:`{name.origin}`."]
    lines = [
        f".. {DIRECTIVES[name.kind]}:: {target}",
        *(f"   :{key}: {text}".rstrip() for key, text in options.items()),
    ]
    return "\n".join([*lines, "", *(f"   {part}".rstrip() for part in parts)]).rstrip()


def _private(module: str) -> bool:
    return any(part.startswith("_") for part in module.split("."))


def _summary(file: Path) -> str:
    """Return the first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
