"""What sources over a connection share: nothing but reading them shows whether their rows changed."""

import hashlib
import time
from collections.abc import Callable, Iterator

from runner.campaign.source_models import HttpRows, SqlRows
from runner.campaign.warning_codes import WarningCode
from runner.contacts.contact import Row
from runner.contacts.sources.context import Connection, ReadContext
from runner.contacts.sources.source import EMPTY_HINT, Notice, Version
from runner.errors import SettingsError, SourceError

READ_AGAIN_SECONDS = 60
"""How often a running apply reads a suppression list over a connection."""

TRY_AGAIN_SECONDS = 10
"""For so long after a failure the source is not asked again."""


class RemoteSource:
    """Gives the rows of one reading after the other."""

    has_header = False

    def __init__(self, declared: SqlRows | HttpRows, context: ReadContext) -> None:
        self.name = declared.name
        self._connection_name = declared.connection
        self._context = context
        self.notices: list[Notice] = []
        self.read_at: float | None = None
        """When the last reading began, in UTC Unix seconds."""
        self._digest = ""
        self._failure: SourceError | None = None
        self._again_at = 0.0

    def rows(self) -> Iterator[Row]:
        """Raises SourceError."""
        if self._failure is not None and time.monotonic() < self._again_at:
            raise self._failure
        self._failure, self._digest, self.read_at = None, "", time.time()
        try:
            yield from self._all_rows()
        except SourceError as error:
            # A run that waits for its lists asks every few seconds.
            self._failure, self._again_at = error, time.monotonic() + TRY_AGAIN_SECONDS
            raise

    def _all_rows(self) -> Iterator[Row]:
        digest, line = hashlib.sha256(), 0
        for line, row in enumerate(self._read(digest.update), start=1):  # noqa: B007 - the last is the number of rows
            yield row
        if line == 0:
            self.notices.append(Notice(WarningCode.EMPTY_SOURCE, f"{self.name} has no rows", EMPTY_HINT))
        self._digest = digest.hexdigest()

    def _connection(self) -> Connection:
        try:
            return self._context.connections(self._connection_name)
        except SettingsError as error:
            raise SourceError(f"{self.name}: {error.message}", hint=error.hint) from None

    def _read(self, note: Callable[[bytes], object]) -> Iterator[Row]:
        """The rows; `note` is given their content."""
        raise NotImplementedError

    def size_hint(self) -> int:
        return 0

    def version(self) -> Version | None:
        """Another one at regular intervals: only reading shows whether the rows changed."""
        return Version((int(time.monotonic() / READ_AGAIN_SECONDS),), None)

    def digest(self) -> str:
        """Of the rows as they were read last."""
        if not self._digest:
            for _ in self.rows():
                pass
        return self._digest
