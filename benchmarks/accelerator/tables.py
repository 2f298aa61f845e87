"""The Markdown tables of the results."""

from collections.abc import Callable, Iterator
from typing import Any

type Row = dict[str, Any]


def add_utilisation(rows: list[Row], peaks: dict[str, float]) -> None:
    """Add the utilisation to rows: the share of the FLOP/s of a large product in that precision."""
    for row in rows:
        if "flops_per_image" in row and row["precision"] in peaks:
            row["utilisation"] = row["images_per_second"] * row["flops_per_image"] / peaks[row["precision"]]


def markdown(columns: dict[str, Callable[[Row], str]], rows: list[Row]) -> Iterator[str]:
    """Yield the lines of a table; each column has a function from a row to its cell."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell(row) for cell in columns.values())} |"


def named(name: str) -> Callable[[Row], str]:
    """Return the function to the cell of a field."""
    return lambda row: str(row[name])


def yes_or_no(value: bool | None) -> str:
    """Return yes, no, or a dash for None."""
    return "-" if value is None else "yes" if value else "no"


def speed(row: Row) -> str:
    """Return images a second with their range."""
    low, high = row["range"]
    return f"{row['images_per_second']:,.0f} ({low:,.0f} to {high:,.0f})"


def share(row: Row) -> str:
    """Return the utilisation in percent."""
    return f"{100 * row['utilisation']:.0f} %" if "utilisation" in row else "-"


def ratio(name: str) -> Callable[[Row], str]:
    """Return the function to the ratio to a worker of PyTorch, with its range."""

    def cell(row: Row) -> str:
        if name not in row["ratio"]:
            return "-"
        return "{:.2f} ({:.2f} to {:.2f})".format(row["ratio"][name], *row["ratio_range"][name])

    return cell


PROGRAMS = {
    "deterministic": "deterministic operations, compiled anew",
    "shared": "as users train",
    "anew": "compiled anew",
}
"""Cases of `parts.reproducibility` in words."""
CASE = {"network": named("model"), "precision": named("precision")}
COLUMNS: dict[str, dict[str, Callable[[Row], str]]] = {
    "training": CASE
    | {
        "s an epoch": lambda row: f"{row['epoch_seconds']:.3f}",
        "images/s": lambda row: f"{row['images_per_second']:,.0f}",
        "first epoch, s": lambda row: f"{row['first_epoch_seconds']:.1f}",
        "whole command, s": lambda row: f"{row['wall_seconds']:.1f}",
        "test accuracy": lambda row: f"{100 * row['test_accuracy']:.1f} %",
        "of the preset": lambda row: yes_or_no(row["reached"]),
    },
    "steps": CASE
    | {
        "batch": named("batch"),
        "form": named("variant"),
        "images/s (range)": speed,
        "utilisation": share,
        "compilation, s": lambda row: f"{row['compile_seconds']:.1f}",
    },
    "pytorch": CASE
    | {
        "images/s": lambda row: f"{row['images_per_second']['jax']:,.0f}",
        "ratio to eager (range)": ratio("torch"),
        "to `torch.compile`": ratio("torch, compile"),
        "to a CUDA graph": ratio("torch, cuda graph"),
    },
    "reproducibility": {
        "network": named("model"),
        "programs": lambda row: PROGRAMS[row["case"]],
        "trained twice: equal": lambda row: yes_or_no(row["again_equal"]),
        "largest difference of a logit": lambda row: f"{row['again_difference']:.2g}",
        "killed and resumed: equal": lambda row: yes_or_no(row["resumed_equal"]),
        "difference": lambda row: f"{row['resumed_difference']:.2g}",
    },
    "epochs": {
        "network": named("model"),
        "evaluation": lambda row: yes_or_no(row["evaluation"]),
        "checkpoint": lambda row: yes_or_no(row["checkpoint"]),
        "s an epoch": lambda row: f"{row['epoch_seconds']:.3f}",
        "its steps": lambda row: f"{row['steps_seconds']:.3f}",
        "the rest (range)": lambda row: "{:.3f} ({:.3f} to {:.3f})".format(
            row["rest_seconds"], *row["rest_seconds_range"]
        ),
    },
    "optimizers": CASE
    | {
        "optimizer": named("optimizer"),
        "ms a step": lambda row: f"{row['step_ms']:.3f}",
        "images/s (range)": speed,
    },
    "scaling": {
        "network": named("model"),
        "sharded": named("sharded"),
        "devices": named("devices"),
        "images/s (range)": speed,
        "times one device": lambda row: f"{row['speedup']:.2f}",
    },
}
"""The columns of each part's table, in the order of the command."""


def lines(part: str, result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a part: its status, its table, and the reasons for what is not in it."""
    yield f"\n## {part}: {result['status']}, {result['seconds']:.0f} s\n"
    if result["reason"]:
        yield f"{result['reason']}\n"
    rows = result["rows"]
    if part == "device":
        yield from (f"- {', '.join(f'{name}: {value}' for name, value in row.items())}" for row in rows)
        return
    notes = [row for row in rows if {"error", "skipped", "environments"} & row.keys()]
    measured = [row for row in rows if row not in notes]
    if measured:
        yield from markdown(COLUMNS[part], measured)
    yield from (f"\n{', '.join(f'{name}: {value}' for name, value in row.items())}" for row in notes)
