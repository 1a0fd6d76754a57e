"""CSV as spreadsheets and databases export it: any usual delimiter, quotes, blank lines, line ends."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from runner.campaign.template_language import Columns
from runner.campaign.warning_codes import WarningCode
from runner.contacts.contact import Row
from runner.contacts.sources.csv_header import Header, positions, read_header, separator_of
from runner.contacts.sources.file import SourceFile
from runner.contacts.sources.source import EMPTY_HINT, Notice
from runner.contacts.sources.text_file import MOST_CHARACTERS, BadLines, Lines, TooLongError, open_text
from runner.errors import EmptySourceError, SourceContentError

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_LINES = 20
_RAGGED_HINT = (
    "a delimiter inside a value needs quotes around the value; "
    "a row whose columns shifted would call the wrong number, so nothing was planned"
)


class CsvSource(SourceFile):
    """A table with a header."""

    has_header = True

    def rows(self) -> Iterator[Row]:
        return csv_rows(self.path(), self.name, self.notices, self._used)


def csv_rows(
    path: Path, name: str, notices: list[Notice], used: frozenset[str] | None = None
) -> Iterator[Row]:
    """Streams the rows below the header. `name` is how the campaign file calls the file, `used` are the
    columns that it reads: None for any.

    Raises SourceContentError: at once for an invalid header, after the last row for all ragged
    rows together.
    """
    csv.field_size_limit(MOST_CHARACTERS)
    with open_text(path, name, notices) as file:
        body: _Body | None = None
        for line, fields in _records(file, name):
            if body is None:
                header = read_header(fields, f"{name}:{line}", used)
                notices += [_repeated(header, each, f"{name}:{line}") for each in sorted(header.repeated)]
                body = _Body(header, name)
                continue
            values = body.values(line, fields)
            if values is not None:
                yield Row(source=name, line=line, values=values)
        if body is None:
            raise EmptySourceError(
                f"{name}: it is empty",
                hint="its first line must name the columns; if the source may be empty, set "
                "`allow_empty: true`",
            )
        body.raise_if_ragged()
        if not body.has_rows:
            notices.append(Notice(WarningCode.EMPTY_SOURCE, f"{name} has a header and no rows", EMPTY_HINT))


class _Body:
    """The records below a header. All have as many fields as the first; those without a name are empty."""

    def __init__(self, header: Header, name: str) -> None:
        self._names = header.names
        self._repeated = header.repeated
        self._named = len(header.names)
        self._name = name
        self._width: int | None = None
        self._bad = BadLines(name)
        self._bad_widths: set[int] = set()

    @property
    def has_rows(self) -> bool:
        return self._width is not None

    def values(self, line: int, fields: Sequence[str]) -> Columns | None:
        """The value of each column; None where the record does not match the header."""
        width = len(fields)
        # Most files have a name for each field, and there may be a million rows.
        if width != self._width or width != self._named:
            if not self._fits(fields):
                self._bad_widths.add(width)
                self._bad.add(line, self._problem(width))
                return None
            self._width = width
        values = Columns(zip(self._names, fields, strict=False))
        for name in self._repeated:
            del values[name]
        return values

    def _fits(self, fields: Sequence[str]) -> bool:
        return (
            len(fields) >= self._named
            and len(fields) == (self._width or len(fields))
            and not any(map(str.strip, fields[self._named :]))
        )

    def raise_if_ragged(self) -> None:
        """Raises SourceContentError."""
        if not self.has_rows and self._bad.count > 1 and len(self._bad_widths) == 1:
            (width,) = self._bad_widths
            raise SourceContentError(
                f"{self._name}: every row has {_fields(width)}, the header has {self._named}",
                hint=_RAGGED_HINT,
            )
        self._bad.raise_if_any(_RAGGED_HINT)

    def _problem(self, width: int) -> str:
        if width == self._width:
            return "it has a value in a column without a name"
        if self._width not in {None, self._named}:
            return f"it has {_fields(width)}, the rows above it have {self._width}"
        return f"it has {_fields(width)}, the header has {self._named}"


def _repeated(header: Header, repeated: str, place: str) -> Notice:
    return Notice(
        WarningCode.DUPLICATE_COLUMN,
        f"{place}: columns {positions(header.names, repeated)} have the same name and are not read",
        "give each a name of its own",
    )


def _records(file: Lines, name: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line on which it starts."""
    lines = iter(file)
    sample = _sample(file, lines, name)
    separator = separator_of(sample[0]) if sample else None
    above = 0 if separator is None else 1
    reader = csv.reader(chain(sample[above:], lines), delimiter=separator or _sniff(sample), strict=True)
    while True:
        line = above + reader.line_num + 1
        file.begin_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SourceContentError(f"{name}:{line}: {_explain(error)}") from None
        except TooLongError:
            raise _too_long(name, line) from None
        # Most records begin with a value; the others are looked at whole.
        if fields and (fields[0].strip() or any(field.strip() for field in fields)):
            yield line, fields


def _sample(file: Lines, lines: Iterator[str], name: str) -> list[str]:
    """The first lines, to find the delimiter."""
    sample: list[str] = []
    try:
        while len(sample) < _SAMPLE_LINES and (line := next(lines, "")):
            sample.append(line)
            file.begin_record()
    except TooLongError:
        raise _too_long(name, len(sample) + 1) from None
    return sample


def _too_long(name: str, line: int) -> SourceContentError:
    return SourceContentError(
        f"{name}:{line}: the record that starts here is longer than a million characters; "
        "perhaps a quote is never closed, or the file has no line ends"
    )


def _fields(count: int) -> str:
    return f"{count} field" if count == 1 else f"{count} fields"


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "a quote in the record that starts here is never closed"
    if "expected after" in text:
        return "text after a closing quote; write a quote inside a value twice"
    return f"invalid CSV ({text})"


def _sniff(sample: Sequence[str]) -> str:
    """The delimiter that cuts the first lines into the same number of columns, and into most of them."""

    def fit(delimiter: str) -> tuple[bool, int]:
        try:
            widths = [len(fields) for fields in csv.reader(sample, delimiter=delimiter) if fields]
        except csv.Error:
            return False, 0
        # The last line of the sample may be the first half of a record.
        return len(set(widths[:-1] or widths)) == 1, widths[0] if widths else 0

    return max(_DELIMITERS, key=lambda delimiter: _score(fit(delimiter)))


def _score(fit: tuple[bool, int]) -> tuple[bool, int]:
    same_width, header_width = fit
    return same_width and header_width > 1, header_width
