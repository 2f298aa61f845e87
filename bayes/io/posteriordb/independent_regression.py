"""posteriordb's linear regressions with unknown noise: priors of the coefficients that do not scale with it, or flat.

A Stan program without a statement about a parameter has a flat prior. The transformed data are those of the programs:
Stan's ``sd`` divides by n - 1.
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import inf, log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes.exact.distribution import Element
from bayes.exact.independent_regression import IndependentRegression
from bayes.exact.scale_priors import ScalePrior
from bayes.io.posteriordb.data import whole
from bayes.io.posteriordb.known import Built, Known

type Data = Mapping[str, Any]
type Column = NDArray[np.float64]

HALF_LOG_2PI = log(2 * pi) / 2
FLAT = ScalePrior("flat")
CLOSED_FORM = "closed form: flat priors, Student's t"
ONE_INTEGRAL = "integral over log sigma; coefficients by a generalised SVD"

SHA256 = {
    "earn_height": "cabef66313b5b1568716951892387134a46d92865a84710445970cc69bda163a",
    "log10earn_height": "69df8e51be53f4e4ac8a2756927a3b7dc2ca61cbaf4c6a65d790298287a049c2",
    "logearn_height": "2eca5eaba6ba31d6964eec624e819d84f7ba0a06a0289920b2276d933a31d64e",
    "logearn_height_male": "ec123759efa70e17517de7512ab5e33f23bfd6c03b2d94515df6aec8ea490c47",
    "logearn_interaction": "44c458ff3828043954961741018ee98c56bc14716d6e93dc046c31499e40c7fb",
    "logearn_interaction_z": "37e04ae7ae7e92d3d4fffc6720298a56d0a13d87f376ae34b19d3ba731551749",
    "logearn_logheight_male": "8855b00850ebc51d2ce10d58f0b8d212153e21f0b7c8bd5601e367282c798255",
    "kidscore_interaction": "da69847f12b07ca3e1e77a7e9aa349497dbbe2f0251b94b46c24c51b5309ad91",
    "kidscore_momhs": "555e35e50b5628fb981b5f0dafcf899feee4be0e4fcbbc5255f3d7df4128f15b",
    "kidscore_momhsiq": "de5689ba783aca3612123239b62e8e7da2b5a61785ac001bb4f7a6a601c99467",
    "kidscore_momiq": "4a09d0baf54d23c5a9f2aebaaf212c4017b839ba5b9f04910ec98cb698593a2f",
    "kidscore_interaction_c": "ab4821a0785f15ebcdea112d6436db3c2433f26aca8d10798f2824f752406727",
    "kidscore_interaction_c2": "f0e2de7b978b8ee263d3aa5fccdc4170e2f4d0678af5d6b8a0090162d084e9be",
    "kidscore_interaction_z": "af2ebd6cd04a66deaf879899b548cb6401c7d250dd6cae7f55c726a8e7f734d6",
    "kidscore_mom_work": "fe41ba28792cddf91df4f46e5b48c2bcf33c0f1a193148fc36b4a52483640d27",
    "mesquite": "5233a18e3656e4239b9a5e1c4bddc31803d3ce69c2dbb46a80b50c67e5efa036",
    "logmesquite": "fdeda33c27e66799a4e3a3da6f74c16c6bbf58ab7bf568bce0d5999d120498d3",
    "logmesquite_logva": "f21fbceb941f04848fe7a1385e5b5f331e08a259db0fa8655fc724e91f94f7fb",
    "logmesquite_logvas": "e0fdd63267a96b0701b09bdddf7b54256ea0850569d380b158d5864f780bd311",
    "logmesquite_logvash": "100f4d97f30927b394c0284e92d62686fa5d16cb0cefc62c7e950fc4b7595296",
    "logmesquite_logvolume": "14615192a3579e2b9bdfd474389da63fbd32a0a5e1cd392c897560b8886b8aad",
    "nes": "260e7acec9bef905cae306ff6defb97e525c116f018aba9c687af154c10c8e70",
    "kilpisjarvi": "49c1f6d1d7a12595957549ffac0159496c7216037dd07e7ff345e088394aba0a",
    "arK": "fd5c71a891f648de3b9b65e2a65885c974fd9478b0a137b6b229f76ff4e01de6",
    "blr": "e6407c4391ab11c0b59f17f3a04132df87aa69b7dae459e173036f16f9e8b161",
    "radon_pooled": "680277f397ca17ab3603fa8acb0042fe547cdedfd19d4bc22aedd40e3ae7d0de",
    "radon_county_intercept": "95b4c2b8aac6fb56de6d170f324e03cc37e8a87279e5ce9e48ce935dcb729a57",
    "sesame_one_pred_a": "8fa82cd7e6c4d1f23db8de2cd0f8a5eb6efedc8369ddccc5e4f3476a61d6fc73",
}
"""Stan program -> SHA-256 of the text that was read."""


def column(data: Data, name: str) -> Column:
    """Return a column of the data as float64."""
    return np.asarray(data[name], dtype=np.float64)


def centred(x: Column) -> Column:
    """Return x less its mean."""
    return x - x.mean()


def with_interaction(x: Column, z: Column) -> list[Column]:
    """Return two columns and their product."""
    return [x, z, x * z]


def levels(data: Data, name: str) -> list[Column]:
    """Return indicators of the values 2, 3 and 4 of a column of integers; 1 is the baseline."""
    values = whole(name, data[name], 1, 4)
    return [(values == level).astype(float) for level in (2, 3, 4)]


def mesquite_logs(data: Data) -> dict[str, Column]:
    """Return the logs of a bush's volume, area and shape, those of its height and density, and its group."""
    d1, d2, height = (column(data, name) for name in ("diam1", "diam2", "canopy_height"))
    logs = {"volume": np.log(d1 * d2 * height), "area": np.log(d1 * d2), "shape": np.log(d1 / d2)}
    others = {name: np.log(column(data, name)) for name in ("total_height", "density") if name in data}
    return logs | others | ({"group": column(data, "group")} if "group" in data else {})


