"""Sphinx's configuration: ``sphinx-build -W --keep-going docs build/docs`` builds the site, without a network."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # `docs.extensions`, and the packages as they are here

project = "closedform"
author = "closedform developers"
project_copyright = "closedform developers"
release = version = installed("closedform")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
    "docs.extensions.api",
    "docs.extensions.formulas",
    "docs.extensions.gallery",
    "docs.extensions.models",
]
templates_path = ["_templates"]

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

smartquotes = False  # they would turn --option into a dash
highlight_language = "none"  # of blocks that name none: mostly formulas
default_role = "py:obj"  # of names in single backquotes
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 160  # of names with their modules, which are not shown
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
add_module_names = False

copybutton_exclude = ".linenos, .gp, .go"

gallery_reports = str(ROOT / "build" / "report")

html_theme = "pydata_sphinx_theme"
html_title = "closedform"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "ziamath"
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {page: [] for page in ["changelog", "gallery/index", "getting_started", "performance"]}
html_theme_options = {
    "logo": {"text": "closedform"},
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 7,
    "show_prev_next": False,
    "footer_start": ["version"],
    "footer_center": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
