"""The header of a CSV file: which columns it names, and which of a record's fields belong to them. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from runner.campaign.characters import column_name, looks_like_data
from runner.errors import SourceContentError

MOST_COLUMNS = 16_384
"""As many as a spreadsheet has."""
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w"\r\n])"?[\r\n]*', re.IGNORECASE)
_NAMES_HINT = "the first line must give each column a different name"


@dataclass(frozen=True, slots=True)
class Header:
    """`names` are those of the columns from the left. The columns to the right of them are empty."""

    names: tuple[str, ...]
    repeated: frozenset[str]
    """Names that several columns have; nothing reads them."""


def separator_of(first_line: str) -> str | None:
    """The delimiter that a line such as `sep=;` above the header gives to spreadsheets; None for others."""
    found = _SEPARATOR_LINE.fullmatch(first_line)
    return found[1] if found else None


def read_header(fields: Sequence[str], place: str, used: frozenset[str] | None) -> Header:
    """`place` is the file and line. `used` are the names of the columns that the campaign reads; with None,
    each may be.

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
        raise SourceContentError(f"{place}: column {names.index('') + 1} has no name", hint=_NAMES_HINT)
    if any(map(looks_like_data, names)):
        raise SourceContentError(
            f"{place}: it looks like an entry, not like column names",
            hint="add a line above it that names the columns, such as `phone` or `id`",
        )
    repeated = {name for name, count in Counter(names).items() if count > 1}
    for name in names:
        if name in repeated and (used is None or name in used):
            raise SourceContentError(
                f"{place}: columns {positions(names, name)} have the same name, and the campaign reads them",
                hint="give each a name of its own",
            )
    return Header(tuple(names), frozenset(repeated))


def positions(names: Sequence[str], name: str) -> str:
    """`2 and 3`: the positions of the columns with this name."""
    return " and ".join(str(place) for place, each in enumerate(names, start=1) if each == name)