def columns(*names: str) -> Callable[[Data], list[Column]]:
    """Return a function from the data to these columns."""
    return lambda data: [column(data, name) for name in names]


def volume_and(*names: str) -> Callable[[Data], list[Column]]:
    """Return a function from the data to the log volume of a bush, and its other logs ``names``."""
    return lambda data: [mesquite_logs(data)[name] for name in ("volume", *names)]


def standardised_interaction(data: Data) -> list[Column]:
    """Return the height in units of its sd, whether a person is male, and their product."""
    height = column(data, "height")
    return with_interaction(centred(height) / np.std(height, ddof=1), column(data, "male"))


def kids(transform: Callable[[Column, float], Column]) -> Callable[[Data], list[Column]]:
    """Return the columns of a child's mother: ``transform(x, reference)`` of school and IQ, and their product."""
    return lambda data: with_interaction(
        transform(column(data, "mom_hs"), 0.5), transform(column(data, "mom_iq"), 100.0)
    )


MESQUITE = ("diam1", "diam2", "canopy_height", "total_height", "density")

FLAT_PROGRAMS: dict[str, tuple[Callable[[Data], Column], Callable[[Data], list[Column]]]] = {
    "earn_height": (partial(column, name="earn"), columns("height")),
    "log10earn_height": (lambda d: np.log10(column(d, "earn")), columns("height")),
    "logearn_height": (lambda d: np.log(column(d, "earn")), columns("height")),
    "logearn_height_male": (lambda d: np.log(column(d, "earn")), columns("height", "male")),
    "logearn_interaction": (
        lambda d: np.log(column(d, "earn")),
        lambda d: with_interaction(column(d, "height"), column(d, "male")),
    ),
    "logearn_interaction_z": (lambda d: np.log(column(d, "earn")), standardised_interaction),
    "logearn_logheight_male": (
        lambda d: np.log(column(d, "earn")),
        lambda d: [np.log(column(d, "height")), column(d, "male")],
    ),
    "kidscore_interaction_c": (partial(column, name="kid_score"), kids(lambda x, _: centred(x))),
    "kidscore_interaction_c2": (partial(column, name="kid_score"), kids(lambda x, reference: x - reference)),
    "kidscore_interaction_z": (
        partial(column, name="kid_score"),
        kids(lambda x, _: centred(x) / (2 * np.std(x, ddof=1))),
    ),
    "kidscore_mom_work": (partial(column, name="kid_score"), partial(levels, name="mom_work")),
    "mesquite": (partial(column, name="weight"), columns(*MESQUITE, "group")),
    "logmesquite": (
        lambda d: np.log(column(d, "weight")),
        lambda d: [*(np.log(column(d, name)) for name in MESQUITE), column(d, "group")],
    ),
    "logmesquite_logvolume": (lambda d: np.log(column(d, "weight")), volume_and()),
    "logmesquite_logva": (lambda d: np.log(column(d, "weight")), volume_and("area", "group")),
    "logmesquite_logvas": (
        lambda d: np.log(column(d, "weight")),
        volume_and("area", "shape", "total_height", "density", "group"),
    ),
    "logmesquite_logvash": (
        lambda d: np.log(column(d, "weight")),
        volume_and("area", "shape", "total_height", "group"),
    ),
    "nes": (
        partial(column, name="partyid7"),
        lambda d: [
            *(column(d, name) for name in ("real_ideo", "race_adj")),
            *levels(d, "age_discrete"),
            *(column(d, name) for name in ("educ1", "gender", "income")),
        ],
    ),
    "sesame_one_pred_a": (partial(column, name="watched"), columns("encouraged")),
}
"""Stan program with flat priors -> its outcome, and its predictors after the intercept."""

