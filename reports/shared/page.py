"""A page of sections, written as one HTML file and one JSON file.

Each section is a template with the words and a dictionary with the numbers. The template shows numbers of the
dictionary, and the JSON file has the dictionary in full. So the two files cannot disagree, and no number on a page is
typed in by hand.
"""

import base64
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from closedform.files import write_text
from closedform.verdict import Verdict
from reports.shared.formula import typeset, with_formulas
from reports.shared.markdown import Markdown

TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("reports", ""),
    extensions=[Markdown],
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
STYLE = Path(__file__).with_name("style.mplstyle")
UNTOUCHED = re.compile(r"(<pre.*?</pre>|<code.*?</code>|<[^>]*>)", re.DOTALL)
"""The parts of HTML that are not prose."""

HEADING = re.compile(r"\s*<h1>(.*?)</h1>", re.DOTALL)

type Numbers = dict[str, Any]
"""What the template of a section may show: numbers, text, columns of tables, figures, and dicts and lists of these."""


@dataclass(frozen=True)
class Link:
    """A cell of a table that links to a place on the page, in the colour of its verdict."""

    text: str
    to: str
    verdict: str


@dataclass(frozen=True)
class Section:
    """A section of the page, as HTML."""

    title: Markup
    id: str
    body: Markup


class Page:
    """One report page under construction.

    Parameters
    ----------
    name
        The stem of the files ``NAME.html`` and ``NAME.json``.
    title, claim
        The heading of the page, and what the page shows, in a few sentences.
    """

    def __init__(self, name: str, title: str, claim: str) -> None:
        self.name = name
        self.title = title
        self.claim = claim
        self.sections: list[Section] = []
        self.numbers: dict[str, Numbers] = {}
        self.provenance: dict[str, str] = {}
        self.verdict: Verdict = "pass"

    def section(self, template: str, numbers: Numbers, key: str = "") -> None:
        """Add a section: a template in the package ``reports``, as ``models/overview.md``, filled with ``numbers``.

        The template begins with a heading, ``# Title``. The JSON file has ``numbers``, without figures, under ``key``,
        which is the stem of the template unless it is given. ``NAME.html#KEY`` leads to the section, whatever its
        title. Figures are closed. The template is trusted; numbers are escaped, so what a user typed goes there.

        Raises
        ------
        ValueError
            If the template uses a name that ``numbers`` lacks, or the page already has a section ``key``.
        """
        key = key or PurePosixPath(template).stem
        if key in self.numbers:
            raise ValueError(f"page {self.name} has a section {key} already; give the one of {template} another `key`.")
        try:
            html = TEMPLATES.get_template(template).render(numbers)
        except jinja2.UndefinedError as error:
            raise ValueError(f"{template}: {error}; section {key} has {', '.join(numbers)}.") from error
        finally:
            _close_figures(numbers)
        heading = HEADING.match(html := _typography(html))
        if heading is None:
            raise ValueError(f"{template} must begin with a heading, `# Title`.")
        self.sections.append(Section(title=Markup(heading[1]), id=key, body=Markup(html[heading.end() :])))
        self.numbers[key] = _to_json(numbers)

    def html(self) -> str:
        """Return the page as one HTML document that needs no other file."""
        return TEMPLATES.get_template("shared/templates/page.html").render(page=self)

    def json(self) -> str:
        """Return title, claim, verdict, numbers and provenance as JSON; a number that does not exist is null."""
        content = {
            "title": self.title,
            "claim": self.claim,
            "verdict": self.verdict,
            "numbers": self.numbers,
            "provenance": self.provenance,
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, folder: Path) -> Path:
        """Write both files into ``folder``, each completely or not at all, and return the path of the HTML file."""
        html, numbers = self.html(), self.json()
        write_text(folder / f"{self.name}.json", numbers)
        write_text(folder / f"{self.name}.html", html)
        return folder / f"{self.name}.html"


def write_index(folder: Path, names: Iterable[str]) -> Path:
    """Write ``index.html``, a list of the pages of ``names`` in ``folder`` with their verdicts; return its path."""
    pages = []
    for file in (folder / f"{name}.json" for name in names):
        if file.exists():
            content = json.loads(file.read_text(encoding="utf-8"))
            pages.append(
                {
                    "href": f"{file.stem}.html",
                    "title": content["title"],
                    "claim": content["claim"],
                    "verdict": content.get("verdict", "not known"),  # a page made before pages had verdicts
                }
            )
    write_text(folder / "index.html", TEMPLATES.get_template("shared/templates/index.html").render(pages=pages))
    return folder / "index.html"


