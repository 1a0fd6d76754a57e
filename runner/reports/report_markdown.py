"""A campaign's report as Markdown that GitHub shows."""

from collections.abc import Iterator

from runner.reports.markdown import plain, table
from runner.reports.sections import Document, Grid, Section, Table, percent
from runner.results.rates import Share


def report_markdown(document: Document) -> str:
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Document) -> Iterator[str]:
    yield f"# {plain(document.campaign)}: {plain(document.title)}"
    for note in document.notes:
        yield from ("", plain(note))
    yield ""
    yield from _table(
        Table(caption="", head=("Figure", "Value"), rows=document.figures, right=frozenset({1}))
    )
    for section in document.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield from ("", f"## {plain(section.title)}")
    for note in section.notes:
        yield from ("", plain(note))
    for each in section.tables:
        yield from ("", f"**{plain(each.caption)}**", "")
        yield from _table(each)
    if section.grid is not None:
        yield from ("", f"**{plain(section.grid.caption)}**", "")
        yield from _grid(section.grid)


def _table(each: Table) -> Iterator[str]:
    lines = table([plain(name) for name in each.head], ([plain(text) for text in row] for row in each.rows))
    # Numbers are set to the right.
    lines[1] = "|" + "".join("--:|" if place in each.right else "---|" for place in range(len(each.head)))
    yield from lines


def _grid(grid: Grid) -> Iterator[str]:
    yield from table(("", *grid.columns), ((name, *map(_cell, shares)) for name, shares in grid.rows))


def _cell(share: Share | None) -> str:
    return "" if share is None else f"{percent(share.value)} of {share.whole:,}"
