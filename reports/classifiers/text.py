"""Names of runs and classes in figures."""

MAX_LENGTH = 22


def label(name: str) -> str:
    """Return ``name`` for matplotlib: shortened, and with `$` escaped."""
    half = MAX_LENGTH // 2  # names with the same beginning often differ at the end
    short = name if len(name) <= MAX_LENGTH else f"{name[: MAX_LENGTH - half - 1]}…{name[-half:]}"
    return short.replace("$", r"\$")
