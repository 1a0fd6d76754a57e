"""Reads the file of `runner import`: contacts that another tool has queued already."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from runner.campaign.loader import LoadedCampaign
from runner.campaign.source_models import CsvSource, JsonlSource
from runner.contacts.contact import Row
from runner.contacts.identity import Identity, folded_key, is_rounded
from runner.contacts.phone import ROUNDED, PhoneError, parse_main_number
from runner.contacts.sources.context import ReadContext
from runner.contacts.sources.csv import CsvFile
from runner.contacts.sources.file import BadLines, SourceFolder
from runner.contacts.sources.jsonl import JsonlFile
from runner.errors import SourceContentError, UsageError
from runner.insight.answers import read_call_id
from runner.ledger.imports import ImportedContact
from runner.services.campaigns import static_region

COLUMNS = ("key", "phone", "call_id", "queued", "start", "end")
"""All others are left alone; one of the first two is needed."""
_LAST_SECOND = 1 << 35
_T = TypeVar("_T")


def read_imports(file: Path, loaded: LoadedCampaign | None, identity: Identity) -> list[ImportedContact]:
    """Each contact of the file once. Without the campaign file, numbers need their country code.

    Raises SourceError for what cannot be read, and SourceContentError with every invalid row.
    """
    reader = _RowReader(identity, static_region(loaded), keys_are_numbers=_keys_are_numbers(loaded))
    bad, found, seen = BadLines(file.name), list[ImportedContact](), set[str]()
    for row in _rows(file):
        try:
            contact = reader.contact(row.values)
        except _BadRowError as error:
            bad.add(row.line, str(error))
            continue
        names = {f"key {folded_key(contact.key)}", f"number {contact.phone or contact.key}"}
        if not names & seen:
            found.append(contact)
        seen |= names
    bad.raise_if_any("correct these rows and import the file again; nothing was imported")
    if not found:
        raise SourceContentError(f"{file.name}: it has no rows", hint="check that the export is complete")
    return found


class _BadRowError(ValueError):
    """Says which column is wrong, and why, without its value."""


class _RowReader:
    def __init__(self, identity: Identity, region: str | None, *, keys_are_numbers: bool) -> None:
        self._identity = identity
        self._region = region
        self._keys_are_numbers = keys_are_numbers

    def contact(self, values: Mapping[str, object]) -> ImportedContact:
        """Raises _BadRowError."""
        key, phone, call_id, queued, start, end = (_text(values, name) for name in COLUMNS)
        number = _read("phone", phone, self._number)
        if self._keys_are_numbers and key:
            number = number or _read("key", key, self._number)
        if is_rounded(key):
            raise _BadRowError(f"column `key`: {ROUNDED}")
        if not (key or number):
            raise _BadRowError("it gives neither a key nor a phone")
        named = number if number and (self._keys_are_numbers or not key) else key
        starts, ends = _read("start", start, _instant), _read("end", end, _instant)
        if starts and ends and starts > ends:
            raise _BadRowError("column `end`: it is before `start`")
        return ImportedContact(
            key=named,
            ref=self._identity.ref(named),
            phone=number or "",
            call_id=_read("call_id", call_id, _call_id),
            queued_at=_read("queued", queued, _instant),
            start=starts,
            end=ends,
        )

    def _number(self, text: str) -> str:
        try:
            return parse_main_number(text, self._region)
        except PhoneError as error:
            missing = self._region is None and "+" not in text
            why = "it has no country code, and no contacts.region is known" if missing else str(error)
            raise ValueError(why) from None


def _read(column: str, text: str, read: Callable[[str], _T]) -> _T | None:
    """What the column says; None where it is empty. Raises _BadRowError."""
    try:
        return read(text) if text else None
    except ValueError as error:
        raise _BadRowError(f"column `{column}`: {error}") from None


def _text(values: Mapping[str, object], column: str) -> str:
    value = values.get(column)
    return "" if value is None else str(value).strip()


def _instant(text: str) -> int:
    """From RFC 3339 or Unix seconds. Raises ValueError."""
    if text.isascii() and text.isdecimal() and int(text) < _LAST_SECOND:
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError("it must be a time with its offset, such as 2026-12-01T16:00:00Z, or Unix seconds")
    return int(instant.timestamp())


def _call_id(text: str) -> str:
    if read_call_id(text) != text:
        raise ValueError("Insight's call ids are numbers, such as 155761")
    return text


def _keys_are_numbers(loaded: LoadedCampaign | None) -> bool:
    if loaded is None:
        return False
    contacts = loaded.campaign.contacts
    return contacts.key is None and all(source.key is None for source in contacts.sources)


def _rows(file: Path) -> Iterator[Row]:
    """The rows of a CSV file or of JSON lines, by the name of the file. Raises SourceError."""
    context = ReadContext(folder=SourceFolder(file))
    declared = {"type": "csv", "path": file.name}
    match file.suffix.lower():
        case ".csv" | ".tsv":
            rows = CsvFile(CsvSource.model_validate(declared), context).rows()
        case ".jsonl" | ".ndjson":
            rows = JsonlFile(JsonlSource.model_validate(declared | {"type": "jsonl"}), context).rows()
        case _:
            raise UsageError(f"{file.name} is neither CSV nor JSON lines", hint="name a .csv or .jsonl file")
    try:
        yield from _with_a_name(file, rows)
    except SourceContentError as error:
        hint = f"{error.hint}; nothing was imported" if error.hint else "nothing was imported"
        raise SourceContentError(error.message, hint=hint) from None


def _with_a_name(file: Path, rows: Iterator[Row]) -> Iterator[Row]:
    """Raises SourceContentError where no row has a column that says who it is."""
    named = False
    for row in rows:
        named = named or not {"key", "phone"}.isdisjoint(row.values)
        if not named:
            raise SourceContentError(
                f"{file.name}:{row.line}: it has neither a column `key` nor a column `phone`",
                hint=f"name the columns {', '.join(COLUMNS)}; only one of the first two is needed",
            )
        yield row
