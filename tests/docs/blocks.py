"""The code blocks of README and of the site, read by Sybil: Python runs, output is compared, commands are parsed.

The blocks of a page share one namespace, in their order. A function ``test_...`` without parameters is called. A
``text`` block that the word "prints" introduces is what the Python block before it prints. A ``bash`` block has
commands that a user types: ours are run but for their work, see ``commands``.
"""

import contextlib
import inspect
import io
import json
import sys
import tomllib
from types import ModuleType

import yaml
from sybil import Sybil
from sybil.parsers.abstract.codeblock import PythonEvaluator
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from bayes.io import stan
from bayes.registry import NAMES
from tests.docs.commands import run_commands

WITHOUT_A_PARSER = {"none", "r"}
"""Languages whose blocks are shown as they are."""
RUN_PYTHON = PythonEvaluator()


def examples(path):
    """Return the code blocks of a page, to evaluate one after the other."""
    return list(Sybil(parsers=[_code_blocks]).parse(path).examples())


def _code_blocks(document):
    for region in FencedCodeBlockLexer(language=".*", mapping={"language": "language", "source": "source"})(document):
        language = region.lexemes["language"].strip()
        if language.startswith("{"):  # a directive of MyST
            if "```" in region.lexemes["source"] or language.startswith("{code"):
                raise AssertionError(f"{document.path}: a code block in {language} is not seen; use colons, or a fence")
            continue
        if language not in EVALUATORS:
            raise AssertionError(f"{document.path}: {language!r} is none of the languages {', '.join(EVALUATORS)}")
        region.parsed, region.evaluator = region.lexemes["source"], EVALUATORS[language]
        yield region


def _python(example):
    """Run a block and the tests that it defines; keep what they print."""
    names = example.namespace
    before = set(names)
    names.setdefault("__name__", "page")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        RUN_PYTHON(example)
        for name in sorted(set(names) - before):
            if name.startswith("test_"):
                _call(name, names[name], example)
    sys.modules.setdefault("page", ModuleType("page")).__dict__.update(names)  # as a script's names are in __main__
    example.document.printed = (example.end, printed.getvalue())


def _call(name, test, example):
    if not inspect.signature(test).parameters:
        test()
    elif f"{name}(" not in example.document.text[example.end :]:
        raise AssertionError(f"{example.path}: {name} has parameters; call it in a later block")


def _text(example):
    """Compare a block with what the Python block before it printed, if it says so."""
    end, printed = getattr(example.document, "printed", (0, ""))
    introduction = example.document.text[end : example.start].strip().rsplit("\n\n", 1)[-1]
    if introduction == "prints":
        said, actual = _lines(example.parsed), _lines(printed)
        if said != actual:
            return "it says\n" + "\n".join(said) + "\nbut the block before it prints\n" + "\n".join(actual)
        return None
    return "write `prints` before it, and nothing else" if "print" in introduction.lower() else None


def _lines(text):
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _bash(example):
    run_commands(example.parsed)


def _stan(example):
    """The programs of the registry, and no others, meet Stan's compiler in the tests of ``bayes.io.stan``."""
    return None if example.parsed.strip() in {stan.code(name).strip() for name in NAMES} else "no program of ours"


EVALUATORS = {
    "python": _python,
    "text": _text,
    "bash": _bash,
    "stan": _stan,
    "yaml": lambda example: yaml.safe_load(example.parsed) and None,
    "toml": lambda example: tomllib.loads(example.parsed) and None,
    "json": lambda example: json.loads(example.parsed) and None,
    **dict.fromkeys(WITHOUT_A_PARSER, lambda _: None),
}