HALF_CAUCHY_PROGRAMS: dict[str, Callable[[Data], list[Column]]] = {
    "kidscore_momhs": columns("mom_hs"),
    "kidscore_momiq": columns("mom_iq"),
    "kidscore_momhsiq": columns("mom_hs", "mom_iq"),
    "kidscore_interaction": lambda d: with_interaction(column(d, "mom_hs"), column(d, "mom_iq")),
}
"""Stan program of the score of a child with ``sigma ~ cauchy(0, 2.5)`` -> its predictors after the intercept."""


def vector(name: str, size: int, start: int = 0) -> dict[str, Element]:
    """Return a Stan vector as the coefficients from ``start`` on."""
    return {f"{name}[{k + 1}]": ("beta", (start + k,)) for k in range(size)}


def with_intercept(predictors: list[Column], n: int) -> NDArray[np.float64]:
    """Return the design (n, K) with a column of ones first."""
    return np.column_stack([np.ones(n), *predictors])


def flat(
    data: Data,
    outcome: Callable[[Data], Column],
    predictors: Callable[[Data], list[Column]],
    noise_prior: ScalePrior = FLAT,
    dropped: float = 0.0,
) -> Built:
    """Build a regression with flat priors of the coefficients; ``dropped`` is what the noise prior leaves out."""
    y = outcome(data)
    X = with_intercept(predictors(data), len(y))
    K = X.shape[1]
    return Built(
        model=IndependentRegression(
            design=X, prior_mean=np.zeros(K), prior_sds=np.full(K, inf), noise_prior=noise_prior
        ),
        y=y,
        elements=vector("beta", K) | {"sigma": ("noise_sd", ())},
        dropped=dropped - len(y) * HALF_LOG_2PI,
    )


def kilpisjarvi(data: Data) -> Built:
    """Build the regression of the temperature in Kilpisjarvi on the year, with its own prior of each coefficient."""
    y, sds = column(data, "y"), [data["psalpha"], data["psbeta"]]
    return Built(
        model=IndependentRegression(
            design=with_intercept([column(data, "x")], len(y)),
            prior_mean=[data["pmualpha"], data["pmubeta"]],
            prior_sds=sds,
            noise_prior=FLAT,
        ),
        y=y,
        elements={"alpha": ("beta", (0,)), "beta": ("beta", (1,)), "sigma": ("noise_sd", ())},
        dropped=-(len(y) + 2) * HALF_LOG_2PI - sum(map(log, sds)),
    )


