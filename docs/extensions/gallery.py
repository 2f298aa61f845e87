"""The gallery: the report pages, copied into the site where they have been made, and pictures of them."""

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:  # noqa: ARG001
    """."""
    return {"parallel_read_safe": True, "parallel_write_safe": True}
