"""Who may import whom, held by the contracts in pyproject.toml; and what importing a closed form costs."""

import ast
import json
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STANDARD = sys.stdlib_module_names
LINT_IMPORTS = shutil.which("lint-imports", path=Path(sys.executable).parent)
PACKAGES = ["bayes", "closedform", "nets", "reports"]
MAY_PRINT = ("reports", "bayes.__main__", "nets.__main__")
MAY_SET = {
    "bayes.sampling._jax_engines",  # undoes what importing PyMC's JAX module sets for the whole process
    "nets.distributed.processes",  # connects a process, and chooses its GPU as `jax.distributed.initialize` does
}
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
}


def lint(folder, contracts, root=ROOT):
    """Run import-linter with ``contracts``, as TOML, on the packages in ``root``; return its exit code and output."""
    (folder / "contracts.toml").write_text(contracts, encoding="utf-8")
    command = [LINT_IMPORTS, "--config", folder / "contracts.toml", "--no-cache"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    return finished.returncode, finished.stdout


def test_the_contracts_are_kept(tmp_path):
    code, output = lint(tmp_path, (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert code == 0, output
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert f"{len(contracts)} kept, 0 broken" in output


FORBIDDEN = {
    "bayes.approximations.results": "bayes.exact.normal_normal",
    "bayes.checking.results": "bayes.exact.normal_normal",
    "bayes.exact.validate": "jax",
    "bayes.faults.false_alarms": "pymc",
    "bayes.programs.normal_normal": "reports.shared.page",
    "bayes.registry": "jax",
    "bayes.sampling.engines": "bayes.exact.normal_normal",
    "closedform.files": "jax",
    "nets.backprop.layers": "flax",
    "nets.data.splits": "optax",
    "nets.distributed.mesh": "sklearn",
    "nets.models.mlp": "nets.training.config",
    "nets.training.config": "bayes.exact.normal_normal",
    "reports.gradients.library": "bayes.registry",
    "reports.samplers.grid": "nets.training.runs",
    "reports.shared.page": "bayes.checking.results",
}
"""Module -> what it may not import."""


def test_every_forbidden_import_is_found(tmp_path):
    """Negative controls of the contracts, all in one copy of the packages."""
    for package in [*PACKAGES, "benchmarks", "docs", "tests"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for module, name in FORBIDDEN.items():
        file = tmp_path / MODULES[module].relative_to(ROOT)
        file.write_text(f"{file.read_text(encoding='utf-8')}\n\nimport {name}\n", encoding="utf-8")
    code, output = lint(tmp_path, (ROOT / "pyproject.toml").read_text(encoding="utf-8"), tmp_path)
    assert code == 1
    missed = {module for module, name in FORBIDDEN.items() if f"{module} -> {name} " not in output}
    assert not missed


MAY_IMPORT = {
    "bayes.exact": {"numpy", "scipy", "lazy_loader", "bayes", "closedform"},
    "closedform": {"numpy", "tyro", "closedform"},
    "nets.backprop": {"jax.numpy", "nets"},
    "nets.backprop.validate": {"jax.numpy", "jax.core", "numpy", "nets"},
}
"""Package or module -> what it may import besides the standard library; the longest name that fits rules a module."""


def foreign(module, source):
    rule = max((name for name in MAY_IMPORT if f"{module}.".startswith(f"{name}.")), key=len)
    return {
        name
        for name in imports(source)
        if name.split(".")[0] not in STANDARD and not {name, name.split(".")[0]} & MAY_IMPORT[rule]
    }


@pytest.mark.parametrize("package", ["bayes.exact", "closedform", "nets.backprop"])
def test_closed_forms_and_gradients_by_hand_import_what_they_may(package):
    for module, file in MODULES.items():
        if f"{module}.".startswith(f"{package}."):
            assert not foreign(module, file.read_text(encoding="utf-8")), module


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bayes.exact.new", "import h5py"),
        ("closedform.new", "from rich.console import Console"),
        ("nets.backprop.layers", "import jax"),
        ("nets.backprop.layers", "from jax import grad"),
        ("nets.backprop.layers", "def f():\n    from flax import nnx"),
    ],
)
def test_a_foreign_import_is_found(module, source):
    assert foreign(module, source)


def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def clashes(sources):
    """Modules with the name of a public object of their package: ``from package import name`` is one or the other."""
    modules, public = defaultdict(set), defaultdict(set)
    for module, source in sources.items():
        package, _, name = module.rpartition(".")
        modules[package].add(name)
        for node in ast.parse(source).body:
            names = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            public[package] |= {getattr(name, "id", name) for name in names}
    return {f"{package}.{name}" for package in modules for name in modules[package] & public[package]} - {
        "bayes._check"
    }


def test_no_module_has_the_name_of_what_is_public_beside_it():
    assert not clashes({module: file.read_text(encoding="utf-8") for module, file in MODULES.items()})
    assert clashes({"nets.evaluate": "", "nets.run": "def evaluate():\n    pass"}) == {"nets.evaluate"}


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith(MAY_PRINT)])
def test_print_and_global_settings_stay_at_the_edge(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    names = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert "print" not in names
    settings = {name for name in attributes if "rcParams" in name or "jax.config" in name}
    assert bool(settings) == (module in MAY_SET)


def loaded_by(*statements):
    """What a fresh interpreter has loaded after each of ``statements``, one after the other."""
    code = "import json, sys\n" + "".join(f"{line}\nprint(json.dumps(list(sys.modules)))\n" for line in statements)
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    return [set(json.loads(line)) for line in output.splitlines()]


def test_what_a_fresh_interpreter_loads():
    face, _, stats, closed_form, check, control = loaded_by(
        "import bayes, nets; assert set(dir(bayes)) > {'check', 'models'}; assert 'fit' in dir(nets)",
        "import numpy.typing",
        "import scipy.stats",
        "import bayes.exact.normal_normal",
        "from bayes import check, check_sampler, load_draws, models",
        "import mpmath",
    )
    # the public face is lazy
    assert not face & {"numpy", "scipy", "pymc", "jax", "flax", "xarray"}
    # a closed form adds next to nothing to scipy.stats
    ours = {name for name in closed_form - stats if not name.startswith(("bayes", "closedform", "lazy_loader"))}
    assert ours <= {"dataclasses", "numbers"} | STANDARD
    assert not closed_form & {"pymc", "pytensor", "jax", "arviz", "xarray", "matplotlib"}
    assert not check & {"pymc", "pytensor", "jax._src"}  # ArviZ leaves a `jax` that is loaded when it is first used
    assert "mpmath" in control - check  # the test can see what is loaded
