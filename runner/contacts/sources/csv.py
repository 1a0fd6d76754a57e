"""CSV as spreadsheets and databases export it: any usual delimiter, quotes, blank lines, line ends."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from runner.campaign.source_models import CsvRows
from runner.campaign.warning_codes import WarningCode
from runner.characters import column_name
from runner.contacts.contact import Row
from runner.contacts.sources.context import ReadContext
from runner.contacts.sources.file import (
    MOST_CHARACTERS,
    BadLines,
    Lines,
    SourceFile,
    TooLongError,
    open_text,
)
from runner.contacts.sources.source import EMPTY_HINT, Notice
from runner.contacts.sources.table import Table
from runner.errors import EmptySourceError, SourceContentError

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_LINES = 20
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w"\r\n])"?[\r\n]*', re.IGNORECASE)
"""Gives the delimiter to spreadsheets, in a line above the header."""
_RAGGED_HINT = (
    "a delimiter inside a value needs quotes around the value; "
    "a row whose columns shifted would name the wrong number, so none of them is used"
)

_Records = Iterator[tuple[int, list[str]]]
"""Each with the line on which it starts."""


class CsvFile(SourceFile):
    """A table with a header."""

    has_header = True

    def __init__(self, declared: CsvRows, context: ReadContext) -> None:
        super().__init__(declared, context.folder)
        self._used = context.used
        self._encoding = declared.encoding
        self._delimiter = declared.delimiter
        self._header = declared.header

    def rows(self) -> Iterator[Row]:
        """Raises SourceContentError: at once for an invalid header, after the last row for all ragged rows
        together.
        """
        with open_text(self.path(), self.name, self.notices, self._encoding) as file:
            yield from table_rows(
                file, self.name, self._used, self.notices, delimiter=self._delimiter, header=self._header
            )


def table_rows(
    file: Lines,
    name: str,
    used: frozenset[str] | None,
    notices: list[Notice],
    *,
    delimiter: str | None = None,
    header: Sequence[str] | None = None,
) -> Iterator[Row]:
    """The rows of a table; `header` names the columns of one that has no header line. Raises as above."""
    csv.field_size_limit(MOST_CHARACTERS)
    records = _records(file, name, delimiter)
    if header is None:
        header_line, header = next(records, (0, []))
        if not header:
            hint = "its first line must name the columns; if it may be empty, set `allow_empty: true`"
            raise EmptySourceError(f"{name}: it is empty", hint=hint)
        table = Table(header, f"{name}:{header_line}", used, notices)
    else:
        table = Table(header, "`header`", used, notices)
        records = _without_header_line(records, name, header)
    yield from _below(table, name, records)
    if not table.has_rows:
        message = f"{name} has no rows"
        notices.append(Notice(WarningCode.EMPTY_SOURCE, message, EMPTY_HINT))


def _without_header_line(records: _Records, name: str, header: Sequence[str]) -> _Records:
    """The records of a file that is declared to have no header line. Raises SourceContentError if it has."""
    for line, fields in islice(records, 1):
        if {column_name(field.strip()) for field in fields} >= set(map(column_name, header)):
            hint = "remove `header`, so that the file's own names are used"
            raise SourceContentError(
                f"{name}:{line}: this line names the columns, as `header` does", hint=hint
            )
        yield line, fields
    yield from records


def _below(table: Table, name: str, records: _Records) -> Iterator[Row]:
    bad, problems = BadLines(name), set[str]()
    for line, fields in records:
        problem = table.problem(fields)
        if problem:
            bad.add(line, f"it {problem}")
            problems.add(problem)
        else:
            yield Row(source=name, line=line, values=table.values(fields))
    if not table.has_rows and bad.count > 1 and len(problems) == 1:
        raise SourceContentError(f"{name}: every row {problems.pop()}", hint=_RAGGED_HINT)
    bad.raise_if_any(_RAGGED_HINT)


def _records(file: Lines, name: str, declared: str | None) -> _Records:
    """Each record that is not blank, with the line on which it starts."""
    lines = iter(file)
    line = 1
    sample: list[str] = []
    try:
        while len(sample) < _SAMPLE_LINES and (text := next(lines, "")):
            sample.append(text)
            line += 1
            file.begin_record()
        separator = _SEPARATOR_LINE.fullmatch(sample[0]) if sample else None
        above = 1 if separator else 0
        delimiter = declared or (separator[1] if separator else _sniff(sample))
        reader = csv.reader(chain(sample[above:], lines), delimiter=delimiter, strict=True)
        while True:
            line = above + reader.line_num + 1
            file.begin_record()
            fields = next(reader, None)
            if fields is None:
                return
            # Most records begin with a value; the others are looked at whole.
            if fields and (fields[0].strip() or any(field.strip() for field in fields)):
                yield line, fields
    except csv.Error as error:
        raise SourceContentError(f"{name}:{line}: {_explain(error)}") from None
    except TooLongError:
        raise SourceContentError(
            f"{name}:{line}: the record that starts here is longer than a million characters; "
            "perhaps a quote is never closed, or the file has no line ends"
        ) from None


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "a quote in the record that starts here is never closed"
    if "expected after" in text:
        return "text after a closing quote; write a quote inside a value twice"
    return f"invalid CSV ({text})"


def _sniff(sample: Sequence[str]) -> str:
    """The delimiter that cuts the first lines into the same number of columns, and into most of them."""

    def score(delimiter: str) -> tuple[bool, int]:
        try:
            widths = [len(fields) for fields in csv.reader(sample, delimiter=delimiter) if fields]
        except csv.Error:
            return False, 0
        columns = widths[0] if widths else 0
        # The last line of the sample may be the first half of a record.
        return columns > 1 and len(set(widths[:-1] or widths)) == 1, columns

    return max(_DELIMITERS, key=score)
