"""Progress bars while a plan is made: on a terminal only, and only where it takes longer than a moment."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from runner.contacts.contact import Row
from runner.reports.activity import bar_begins, bar_ended

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_T = TypeVar("_T")

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


def progress(
    what: str, total: int, items: Iterable[_T], *, now: Callable[[], float] = time.monotonic
) -> Iterator[_T]:
    """Passes the items on, and counts on stderr how many of `total` they are. `now` is as above."""
    if not sys.stderr.isatty():
        yield from items
        return
    bar = _Bar(what, lambda: total, now)
    try:
        for number, item in enumerate(items, start=1):
            if number % _ROWS_BETWEEN_LOOKS == 0:
                bar.look(number, lambda: number)  # noqa: B023 - asked at once, if at all
            yield item
    finally:
        bar.stop()


class _Reading:
    """How far the rows of several sources are read. Rows are counted; the bar and what is left go by lines,
    because the number of rows is unknown before the end.
    """

    def __init__(self, what: str, count_lines: Callable[[], Sequence[int]], now: Callable[[], float]) -> None:
        self._count_lines = count_lines
        self._bar = _Bar(what, self._all_lines, now)
        self._rows = 0
        self._sources = 0
        self._lines: Sequence[int] = ()

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self._rows += 1
            if self._rows % _ROWS_BETWEEN_LOOKS == 0:
                self._bar.look(self._rows, lambda: self._read(row.line))  # noqa: B023 - asked at once, if at all
            yield row
        self._sources += 1

    def stop(self) -> None:
        self._bar.stop()

    def _all_lines(self) -> int:
        self._lines = self._count_lines()
        return sum(self._lines)

    def _read(self, line: int) -> int:
        return min(sum(self._lines[: self._sources]) + line, sum(self._lines))


class _Bar:
    """Appears when it takes longer than a moment; asks for the total then."""

    def __init__(self, what: str, total: Callable[[], int], now: Callable[[], float]) -> None:
        self._what = what
        self._total = total
        self._now = now
        self._began = now()
        self._look_again_at = self._began + _PATIENCE_SECONDS
        self._shown: tuple[Progress, TaskID] | None = None

    def look(self, rows: int, completed: Callable[[], int]) -> None:
        now = self._now()
        if now < self._look_again_at:
            return
        self._look_again_at = now + _REFRESH_SECONDS
        if self._shown is None:
            self._shown = _start(self._what, self._total(), self._now)
        shown, task = self._shown
        shown.update(
            task,
            completed=completed(),
            rows=f"{rows:,}",
            rate=f"{rows / (now - self._began):,.0f}/s",
            refresh=True,
        )

    def stop(self) -> None:
        if self._shown is not None:
            self._shown[0].stop()
            bar_ended()


def _start(what: str, total: int, now: Callable[[], float]) -> "tuple[Progress, TaskID]":
    # Rich takes a while to import, and most plans are made before a bar is needed.
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from runner.reports.console import standard_console  # noqa: PLC0415

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[rows]}", markup=False),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        console=standard_console(stderr=True),
        # No thread of its own: the bar moves when rows do.
        auto_refresh=False,
        get_time=now,
        transient=True,
    )
    bar_begins()
    progress.start()
    return progress, progress.add_task(what, total=total, rows="", rate="")
