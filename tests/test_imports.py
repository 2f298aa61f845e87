"""Who may import whom, read from the source, and what importing a closed form costs, seen in a fresh interpreter."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STANDARD = sys.stdlib_module_names

# Module prefix -> what it may import besides the standard library. The longest prefix that fits a module rules it.
STATISTICS = {"numpy", "scipy", "xarray", "arviz_stats", "bayes.exact.distribution"}  # no model and no pymc
MAY_IMPORT = {
    "closedform": set(),
    "bayes": set(),
    "bayes.io.observations": {"numpy"},
    "bayes.registry": {"numpy", "bayes.exact", "bayes.programs"},
    "bayes.io.options": {"numpy"},
    "bayes.io.stan": {"numpy", "bayes.registry"},
    "bayes.__main__": {
        *[
            "numpy",
            "tyro",
            "rich",
            "bayes.registry",
            "bayes.sampling.inference",
            "bayes.io.options",
            "bayes.io.stan",
            "bayes.io.observations",
        ],
        *["closedform", "bayes._check", "bayes.io.draws", "bayes.io.draws_file", "bayes.checking.results"],
    },
    "bayes.exact": {"numpy", "scipy", "bayes.exact"},
    "bayes.programs": {"numpy", "pymc", "bayes.exact"},
    "bayes.checking.statistics": {
        *STATISTICS,
        "bayes.exact.projections",
        "bayes.checking.convergence",
        "bayes.io.draws",
        "bayes.io.element_names",
        "bayes.evidence.estimates",
        "bayes.checking.null_distributions",
        "bayes.checking.results",
    },
    "bayes._check": {
        *["numpy", "xarray", "bayes.exact.distribution", "bayes.exact.projections", "bayes.registry"],
        *[
            "bayes.checking.statistics",
            "bayes.io.draws",
            "bayes.io.element_names",
            "bayes.checking.two_stages",
            "bayes.checking.results",
        ],
        "bayes.evidence.estimates",
    },
    "bayes.faults.faulty_samplers": {"numpy", "scipy", "bayes._check", "bayes.registry", "bayes.checking.results"},
    "bayes.faults.faulty_updates": {
        "numpy",
        "scipy",
        "bayes.faults.false_alarms",
        "bayes.exact",
        "bayes.faults.faulty_updates",
        "bayes.registry",
    },
    "bayes.faults.false_alarms": {
        "numpy",
        "bayes._check",
        "bayes.registry",
        "bayes.checking.two_stages",
        "bayes.checking.results",
    },
    "bayes.checking.convergence": STATISTICS,
    "bayes.io.independent_chains": STATISTICS,
    "bayes.io.draws": {*STATISTICS, "bayes.io.independent_chains", "bayes.evidence.estimates"},
    "bayes.io.element_names": {"numpy", "xarray", "bayes.io.draws"},
    "bayes.io._draws_csv": {"numpy", "xarray", "pandas", "bayes.io.draws", "bayes.io.element_names"},
    "bayes.io.draws_file": {"xarray", "bayes.io.draws", "bayes.io._draws_csv"},
    "bayes.checking.two_stages": {"numpy", "bayes.checking.results"},
    "bayes.evidence.estimates": {"numpy"},
    "bayes.checking.null_distributions": STATISTICS,
    "bayes.checking.results": {*STATISTICS, "bayes.checking.null_distributions"},
    "bayes.sampling.inference": {"numpy", "pymc", "xarray", "bayes.sampling.engines", "bayes.sampling.smc_kernels"},
    "bayes.sampling.smc_kernels": {"numpy", "scipy", "pymc"},
    "bayes.sampling.engines": {"numpy", "pymc", "xarray", "bayes.sampling._jax_engines"},
    "bayes.sampling._jax_engines": {"numpy", "pymc", "xarray", "arviz_base", "jax", "blackjax", "numpyro"},
    "nets": set(),
    "nets.backprop.validate": {"numpy", "jax.numpy", "jax.core"},
    "nets.backprop.one_hidden_layer": {"jax.numpy", "nets.backprop.validate"},  # no autodiff, no Flax
    "nets.backprop.layers": {"jax.numpy", "nets.backprop.validate"},
    "nets.backprop.networks": {"jax.numpy", "nets.backprop.validate", "nets.backprop.layers"},
    "nets.models.initialization": {"jax", "flax", "nets.training.config"},
    "nets.models.linear_layers": {"flax", "jax"},
    "nets.models.convolutions": {"jax", "nets.models.linear_layers"},
    "nets.models.mlp": {"jax", "flax", "nets.training.config", "nets.models.initialization"},
    "nets.models.conv_net": {
        "jax",
        "flax",
        "nets.training.config",
        "nets.models.convolutions",
        "nets.models.initialization",
        "nets.models.mlp",
    },
    "nets.data.datasets": {"numpy", "sklearn", "nets.data.image_cache", "nets.data.tfds_folder"},
    "nets.data.image_cache": {"numpy", "platformdirs"},
    "nets.data.tfds_folder": {"numpy", "PIL", "tensorflow_datasets", "nets.data._tfrecord"},
    "nets.data._tfrecord": {"google_crc32c"},
    "nets.models.losses": {"jax", "flax", "optax"},
    "closedform.provenance": set(),
    "nets.training.config": set(),
    "nets.distributed.mesh": {"numpy", "jax"},
    "nets.distributed.processes": {"numpy", "jax"},
    "nets.data.augmentation": {"jax", "nets.training.config"},
    "nets.training.optimizers": {"jax", "optax", "nets.training.config"},
    "nets.training.step": {
        *["numpy", "jax", "flax", "optax"],
        *[
            "nets.data.augmentation",
            "nets.training.config",
            "nets.models.conv_net",
            "nets.models.convolutions",
            "nets.distributed.mesh",
            "nets.models.losses",
        ],
        *["nets.models.linear_layers", "nets.models.mlp"],
    },
    "nets.training.checkpoints": {"numpy", "jax", "orbax", "nets.distributed.processes", "nets.training.step"},
    "nets.training.run_lock": {
        *[
            "numpy",
            "filelock",
            "nets.training.checkpoints",
            "nets.training.config",
            "nets.data.datasets",
            "nets.distributed.processes",
            "nets.training.runs",
        ],
        *["nets.training.step"],
    },
    "nets.evaluation.intervals": {"numpy", "scipy"},
    "nets.evaluation.calibration_error": {"numpy", "scipy"},
    "nets.evaluation.metrics": {
        "numpy",
        "scipy",
        "sklearn",
        "nets.evaluation.calibration_error",
        "nets.evaluation.intervals",
        "nets.training.runs",
    },
    "nets.evaluation.comparison": {"numpy", "scipy", "nets.evaluation.metrics", "nets.evaluation.intervals"},
    "nets.evaluation.confused_classes": {"numpy", "scipy", "nets.evaluation.metrics", "nets.evaluation.intervals"},
    "nets.evaluation.translation_robustness": {"numpy", "nets.training.runs"},
    "nets.evaluation.tables": {
        *[
            "numpy",
            "rich",
            "nets.evaluation.calibration_error",
            "nets.evaluation.comparison",
            "nets.evaluation.metrics",
            "nets.evaluation.intervals",
            "nets.training.runs",
        ],
    },
    "nets._terminal": {"rich"},
    "nets.training.ensemble": {"numpy", "scipy", "jax", "optax", "nets.training.config", "nets.training.step"},
    "nets.training.runs": {
        *["numpy", "scipy", "jax", "flax"],
        *[
            "nets.training.checkpoints",
            "nets.training.config",
            "nets.data.datasets",
            "nets.training.ensemble",
            "nets.training.optimizers",
            "nets.training.step",
        ],
    },
    "nets.training.fitting": {
        *[
            "numpy",
            "jax",
            "flax",
            "nets.training.checkpoints",
            "nets.training.run_lock",
            "nets.training.config",
            "nets.data.datasets",
            "nets.distributed.mesh",
            "nets.training.ensemble",
            "nets.distributed.processes",
            "nets.models.losses",
        ],
        *[
            "nets.training.optimizers",
            "closedform.provenance",
            "nets.training.runs",
            "nets.data.tfds_folder",
            "nets.training.step",
        ],
    },
    "nets.data.preparation": {"tensorflow_datasets", "requests", "nets.data.tfds_folder"},
    "nets.__main__": {
        *[
            "tyro",
            "rich",
            "nets.training.config",
            "nets.data.datasets",
            "nets.distributed.processes",
            "nets.data.preparation",
            "nets.training.runs",
            "nets.evaluation.tables",
        ],
        *[
            "closedform",
            "nets._terminal",
            "jax",
            "nets.distributed.mesh",
            "nets.data.image_cache",
            "nets.data.tfds_folder",
            "nets.training.fitting",
        ],
    },
    "reports.gradients.cubic": {"numpy", "jax", "flax", "optax"},
    "nets.gradcheck.error_by_step": {
        "numpy",
        "jax",
        "nets.gradcheck._leaves",
        "nets.gradcheck.estimates",
        "nets.gradcheck.derivatives",
    },
    "nets.gradcheck.derivatives": {"numpy", "jax"},  # functions and vectors in; knows no network
    "nets.gradcheck._reduced_programs": {"numpy", "jax"},
    "nets.gradcheck._one_sided_slopes": {"numpy", "jax"},
    "nets.gradcheck._leaves": {"numpy", "jax", "nets.gradcheck._reduced_programs", "nets.backprop.validate"},
    "nets.gradcheck.results": {"numpy"},
    "nets.gradcheck.taylor_remainders": {
        "numpy",
        "nets.gradcheck.derivatives",
        "nets.gradcheck.results",
        "nets.gradcheck._one_sided_slopes",
    },
    "nets.gradcheck.verdicts": {
        *[
            "numpy",
            "jax",
            "nets.gradcheck._leaves",
            "nets.gradcheck.results",
            "nets.gradcheck._one_sided_slopes",
            "nets.gradcheck._reduced_programs",
            "nets.gradcheck.derivatives",
        ],
    },
    "nets.gradcheck.estimates": {
        *[
            "numpy",
            "jax",
            "nets.gradcheck._leaves",
            "nets.gradcheck.results",
            "nets.gradcheck.verdicts",
            "nets.gradcheck._reduced_programs",
            "nets.gradcheck.derivatives",
        ],
    },
    "nets.gradcheck.checks": {
        *[
            "numpy",
            "jax",
            "nets.gradcheck._leaves",
            "nets.gradcheck.results",
            "nets.gradcheck.verdicts",
            "nets.gradcheck._one_sided_slopes",
            "nets.gradcheck._reduced_programs",
        ],
        *["nets.gradcheck.taylor_remainders", "nets.gradcheck.estimates", "nets.gradcheck.derivatives"],
    },
    "reports": {
        *["numpy", "scipy", "matplotlib", "arviz_plots", "arviz_stats", "xarray", "jax", "jinja2", "markupsafe"],
        "ziamath",
        *["tyro", "rich", "flax", "bayes", "closedform", "nets", "reports"],
    },
}
MAY_PRINT = ("reports", "bayes.__main__", "nets.__main__")
PUTS_BACK = {"bayes.sampling._jax_engines"}  # undoes what importing PyMC's JAX module sets for the whole process
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for package in ["bayes", "closedform", "nets", "reports"]
    for file in (ROOT / package).rglob("*.py")
}


def rule_of(module):
    fitting = [prefix for prefix in MAY_IMPORT if module == prefix or module.startswith(f"{prefix}.")]
    return MAY_IMPORT[max(fitting, key=len)]


def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            yield from modules or {node.module or "."}


def forbidden(module, source):
    allowed = rule_of(module)
    return {
        name
        for name in imports(source)
        if name.split(".")[0] not in STANDARD
        and not any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_layer_may(module):
    assert not forbidden(module, MODULES[module].read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bayes.exact.new", "import pymc"),
        ("bayes.sampling.engines", "from bayes.exact import normal_normal"),
        ("bayes.programs.new", "import reports.shared.page"),
        ("nets.new", "from bayes.exact.normal_normal import EXAMPLE"),
        ("nets.backprop.one_hidden_layer", "import jax"),
        ("nets.backprop.one_hidden_layer", "from jax import grad"),
        ("nets.backprop.layers", "from flax import nnx"),
        ("bayes.new", "def f():\n    import jax.numpy"),
    ],
)
def test_the_rule_sees_a_forbidden_import(module, source):
    assert forbidden(module, source)


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith(MAY_PRINT)])
def test_print_and_global_settings_stay_at_the_edge(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    names = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert "print" not in names
    settings = {name for name in attributes if "rcParams" in name or "jax.config" in name}
    assert bool(settings) == (module in PUTS_BACK)


def loaded_by(statement):
    """What a fresh interpreter has loaded after ``statement``."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    return set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))


def test_a_closed_form_loads_neither_pymc_nor_jax():
    loaded = loaded_by("import bayes.exact.normal_normal")
    assert "scipy.stats" in loaded
    assert not loaded & {"pymc", "pytensor", "jax", "arviz", "xarray", "matplotlib"}
    assert "pymc" in loaded_by("import bayes.programs.normal_normal")  # the check can see it


def test_a_closed_form_adds_next_to_nothing_to_scipy_stats():
    ours = loaded_by("import bayes.exact.normal_normal") - loaded_by("import scipy.stats")
    foreign = {name for name in ours if not name.startswith("bayes")}
    assert foreign <= {"dataclasses", "numpy.typing", "numbers"} | STANDARD
