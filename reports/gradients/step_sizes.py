"""The section on the step of a finite difference: the order of its error and its best step, measured and in theory."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from nets.gradcheck.error_by_step import STEPS, ErrorByStep, errors_by_step
from reports.gradients.problem import Problem
from reports.shared.page import Numbers


def step_sizes_section(problem: Problem) -> Numbers:
    """Return the error of each kind of difference against its step, with the slopes and best steps of theory."""
    methods = errors_by_step(problem.loss, problem.params, complex_f=problem.textbook_loss)
    smallest = {method.method: float(method.errors.min()) for method in methods}
    return {
        "errors": _figure(methods),
        "step_sizes": {
            "method": [method.method for method in methods],
            "slope p in theory": [method.order for method in methods],
            "slope measured": [method.slope for method in methods],
            "h^* in theory": [method.optimum for method in methods],
            "best step tried": [None if math.isnan(method.optimum) else method.best for method in methods],
            "smallest error": list(smallest.values()),
        },
        "digits": {method: -np.log10(error) for method, error in smallest.items()},
    }


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
