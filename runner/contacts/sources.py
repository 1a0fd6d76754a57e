"""Reads the rows of a source, one after the other, each with the line on which it starts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from runner.campaign.characters import column_name
from runner.campaign.model import (
    Campaign,
    CsvSource,
    CsvSuppression,
    InlineSource,
    InlineSuppression,
    JsonlSource,
    JsonlSuppression,
)
from runner.contacts.contact import Row
from runner.contacts.csv_header import MOST_COLUMNS
from runner.contacts.csv_rows import csv_rows
from runner.contacts.jsonl_rows import jsonl_rows
from runner.contacts.source_folder import SourceFolder
from runner.contacts.text_file import Notice
from runner.errors import EmptySourceError, SourceContentError

AnySource = CsvSource | CsvSuppression | JsonlSource | JsonlSuppression | InlineSource | InlineSuppression
INLINE = "inline"


def source_paths(campaign: Campaign) -> tuple[str, ...]:
    """Of every file that decides who is called, as the campaign file writes it."""
    declared: list[AnySource] = [*campaign.contacts.sources, *campaign.contacts.suppress]
    inline = (InlineSource, InlineSuppression)
    return tuple(dict.fromkeys(source.path for source in declared if not isinstance(source, inline)))


@dataclass(frozen=True, slots=True)
class SourceReader:
    """Opens sources of one campaign. What is odd but readable is added to `notices`."""

    folder: SourceFolder
    notices: list[Notice]
    used: frozenset[str] | None = None
    """The columns that the campaign reads; with None, each may be."""
    _columns: dict[str, set[str]] = field(default_factory=dict)

    def columns(self, source: AnySource) -> frozenset[str]:
        """Every column that a row of the source had, as far as it was read."""
        if isinstance(source, InlineSource | InlineSuppression):
            return frozenset(column_name(column) for row in source.rows for column in row)
        return frozenset(self._columns.get(source.path, ()))

    def rows(self, source: AnySource) -> Iterator[Row]:
        """Streams the rows. Raises SourceError for what cannot be read, and SourceContentError, after the
        last row, with every row that makes no sense.
        """
        try:
            yield from self._rows(source)
        except EmptySourceError:
            # A suppression list must at least have its header.
            if not (isinstance(source, CsvSource) and source.allow_empty):
                raise

    def _rows(self, source: AnySource) -> Iterator[Row]:
        match source:
            case InlineSource() | InlineSuppression():
                for number, values in enumerate(source.rows, start=1):
                    yield Row(INLINE, number, {column_name(name): value for name, value in values.items()})
            case CsvSource() | CsvSuppression():
                rows = csv_rows(self.folder.find(source.path), source.path, self.notices, self.used)
                # All have the columns of the first.
                yield from self._noted(islice(rows, 1))
                yield from rows
            case JsonlSource() | JsonlSuppression():
                yield from self._noted(jsonl_rows(self.folder.find(source.path), source.path, self.notices))

    def _noted(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            known = self._columns.setdefault(row.source, set())
            if not row.values.keys() <= known:
                known.update(row.values)
                if len(known) > MOST_COLUMNS:
                    raise SourceContentError(
                        f"{row.source}:{row.line}: up to here there are more than {MOST_COLUMNS:,} columns",
                        hint="names of columns must not be made of the rows' content",
                    )
            yield row
