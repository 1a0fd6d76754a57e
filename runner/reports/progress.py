"""Progress on a terminal while a plan is made, and only where it takes longer than a moment.

Bars count items. An activity shows that work goes on where nothing can be counted: a database sorts, or an
index is made.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from runner.contacts.contact import Row

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

_T = TypeVar("_T")

Watch = Callable[[Iterable[Row]], Iterator[Row]]
"""Passes on the rows of the next source, and notes how far they are."""

_PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_REFRESH_SECONDS = 0.1
_ROWS_BETWEEN_LOOKS = 500
"""A look at the clock costs as much as a row; a refresh of the bar, as much as many."""


@contextmanager
def activity(what: str, *, at_once: bool = False) -> Iterator[None]:
    """On a terminal, says what is done and for how long already, whenever nothing was shown for a moment; or
    `at_once`, where what is done lets no other thread run. Bars come before it.

    Inside the block nothing else may be written to the terminal.
    """
    if not sys.stderr.isatty():
        yield
        return
    pulse = _Pulse(what, 0 if at_once else _PATIENCE_SECONDS)
    _pulses.append(pulse)
    try:
        yield
    finally:
        _pulses.remove(pulse)
        pulse.end()


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
            self._shown = self._start()
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
            for pulse in _pulses:
                pulse.resume_display()

    def _start(self) -> "tuple[Progress, TaskID]":
        total = self._total()
        for pulse in _pulses:
            pulse.hide_display()
        # No thread of its own: the bar moves when rows do.
        shown = _displayed(None, self._now, auto_refresh=False)
        return shown, shown.add_task(self._what, total=total, rows="", rate="")


class _Pulse:
    """Runs in its own thread: the thread that works cannot report."""

    def __init__(self, what: str, patience: float) -> None:
        self._what = what
        self._patience = patience
        self._began = time.monotonic()
        self._silent_since = self._began
        self._bars = 0
        self._shown: Progress | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        if patience == 0:
            self._shown = _displayed(self._what, self._clock, auto_refresh=True)
        self._thread = threading.Thread(target=self._look, name="at work", daemon=True)
        self._thread.start()

    def hide_display(self) -> None:
        with self._lock:
            self._bars += 1
            self._hide()

    def resume_display(self) -> None:
        with self._lock:
            self._bars -= 1
            self._silent_since = time.monotonic()

    def end(self) -> None:
        self._ended.set()
        try:
            self._thread.join()
        finally:
            # Ctrl-C may come here too.
            self._hide()

    def _clock(self) -> float:
        return time.monotonic() - self._began

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            with self._lock:
                silent = self._bars == 0 and time.monotonic() > self._silent_since + self._patience
                if silent and self._shown is None:
                    self._shown = _displayed(self._what, self._clock, auto_refresh=True)

    def _hide(self) -> None:
        if self._shown is not None:
            self._shown.stop()
            self._shown = None


_pulses: list[_Pulse] = []
"""Those shown or waiting to be shown, the outermost first."""


def _displayed(what: str | None, now: Callable[[], float], *, auto_refresh: bool) -> "Progress":
    """A display of work that cannot be counted, or one for a bar: with rows, rate and time that is left."""
    # Rich takes a while to import, and most work is done before a display is needed.
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from runner.reports.console import standard_console  # noqa: PLC0415

    counts = [TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("rows", "rate")]
    columns: list[ProgressColumn] = [TimeElapsedColumn()] if what else [*counts, TimeRemainingColumn()]
    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *columns,
        console=standard_console(stderr=True),
        auto_refresh=auto_refresh,
        get_time=now,
        redirect_stdout=what is None,
        redirect_stderr=what is None,
        transient=True,
    )
    shown.start()
    if what:
        shown.add_task(what, total=None)
    return shown
