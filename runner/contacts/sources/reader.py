"""The sources and suppression lists of one campaign, opened by their types."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, count, islice
from operator import itemgetter
from typing import Any

from runner.campaign.model import Campaign
from runner.campaign.source_models import AnySource, HttpRows, ParquetRows, SourceFields, SqlRows, XlsxRows
from runner.contacts.contact import Row
from runner.contacts.sources.context import Connections, ReadContext, no_connections
from runner.contacts.sources.csv import CsvFile
from runner.contacts.sources.file import MOST_COLUMNS, SourceFolder
from runner.contacts.sources.inline import InlineTable
from runner.contacts.sources.jsonl import JsonlFile
from runner.contacts.sources.source import Reading, RowSource
from runner.errors import EmptySourceError, SourceContentError

# What few campaigns need is loaded by those that do: `validate` of a usual one takes a quarter of a second.


def _xlsx(declared: XlsxRows, context: ReadContext) -> RowSource:
    from runner.contacts.sources.xlsx import XlsxFile  # noqa: PLC0415 - see above

    return XlsxFile(declared, context)


def _parquet(declared: ParquetRows, context: ReadContext) -> RowSource:
    from runner.contacts.sources.parquet import ParquetFile  # noqa: PLC0415 - see above

    return ParquetFile(declared, context)


def _sql(declared: SqlRows, context: ReadContext) -> RowSource:
    from runner.contacts.sources.sql import SqlTable  # noqa: PLC0415 - see above

    return SqlTable(declared, context)


def _http(declared: HttpRows, context: ReadContext) -> RowSource:
    from runner.contacts.sources.http import HttpRecords  # noqa: PLC0415 - see above

    return HttpRecords(declared, context)


# Each takes the model of its type, so their common signature cannot name it.
TYPES: dict[str, Callable[[Any, ReadContext], RowSource]] = {
    "csv": CsvFile,
    "jsonl": JsonlFile,
    "xlsx": _xlsx,
    "parquet": _parquet,
    "sql": _sql,
    "http": _http,
    "inline": InlineTable,
}
"""A new type of source is a file that implements RowSource, its model, and a line here."""


_FIRST = itemgetter(0)


class SourceReader:
    """Opens each source once, and keeps the columns that its rows had.

    `used` are the columns that the campaign reads; with None, it may read any. `constants` are its `vars`.
    """

    def __init__(
        self,
        folder: SourceFolder,
        used: frozenset[str] | None = None,
        *,
        connections: Connections = no_connections,
        constants: Mapping[str, object] | None = None,
    ) -> None:
        self._context = ReadContext(
            folder=folder, used=used, connections=connections, constants=constants or {}
        )
        # The declaration is kept with its source, so that no other gets its id.
        self._opened: dict[int, tuple[AnySource, RowSource]] = {}
        self._columns: dict[int, set[str]] = {}
        self._rows: dict[int, int] = {}

    def source(self, declared: AnySource) -> RowSource:
        if id(declared) not in self._opened:
            self._opened[id(declared)] = declared, TYPES[declared.type](declared, self._context)
        return self._opened[id(declared)][1]

    def columns(self, declared: AnySource) -> frozenset[str]:
        """Every column that a row of the source had, as far as it was read."""
        return frozenset(self._columns.get(id(declared), ()))

    def size_hints(self, sources: Iterable[AnySource]) -> list[int]:
        """About how many rows each source has; 0 where that is unknown."""
        return [self.source(declared).size_hint() for declared in sources]

    def row_count(self, declared: AnySource) -> int:
        """How many rows the source had when it was read last."""
        return self._rows.get(id(declared), 0)

    def readings(self, campaign: Campaign) -> tuple[Reading, ...]:
        """What each source and list gave when it was read last. Raises SourceError."""
        contacts = campaign.contacts
        return tuple(
            self._reading(f"{field}[{position}]", declared)
            for field, all_declared in (("sources", contacts.sources), ("suppress", contacts.suppress))
            for position, declared in enumerate(all_declared)
        )

    def _reading(self, place: str, declared: AnySource) -> Reading:
        source = self.source(declared)
        rows = self.row_count(declared)
        return Reading(place, source.name, declared.type, rows, source.digest(), source.read_at)

    def rows(self, declared: AnySource) -> Iterator[Row]:
        """Streams the rows. Raises SourceError for what cannot be read, and SourceContentError, after the
        last row, with every invalid row.
        """
        source = self.source(declared)
        source.notices.clear()
        rows = source.rows()
        try:
            # With a header, the first row has the columns of all.
            noted = chain(self._noted(declared, islice(rows, 1) if source.has_header else rows), rows)
            # There may be a million rows: Python code for each would take as long as half of their reading.
            numbers = count()
            yield from map(_FIRST, zip(noted, numbers, strict=False))
            self._rows[id(declared)] = next(numbers)
        except EmptySourceError:
            # A suppression list must at least have its header.
            if not (isinstance(declared, SourceFields) and declared.allow_empty):
                raise

    def _noted(self, declared: AnySource, rows: Iterator[Row]) -> Iterator[Row]:
        known = self._columns.setdefault(id(declared), set())
        for row in rows:
            if not row.values.keys() <= known:
                known.update(row.values)
                if len(known) > MOST_COLUMNS:
                    raise SourceContentError(
                        f"{row.source}:{row.line}: up to here there are more than {MOST_COLUMNS:,} columns",
                        hint="column names must not be made from the content of rows",
                    )
            yield row
