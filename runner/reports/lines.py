"""Lines of text that lose nothing: a terminal wraps them at words, a pipe or file gets each as it is."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from runner.characters import on_one_line

_GAP = "  "
_HANG = 2
"""A wrapped line goes on so much further right than it began."""
_LEAST_WIDTH = 20


def print_lines(console: Console, lines: Iterable[Text]) -> None:
    """Prints each line in full. Only a terminal gets line breaks that are not in the text."""
    for line in map(_printable, lines):
        line.rstrip()
        for part in _wrapped(console, line) if console.is_terminal else (line,):
            console.print(part, soft_wrap=True)


def columns(rows: Sequence[Sequence[str | Text]], *, right: Iterable[int] = ()) -> list[Text]:
    """One line for each row, its cells below each other; the columns in `right` are set to the right."""
    cells = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            missing = width - cell.cell_len
            if place in right:
                cell.pad_left(missing)
            else:
                cell.pad_right(missing)
        lines.append(Text(_GAP).join(row))
    return lines


def indented(lines: Iterable[Text], by: int = 2) -> list[Text]:
    return [Text(" " * by) + line for line in lines]


def _printable(line: Text) -> Text:
    """Without what could begin a line of its own: names of files may hold anything."""
    shown = on_one_line(line.plain)
    return line if shown == line.plain else Text(shown, style=line.style)


def _wrapped(console: Console, line: Text) -> Iterable[Text]:
    margin = len(line.plain) - len(line.plain.lstrip())
    left = console.width - margin - _HANG
    if line.cell_len <= console.width or left < _LEAST_WIDTH:
        return (line,)
    first, *others = line[margin:].wrap(console, left)
    for part in (first, *others):
        part.rstrip()
    return (*indented([first], margin), *indented(others, margin + _HANG))
