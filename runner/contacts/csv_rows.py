"""CSV as spreadsheets and databases export it: any usual delimiter, quotes, blank lines, line ends."""

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from runner.campaign.characters import looks_like_data
from runner.campaign.template_language import Columns
from runner.campaign.warning_codes import WarningCode
from runner.contacts.contact import Row
from runner.contacts.text_file import EMPTY_HINT, BadLines, Notice, open_text
from runner.errors import EmptySourceError, SourceContentError

if TYPE_CHECKING:
    import _csv  # the reader's type has no public name

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_LINES = 20
_LARGEST_FIELD = 1 << 20
_RAGGED_HINT = (
    "a delimiter inside a value needs quotes around the value; "
    "a row whose columns shifted would call the wrong number, so nothing was planned"
)


def csv_rows(path: Path, name: str, notices: list[Notice]) -> Iterator[Row]:
    """Streams the rows below the header. `name` is how the campaign file calls the file.

    Raises SourceContentError: at once for a header that makes no sense, after the last row for all ragged
    rows together.
    """
    csv.field_size_limit(_LARGEST_FIELD)
    with open_text(path, name, notices) as file:
        delimiter = _sniff(file)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        bad = BadLines(name)
        columns: list[str] | None = None
        count = 0
        for line, fields in _records(reader, name):
            if columns is None:
                columns = _columns(fields, name, line)
            elif len(fields) != len(columns):
                bad.add(line, f"it has {_fields(len(fields))}, the header has {len(columns)}")
            else:
                count += 1
                yield Row(source=name, line=line, values=Columns(zip(columns, fields, strict=True)))
        if columns is None:
            raise EmptySourceError(
                f"{name}: it is empty",
                hint="its first line must name the columns; a source that may be empty says "
                "`allow_empty: true`",
            )
        bad.raise_if_any(_RAGGED_HINT)
        if count == 0:
            notices.append(
                Notice(
                    name,
                    WarningCode.EMPTY_SOURCE,
                    f"{name} has a header and no rows",
                    EMPTY_HINT,
                )
            )


def _records(reader: "_csv.Reader", name: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line on which it starts."""
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SourceContentError(f"{name}:{line}: {_explain(error)}") from None
        # Most records begin with a value; the others are looked at whole.
        if fields and (fields[0].strip() or any(field.strip() for field in fields)):
            yield line, fields


def _fields(count: int) -> str:
    return f"{count} field" if count == 1 else f"{count} fields"


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "a quote opens in the record that starts here and never closes"
    if "field larger than" in text:
        return "a value is longer than a million characters; perhaps a quote opens and never closes"
    if "expected after" in text:
        return "text follows a closing quote; a quote inside a value is written twice"
    return f"it is no CSV ({text})"


def _columns(fields: list[str], name: str, line: int) -> list[str]:
    columns = [field.strip() for field in fields]
    if "" in columns:
        raise SourceContentError(
            f"{name}:{line}: column {columns.index('') + 1} has no name",
            hint="the first line must name the columns, each differently",
        )
    if any(map(looks_like_data, columns)):
        raise SourceContentError(
            f"{name}:{line}: it looks like an entry, not like the names of the columns",
            hint="add a line above it that names the columns, such as `phone` or `id`",
        )
    twice = next((column for column, count in Counter(columns).items() if count > 1), None)
    if twice is not None:
        # By position: in a file without a header, what stands here is somebody's data.
        places = [str(place) for place, column in enumerate(columns, start=1) if column == twice]
        raise SourceContentError(
            f"{name}:{line}: columns {' and '.join(places)} have the same name",
            hint="the first line must name the columns, each differently",
        )
    return columns


def _sniff(file: TextIO) -> str:
    """The delimiter that cuts the first lines into the same number of columns, and into most of them."""
    sample = list(islice(file, _SAMPLE_LINES))
    file.seek(0)

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
