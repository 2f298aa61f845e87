"""One transition of a kernel, from draws of the joint distribution of parameters and data (Geweke 2004).

Parameters theta_i are drawn from the prior and data y_i given them. If the kernel leaves every posterior invariant,
then (theta_i', y_i) with theta_i' ~ K(theta_i, . | y_i) is a draw of the joint distribution too. So is (theta_i', y_i')
if the kernel also draws data, y_i' ~ p(y | theta_i'). So E h(theta', y') = E h(theta, y) for every h.

Geweke (2004, "Getting it right: joint distribution tests of posterior simulators", Journal of the American Statistical
Association 99) compares one long chain of this kind with draws of the joint distribution. Here n independent chains
make one transition each, so that a paired t-test does it: no autocorrelation has to be estimated. No exact posterior is
needed, ``simulate`` is enough. With r(.) the normal score of the rank among all 2 n values before and after, h is ::

    location       r(x)                for each scalar of theta, the mean and the mean square of y, and log p(y | theta)
    scale          r(x)^2              for each of them, and for x = r(theta_k) less its regression on means of y
    correlation    r(theta_k) r(x)     with x the mean of y

``check_kernel`` sees the kernel at one data set. This test sees errors that only other data bring out: data that were
fixed when the kernel was compiled, branches for rare data, and a wrong update of the data. It is weaker on the rest:
an error with opposite signs on different data sets moves the correlation alone, the mean of h before the transition is
an estimate too, and fewer chains are affordable, because each has its own data.
"""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata, t

from bayes._check import ExactModel
from bayes.calibration.simulation import LOG_LIKELIHOOD, exact_simulation
from bayes.calibration.transitions import FEWEST_MOVES, State, Step, moved, named_steps, transition, validated_sizes
from bayes.checking.judging import judge
from bayes.checking.results import Check, Checks
from bayes.exact.distribution import element_name
from bayes.registry import Model, get_model
from closedform.multiple_testing import ALPHA

type Array = NDArray[np.float64]

DATA = "y"
"""Name of the data beside the variables."""
MEAN, SQUARE = "mean of y", "mean square of y"


def check_joint_kernel(
    step: Step | Mapping[str, Step],
    model: ExactModel | Model | Any,
    *,
    observations: int | None = None,
    n: int = 2000,
    transitions: int = 1,
    seed: int = 0,
    alpha: float = ALPHA,
) -> Checks:
    """Check that a kernel leaves the joint distribution of parameters and data invariant.

    Parameters
    ----------
    step
        As in ``check_kernel``, but each chain has data of its own: ``step(theta, y, rng)`` gets ``y`` of shape (n, N,
        ...). It returns the next states, or ``(theta, y)`` if it draws data too. A dict of steps is checked one by one.
    model
        A model of the registry or its name, or an object whose ``simulate(rng, N)`` draws parameters from the prior
        and N observations given them, and returns ``(params, y)``.
    observations
        N; by default as many as the registry's data have.
    n
        Number of independent chains, each with its own data.
    transitions
        How many times the kernel is applied.
    seed
        Chain i starts from the i-th simulated data set of ``calibrate`` with this seed.
    alpha
        Probability that a right kernel has a failed check, over all updates.

    Returns
    -------
    Checks
        ``exact`` is the mean before the transition, in normal scores, and ``estimate`` the mean after it.

    Raises
    ------
    ValueError
        If ``step`` returns something else (see ``check_kernel``), ``model`` has no ``simulate`` or a flat prior, its
        data sets differ in shape, or ``observations`` is missing.

    Examples
    --------
    A Gibbs update of the mean of a normal, which has data of its own, and one whose data were fixed:

    >>> import numpy as np
    >>> from bayes import models
    >>> model = models["normal_normal"]
    >>> def update(theta, y, rng):
    ...     m0, tau, sigma = model.exact.prior_mean, model.exact.prior_sd, model.exact.noise_sd
    ...     precision = 1 / tau**2 + y.shape[-1] / sigma**2
    ...     mean = (m0 / tau**2 + y.sum(axis=-1) / sigma**2) / precision
    ...     return {"mu": rng.normal(mean, precision**-0.5, size=len(theta["mu"]))}
    >>> check_joint_kernel(update, model).verdict
    'pass'
    >>> check_joint_kernel(lambda theta, y, rng: update(theta, model.y, rng), model).verdict
    'fail'
    """
    steps = named_steps(step)
    validated_sizes(n, transitions, seed)
    if isinstance(model, str):
        model = get_model(model)
    simulation = exact_simulation(model, observations)
    theta, y = _joint_draws([simulation.data_set(seed, i) for i in range(n)])
    before = _scalars(simulation.exact, theta, y)
    checks: list[Check] = []
    notes: list[str] = []
    for place, (name, update) in enumerate(steps.items(), 1):
        rng = np.random.default_rng([seed, n, place, 3])
        new_theta, new_y = theta, y
        for _ in range(transitions):
            new_theta, new_y = transition(update, new_theta, new_y, rng, name=name, draws_data=True)
        moves = int(moved(theta | {DATA: y}, new_theta | {DATA: new_y}).sum())
        reason = f"{moves} of {n} states moved, fewer than {FEWEST_MOVES}" if moves < FEWEST_MOVES else ""
        checks += joint_checks(before, _scalars(simulation.exact, new_theta, new_y), model=name, reason=reason)
        notes.append(f"{f'{name}: ' if name else ''}{100 * moves / n:.3g} % of the states moved.")
    return judge(checks, alpha=alpha, notes=notes)


