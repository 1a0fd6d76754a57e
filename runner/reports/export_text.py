"""An export as CSV or JSON, a row at a time: a million rows need no more memory than one."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from io import StringIO
from typing import Any

from runner.reports.export_rows import TIMES, CallExport, ContactExport
from runner.reports.json_text import object_with_rows
from runner.reports.times import rfc3339

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - they are meant
_ROWS_AT_ONCE = 500
_DIALS = CallExport._fields.index("dials")

ExportRow = CallExport | ContactExport


def csv_text(columns: Iterable[str], rows: Iterable[ExportRow]) -> Iterator[str]:
    """RFC 4180 with a header. Times are RFC 3339 in UTC; several in a cell have a space between them.

    A text that a spreadsheet would run as a formula begins with an apostrophe. Every text is quoted:
    a spreadsheet that separates at semicolons must not find a cell inside it.
    """
    part = StringIO()
    writer = csv.writer(part, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(columns)
    for number, row in enumerate(rows, start=1):
        writer.writerow(map(_cell, _values(row)))
        if number % _ROWS_AT_ONCE == 0:
            yield part.getvalue()
            part.seek(0)
            part.truncate()
    yield part.getvalue()


def json_lines(head: Mapping[str, Any], name: str, rows: Iterable[ExportRow]) -> Iterator[str]:
    """One object: `head`, and under `name` the rows, each on a line of its own."""
    return object_with_rows(head, name, (dict(zip(row._fields, _values(row), strict=True)) for row in rows))


def _values(row: ExportRow) -> list[Any]:
    values: list[Any] = list(row)
    for place in _places_of_times(row._fields):
        if values[place] is not None:
            values[place] = rfc3339(values[place])
    if isinstance(row, CallExport):
        values[_DIALS] = [rfc3339(dialled) for dialled in row.dials]
    return values


@cache
def _places_of_times(columns: tuple[str, ...]) -> list[int]:
    return [place for place, name in enumerate(columns) if name in TIMES]


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, str) and value.startswith(_BEGINS_A_FORMULA):
        return f"'{value}"
    return value
