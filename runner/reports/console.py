"""What Rich prints: visible text in its own styles, in lines that lose nothing."""

import sys
from collections.abc import Iterable, Sequence
from typing import IO, Any, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from runner.characters import on_one_line, visible
from runner.reports.streams import GuardedOutput

_GAP = "  "
_HANG = 2
"""How much further right a wrapped line continues."""
_LEAST_WIDTH = 20


def standard_console(*, stderr: bool = False) -> Console:
    """A console on standard output, or on standard error. It reads no markup in what it prints."""
    stream = sys.stderr if stderr else sys.stdout
    file = cast("IO[str]", _Styled(stream)) if isinstance(stream, GuardedOutput) else None
    return _VisibleConsole(file=file, stderr=stderr, markup=False, highlight=False, emoji=False)


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


class _VisibleConsole(Console):
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class _Styled:
    """The stream as Rich may write to it: its sequences pass, since its text was made visible before."""

    def __init__(self, stream: GuardedOutput) -> None:
        self._stream = stream
        self.write = stream.write_styled

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the stream's own
        return getattr(self._stream, name)