def joint_checks(
    before: Mapping[str, Array], after: Mapping[str, Array], *, model: str = "", reason: str = ""
) -> list[Check]:
    """Return the checks of scalars before and after, each (n,), before they are judged.

    Scalars that did not change are left out, unless none changed.
    """
    scores = {name: _scores(before[name], after[name]) for name in before}
    still = [name for name in before if np.array_equal(before[name], after[name])]
    shown = [name for name in before if name not in still] or list(before)
    checks = []
    for name in shown:
        r, r_new = scores[name]
        checks.append(_paired(name, "location", r, r_new, model=model, reason=reason))
        checks.append(_paired(name, "scale", r**2, r_new**2, model=model, reason=reason))
    of_data = [name for name in before if name.startswith((MEAN, SQUARE))]
    for name in (name for name in before if name not in of_data and name != LOG_LIKELIHOOD):
        if not {name, *of_data}.isdisjoint(shown):
            u, u_new = _residuals(scores[name], [scores[other] for other in of_data])
            checks.append(_paired(f"{name} | y", "scale", u**2, u_new**2, model=model, reason=reason))
        for mean in (other for other in of_data if other.startswith(MEAN)):
            if not {name, mean}.isdisjoint(shown):
                (r, r_new), (s, s_new) = scores[name], scores[mean]
                checks.append(
                    _paired(f"{name}, {mean}", "correlation", r * s, r_new * s_new, model=model, reason=reason)
                )
    return checks


def _joint_draws(data_sets: list[tuple[dict[str, Any], Any]]) -> tuple[State, NDArray[Any]]:
    """Return the parameters (n, ...) and the data (n, N, ...)."""
    shapes = {np.shape(y) for _, y in data_sets}
    if len(shapes) > 1:
        raise ValueError(
            f"`model.simulate` must return data of one shape, got {', '.join(map(str, sorted(shapes)[:3]))}."
        )
    theta = {name: np.array([params[name] for params, _ in data_sets]) for name in data_sets[0][0]}
    return theta, np.array([y for _, y in data_sets])


def _scalars(exact: Any, theta: State, y: NDArray[Any]) -> dict[str, Array]:
    """Return every scalar whose distribution is compared, (n,), by name."""
    found: dict[str, Array] = {}
    y = y.astype(float)
    rows = y.reshape(len(y), y.shape[1], -1) if y.ndim > 1 else y[:, None, None]
    for name, values in (*theta.items(), (MEAN, rows.mean(axis=1)), (SQUARE, np.mean(rows**2, axis=1))):
        one = name in (MEAN, SQUARE) and values.shape[1] == 1
        values = values[:, 0] if one else values
        for place in np.ndindex(*values.shape[1:]):
            found[element_name((name, place))] = values[(slice(None), *place)].astype(float)
    if hasattr(exact, "log_likelihood"):
        with np.errstate(all="ignore"):  # outside of the support it may have no value
            log_likelihood = [
                exact.log_likelihood({name: values[i] for name, values in theta.items()}, y[i]) for i in range(len(y))
            ]
        found[LOG_LIKELIHOOD] = np.nan_to_num(
            np.array(log_likelihood, dtype=float), nan=-np.inf, posinf=np.inf, neginf=-np.inf
        )
    return found


def _scores(x: Array, x_new: Array) -> tuple[Array, Array]:
    """Return the normal scores of the ranks among all 2 n values, before and after."""
    n = len(x)
    r = ndtri((rankdata(np.concatenate([x, x_new])) - 0.5) / (2 * n))
    return r[:n], r[n:]


def _residuals(scores: tuple[Array, Array], others: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return the normal scores of the residuals of ``scores`` regressed on ``others``, before and after."""
    r, X = np.concatenate(scores), np.array([np.concatenate(pair) for pair in others]).T
    u = r - X @ np.linalg.lstsq(X, r)[0]
    return _scores(*np.split(u, 2))


def _paired(name: str, statistic: str, h: Array, h_new: Array, *, model: str, reason: str) -> Check:
    """Return the paired t-test of E h' = E h."""
    n, D = len(h), h_new - h
    error, null_error = float(D.mean()), float(D.std(ddof=1) / sqrt(n))
    p = float(2 * t.sf(abs(error) / null_error, n - 1)) if null_error > 0 else float(error == 0)
    exact, estimate = float(h.mean()), float(h_new.mean())
    if statistic == "scale":  # of the sd
        exact, estimate = sqrt(exact), sqrt(estimate)
        error, null_error = estimate - exact, null_error / (2 * exact)
    return Check(
        parameter=name,
        statistic=statistic,
        exact=exact,
        estimate=estimate,
        error=error,
        null_error=null_error if null_error > 0 else float("nan"),
        p_value=p,
        degrees_of_freedom=n - 1,
        ess=n,
        reason=reason,
        model=model,
    )
