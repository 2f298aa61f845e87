"""The section on the step of a difference: how the error falls, where it turns, and what theory says of both."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from nets.gradcheck.error_by_step import STEPS, StepSizes, step_sizes
from reports.gradients.problem import Problem
from reports.shared.page import Page


def add_step_sizes(page: Page, problem: Problem) -> None:
    """Add the error of each kind of difference against its step, with the slopes and optima of theory."""
    page.section("How small a step")
    page.text(
        "A difference has two errors. Truncation, $C h^p$, is what Taylor's series has left, and falls with the step; "
        "rounding, about $\\epsilon |L| / h$, is what the subtraction leaves of the loss, and grows as it falls. Their "
        "sum is smallest at"
    )
    page.formula(r"h^{*} = \left( \frac{R}{p\, C} \right)^{1 / (p + 1)}, \qquad R = \epsilon\, |L|")
    page.text("The complex step subtracts nothing: it can be as small as one likes.")
    ways = step_sizes(problem.loss, problem.params, holomorphic=problem.textbook_loss)
    page.figure(
        _figure(ways),
        "Relative error of the whole gradient against the step. Dotted: the slope $p$ of theory through the error at "
        "$h = 1/16$, and the rounding $\\epsilon |L| / h$ that all differences share. Circles: the optimum $h^*$ of "
        "these two lines. Until it reaches rounding the complex step has the truncation of central differences.",
        "Error against step size: lines of slope 1, 2 and 6 falling towards the left, and one rounding line rising.",
    )
    smallest = [float(way.errors.min()) for way in ways]
    page.table(
        "step_sizes",
        "Orders, optimal steps and the smallest error, in theory and as measured on this page.",
        {
            "difference": [way.name for way in ways],
            "slope $p$ in theory": [way.order for way in ways],
            "slope measured": [way.slope for way in ways],
            "$h^*$ in theory": [way.optimum for way in ways],
            "best step tried": [None if math.isnan(way.optimum) else way.best for way in ways],
            "smallest error": smallest,
        },
        {"slope measured": ".3f", "$h^*$ in theory": ".1e", "best step tried": ".1e", "smallest error": ".1e"},
    )
    page.conclusion(
        "At its best a one-sided difference has {one_sided_digits:.0f} digits, a central one {central_digits:.0f} and "
        "Richardson's {richardson_digits:.0f}; the complex step has {complex_digits:.0f}, at any small step.",
        **{
            f"{name}_digits": -np.log10(error)
            for name, error in zip(["one_sided", "central", "richardson", "complex"], smallest, strict=True)
        },
    )


def _figure(ways: list[StepSizes]) -> Figure:
    figure, axis = plt.subplots(figsize=(10, 4.6))
    for i, way in enumerate(ways):
        look = {"color": f"C{i}", "zorder": 3 - (way.name == "complex step") * 0.5}
        axis.plot(STEPS, np.where(way.errors > 0, way.errors, np.nan), "o-", markersize=3, label=way.name, **look)
        line = way.truncation * STEPS**way.order
        axis.plot(STEPS[line > 1e-17], line[line > 1e-17], ":", linewidth=1.2, **look)
        if way.rounding:
            error = way.truncation * way.optimum**way.order + way.rounding / way.optimum
            axis.plot(way.optimum, error, "o", markersize=11, fillstyle="none", markeredgewidth=1.6, **look)
    axis.plot(STEPS, ways[0].rounding / STEPS, ":", color="0.3", linewidth=1.2, label="rounding, in theory")
    axis.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative error", ylim=(3e-17, 10))
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return figure
