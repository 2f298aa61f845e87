"""A page: sections of sentences, formulas, tables and figures, written as one HTML file and the same numbers as JSON.

A number enters a page once, by name. Sentences format it, the JSON file keeps it in full, so that the two cannot
disagree and nothing on a page is typed in by hand.
"""

import base64
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from closedform.files import write_text
from closedform.verdict import Verdict
from reports.shared.formula import typeset

TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("reports.shared"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
)
STYLE = Path(__file__).with_name("style.mplstyle")


@dataclass(frozen=True)
class Link:
    """A cell of a table that leads to a place on the page, in the colour of its verdict."""

    text: str
    to: str
    verdict: str


class Page:
    """One report page under construction.

    Text given to a page may hold ``$LaTeX$`` and ``{name:format}`` fields, filled from the numbers given with it or
    earlier. The text itself is trusted; the values of its fields are escaped, so what a user typed goes into a field.

    Parameters
    ----------
    name
        The stem of the files written, ``NAME.html`` and ``NAME.json``.
    title, claim
        The heading, and the one sentence the page stands for.
    """

    def __init__(self, name: str, title: str, claim: str) -> None:
        self.name = name
        self.title = title
        self.claim = claim
        self.sections: list[dict[str, Any]] = []
        self.numbers: dict[str, Any] = {}
        self.provenance: dict[str, str] = {}
        self.verdict: Verdict = "pass"
        self._prefix = ""

    def section(self, title: str) -> None:
        """Start a section; what is added next belongs to it."""
        self.sections.append({"title": title, "id": re.sub(r"\W+", "-", title.lower()).strip("-"), "blocks": []})

    @contextmanager
    def about(self, key: str) -> Iterator[None]:
        """Within this context numbers are recorded as ``key_NAME``, while sentences go on calling them NAME."""
        self._prefix = f"{key}_"
        try:
            yield
        finally:
            self._prefix = ""

    def record(self, **numbers: Any) -> None:
        """Add numbers, or names, to the page's numbers, for later sentences and the JSON file."""
        for name, value in numbers.items():
            self._record(name, value)

    def text(self, sentence: str, **numbers: Any) -> None:
        """Add a paragraph, and each of ``numbers`` to the page's numbers under its name."""
        self._add("text", body=self._fill(sentence, numbers))

    def conclusion(self, sentence: str, **numbers: Any) -> None:
        """Add a paragraph that stands out: what the section shows."""
        self._add("conclusion", body=self._fill(sentence, numbers))

    def formula(self, latex: str) -> None:
        """Add a displayed formula."""
        self._add("formula", body=typeset(latex, inline=False))

    def code(self, source: str) -> None:
        """Add program text as it stands."""
        self._add("code", body=source)

    def table(
        self,
        name: str,
        caption: str,
        columns: Mapping[str, Sequence[Any]],
        formats: Mapping[str, str],
        anchor: str = "",
        **numbers: Any,
    ) -> None:
        """Add a table, column by column, and its columns to the page's numbers under ``name``.

        A heading may hold ``$LaTeX$``, and the caption fields that ``numbers`` fill. ``formats`` gives the format of a
        column's numbers, as in ``format(x, ".3f")``. A table with an ``anchor`` is closed until a ``Link`` or a click
        opens it.
        Missing numbers (None or nan) show as a dash; the format ``code`` shows text as program text.
        """
        self._record(name, {_plain(heading): list(column) for heading, column in columns.items()})
        cells = [[_cell(value, formats.get(heading, "")) for value in column] for heading, column in columns.items()]
        self._add(
            "table",
            caption=self._fill(caption, numbers),
            headings=[self._fill(heading, {}) for heading in columns],
            rows=list(zip(*cells, strict=True)),
            numeric=[not any(isinstance(value, str | Link) for value in column) for column in columns.values()],
            anchor=anchor,
        )

    def figure(self, figure: Figure, caption: str, alt: str, **numbers: Any) -> None:
        """Add a matplotlib figure, which is then closed; ``alt`` says what it shows to those who cannot see it."""
        picture = io.BytesIO()
        figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
        data = base64.b64encode(picture.getvalue()).decode()
        self._add("figure", data=data, caption=self._fill(caption, numbers), alt=alt)

    def html(self) -> str:
        """Return the page as one HTML document that needs no other file."""
        return TEMPLATES.get_template("page.html").render(page=self)

    def json(self) -> str:
        """Return title, claim, verdict, numbers and provenance as JSON; numbers that do not exist are null."""
        content = {
            "title": self.title,
            "claim": self.claim,
            "verdict": self.verdict,
            "numbers": self.numbers,
            "provenance": self.provenance,
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, folder: Path) -> Path:
        """Write both files into ``folder``, each whole or not at all, and return the path of the HTML file."""
        html, numbers = self.html(), self.json()
        write_text(folder / f"{self.name}.json", numbers)
        write_text(folder / f"{self.name}.html", html)
        return folder / f"{self.name}.html"

    def _add(self, kind: str, **content: Any) -> None:
        self.sections[-1]["blocks"].append({"kind": kind, **content})

    def _fill(self, sentence: str, numbers: Mapping[str, Any]) -> Markup:
        self.record(**numbers)
        section_numbers = {
            name.removeprefix(self._prefix): value
            for name, value in self.numbers.items()
            if name.startswith(self._prefix)
        }
        fields = {**self.numbers, **section_numbers, **numbers}
        parts = sentence.split("$")  # text and LaTeX in turn
        return Markup("").join(
            typeset(part, inline=True) if i % 2 else _typography(Markup(part).format(**fields))
            for i, part in enumerate(parts)
        )

    def _record(self, name: str, value: Any) -> None:
        name, value = self._prefix + name, _to_json(value)
        if self.numbers.setdefault(name, value) != value:
            raise ValueError(f"`{name}` is on page {self.name} as {self.numbers[name]!r}, got {value!r}; rename one.")


