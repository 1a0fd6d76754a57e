"""Sources that are files: where they may be, how their text is decoded, and how their bad lines are reported.

A campaign changed in a pull request must not read the rest of the disk.
"""

import codecs
import hashlib
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TextIO

from runner.campaign.place import work_tree
from runner.campaign.source_models import FileRows
from runner.campaign.warning_codes import WarningCode
from runner.contacts.sources.source import Notice, Version
from runner.errors import MissingSourceError, SourceContentError, SourceError

MOST_COLUMNS = 16_384
"""As many as a spreadsheet has."""
MOST_CHARACTERS = 1 << 20
"""Of one record."""
_SHOWN_LINES = 10
_CHUNK = 1 << 20
_INVALID_BYTE = re.compile("[\udc80-\udcff]")
_EXPORT_AGAIN = "export it again as CSV (UTF-8)"


class SourceFolder:
    """The folder of a campaign file, the git work tree around it, and what RUNNER_DATA_ROOTS adds.

    `forbidden` are files that no source may be, such as the ledger.
    """

    def __init__(
        self, campaign_file: Path, *, data_roots: Sequence[Path] = (), forbidden: Sequence[Path] = ()
    ) -> None:
        self._folder = campaign_file.resolve().parent
        self._roots = (work_tree(self._folder) or self._folder, *(root.resolve() for root in data_roots))
        self._forbidden = tuple(path.resolve() for path in forbidden)

    def find(self, path: str) -> Path:
        """The regular file that `path` names, relative to the campaign file, links resolved.

        Raises MissingSourceError when there is none, SourceError when it may not be read.
        """
        try:
            found = (self._folder / path).resolve()
            # Checked first: the error must not reveal which files exist elsewhere.
            root = next((root for root in self._roots if found.is_relative_to(root)), None)
            if root is None:
                raise SourceError(
                    f"{path}: it is outside the campaign's folder",
                    hint="keep it in the campaign's git work tree, or name its folder in RUNNER_DATA_ROOTS",
                )
            if any(part.startswith(".") for part in found.relative_to(root).parts):
                raise SourceError(f"{path}: names that begin with a dot are not read as sources")
            is_file = stat.S_ISREG(found.stat().st_mode)
        except FileNotFoundError:
            hint = "paths are relative to the campaign file"
            raise MissingSourceError(f"{path}: there is no such file", hint=hint) from None
        except (OSError, ValueError, RuntimeError) as error:
            raise _unreadable(path, error) from None
        if not is_file:
            raise SourceError(f"{path}: it is not a regular file")
        if any(found == path or found.name.startswith(f"{path.name}-") for path in self._forbidden):
            raise SourceError(f"{path}: that is the ledger, not a source")
        return found


