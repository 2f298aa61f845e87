"""A page for every model of the registry: formulas, priors, data, exact posterior, figure, and how to get the model."""

import re
from inspect import cleandoc
from pathlib import Path
from typing import Any

import numpy as np
from numpydoc.docscrape import NumpyDocString
from sphinx.application import Sphinx

from bayes.exact.scale_priors import ScalePrior
from bayes.registry import Model, data_sets, models
from docs.extensions import model_figures
from docs.extensions.files import write_pages

Y, Y2, NONE = "unit of y", "square of the unit of y", "none"
UNITS = {
    "normal_normal": {"prior_mean": Y, "prior_sd": Y, "noise_sd": Y},
    "normal_variance": {"mean": Y, "shape": NONE, "scale": Y2},
    "normal_inverse_gamma": {"prior_mean": Y, "prior_count": "observations", "shape": NONE, "scale": Y2},
    "beta_binomial": {"trials": "trials", "successes": "trials", "failures": "trials"},
    "gamma_poisson": {"shape": "events", "inverse_scale": "observations"},
    "gamma_exponential": {"shape": "events", "inverse_scale": Y},
    "dirichlet_multinomial": {"concentration": "counts", "trials": "counts"},
    "multivariate_normal": {"prior_mean": Y, "prior_covariance": Y2, "noise_covariance": Y2},
    "linear_regression": {
        "design": "units of the predictors",
        "prior_mean": "unit of y over that of the predictor",
        "prior_covariance": "1 over the units of two predictors",
        "shape": NONE,
        "scale": Y2,
    },
    "logistic_regression": {
        "design": "units of the predictors",
        "prior_mean": "log odds over the unit of the predictor",
        "prior_sds": "log odds over the unit of the predictor",
    },
    "capture_recapture": {
        "occasions": "occasions",
        "present": "candidates",
        "absent": "candidates",
        "captures": "trials",
        "misses": "trials",
    },
    "hierarchical_normal": {"noise_sds": Y, "prior_mean": Y, "prior_sd": Y, "tau_prior": Y},
    "independent_regression": {
        "design": "units of the predictors",
        "prior_mean": "unit of y over that of the predictor",
        "prior_sds": "unit of y over that of the predictor",
        "noise_prior": Y,
    },
    "gaussian_process": {
        "inputs": "unit of x",
        "rho_prior": "unit of x",
        "alpha_prior": Y,
        "noise_variance_prior": Y2,
    },
}
"""Model -> the unit of each of its hyperparameters."""
NOTES = {
    "normal_normal": """\
{doc}`/tutorials/formulas_to_code` derives these formulas and types each as a line of code. The page *normal-normal* of
the [gallery](../gallery/index.md#the-mean-of-a-normal-with-known-noise) has the derivation with figures.""",
    "normal_variance": "In the formulas, `sigma2` is $\\sigma^2$.",
    "normal_inverse_gamma": "In the formulas, `sigma2` is $\\sigma^2$.",
    "gamma_poisson": "In the formulas, `rate` is $\\lambda$.",
    "gamma_exponential": "In the formulas, `rate` is $\\lambda$.",
    "linear_regression": """\
In the formulas, `sigma2` is $\\sigma^2$. The design may have more rows than there are observations: the predictive is
for the row after the last observation. In the example, the second column of the design is the boiling point of water in
degrees Fahrenheit, less 203, and y is 100 log10 of the air pressure in inches of mercury. The last row is for sea
level.""",
    "logistic_regression": """\
This model is not conjugate: its posterior is a two-dimensional integral, computed by quadrature to rounding. An sd of
`inf` is a flat prior of its coefficient. Then the posterior is improper if the coefficients can separate the zeros from
the ones, which is an error.

The design may have more rows than there are observations: the predictive is for the row after the last observation. In
the example, the second column of the design is the temperature at launch less 70 degrees Fahrenheit, in units of 10
degrees, and y is 1 if an O-ring was damaged. The last row is for 31 degrees, the launch of the Challenger.""",
    "hierarchical_normal": """\
This model is not conjugate: the posterior of $\\tau$ is no distribution with a name. But given $\\tau$ everything is
normal, so $\\mu$ and $\\theta$ are integrated out by formula. What remains is an integral over $\\tau$ alone, computed
by quadrature to rounding.

The first $n$ groups are observed. `noise_sds` may have more numbers than that: the next one, $\\sigma_{n+1}$, is the
noise of the next group, which the predictive is for. So the example has nine numbers for eight schools.""",
    "capture_recapture": """\
This is the model M0 of closed populations, with data augmentation: the rows of y are $n$ candidates, of which $C$ were
captured, and the number of animals $N$ is at most $n$. Take so many rows of zeros that the posterior of $N$ is 0 long
before $n$. In Python, `model.exact.abundance(model.y)` is the distribution of $N$. Given $N$ everything is beta, so the
posterior is a finite sum over $N$, with no integral left. The models Mt and Mb are in
{py:mod}`bayes.exact.capture_effects`.""",
    "independent_regression": """\
This model is not conjugate: unlike in `linear_regression`, the priors of the coefficients do not scale with the noise
sd, `noise_sd`, which is $\\sigma$. But given $\\sigma$ everything is normal. What remains is an integral over
$\\sigma$ alone, computed by quadrature to rounding. With flat priors, `inf` in `prior_sds` and the noise prior `flat`,
even that has a closed form.

The design may have more rows than there are observations: the predictive is for the row after the last observation. In
the example, the second column of the design is the distance of a nebula in millions of parsecs, and y is its radial
velocity in km/s. The last row is for a nebula at 1.5.""",
    "gaussian_process": """\
The function itself is integrated out by formula: given its hyperparameters, the data are normal. What remains is a
three-dimensional integral over the length-scale $\\rho$, the sd $\\alpha$ of the function and the variance $s$ of the
noise, `noise_variance`, computed by quadrature. The eigendecomposition of $K_\\rho$ is needed once for each value of
$\\rho$.

There may be more inputs than observations: the predictive is for the input after the last observation. In the example,
the inputs are years since 1875, and y is the level of Lake Huron in feet, less 579.""",
}
"""Model -> what a reader should know before the formulas."""
LONGEST_DATA = 40
"""Observations that are listed one by one."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages and their figures before Sphinx looks for its sources."""
    app.connect("config-inited", lambda app, _: write(Path(app.srcdir) / "models"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(folder: Path) -> None:
    """Write every page and every figure into ``folder``."""
    write_pages(folder, pages(), suffix=".md")
    for name, model in models.items():
        model_figures.write(folder, name, model)


def pages() -> dict[str, str]:
    """Return the text of each model's page, in MyST, by the model's name, and that of their index."""
    return {"index": index(), **{name: page(model) for name, model in models.items()}}


def index() -> str:
    """Return the page that lists the models."""
    rows = [
        [f"{{doc}}`{name} <{name}>`", model.example.title, ", ".join(f"`{v}`" for v in model.variables), model.source]
        for name, model in models.items()
    ]
    table = _table(["model", "what it is", "parameters", "example data"], rows)
    entries = "\n".join(f"{name} <{name}>" for name in models)
    return f"""\
# Models

This page lists the {len(models)} models whose posterior, predictive and evidence are known. Most have closed forms. The
others have finite sums, or integrals in one to three dimensions that are computed to rounding. The page of a model has
its formulas, its priors, its data sets, and how to get it in Python, in Stan and on the command line.
This page lists the {len(models)} models whose posterior, predictive and evidence are known. Nine have closed forms. The
posterior of `hierarchical_normal` is a one-dimensional integral, computed to rounding, and that of `gaussian_process` a
three-dimensional one. The page of a model has its
formulas, its priors, its data sets, and how to get it in Python, in Stan and on the command line.

{table}

To add a model of your own, see {{doc}}`/how_to/your_own_model`.

```{{toctree}}
:hidden:

{entries}
```
"""


def page(model: Model) -> str:
    """Return the page of one model."""
    example, family = model.example, type(model.exact)
    reference = f"{family.__module__}.{family.__qualname__}"
    formulas = "\n\n".join(f"**{name.capitalize()}**\n\n{_formula(latex)}" for name, latex in example.formulas.items())
    return f"""\
# {example.title}

This page describes the model `{model.name}`. In Python it is {{py:class}}`~{reference}`.

:::{{div}} model-figure
```{{image}} figures/{model.name}-light.svg
:alt: Prior and posterior density of every parameter, and the predictive beside the data.
:class: only-light
```
```{{image}} figures/{model.name}-dark.svg
:alt: Prior and posterior density of every parameter, and the predictive beside the data.
:class: only-dark
```
:::

{_caption(model)}

## Formulas

{NOTES.get(model.name, "")}

{formulas}

## Priors

The model in plain text, with the name that the code has for each symbol:

{_equations(example.equations)}

{_table(["hyperparameter", "meaning", "unit", "in the example"], _hyperparameters(model))}

All logarithms are natural, so the evidence is in nats.

## Data sets

{_data_sets(model)}

## Exact posterior of the example

{_table(["parameter", "mean", "sd", "5 % quantile", "median", "95 % quantile"], _marginals(model))}

The log evidence is {model.exact.log_evidence(model.y):.6f} nats.

## Get the model

In Python, with the example's data and hyperparameters:

```python
from bayes import models

model = models["{model.name}"]
posterior = model.exact.posterior(model.y)  # the joint posterior
for name, marginal in model.marginals.items():
    print(name, f"{{marginal.mean():.6g}}", f"{{marginal.std():.6g}}")
print(f"{{model.exact.log_evidence(model.y):.6f}} nats")
```

prints

```text
{_printed(model)}
```

As a PyMC program, which needs the extra `pymc`. Its variables have the names of the parameters above:

```python
program = model.program()  # a pm.Model with {", ".join(model.variables)}
```

On the command line, the description of the model, its Stan program, the data for Stan, and draws by NUTS:

```bash
closedform models {model.name}
closedform export {model.name} --format stan
closedform export {model.name} --format json
closedform sample {model.name} --out draws.nc
```

To check draws of your own sampler against this model:

```bash
closedform check draws.nc --model {model.name}
```

:::{{dropdown}} The Stan program
```stan
{_stan(model)}
```
:::

## References

{example.references}

Every method is described in the reference of {{py:class}}`~{reference}`.
"""


def _equations(equations: str) -> str:
    """Return a table of the equations in plain text, which wide gaps separate from the meaning of their symbols."""
    lines = [re.split(r" {7,}", line, maxsplit=1) for line in equations.splitlines()]
    return _table(["model", "symbols"], [[f"`{' '.join(left.split())}`", right] for left, right in lines])


def _formula(latex: str) -> str:
    """Return the parts of a formula, which wide spaces separate, so that they go over lines on a narrow screen."""
    parts = "\n\n".join(f"$$\n{part.strip()}\n$$" for part in re.split(r"\\q?quad\b", latex))
    return f":::{{div}} formula\n{parts}\n:::"


def _caption(model: Model) -> str:
    data = "Circles are the shares of the data." if model_figures.has_shares(model) else "Ticks are the data."
    priors = model_figures.with_prior(model)
    prior = "its prior" if len(priors) == len(model.marginals) else f"the prior of {' and '.join(priors)}"
    return (
        f"Blue lines are the exact posterior of each parameter, dashed lines {prior}. Red is the exact predictive of "
        f"the next observation. {data}"
    )


def _hyperparameters(model: Model) -> list[list[str]]:
    """Return a row for each entry of the docstring's parameters: names, meaning, units, and values in the example."""
    rows = []
    for parameter in NumpyDocString(cleandoc(type(model.exact).__doc__ or ""))["Parameters"]:
        names = parameter.name.split(", ")
        values = [_value(getattr(model.exact, name)) for name in names]
        meaning = " ".join(parameter.desc).replace("``", "`")
        units = dict.fromkeys(UNITS[model.name][name] for name in names)  # one, if they are the same
        rows.append([", ".join(f"`{name}`" for name in names), meaning, "; ".join(units), ", ".join(values)])
    return rows


def _data_sets(model: Model) -> str:
    """Return a table of the data sets, and the observations of each."""
    parts = []
    for data in data_sets(model.name):
        n = len(data.y)
        values = ", ".join(f"`{name} = {_value(value, LONGEST_DATA)}`" for name, value in vars(data.exact).items())
        source = f"{data.source[0].upper()}{data.source[1:]}; {n} observation{'s' if n > 1 else ''}."
        parts.append(f"`{data.data_set}`\n: {source} Hyperparameters: {values}.\n\n  {_observations(data.y)}")
    return "\n\n".join(parts)


def _observations(y: np.ndarray) -> str:
    if len(y) <= LONGEST_DATA:
        return "y = " + ", ".join(_value(value) for value in y)
    values, counts = np.unique(y, axis=0, return_counts=True)
    return "y = " + ", ".join(f"{count} times {_value(value)}" for value, count in zip(values, counts, strict=True))


def _value(value: Any, longest: int = 9) -> str:
    """Return a number, or an array of a few, as text; an array of more than ``longest`` numbers by its shape."""
    if isinstance(value, ScalePrior):
        return str(value)
    if np.ndim(value) == 0:
        return f"{value:.6g}"
    if np.size(value) > longest:
        return f"array of shape {np.shape(value)}"
    return f"({', '.join(_value(element) for element in value)})"


def _marginals(model: Model) -> list[list[str]]:
    return [
        [f"`{name}`", *(f"{x:.5g}" for x in [d.mean(), d.std(), *d.ppf([0.05, 0.5, 0.95])])]
        for name, d in model.marginals.items()
    ]


def _printed(model: Model) -> str:
    lines = [f"{name} {marginal.mean():.6g} {marginal.std():.6g}" for name, marginal in model.marginals.items()]
    return "\n".join([*lines, f"{model.exact.log_evidence(model.y):.6f} nats"])


def _stan(model: Model) -> str:
    from bayes.io import stan

    return stan.code(model.name).rstrip("\n")


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
