"""JSON lines: one object on each line, its numbers kept as they are written."""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from runner.campaign.source_models import JsonlRows
from runner.campaign.warning_codes import WarningCode
from runner.characters import column_name
from runner.contacts.contact import Row
from runner.contacts.sources.context import ReadContext
from runner.contacts.sources.file import MOST_COLUMNS, BadLines, SourceFile, TooLongError, open_text
from runner.contacts.sources.source import EMPTY_HINT, Notice

_MOST_NESTED = 50
"""Objects and lists inside each other: deeper ones would exhaust the stack when a row is copied."""
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class JsonlFile(SourceFile):
    """JSON objects, each with columns of its own; blank lines are left out.

    Numbers come as the text in the file: 6175551234 stays ten digits, and 6.17555E+09 shows what it is.
    """

    has_header = False

    def __init__(self, declared: JsonlRows, context: ReadContext) -> None:
        super().__init__(declared, context.folder)

    def rows(self) -> Iterator[Row]:
        """Raises SourceContentError, after the last row, with every line that is not an object."""
        bad = BadLines(self.name)
        count = line = 0
        with open_text(self.path(), self.name, self.notices) as file:
            try:
                for line, text in enumerate(file, start=1):
                    file.begin_record()
                    if not text.strip():
                        continue
                    try:
                        yield Row(source=self.name, line=line, values=_object(text))
                        count += 1
                    except BadObjectError as error:
                        bad.add(line, str(error))
            except TooLongError:
                bad.add(line + 1, "it is longer than a million characters")
        bad.raise_if_any("each line must be one JSON object, or none of them is used")
        if count == 0:
            self.notices.append(Notice(WarningCode.EMPTY_SOURCE, f"{self.name} has no rows", EMPTY_HINT))


_TOO_DEEP = "it is nested too deeply"
_NO_OBJECT = "it is not a JSON object"
_BAD_CHARACTER = "it contains an invalid character (NUL or an unpaired surrogate)"


class BadObjectError(ValueError):
    """The message says why, without the content."""


def _object(text: str) -> dict[str, object]:
    found = json_value(text)
    if not isinstance(found, dict):
        raise BadObjectError(_NO_OBJECT)
    if "\\u" in text and (_ESCAPED_NUL.search(text) or not _is_text(found)):
        raise BadObjectError(_BAD_CHARACTER)
    if len(found) > MOST_COLUMNS:
        raise BadObjectError(f"it has {len(found):,} columns, at most {MOST_COLUMNS:,} are read")
    if text.count("{") + text.count("[") > _MOST_NESTED and _is_deeper_than(_MOST_NESTED, found):
        raise BadObjectError(_TOO_DEEP)
    if text.isascii() and "\\u" not in text:
        return found
    return _without_duplicates([(column_name(name), value) for name, value in found.items()])


def checked_object(value: object) -> dict[str, object]:
    """The columns of a record that is part of a larger text. Raises BadObjectError."""
    if not isinstance(value, dict):
        raise BadObjectError(_NO_OBJECT)
    if len(value) > MOST_COLUMNS:
        raise BadObjectError(f"it has {len(value):,} columns, at most {MOST_COLUMNS:,} are read")
    if _is_deeper_than(_MOST_NESTED, value):
        raise BadObjectError(_TOO_DEEP)
    if not _is_text(value) or _ESCAPED_NUL.search(json.dumps(value)):
        raise BadObjectError(_BAD_CHARACTER)
    return _without_duplicates([(column_name(name), each) for name, each in value.items()])


def json_value(text: str) -> object:
    """The value of a JSON text, its numbers as they are written. Raises BadObjectError."""
    try:
        return json.loads(
            text,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_duplicates,
        )
    except json.JSONDecodeError as error:
        raise BadObjectError(f"invalid JSON (column {error.colno})") from None
    except RecursionError:
        raise BadObjectError(_TOO_DEEP) from None


def _is_deeper_than(depth: int, value: object) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth < 0 or any(_is_deeper_than(depth - 1, each) for each in inner)


def _is_text(found: dict[str, object]) -> bool:
    """False for half of a surrogate pair, which neither a database nor a request can carry."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def _refuse_constant(_text: str) -> NoReturn:
    raise BadObjectError("NaN and Infinity are not valid JSON")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadObjectError("an object has a duplicate name")
    return found
