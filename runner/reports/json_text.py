"""Values as JSON that a terminal may show: the data is the same, hidden characters are escapes."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner.campaign.diagnostics import Diagnostic
from runner.characters import escaped
from runner.reports.forms import DiagnosticForm

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_ENCODE_INDENTED = json.JSONEncoder(ensure_ascii=False, indent=1).encode


def json_text(value: object, *, indented: bool = False) -> str:
    """On one line, or with a line for each value."""
    text = _ENCODE_INDENTED(value) if indented else _ENCODE(value)
    # GitHub reads ##[ in the log of a job as a command.
    return escaped(text).replace("##[", "#\\u0023[")


def object_with_rows(head: Mapping[str, Any], name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One object, a row at a time: `head`, and under `name` the rows, each on a line of its own."""
    yield "{\n" + "".join(f" {json_text(key)}: {json_text(value)},\n" for key, value in head.items())
    yield f" {json_text(name)}: ["
    before = "\n  "
    for row in rows:
        yield before + json_text(row)
        before = ",\n  "
    yield "\n ]\n}\n" if before.startswith(",") else "]\n}\n"


def diagnostic_json(diagnostic: Diagnostic) -> DiagnosticForm:
    """An error or warning, without its line of the file: a reader who has the position has the file."""
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "file": diagnostic.file,
        "line": diagnostic.line,
        "col": diagnostic.col,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }
