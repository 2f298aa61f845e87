"""The directive ``report`` of the gallery: what a report page says, and links into it where it has been made.

The pages take minutes to make and megabytes to keep, so the site takes those that ``python -m reports`` has left in the
folder ``gallery_reports``. The gallery says of each page whether this build has it.
"""

import html
import json
import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from reports.pages import ON_REQUEST, PAGES

SECTION = re.compile(r'<section id="([^"]*)">\s*<h2>\d+\. (.*?) <a class="anchor"', re.DOTALL)

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive, and copy the pages once the site is written."""
    app.add_config_value("gallery_reports", "", "env", types=frozenset({str}))
    app.add_directive("report", Report)
    app.connect("env-get-outdated", lambda *_: ["gallery/index"])  # pages may have been made since
    app.connect("build-finished", copy_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Report(SphinxDirective):
    """Shows the claim of a report page, and links to its sections if this build has it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return what the page has of the report."""
        name = self.arguments[0]
        if name not in PAGES:
            raise self.error(f"the page must be one of {', '.join(PAGES)}, got {name!r}.")
        return self.parse_text_to_nodes(entry(name, Path(self.config.gallery_reports)))


def copy_pages(app: Sphinx, error: Exception | None) -> None:
    """Copy the pages that have been made, with their JSON files, into ``gallery/report`` of the site."""
    if error or app.builder.format != "html":
        return
    made, target = Path(app.config.gallery_reports), Path(app.outdir) / "gallery" / "report"
    shutil.rmtree(target, ignore_errors=True)  # what an earlier build copied
    target.mkdir(parents=True)
    names = [module.NAME for module in PAGES.values() if (made / f"{module.NAME}.html").exists()]
    for name in names:
        for suffix in [".html", ".json"]:
            shutil.copy(made / f"{name}{suffix}", target)
    logger.info("the gallery has %d of %d report pages, from %s", len(names), len(PAGES), made)


def entry(name: str, made: Path) -> str:
    """Return what the gallery says of the page ``name``, in MyST: its claim, and links if ``made`` has it."""
    stem, claim = PAGES[name].NAME, PAGES[name].CLAIM
    if not (made / f"{stem}.html").exists():
        return f"""\
{claim}

This build of the site does not have the page. To add it, run the command below and build the site again.

```bash
uv run python -m reports {name}{" --folder posteriordb" if name in ON_REQUEST else ""}
```
"""
    try:
        page = (made / f"{stem}.html").read_text(encoding="utf-8")
        numbers = json.loads((made / f"{stem}.json").read_text(encoding="utf-8"))
        verdict = numbers["verdict"]
        command, commit = (html.escape(numbers["provenance"][key]) for key in ["Command", "Commit"])
        sections = SECTION.findall(page)
        if not sections:
            raise ValueError("it has no sections that can be linked to")
    except (OSError, ValueError, KeyError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise ExtensionError(
            f"{made / stem}.html is damaged or of another version ({reason}); make the page again, or remove it."
        ) from error
    links = "\n".join(f'<li><a href="report/{stem}.html#{key}">{text}</a></li>' for key, text in sections)
    return f"""\
{claim}

```{{raw}} html
<p><a href="report/{stem}.html">Open the page</a>, or one of its sections:</p>
<ul class="gallery-sections">
{links}
</ul>
<p>Verdict of the checks on the page: {verdict}. Made by <code>{command}</code> at commit
<code>{commit}</code>. <a href="report/{stem}.json">The numbers as JSON</a>.</p>
```
"""
