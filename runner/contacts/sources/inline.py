"""Rows that are written in the campaign file itself."""

from collections.abc import Iterator

from runner.campaign.source_models import InlineRows
from runner.characters import column_name
from runner.contacts.contact import Row
from runner.contacts.sources.context import ReadContext
from runner.contacts.sources.source import Notice, Version


class InlineTable:
    """Counts its rows from 1."""

    has_header = False

    def __init__(self, declared: InlineRows, _context: ReadContext) -> None:
        self.name = declared.name
        self.notices: list[Notice] = []
        self.read_at: float | None = None
        self._rows = declared.rows

    def rows(self) -> Iterator[Row]:
        for number, values in enumerate(self._rows, start=1):
            yield Row(self.name, number, {column_name(name): value for name, value in values.items()})

    def size_hint(self) -> int:
        return len(self._rows)

    def version(self) -> Version | None:
        return None

    def digest(self) -> str:
        return ""
