"""A progress bar while rows are read: on a terminal only, and only where it takes longer than a moment."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runner.contacts.contact import Row

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Watch = Callable[[Iterable[Row]], Iterator[Row]]
"""Passes on the rows of the next source, and notes how far they are."""

_PATIENCE_SECONDS = 1.0
_REFRESH_SECONDS = 0.1
_ROWS_BETWEEN_LOOKS = 500
"""A look at the clock costs as much as a row; a refresh of the bar, as much as many."""


@contextmanager
def row_progress(
    what: str, count_lines: Callable[[], Sequence[int]], *, now: Callable[[], float] = time.monotonic
) -> Iterator[Watch]:
    """Inside the block, the rows that pass through what it gives are counted on stderr.

    `count_lines` tells the lines of each source, in the order in which they are read. It is asked when the
    bar appears, so it costs nothing where there is none. `now` is in seconds, from any beginning.
    """
    if not sys.stderr.isatty():
        yield iter
        return
    reading = _Reading(what, count_lines, now)
    try:
        yield reading.watch
    finally:
        reading.stop()


class _Reading:
    """How far the rows of several sources are read. Rows are counted; the bar and what is left go by lines,
    because nobody knows the number of rows before the end.
    """

    def __init__(self, what: str, count_lines: Callable[[], Sequence[int]], now: Callable[[], float]) -> None:
        self._what = what
        self._count_lines = count_lines
        self._now = now
        self._began = now()
        self._look_again_at = self._began + _PATIENCE_SECONDS
        self._rows = 0
        self._sources = 0
        self._bar: tuple[Progress, TaskID] | None = None
        self._lines: Sequence[int] = ()

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self._rows += 1
            if self._rows % _ROWS_BETWEEN_LOOKS == 0:
                self._look(row.line)
            yield row
        self._sources += 1

    def stop(self) -> None:
        if self._bar is not None:
            self._bar[0].stop()

    def _look(self, line: int) -> None:
        now = self._now()
        if now < self._look_again_at:
            return
        self._look_again_at = now + _REFRESH_SECONDS
        if self._bar is None:
            self._lines = self._count_lines()
            self._bar = _start(self._what, sum(self._lines), self._now)
        progress, task = self._bar
        progress.update(
            task,
            completed=min(sum(self._lines[: self._sources]) + line, sum(self._lines)),
            rows=f"{self._rows:,}",
            rate=f"{self._rows / (now - self._began):,.0f}/s",
            refresh=True,
        )


def _start(what: str, lines: int, now: Callable[[], float]) -> "tuple[Progress, TaskID]":
    # Rich takes a while to import, and most plans are made before anybody needs a bar.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        # No thread of its own: the bar moves when rows do.
        auto_refresh=False,
        get_time=now,
        transient=True,
    )
    progress.start()
    return progress, progress.add_task(what, total=lines, rows="", rate="")
