"""Shows that work goes on where no bar can tell how far it is: a database sorts, or an index is made."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.1


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


def bar_begins() -> None:
    for pulse in _pulses:
        pulse.hide_display()


def bar_ended() -> None:
    for pulse in _pulses:
        pulse.resume_display()


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
            self._shown = self._show()
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

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            with self._lock:
                silent = self._bars == 0 and time.monotonic() > self._silent_since + self._patience
                if silent and self._shown is None:
                    self._shown = self._show()

    def _show(self) -> "Progress":
        # Rich takes a while to import, and most work is done before a display is needed.
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        from runner.reports.console import standard_console  # noqa: PLC0415

        shown = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=standard_console(stderr=True),
            get_time=lambda: time.monotonic() - self._began,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        )
        shown.start()
        shown.add_task(self._what, total=None)
        return shown

    def _hide(self) -> None:
        if self._shown is not None:
            self._shown.stop()
            self._shown = None


_pulses: list[_Pulse] = []
"""Those at work now, the outermost first."""
