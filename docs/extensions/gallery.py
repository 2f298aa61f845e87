"""The gallery: a picture of every report page, and the pages themselves where they have been made.

The pages take minutes to make and megabytes to keep, so the site takes those that ``python -m reports`` has left in the
folder ``gallery_reports``. The gallery says of each page whether this build has it.
"""

import html
import json
import re
import shutil
from pathlib import Path
from textwrap import dedent

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

from docs.extensions.files import write_pages
from reports.pages import PAGES

PICTURES = {
    "normal_normal": ("picture.png", "The predictive density of the next point after 0 to 14 observations."),
    "models": ("models/eight_schools.png", "The exact posterior of eight schools over draws by NUTS."),
    "samplers": ("samplers/detection.png", "Which check detects which of twelve mistakes, in per cent of the runs."),
    "gradients": ("gradients/step_sizes.png", "The error of finite differences and of the complex step, by step size."),
    "classifiers": ("classifiers/curves.png", "Loss and accuracy of two networks by epoch."),
}
"""Page -> a picture from it, as the folder ``reports`` has it, and what it shows."""
SECTION = re.compile(r'<section id="([^"]*)">\s*<h2>\d+\. (.*?) <a class="anchor"', re.DOTALL)

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the gallery before Sphinx looks for its sources, and copy the pages once the site is written."""
    app.add_config_value("gallery_reports", "", "env", types=frozenset({str}))
    app.connect("config-inited", lambda app, _: write(Path(app.srcdir) / "gallery", Path(app.config.gallery_reports)))
    app.connect("build-finished", copy_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(folder: Path, made: Path) -> None:
    """Write the gallery into ``folder``, with links to those pages that ``made`` has."""
    write_pages(folder, {"index": page(made)}, suffix=".md")


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


def page(made: Path) -> str:
    """Return the text of the gallery, in MyST."""
    here = [module.NAME for module in PAGES.values() if (made / f"{module.NAME}.html").exists()]
    extent = "all" if len(here) == len(PAGES) else len(here) or "none"
    head = f"""\
# Gallery

This page shows the report pages of closedform. Each is one HTML file that needs no network, with a JSON file of the
same numbers. To make all of them yourself, which takes a few minutes, run

```bash
uv run python -m reports
```

The command writes them into `build/report`. This build of the site has {extent} of the {len(PAGES)} pages.
"""
    entries = [_entry(name, module.NAME, module.TITLE, module.CLAIM, made) for name, module in PAGES.items()]
    return "\n".join([head, *entries])


def _entry(name: str, stem: str, title: str, claim: str, made: Path) -> str:
    """Return what the gallery has on one page: its picture and claim, and links to its sections if it was made."""
    file, alt = PICTURES[stem]
    image = f"```{{image}} ../../reports/{file}\n:alt: {alt}\n:class: gallery-picture"
    if not (made / f"{stem}.html").exists():
        return dedent(f"""\
            ## {title}

            {claim}

            {{image}}
            ```

            *{alt}*

            This build of the site does not have the page. To add it, run the command below and build the site again.

            ```bash
            uv run python -m reports {name}
            ```
            """).replace("{image}", image)
    numbers = json.loads((made / f"{stem}.json").read_text(encoding="utf-8"))
    sections = SECTION.findall((made / f"{stem}.html").read_text(encoding="utf-8"))
    if not sections:
        raise ExtensionError(
            f"{made / stem}.html has no sections that can be linked to; make the page again, or remove it."
        )
    links = "\n".join(f'<li><a href="report/{stem}.html#{key}">{text}</a></li>' for key, text in sections)
    command, commit = (html.escape(numbers["provenance"][key]) for key in ["Command", "Commit"])
    return (
        dedent(f"""\
        ## {title}

        {claim}

        {{image}}
        :target: report/{stem}.html
        ```

        *{alt}*

        ```{{raw}} html
        <p><a href="report/{stem}.html">Open the page</a>, or one of its sections:</p>
        <ul class="gallery-sections">
        {{links}}
        </ul>
        <p>Verdict of the checks on the page: {numbers["verdict"]}. Made by <code>{command}</code> at commit
        <code>{commit}</code>. <a href="report/{stem}.json">The numbers as JSON</a>.</p>
        ```
        """)
        .replace("{image}", image)
        .replace("{links}", links)
    )
