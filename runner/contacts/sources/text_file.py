"""Opens the text files people keep contacts in: UTF-8, with or without a mark, or an old Windows encoding."""

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from runner.campaign.warning_codes import WarningCode
from runner.contacts.sources.source import Notice
from runner.errors import SourceContentError, SourceError

_CHUNK = 1 << 20
_NO_UTF8 = re.compile("[\udc80-\udcff]")
SHOWN_LINES = 10
MOST_CHARACTERS = 1 << 20
"""Of one record."""


class TooLongError(ValueError):
    """A record has more characters than are read."""


class Lines:
    """The lines of a text file, line ends as they are, without a byte order mark.

    The lines of one record have at most a million characters: a file without line ends does not fill the
    memory. Iterating raises TooLongError.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._room = MOST_CHARACTERS

    def begin_record(self) -> None:
        """The next line begins a record."""
        self._room = MOST_CHARACTERS

    def __iter__(self) -> Iterator[str]:
        readline = self._file.readline
        # Programs that add a mark to a file that has one leave a second one in the text.
        line = readline(MOST_CHARACTERS + 1).lstrip("\N{BYTE ORDER MARK}")
        while line:
            self._room -= len(line)
            if self._room < 0:
                raise TooLongError
            yield line
            line = readline(MOST_CHARACTERS + 1)


@contextmanager
def open_text(path: Path, name: str, notices: list[Notice]) -> Iterator[Lines]:
    """The file as text. `name` is how the campaign file calls it.

    Raises SourceError when it cannot be read, SourceContentError when it is not text.
    """
    try:
        encoding = _encoding(path, name)
        if encoding == "cp1252":
            notices.append(
                Notice(
                    WarningCode.LATIN1,
                    f"{name} is not UTF-8; it was read as Latin-1 (Windows-1252)",
                    "check names with accents in the plan, or export it again as UTF-8",
                )
            )
        # Windows-1252 leaves five bytes without a meaning; they are kept visible rather than fatal.
        errors = "replace" if encoding == "cp1252" else "strict"
        with path.open(encoding=encoding, errors=errors, newline="") as file:
            yield Lines(file)
    except OSError as error:
        raise SourceError(f"{name}: it cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        # UTF-16 that is cut off, or a file that somebody writes to at this moment.
        raise SourceContentError(
            f"{name}: part of it is not valid in its encoding", hint="export it again as CSV (UTF-8)"
        ) from None


def _encoding(path: Path, name: str) -> str:
    """Decides by reading the whole file once, in pieces: its first bytes alone prove nothing."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    with path.open("rb") as file:
        head = file.read(_CHUNK)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        chunk = head
        while chunk:
            if b"\0" in chunk:
                raise SourceContentError(
                    f"{name}: it contains NUL bytes, so it is not a text file",
                    hint="export it again as CSV (UTF-8)",
                )
            if is_utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    is_utf8 = False
            chunk = file.read(_CHUNK)
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf8 = False
    if not is_utf8:
        _refuse_damaged_utf8(path, name)
    return "utf-8-sig" if is_utf8 else "cp1252"


def _refuse_damaged_utf8(path: Path, name: str) -> None:
    """Raises SourceContentError for a file that is UTF-8 except for some bytes: read as Latin-1, every name
    with an accent would be wrong. Latin-1 text rarely looks like UTF-8 by chance.
    """
    wrong = right = first = line = 0
    is_marked = False
    # Every byte that is not valid UTF-8 becomes one of these characters.
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        # In pieces: a file without line ends does not fill the memory.
        while text := file.readline(_CHUNK):
            if not text.isascii():
                is_marked = is_marked or (line == 0 and text.startswith("\N{BYTE ORDER MARK}"))
                bad = sum(1 for _ in _NO_UTF8.finditer(text))
                first = first or (line + 1 if bad else 0)
                wrong += bad
                right += sum(not character.isascii() for character in text) - bad
            line += text.endswith("\n")
    if right >= wrong or is_marked:
        raise SourceContentError(
            f"{name}:{first}: it contains a byte that is not valid UTF-8, unlike the rest of the file"
            + (f" ({wrong:,} such bytes in all)" if wrong > 1 else ""),
            hint="correct it, or export the file again as UTF-8",
        )


class BadLines:
    """Collects the invalid lines of a source, to report them together."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._first: list[str] = []
        self.count = 0

    def add(self, line: int, problem: str) -> None:
        self.count += 1
        if len(self._first) < SHOWN_LINES:
            self._first.append(f"{self._name}:{line}: {problem}")

    def leave_out(self, count: int) -> None:
        """Adds lines that are counted and not shown."""
        self.count += count

    def raise_if_any(self, hint: str) -> None:
        """Raises SourceContentError naming the first ten, and how many more there are."""
        if self.count:
            more = self.count - len(self._first)
            lines = [*self._first, *([f"and {more:,} more"] if more else [])]
            raise SourceContentError("\n".join(lines), hint=hint)
