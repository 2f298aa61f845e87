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
    "bayes.data": {"numpy"},
    "bayes.models": {"numpy", "bayes.exact", "bayes.programs"},
    "bayes.hyperparameters": {"numpy"},
    "bayes.stan": {"numpy", "bayes.models"},
    "bayes.__main__": {
        *[
            "numpy",
            "tyro",
            "rich",
            "bayes.models",
            "bayes.inference",
            "bayes.hyperparameters",
            "bayes.stan",
            "bayes.data",
        ],
        *["closedform", "bayes.check", "bayes.draws", "bayes.draws_file", "bayes.verdicts"],
    },
    "bayes.exact": {"numpy", "scipy", "bayes.exact"},
    "bayes.programs": {"numpy", "pymc", "bayes.exact"},
    "bayes.agreement": {
        *STATISTICS,
        "bayes.exact.projections",
        "bayes.convergence",
        "bayes.draws",
        "bayes.element_names",
        "bayes.evidence",
        "bayes.nulls",
        "bayes.verdicts",
    },
    "bayes.check": {
        *["numpy", "xarray", "bayes.exact.distribution", "bayes.exact.projections", "bayes.models"],
        *["bayes.agreement", "bayes.draws", "bayes.element_names", "bayes.two_stages", "bayes.verdicts"],
        "bayes.evidence",
    },
    "bayes.controls": {"numpy", "scipy", "bayes.check", "bayes.models", "bayes.verdicts"},
    "bayes.mistakes": {"numpy", "scipy", "bayes.calibration", "bayes.exact", "bayes.mistakes", "bayes.models"},
    "bayes.calibration": {"numpy", "bayes.check", "bayes.models", "bayes.two_stages", "bayes.verdicts"},
    "bayes.convergence": STATISTICS,
    "bayes.chains": STATISTICS,
    "bayes.draws": {*STATISTICS, "bayes.chains", "bayes.evidence"},
    "bayes.element_names": {"numpy", "xarray", "bayes.draws"},
    "bayes.draws_csv": {"numpy", "xarray", "pandas", "bayes.draws", "bayes.element_names"},
    "bayes.draws_file": {"xarray", "bayes.draws", "bayes.draws_csv"},
    "bayes.two_stages": {"numpy", "bayes.verdicts"},
    "bayes.evidence": {"numpy"},
    "bayes.nulls": STATISTICS,
    "bayes.verdicts": {*STATISTICS, "bayes.nulls"},
    "bayes.inference": {"numpy", "pymc", "xarray", "bayes.engines", "bayes.smc_kernels"},
    "bayes.smc_kernels": {"numpy", "scipy", "pymc"},
    "bayes.engines": {"numpy", "pymc", "xarray", "bayes.jax_engines"},
    "bayes.jax_engines": {"numpy", "pymc", "xarray", "arviz_base", "jax", "blackjax", "numpyro"},
    "nets": set(),
    "nets.validate": {"numpy", "jax.numpy", "jax.core"},
    "nets.backprop": {"jax.numpy", "nets.validate"},  # no autodiff, no Flax
    "nets.backprop_layers": {"jax.numpy", "nets.validate"},
    "nets.backprop_networks": {"jax.numpy", "nets.validate", "nets.backprop_layers"},
    "nets.initializers": {"jax", "flax", "nets.config"},
    "nets.linear": {"flax", "jax"},
    "nets.convolution": {"jax", "nets.linear"},
    "nets.mlp": {"jax", "flax", "nets.config", "nets.initializers"},
    "nets.conv": {"jax", "flax", "nets.config", "nets.convolution", "nets.initializers", "nets.mlp"},
    "nets.data": {"numpy", "sklearn", "nets.image_cache", "nets.tfds_folder"},
    "nets.image_cache": {"numpy", "platformdirs"},
    "nets.tfds_folder": {"numpy", "PIL", "tensorflow_datasets", "nets.tfrecord"},
    "nets.tfrecord": {"google_crc32c"},
    "nets.losses": {"jax", "flax", "optax"},
    "nets.provenance": set(),
    "nets.config": set(),
    "nets.devices": {"numpy", "jax"},
    "nets.hosts": {"numpy", "jax"},
    "nets.augmentation": {"jax", "nets.config"},
    "nets.optimizers": {"jax", "optax", "nets.config"},
    "nets.train_step": {
        *["numpy", "jax", "flax", "optax"],
        *["nets.augmentation", "nets.config", "nets.conv", "nets.convolution", "nets.devices", "nets.losses"],
        *["nets.linear", "nets.mlp"],
    },
    "nets.checkpoints": {"numpy", "jax", "orbax", "nets.hosts", "nets.train_step"},
    "nets.claims": {
        *["numpy", "filelock", "nets.checkpoints", "nets.config", "nets.data", "nets.hosts", "nets.runs"],
        *["nets.train_step"],
    },
    "nets.proportions": {"numpy", "scipy"},
    "nets.calibration": {"numpy", "scipy"},
    "nets.evaluate": {"numpy", "scipy", "sklearn", "nets.calibration", "nets.proportions", "nets.runs"},
    "nets.comparison": {"numpy", "scipy", "nets.evaluate", "nets.proportions"},
    "nets.error_groups": {"numpy", "scipy", "nets.evaluate", "nets.proportions"},
    "nets.shifts": {"numpy", "nets.runs"},
    "nets.summary": {
        *["numpy", "rich", "nets.calibration", "nets.comparison", "nets.evaluate", "nets.proportions", "nets.runs"],
    },
    "nets.terminal": {"rich"},
    "nets.ensemble": {"numpy", "scipy", "jax", "optax", "nets.config", "nets.train_step"},
    "nets.runs": {
        *["numpy", "scipy", "jax", "flax"],
        *["nets.checkpoints", "nets.config", "nets.data", "nets.ensemble", "nets.optimizers", "nets.train_step"],
    },
    "nets.train": {
        *[
            "numpy",
            "jax",
            "flax",
            "nets.checkpoints",
            "nets.claims",
            "nets.config",
            "nets.data",
            "nets.devices",
            "nets.ensemble",
            "nets.hosts",
            "nets.losses",
        ],
        *["nets.optimizers", "nets.provenance", "nets.runs", "nets.tfds_folder", "nets.train_step"],
    },
    "nets.prepare": {"tensorflow_datasets", "requests", "nets.tfds_folder"},
    "nets.__main__": {
        *["tyro", "rich", "nets.config", "nets.data", "nets.hosts", "nets.prepare", "nets.runs", "nets.summary"],
        *["closedform", "nets.terminal", "jax", "nets.devices", "nets.image_cache", "nets.tfds_folder", "nets.train"],
    },
    "nets.cubic": {"numpy", "jax", "flax", "optax"},
    "nets.step_sizes": {"numpy", "jax", "nets.blocks", "nets.testimony", "nets.witnesses"},
    "nets.witnesses": {"numpy", "jax"},  # functions and vectors in; knows no network
    "nets.reduced": {"numpy", "jax"},
    "nets.one_sided": {"numpy", "jax"},
    "nets.blocks": {"numpy", "jax", "nets.reduced", "nets.validate"},
    "nets.gradient_checks": {"numpy"},
    "nets.taylor": {"numpy", "nets.witnesses", "nets.gradient_checks", "nets.one_sided"},
    "nets.judging": {
        *["numpy", "jax", "nets.blocks", "nets.gradient_checks", "nets.one_sided", "nets.reduced", "nets.witnesses"],
    },
    "nets.testimony": {
        *["numpy", "jax", "nets.blocks", "nets.gradient_checks", "nets.judging", "nets.reduced", "nets.witnesses"],
    },
    "nets.gradients": {
        *["numpy", "jax", "nets.blocks", "nets.gradient_checks", "nets.judging", "nets.one_sided", "nets.reduced"],
        *["nets.taylor", "nets.testimony", "nets.witnesses"],
    },
    "reports": {
        *["numpy", "scipy", "matplotlib", "arviz_plots", "arviz_stats", "xarray", "jax", "jinja2", "markupsafe"],
        "ziamath",
        *["tyro", "rich", "flax", "bayes", "closedform", "nets", "reports"],
    },
}
MAY_PRINT = ("reports", "bayes.__main__", "nets.__main__")
PUTS_BACK = {"bayes.jax_engines"}  # undoes what importing PyMC's JAX module sets for the whole process
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
        ("bayes.engines", "from bayes.exact import normal_normal"),
        ("bayes.programs.new", "import reports.page"),
        ("nets.new", "from bayes.exact.normal_normal import EXAMPLE"),
        ("nets.backprop", "import jax"),
        ("nets.backprop", "from jax import grad"),
        ("nets.backprop_layers", "from flax import nnx"),
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
