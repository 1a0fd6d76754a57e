"""What all sources that are files have in common."""

import hashlib
from contextlib import suppress
from pathlib import Path

from runner.campaign.source_models import CsvFile, JsonlFile
from runner.contacts.sources.folder import SourceFolder
from runner.contacts.sources.source import Notice, Version
from runner.errors import SourceError

_CHUNK = 1 << 20


class SourceFile:
    """A file in one of the folders that sources may be in, with about one row on each line."""

    def __init__(
        self, declared: CsvFile | JsonlFile, folder: SourceFolder, used: frozenset[str] | None
    ) -> None:
        self.name = declared.path
        self.notices: list[Notice] = []
        self._folder = folder
        self._used = used

    def path(self) -> Path:
        """Raises SourceError when there is no such file, or it may not be read."""
        return self._folder.find(self.name)

    def size_hint(self) -> int:
        with suppress(SourceError, OSError), self.path().open("rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))
        return 0

    def version(self) -> Version | None:
        """Differs when somebody writes to the file or puts another in its place."""
        try:
            found = self.path().stat()
        except OSError as error:
            raise self._unreadable(error) from None
        token = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        return Version(token, found.st_mtime)

    def digest(self) -> str:
        try:
            with self.path().open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: OSError) -> SourceError:
        return SourceError(f"{self.name}: it cannot be read ({error.strerror})")