@contextmanager
def drawing() -> Iterator[None]:
    """Draw figures in the style of the pages, without a display."""
    mpl.use("Agg")
    with plt.style.context(STYLE):
        yield


def _formatted(value: Any, spec: str = "") -> Markup:
    """Return ``format(value, spec)``; a number that does not exist is a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Markup("&ndash;")
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises, with its name
    return escape(format(value, spec))


def _figure(figure: Figure, alt: str, caller: Callable[[], str]) -> Markup:
    """Return a matplotlib figure with its caption; ``alt`` describes it for readers who cannot see it."""
    picture = io.BytesIO()
    figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    return Markup(
        '<figure><img src="data:image/svg+xml;base64,{}" alt="{}"><figcaption>{}</figcaption></figure>'
    ).format(base64.b64encode(picture.getvalue()).decode(), alt, _caption(caller))


def _table(
    columns: Mapping[str, Sequence[Any]],
    formats: Mapping[str, str] | None = None,
    others: str = "",
    anchor: str = "",
    *,
    caller: Callable[[], str],
) -> Markup:
    """Return a table, column by column, with its caption.

    ``formats`` has the format of a column's numbers, as in ``format(x, ".3f")``, and ``others`` is the format of the
    columns that it does not name; ``code`` shows text as code. The keys of ``formats`` are headings and may mark LaTeX
    with ``$``; the keys of ``columns`` are the same headings without ``$``. A table with an ``anchor`` is closed until
    a ``Link`` or a click opens it.
    """
    headings = {heading.replace("$", ""): heading for heading in formats or {}}
    if unknown := [heading for heading in headings if heading not in columns]:
        raise jinja2.UndefinedError(f"the table has no column {unknown[0]!r}, but {', '.join(columns)}")
    specs = {name: (formats or {}).get(headings.get(name, ""), others) for name in columns}
    cells = [[_cell(value, specs[name]) for value in column] for name, column in columns.items()]
    return Markup(
        TEMPLATES.get_template("shared/templates/table.html").render(
            caption=_caption(caller),
            headings=[with_formulas(headings[name]) if name in headings else name for name in columns],
            rows=list(zip(*cells, strict=True)),
            numeric=[not any(isinstance(value, str | Link) for value in column) for column in columns.values()],
            anchor=anchor,
        )
    )


def _caption(caller: Callable[[], str]) -> Markup:
    """Return the paragraph between ``call`` and ``endcall`` as the text of a caption."""
    return Markup(caller().strip().removeprefix("<p>").removesuffix("</p>"))


def _cell(value: Any, spec: str) -> Markup:
    """Return one cell of a table."""
    if isinstance(value, Link):
        return Markup('<a href="#{}" class="cell {}">{}</a>').format(value.to, value.verdict, value.text)
    if isinstance(value, str):
        return Markup("<code>{}</code>").format(value) if spec == "code" else escape(value)
    return _formatted(value, spec)


def _typography(html: str) -> str:
    """Return ``html`` with true minus signs before numbers, and no line break beside an equals sign."""
    parts = UNTOUCHED.split(html)  # prose and the rest by turns
    for i in range(0, len(parts), 2):
        signed = re.sub(r"(?<![\w.-])-(?=[\d.])", "\N{MINUS SIGN}", parts[i])
        parts[i] = re.sub(r"\s=\s", "&nbsp;=&nbsp;", signed)
    return "".join(parts)


def _close_figures(value: Any) -> None:
    """Close every figure in ``value``, whether it was shown or not."""
    if isinstance(value, Figure):
        plt.close(value)
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            _close_figures(item)


def _to_json(value: Any) -> Any:
    """Return ``value`` without figures, with Python's types for NumPy's, and None for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: _to_json(item) for key, item in value.items() if not isinstance(item, Figure)}
    if isinstance(value, np.ndarray):
        return _to_json(value.tolist())
    if isinstance(value, Link):
        return value.text
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


TEMPLATES.filters |= {"format": _formatted, "formula": partial(typeset, inline=False)}
TEMPLATES.globals |= {"figure": _figure, "table": _table}
