"""The section on the step of a difference: the order of the error and the optimal step, measured and in theory."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from nets.gradcheck.error_by_step import STEPS, ErrorByStep, errors_by_step
from reports.gradients.problem import Problem
from reports.shared.page import Page


def add_step_sizes(page: Page, problem: Problem) -> None:
    """Add the error of each kind of difference against its step, with the slopes and optima of theory."""
    page.section("How small a step")
    page.text(
        "A finite difference has two errors. Truncation, $C h^p$, is the remainder of the Taylor series, and falls "
        "with the step. Rounding, about $\\epsilon |L| / h$, is the error of the subtraction, and grows as the step "
        "falls. Their sum is smallest at"
    )
    page.formula(r"h^{*} = \left( \frac{R}{p\, C} \right)^{1 / (p + 1)}, \qquad R = \epsilon\, |L|")
    page.text("The complex step subtracts nothing: the step can be arbitrarily small.")
    methods = errors_by_step(problem.loss, problem.params, complex_f=problem.textbook_loss)
    page.figure(
        _figure(methods),
        "Relative error of the whole gradient against the step. Dotted: the slope $p$ of theory through the error at "
        "$h = 1/16$, and the rounding $\\epsilon |L| / h$ that all differences share. Circles: the optimum $h^*$ of "
        "these two lines. Until it reaches rounding the complex step has the truncation of central differences.",
        "Error against step size: lines of slope 1, 2 and 6 falling towards the left, and one rounding line rising.",
    )
    smallest = [float(method.errors.min()) for method in methods]
    page.table(
        "step_sizes",
        "Orders, optimal steps and the smallest error, in theory and as measured on this page.",
        {
            "method": [method.method for method in methods],
            "slope $p$ in theory": [method.order for method in methods],
            "slope measured": [method.slope for method in methods],
            "$h^*$ in theory": [method.optimum for method in methods],
            "best step tried": [None if math.isnan(method.optimum) else method.best for method in methods],
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


def _figure(methods: list[ErrorByStep]) -> Figure:
    figure, axis = plt.subplots(figsize=(10, 4.6))
    for i, method in enumerate(methods):
        look = {"color": f"C{i}", "zorder": 3 - (method.method == "complex step") * 0.5}
        axis.plot(
            STEPS, np.where(method.errors > 0, method.errors, np.nan), "o-", markersize=3, label=method.method, **look
        )
        line = method.truncation * STEPS**method.order
        axis.plot(STEPS[line > 1e-17], line[line > 1e-17], ":", linewidth=1.2, **look)
        if method.rounding:
            error = method.truncation * method.optimum**method.order + method.rounding / method.optimum
            axis.plot(method.optimum, error, "o", markersize=11, fillstyle="none", markeredgewidth=1.6, **look)
    axis.plot(STEPS, methods[0].rounding / STEPS, ":", color="0.3", linewidth=1.2, label="rounding, in theory")
    axis.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative error", ylim=(3e-17, 10))
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return figure