class SourceFile:
    """A file in one of the folders that sources may be in, with about one row on each line."""

    def __init__(self, declared: FileRows, folder: SourceFolder) -> None:
        self.name = declared.name
        self.notices: list[Notice] = []
        self.read_at: float | None = None
        self._path = declared.path
        self._folder = folder

    def path(self) -> Path:
        """Raises SourceError when there is no such file, or it may not be read."""
        return self._folder.find(self._path)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Raises SourceError."""
        path = self.path()
        try:
            file = path.open("rb")
        except OSError as error:
            raise _unreadable(self.name, error) from None
        with file:
            yield file

    def size_hint(self) -> int:
        with suppress(SourceError, OSError), self.path().open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))
        return 0

    def version(self) -> Version | None:
        """Differs when somebody writes to the file or puts another in its place."""
        try:
            found = self.path().stat()
        except OSError as error:
            raise _unreadable(self.name, error) from None
        token = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        return Version(token, found.st_mtime)

    def digest(self) -> str:
        try:
            with self.path().open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(self.name, error) from None


def _unreadable(name: str, error: Exception) -> SourceError:
    return SourceError(f"{name}: it cannot be read ({getattr(error, 'strerror', None) or 'invalid path'})")


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
def open_text(path: Path, name: str, notices: list[Notice], declared: str | None = None) -> Iterator[Lines]:
    """The file as text: in the declared encoding, else UTF-8, UTF-16, or Windows-1252 with a notice. `name`
    is as in the campaign file.

    Raises SourceError when it cannot be read, SourceContentError when it is not text.
    """
    try:
        encoding = declared or _encoding(path, name)
        if declared is not None:
            _check_text(path, name, declared)
        elif encoding == "cp1252":
            message = f"{name} is not UTF-8; it was read as Latin-1 (Windows-1252)"
            hint = "check names with accents in the plan, or export it again as UTF-8"
            notices.append(Notice(WarningCode.LATIN1, message, hint))
        # Windows-1252 leaves five bytes without a meaning; they are kept visible rather than fatal.
        errors = "replace" if encoding == "cp1252" and declared is None else "strict"
        with path.open(encoding=encoding, errors=errors, newline="") as file:
            yield Lines(file)
    except OSError as error:
        raise _unreadable(name, error) from None
    except UnicodeError:
        # UTF-16 that is cut off, or a file that somebody writes to at this moment.
        message = f"{name}: part of it is not valid in its encoding"
        raise SourceContentError(message, hint=_EXPORT_AGAIN) from None


def _check_text(path: Path, name: str, encoding: str) -> None:
    """Raises SourceContentError for a file that is not text in this encoding."""
    lines = 1
    with path.open(encoding=encoding, newline="\n") as file:
        try:
            while text := file.read(_CHUNK):
                if "\0" in text:
                    raise _no_text(name)
                lines += text.count("\n")
        except UnicodeError:
            raise SourceContentError(
                f"{name}: from line {lines} on, something is not valid {encoding}, as which it is declared",
                hint="correct `encoding`, or leave it out to have it detected",
            ) from None


def _no_text(name: str) -> SourceContentError:
    message = f"{name}: it contains NUL bytes, so it is not a text file"
    return SourceContentError(message, hint=_EXPORT_AGAIN)


def _encoding(path: Path, name: str) -> str:
    """Decides by reading the whole file once, in pieces: its first bytes alone prove nothing.

    Raises SourceContentError for binary files, and for a file that is UTF-8 except for some bytes: read as
    Latin-1, every name with an accent would be wrong. Latin-1 text rarely looks like UTF-8 by chance.
    """
    with path.open("rb") as binary:
        head = binary.read(len(codecs.BOM_UTF8))
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    wrong = right = first = lines = 0
    # Every byte that is not valid UTF-8 becomes a lone surrogate.
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        while text := file.read(_CHUNK):
            if "\0" in text:
                raise _no_text(name)
            if not text.isascii():
                valid = text.encode("utf-8", "ignore").decode()
                right += len(valid) - len(valid.encode("ascii", "ignore"))
                wrong += len(text) - len(valid)
                if not first and (invalid := _INVALID_BYTE.search(text)):
                    first = lines + text.count("\n", 0, invalid.start()) + 1
            lines += text.count("\n")
    if wrong and (right >= wrong or head == codecs.BOM_UTF8):
        raise SourceContentError(
            f"{name}:{first}: it contains a byte that is not valid UTF-8, unlike the rest of the file"
            + (f" ({wrong:,} such bytes in all)" if wrong > 1 else ""),
            hint="correct it, or export the file again as UTF-8",
        )
    return "cp1252" if wrong else "utf-8-sig"


class BadLines:
    """The invalid lines of a source, to report them together: the first ten, and how many there are."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.first: list[tuple[int, str]] = []
        self.count = 0

    def add(self, line: int, problem: str) -> None:
        self.count += 1
        if len(self.first) < _SHOWN_LINES:
            self.first.append((line, problem))

    def raise_if_any(self, hint: str) -> None:
        """Raises SourceContentError."""
        if self.count:
            more = self.count - len(self.first)
            lines = [f"{self.name}:{line}: {problem}" for line, problem in self.first]
            raise SourceContentError(
                "\n".join([*lines, *([f"and {more:,} more"] if more else [])]), hint=hint
            )
