"""The only maker of Rich's consoles: what they print is visible text, and only styles are theirs."""

import sys
from collections.abc import Iterable
from typing import IO, Any, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from runner.characters import visible
from runner.reports.streams import GuardedOutput


def standard_console(*, stderr: bool = False) -> Console:
    """A console on standard output, or on standard error. It reads no markup in what it prints."""
    stream = sys.stderr if stderr else sys.stdout
    file = cast("IO[str]", _Styled(stream)) if isinstance(stream, GuardedOutput) else None
    return _VisibleConsole(file=file, stderr=stderr, markup=False, highlight=False, emoji=False)


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
