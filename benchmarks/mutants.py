"""Which errors in the source do the tests catch?

    uv run python -m benchmarks.mutants                   three mutants a file below
    uv run python -m benchmarks.mutants --list            only show them
    uv run python -m benchmarks.mutants --source FOLDER   mutants of this checkout's list, in another checkout

A mutant is the source with one operator, comparison, sign or number changed, outside messages and annotations. The
tests that mirror its module run on it, and it is caught if one fails. Some mutants change nothing that matters, such as
the size of a block of work: a list of the survivors is to be read. Takes some minutes a dozen mutants on two cores.
"""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import tyro

ROOT = Path(__file__).parents[1]
FOLDERS = [
    "bayes/exact", "bayes/exact/numerics", "bayes/checking", "bayes/evidence", "bayes/faults", "bayes/io",
    "closedform", "nets/backprop", "nets/data", "nets/evaluation", "nets/gradcheck", "nets/models", "nets/training",
]  # fmt: skip
OPERATORS: dict[type, str] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*", ast.MatMult: "+"}
COMPARISONS: dict[type, str] = {ast.Lt: ">=", ast.LtE: ">", ast.Gt: "<=", ast.GtE: "<", ast.Eq: "!=", ast.NotEq: "=="}
MESSAGES = (ast.Raise, ast.JoinedStr)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Change the source in one place at a time, and run the tests of its module."""

    per_file: int = 1
    """Mutants a file."""
    seed: int = 0
    """Seed of the choice."""
    source: Path = ROOT
    """Checkout whose source is changed and whose tests run."""
    list: bool = False
    """Show the mutants and run nothing."""


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    file: Path
    line: int
    before: str
    after: str
    text: str
    """The whole file with the change."""


def mutants(file: Path, root: Path) -> list[Mutant]:
    """Return every mutant of a file."""
    source = (root / file).read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    starts = [sum(len(line.encode()) for line in lines[:i]) for i in range(len(lines))]
    content = source.encode()
    found = []
    for node, after in _changes(ast.parse(source)):
        end_line, end_offset = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        begin, end = starts[node.lineno - 1] + node.col_offset, starts[end_line - 1] + end_offset
        before = content[begin:end].decode()
        text = (content[:begin] + after.encode() + content[end:]).decode()
        found.append(Mutant(file, node.lineno, " ".join(before.split()), after, text))
    return found


def _changes(node: ast.AST, in_function: bool = False) -> Iterator[tuple[ast.expr, str]]:
    """Yield expressions below ``node`` with what they become; numbers in functions only, not those of examples."""
    in_function = in_function or isinstance(node, ast.FunctionDef)
    for name, child in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for item in child if isinstance(child, list) else [child]:
            if isinstance(item, ast.AST) and not isinstance(item, MESSAGES):
                if isinstance(item, ast.expr) and (in_function or not isinstance(item, ast.Constant)):
                    after = _changed(item)
                    if after:
                        yield item, after
                yield from _changes(item, in_function)


def _changed(node: ast.expr) -> str:
    match node:
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            return f"({ast.unparse(left)}) {OPERATORS[type(op)]} ({ast.unparse(right)})"
        case ast.Compare(left, [op], [right]) if type(op) in COMPARISONS:
            return f"{ast.unparse(left)} {COMPARISONS[type(op)]} {ast.unparse(right)}"
        case ast.BoolOp(op, values):
            return (" and " if isinstance(op, ast.Or) else " or ").join(f"({ast.unparse(value)})" for value in values)
        case ast.UnaryOp(ast.USub() | ast.Not(), operand) if not isinstance(operand, ast.Constant):
            return f"({ast.unparse(operand)})"
        case ast.Constant(value) if isinstance(value, int | float) and not isinstance(value, bool):
            return repr(value + 1 if isinstance(value, int) else value * 1.1 or 1.0)
    return ""


def tests_of(file: Path, root: Path) -> list[str]:
    """Return the tests that mirror a file: its own first, then those of its folder and of its chapter."""
    folder = Path("tests") / file.parent
    own = folder / f"test_{file.stem.strip('_')}.py"
    chapter = Path("tests", *file.parts[:2]) if len(file.parts) > 2 else folder
    return [str(path) for path in dict.fromkeys((own, folder, chapter)) if (root / path).exists()]


def is_caught(mutant: Mutant, root: Path) -> bool:
    """Run the tests on the mutant, in a copy of the checkout."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "checkout")
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".venv", ".git", "build", "__pycache__"))
        (copy / mutant.file).write_text(mutant.text, encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        for tests in tests_of(mutant.file, root):
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", tests]
            try:
                run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=1200, check=False)
            except subprocess.TimeoutExpired:  # it goes on for ever: that would not be missed
                return True
            if run.returncode not in (0, 5):
                return True
    return False


def chosen(options: Options) -> list[Mutant]:
    """Return the mutants that the options choose, the same for the same source."""
    result = []
    for folder in FOLDERS:
        for path in sorted((options.source / folder).glob("*.py")):
            file = path.relative_to(options.source)
            found = mutants(file, options.source) if path.name != "__init__.py" else []
            rng = random.Random(f"{options.seed} {file}")
            result += rng.sample(found, min(options.per_file, len(found)))
    return result


def main(options: Options) -> int:
    """Print a line a mutant, and how many are caught."""
    found = chosen(options)
    caught = 0
    with ThreadPoolExecutor(1 if options.list else os.cpu_count()) as pool:
        results = pool.map(lambda mutant: options.list or is_caught(mutant, options.source), found)
        for i, (mutant, result) in enumerate(zip(found, results, strict=True), 1):
            caught += result
            word = "" if options.list else "caught    " if result else "survives  "
            change = f"{mutant.file}:{mutant.line}  {mutant.before}  ->  {mutant.after}"
            print(f"{i:3d}/{len(found)} {word}{change}", flush=True)
    if not options.list:
        print(f"{caught} of {len(found)} mutants are caught")
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
