"""A campaign's report as text for a terminal, at most as wide as its tables."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from runner.reports.console import columns, indented, print_lines
from runner.reports.sections import Document, Grid, Section, Table
from runner.results.rates import Share


def print_report(console: Console, document: Document) -> None:
    print_lines(console, _lines(document))


def _lines(document: Document) -> Iterator[Text]:
    yield Text(f"{document.campaign}: {document.title}", style="bold")
    for note in document.notes:
        yield Text(note)
    yield from indented(columns(document.figures, right=[1]))
    for section in document.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[Text]:
    yield Text("")
    yield Text(section.title, style="bold")
    for note in section.notes:
        yield Text(f"  {note}", style="dim")
    for table in section.tables:
        yield from _table(table)
    if section.grid is not None:
        yield from _grid(section.grid)


def _table(table: Table) -> Iterator[Text]:
    yield Text("")
    yield Text(f"  {table.caption}", style="italic")
    head = [Text(name, style="dim") for name in table.head]
    yield from indented(columns([head, *table.rows], right=table.right), by=4)


def _grid(grid: Grid) -> Iterator[Text]:
    """In whole percent: a week must fit into a line."""
    yield Text("")
    yield Text(f"  {grid.caption}, in percent", style="italic")
    head = [Text(name, style="dim") for name in ("", *grid.columns)]
    rows = [(name, *map(_cell, shares)) for name, shares in grid.rows]
    yield from indented(columns([head, *rows], right=range(1, len(head))), by=4)


def _cell(share: Share | None) -> str:
    return "" if share is None or share.value is None else f"{share.value * 100:.0f}"
