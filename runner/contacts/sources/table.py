"""Tables: the names of their columns, and which rows fit them."""

import re
from collections import Counter
from collections.abc import Sequence

from runner.campaign.template_language import Columns
from runner.campaign.warning_codes import WarningCode
from runner.characters import column_name
from runner.contacts.sources.file import MOST_COLUMNS
from runner.contacts.sources.source import HEADER_HINT, Notice
from runner.errors import SourceContentError

_LEAST_DIGITS = 7
_NUMBER = re.compile(r"['=\"+(]*(?:tel:)?[+(]*[0-9][0-9 ().,/\"'-]*", re.IGNORECASE)
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[-/.]?[01][0-9]([-/.]?[0-3][0-9])?(?![0-9])|[0-3]?[0-9][-/.][0-3]?[0-9][-/.][0-9]{2}"
)
"""Tables with a column for each day have such names."""
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Table:
    """A header, and which records fit it: all have as many fields as the first; those without a name are
    empty.
    """

    def __init__(
        self, header: Sequence[str], place: str, used: frozenset[str] | None, notices: list[Notice]
    ) -> None:
        self._names = column_names(header, place)
        self._used = used
        # Nothing reads them.
        self._repeated = sorted(name for name, count in Counter(self._names).items() if count > 1)
        self._width: int | None = None
        for name in self._repeated:
            places = " and ".join(
                str(number) for number, each in enumerate(self._names, start=1) if each == name
            )
            problem, hint = f"{place}: columns {places} have the same name", "give each a name of its own"
            if used is None or name in used:
                raise SourceContentError(f"{problem}, and the campaign reads them", hint=hint)
            notices.append(Notice(WarningCode.DUPLICATE_COLUMN, f"{problem} and are not read", hint))

    @property
    def has_rows(self) -> bool:
        return self._width is not None

    def reads(self, position: int) -> bool:
        """Whether the campaign may read this column, counted from 0."""
        return position < len(self._names) and (self._used is None or self._names[position] in self._used)

    def problem(self, fields: Sequence[str]) -> str:
        """Why the record does not match the header; else empty."""
        width, named = len(fields), len(self._names)
        # Most files have a name for each field, and there may be a million rows.
        if width == self._width == named:
            return ""
        has_more = any(map(str.strip, fields[named:]))
        if width >= named and width == (self._width or width) and not has_more:
            self._width = width
            return ""
        if width == self._width:
            return "has a value in a column without a name"
        if self._width not in {None, named}:
            return f"has {_fields(width)}, the rows above it have {self._width}"
        return f"has {_fields(width)}, the header has {named}"

    def values(self, fields: Sequence[str]) -> Columns:
        """The value of each column."""
        values = Columns(zip(self._names, fields, strict=False))
        for name in self._repeated:
            del values[name]
        return values


def column_names(fields: Sequence[str], place: str) -> tuple[str, ...]:
    """The names of the columns from the left; the columns to the right of them are empty.

    Raises SourceContentError. It names columns by their position: a file without a header has personal
    data there.
    """
    if len(fields) > MOST_COLUMNS:
        raise SourceContentError(
            f"{place}: it has {len(fields):,} columns, at most {MOST_COLUMNS:,} are read",
            hint="is it the right file, and does each record end in a line of its own?",
        )
    names = [column_name(field.strip()) for field in fields]
    while names and not names[-1]:
        names.pop()
    if "" in names:
        hint = "the first line must give each column a different name"
        raise SourceContentError(f"{place}: column {names.index('') + 1} has no name", hint=hint)
    if any(map(_looks_like_data, names)):
        raise SourceContentError(f"{place}: it looks like an entry, not like column names", hint=HEADER_HINT)
    return tuple(names)


def _looks_like_data(name: str) -> bool:
    """Whether a column's name looks like a number or address: then its file has no header line."""
    digits = sum(map(str.isdigit, name))
    if digits < _LEAST_DIGITS or _DATE.match(name):
        return bool(_ADDRESS.fullmatch(name))
    return bool(_NUMBER.fullmatch(name))


def _fields(count: int) -> str:
    return f"{count} field" if count == 1 else f"{count} fields"
