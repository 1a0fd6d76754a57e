"""What is looked at in an .xlsx file before it is opened: that it fits into memory, and where errors are.

A workbook is a ZIP archive of XML. A few kilobytes may unpack to gigabytes, and two cells at the ends of a
sheet span billions. The library that reads it would make room for all of them, and reads a cell with an error
as if it were empty.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import IO
from xml.etree import ElementTree as ET
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError  # noqa: N812 - an exception

from runner.errors import SourceContentError

_MOST_BYTES = 1 << 30
"""Of all parts, unpacked."""
_MOST_PARTS = 10_000
_LARGEST_INDEX = 16 << 20
"""Bytes of the part that lists the sheets."""
_MOST_CELLS = 20_000_000
_TAGS_PER_CELL = 5
_CHUNK = 1 << 20
_OVERLAP = 512
"""More than a cell's tag and its error have."""
_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,9})([0-9]+)""")
_CELL_WITH_ERROR = re.compile(
    rb"""<(?:\w+:)?c\b([^>]*\bt\s*=\s*["']e["'][^>]*)>(?:.{0,256}?<(?:\w+:)?v>([^<]{1,20})<)?""", re.DOTALL
)
_ERROR = re.compile(r"#[A-Z0-9/_!?]{2,16}")
_INDEX, _TARGETS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"


def check_workbook(file: IO[bytes], name: str, sheet: str | None) -> Mapping[tuple[int, int], str]:
    """The cells with an error of this sheet, or of the first, by row and column from 1.

    Raises SourceContentError for what is no workbook, or too large to be read.
    """
    try:
        with ZipFile(file) as archive:
            _check_sizes(archive, name)
            wanted = _part_of(archive, sheet)
            found: dict[tuple[int, int], str] = {}
            for part in archive.namelist():
                errors = _Scan(name, part).read(archive)
                if part == wanted:
                    found = errors
            return found
    except (
        BadZipFile,
        ZlibError,
        ET.ParseError,
        KeyError,
        ValueError,
        EOFError,
        NotImplementedError,
    ):
        raise SourceContentError(
            f"{name}: it is not an .xlsx workbook, or it is damaged or protected by a password",
            hint="open it, and save it again as an Excel workbook (.xlsx) without a password",
        ) from None


def column_letters(number: int) -> str:
    """`C` for 3, as in the name of a cell."""
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _check_sizes(archive: ZipFile, name: str) -> None:
    parts = archive.infolist()
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_BYTES:
        raise _too_large(name)


def _part_of(archive: ZipFile, sheet: str | None) -> str:
    """The part of the archive that holds this sheet; without a name, the first that is shown."""
    targets = {
        each.get("Id"): each.get("Target", "") for each in _elements(archive, _TARGETS, "Relationship")
    }
    for each in _elements(archive, _INDEX, "sheet"):
        is_shown = each.get("state", "visible") == "visible"
        if each.get("name") == sheet or (sheet is None and is_shown):
            (identifier,) = [value for key, value in each.items() if key.endswith("}id")]
            return posixpath.normpath(posixpath.join("/xl", targets[identifier])).lstrip("/")
    return ""


def _elements(archive: ZipFile, part: str, tag: str) -> Iterator[ET.Element]:
    with archive.open(part) as file:
        content = file.read(_LARGEST_INDEX + 1)
    if len(content) > _LARGEST_INDEX:
        raise ValueError(part)
    # Its size is bounded, and expat bounds what entities may grow to.
    for element in ET.fromstring(content).iter():  # noqa: S314 - see above
        if element.tag.rpartition("}")[2] == tag:
            yield element


class _Scan:
    """Reads one part to its end, which also proves that it unpacks to the size that it declares."""

    def __init__(self, name: str, part: str) -> None:
        self._name = name
        self._part = part
        self._last_row = self._last_column = self._tags = 0

    def read(self, archive: ZipFile) -> dict[tuple[int, int], str]:
        errors: dict[tuple[int, int], str] = {}
        before = b""
        with archive.open(self._part) as file:
            while chunk := file.read(_CHUNK):
                text = before + chunk
                self._measure(text, chunk)
                errors.update(_errors(text))
                before = text[-_OVERLAP:]
        return errors

    def _measure(self, text: bytes, chunk: bytes) -> None:
        self._tags += chunk.count(b"<")
        found = _REFERENCE.findall(text)
        if found:
            letters, rows = zip(*found, strict=True)
            self._last_column = max(self._last_column, *map(_column_number, set(letters)))
            self._last_row = max(self._last_row, int(max(rows, key=lambda row: (len(row), row))))
        if self._last_row * self._last_column > _MOST_CELLS or self._tags > _MOST_CELLS * _TAGS_PER_CELL:
            raise _too_large(self._name)


def _errors(text: bytes) -> Iterator[tuple[tuple[int, int], str]]:
    if b'"e"' not in text and b"'e'" not in text:
        return
    for attributes, shown in _CELL_WITH_ERROR.findall(text):
        place = _REFERENCE.search(attributes)
        error = shown.decode("ascii", "replace")
        if place is not None:
            key = int(place[2]), _column_number(place[1])
            yield key, error if _ERROR.fullmatch(error) else "an error"


def _too_large(name: str) -> SourceContentError:
    return SourceContentError(
        f"{name}: the workbook is too large: at most {_MOST_CELLS:,} cells and 1 GiB of content are read",
        hint="remove empty rows and columns below and next to the table, or save the sheet as CSV",
    )
