"""Messages, documents and names of tests are plain technical English: some words must not come back."""

import ast
import re
from pathlib import Path

import pytest

import runner

ROOT = Path(runner.__file__).parents[1]
FOLDERS = ("examples", "runner", "schemas", "tests")
BANNED = re.compile(
    r"""\b(
    likewise | anew | whoever | heed(s|ed)? | mend(s|ed)? | bur(y|ies|ied) | torment(s|ed)? | reckon\w*
    | nobody\ knows | st(ands?|ood)\ still | beforehand | without\ more\ ado
    | is\ no\ (folder|duration|instant|number|text|zone|date|JSON|plan|web\ address)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)


BANNED_IN_NAMES = re.compile(
    rf"{BANNED.pattern} | \b(told | beside | stands | stood | (is|are)\ no(?!\ longer))\b",
    re.IGNORECASE | re.VERBOSE,
)


def of_python(path):
    """String literals, docstrings among them; those of an f-string one by one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def of_document(path):
    yield from enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)


def found_in(path):
    texts = of_python(path) if path.suffix == ".py" else of_document(path)
    return [f"line {line}: {found[0]}" for line, text in texts for found in BANNED.finditer(text)]


def names_of_tests():
    for path in ROOT.glob("tests/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name


def files():
    documents = [
        *ROOT.glob("*.md"),
        *(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.md")),
    ]
    return sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("runner/**/*.py"), *documents])


@pytest.mark.parametrize("name", files())
def test_a_file_holds_no_banned_word(name):
    assert found_in(ROOT / name) == []


def test_a_name_of_a_test_holds_no_banned_word():
    assert [name for name in names_of_tests() if BANNED_IN_NAMES.search(name.replace("_", " "))] == []


@pytest.mark.parametrize(
    "text",
    ["Read anew each time.", "which is no folder", "Whoever dies", "mend what it names", "nobody knows why"],
)
def test_a_banned_word_is_found(text):
    assert BANNED.search(text)


@pytest.mark.parametrize("text", ["a new slot", "recommend", "it has no date", "an amended file"])
def test_a_plain_word_is_not_taken_for_a_banned_one(text):
    assert not BANNED.search(text)
