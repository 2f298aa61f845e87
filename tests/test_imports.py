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
PUTS_BACK = {"bayes.sampling._jax_engines"}  # undoes what importing PyMC's JAX module sets for the whole process
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
}


def lint(folder, contracts):
    """Run import-linter on ``contracts``, as TOML, and return its exit code and what it says."""
    (folder / "contracts.toml").write_text(contracts, encoding="utf-8")
    command = [LINT_IMPORTS, "--config", folder / "contracts.toml", "--no-cache"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return finished.returncode, finished.stdout


def test_the_contracts_are_kept(tmp_path):
    code, output = lint(tmp_path, (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert code == 0, output
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert f"{len(contracts)} kept, 0 broken" in output


@pytest.mark.parametrize(
    "contract",
    [
        'type = "forbidden"\nsource_modules = ["bayes.exact"]\nforbidden_modules = ["scipy"]',
        'type = "layers"\nlayers = ["closedform", "bayes"]',
        'type = "forbidden"\nsource_modules = ["bayes.testing"]\nforbidden_modules = ["xarray"]',  # indirectly
    ],
)
def test_a_broken_contract_is_found(contract, tmp_path):
    settings = '[tool.importlinter]\nroot_packages = ["bayes", "closedform"]\ninclude_external_packages = true\n'
    code, output = lint(tmp_path, f'{settings}[[tool.importlinter.contracts]]\nname = "control"\n{contract}\n')
    assert code == 1
    assert "0 kept, 1 broken" in output


def test_a_gradient_by_hand_uses_jax_numpy_alone():
    for module, file in MODULES.items():
        if module.startswith("nets.backprop"):
            foreign = {name for name in imports(file) if name.split(".")[0] not in {*STANDARD, "nets"}}
            assert foreign <= {"jax.numpy", *({"numpy", "jax.core"} if module.endswith("validate") else ())}


def imports(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_no_module_has_the_name_of_what_is_public_beside_it():
    """Else ``from chapter import name`` is the one or the other, whichever was imported first."""
    modules, public = defaultdict(set), defaultdict(set)
    for module, file in MODULES.items():
        chapter, _, name = module.rpartition(".")
        modules[chapter].add(name)
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                public[chapter].add(node.name)
    clashes = {f"{chapter}.{name}" for chapter in modules for name in modules[chapter] & public[chapter]}
    assert not clashes


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
    loaded = loaded_by("from bayes.exact import NormalNormal")
    assert "scipy.stats" in loaded
    assert not loaded & {"pymc", "pytensor", "jax", "arviz", "xarray", "matplotlib"}
    assert "pymc" in loaded_by("import bayes.programs.normal_normal")  # the check can see it


def test_the_public_face_is_lazy():
    face = "import bayes, nets; assert set(dir(bayes)) > {'check', 'models'}; assert 'fit' in dir(nets)"
    assert not loaded_by(face) & {"numpy", "scipy", "pymc", "jax", "flax", "xarray"}
    assert "pymc" not in loaded_by("from bayes import check, check_sampler, load_draws, models")


def test_a_closed_form_adds_next_to_nothing_to_scipy_stats():
    ours = loaded_by("import bayes.exact.normal_normal") - loaded_by("import scipy.stats")
    foreign = {name for name in ours if not name.startswith(("bayes", "closedform", "lazy_loader"))}
    assert foreign <= {"dataclasses", "numpy.typing", "numbers"} | STANDARD
