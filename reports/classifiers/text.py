"""Names that people chose, in figures."""

LONGEST = 22


def label(name: str) -> str:
    """Return ``name`` for matplotlib: short, and without a meaning for its typesetting of formulas."""
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    return short.replace("$", r"\$")
