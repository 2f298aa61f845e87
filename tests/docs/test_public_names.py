"""The API reference has every public name, and says so when one is missing."""

import re
from functools import cache

from docs.extensions import api, public_names


@cache
def pages():
    return api.pages()


def listed(module, text):
    """Return the names that a page has: those of its directives, and the members that each of them lists."""
    found = set()
    for directive in re.split(r"\n\.\. ", text):
        name = re.match(r"(?:autofunction|autoclass|py:data|py:type):: (\S+)", directive)
        if name:
            full = name[1] if name[1].startswith(f"{module}.") else f"{module}.{name[1]}"
            members = re.search(r":members: (.*)", directive)
            found |= {full, *(f"{full}.{member}" for member in (members[1].split(", ") if members else []))}
    return found


def test_every_public_name_has_its_place():
    found = set().union(*(listed(module, text) for module, text in pages().items()))
    assert not api.missing(found)
    assert len(found) > 1000


def test_a_page_without_a_name_is_found():
    text = pages()["bayes.testing"].replace(".. autofunction:: bayes.testing.assert_draws_agree\n", "")
    found = set().union(*(listed(module, text) for module, text in (pages() | {"bayes.testing": text}).items()))
    assert api.missing(found) == ["bayes.testing.assert_draws_agree"]


def test_what_is_public(tmp_path):
    for package in public_names.PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "_private.py").write_text("def hidden(): pass\n")
    (tmp_path / "bayes" / "new.py").write_text(
        "LIMIT: int = 3\n'What is said of it.'\n_SECRET = 1\n"
        "type Pair = tuple[int, int]\n"
        "class Check:\n    field: int\n    _own: int\n    def method(self): pass\n    def _helper(self): pass\n"
        "def check(): pass\ndef _helper(): pass\n"
    )
    assert public_names.inventory(tmp_path) == {
        f"bayes.new.{name}" for name in ["LIMIT", "Pair", "Check", "Check.field", "Check.method", "check"]
    }
    limit = public_names.names(tmp_path / "bayes" / "new.py")[0]
    assert (limit.literal, limit.annotation, limit.doc) == ("3", "int", "What is said of it.")


def test_what_a_package_passes_on_is_public():
    names = public_names.inventory()
    assert {"bayes.check", "bayes.models", "nets.fit", "bayes.exact.NormalNormal"} <= names
    assert "bayes._check.check" not in names


def test_bars_are_escaped_in_prose_and_nowhere_else():
    lines = [
        "|x| and ``a | b``::",
        "",
        "    a | b",
        "",
        "    c | d",
        "then |y|",
        "    and |z|",
        ">>> a | b",
        "1 | 2",
        "",
        "|w|",
    ]
    api.escape_bars(lines)
    assert [i for i, line in enumerate(lines) if r"\|" in line] == [0, 5, 6, 10]
    assert lines[0] == r"\|x\| and ``a | b``::"