def write_index(folder: Path, names: Iterable[str]) -> Path:
    """Write ``index.html``, which lists those pages of ``names`` that lie in ``folder``, and return its path.

    Each is there with its verdict.
    """
    pages = []
    for file in (folder / f"{name}.json" for name in names):
        if file.exists():
            content = json.loads(file.read_text(encoding="utf-8"))
            pages.append(
                {
                    "href": f"{file.stem}.html",
                    "title": content["title"],
                    "claim": content["claim"],
                    "verdict": content.get("verdict", "not known"),  # of a page made before there were verdicts in it
                }
            )
    write_text(folder / "index.html", TEMPLATES.get_template("index.html").render(pages=pages))
    return folder / "index.html"


@contextmanager
def drawing() -> Iterator[None]:
    """Draw figures in the style of the pages, without a screen."""
    mpl.use("Agg")
    with plt.style.context(STYLE):
        yield


def _cell(value: Any, spec: str) -> Markup:
    """Return one cell of a table."""
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    if missing:
        return Markup("&ndash;")
    if isinstance(value, Link):
        return Markup('<a href="#{}" class="cell {}">{}</a>').format(
            value.to, value.verdict, _typography(escape(value.text))
        )
    if isinstance(value, str):
        return Markup("<code>{}</code>").format(value) if spec == "code" else escape(value)
    return _typography(escape(format(value, spec)))


def _typography(text: Markup) -> Markup:
    """Return ``text`` with minus signs before negative numbers and equals signs that stay with what is beside them."""
    signed = re.sub(r"(?<![\w.-])-(?=[\d.])", "\N{MINUS SIGN}", text)
    return Markup(signed.replace(" = ", "&nbsp;=&nbsp;"))


def _plain(heading: str) -> str:
    return heading.replace("$", "")


def _to_json(value: Any) -> Any:
    """Return ``value`` with numpy types as Python's own and numbers that JSON lacks (nan, infinities) as None."""
    if isinstance(value, Mapping):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _to_json(value.tolist())
    if isinstance(value, Link):
        return value.text
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