def autoregression(data: Data) -> Built:
    """Build the autoregression of order K: the predictors of y_t are y_{t-1}, ..., y_{t-K}."""
    K, T, y = data["K"], data["T"], column(data, "y")
    lags = [y[K - k : T - k] for k in range(1, K + 1)]
    normals = (T - K) + (K + 1)
    return Built(
        model=IndependentRegression(
            design=with_intercept(lags, T - K),
            prior_mean=np.zeros(K + 1),
            prior_sds=np.full(K + 1, 10.0),
            noise_prior=ScalePrior("half_cauchy", 2.5),
        ),
        y=y[K:T],
        elements={"alpha": ("beta", (0,))} | vector("beta", K, start=1) | {"sigma": ("noise_sd", ())},
        dropped=log(2 / (pi * 2.5)) - normals * HALF_LOG_2PI - (K + 1) * log(10),
    )


def blr(data: Data) -> Built:
    """Build the regression without intercept. Its half-normal prior of sigma lacks the factor 2 in the Stan program."""
    X = np.asarray(data["X"], dtype=np.float64)
    D = X.shape[1]
    return Built(
        model=IndependentRegression(
            design=X, prior_mean=np.zeros(D), prior_sds=np.full(D, 10.0), noise_prior=ScalePrior("half_normal", 10.0)
        ),
        y=column(data, "y"),
        elements=vector("beta", D) | {"sigma": ("noise_sd", ())},
        log_factor=-log(2),
    )


def radon(data: Data, by_county: bool) -> Built:
    """Build the regression of log radon on the floor, with one intercept or one for each county, not pooled."""
    y, floor = column(data, "log_radon"), column(data, "floor_measure")
    J = data["J"] if by_county else 1
    county = whole("county_idx", data["county_idx"], 1, J) - 1 if by_county else np.zeros(len(y), dtype=int)
    K = J + 1
    return Built(
        model=IndependentRegression(
            design=np.column_stack([county[:, None] == np.arange(J), floor]),
            prior_mean=np.zeros(K),
            prior_sds=np.full(K, 10.0),
            noise_prior=ScalePrior("half_normal", 1.0),
        ),
        y=y,
        elements=(vector("alpha", J) if by_county else {"alpha": ("beta", (0,))})
        | {"beta": ("beta", (J,)), "sigma_y": ("noise_sd", ())},
        dropped=log(2) - (K + 1) * HALF_LOG_2PI - K * log(10),  # the likelihood keeps its constants
    )


def _known(name: str, how: str, build: Callable[[Data], Built]) -> Known:
    return Known(how=how, dimension=0 if how == CLOSED_FORM else 1, program_sha256=SHA256[name], build=build)


KNOWN: dict[str, Known] = {
    **{
        name: _known(name, CLOSED_FORM, partial(flat, outcome=outcome, predictors=predictors))
        for name, (outcome, predictors) in FLAT_PROGRAMS.items()
    },
    **{
        name: _known(
            name,
            ONE_INTEGRAL,
            partial(
                flat,
                outcome=partial(column, name="kid_score"),
                predictors=predictors,
                noise_prior=ScalePrior("half_cauchy", 2.5),
                dropped=log(2 / (pi * 2.5)),
            ),
        )
        for name, predictors in HALF_CAUCHY_PROGRAMS.items()
    },
    "kilpisjarvi": _known("kilpisjarvi", ONE_INTEGRAL, kilpisjarvi),
    "arK": _known("arK", ONE_INTEGRAL, autoregression),
    "blr": _known("blr", ONE_INTEGRAL, blr),
    "radon_pooled": _known("radon_pooled", ONE_INTEGRAL, partial(radon, by_county=False)),
    "radon_county_intercept": _known("radon_county_intercept", ONE_INTEGRAL, partial(radon, by_county=True)),
}
