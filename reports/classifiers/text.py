"""Names that people chose, in figures."""

LONGEST = 22


def label(name: str) -> str:
    """Return ``name`` for matplotlib: short, and without a meaning for its typesetting of formulas."""
    half = LONGEST // 2  # names that begin alike often end differently
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - half - 1]}…{name[-half:]}"
    return short.replace("$", r"\$")
