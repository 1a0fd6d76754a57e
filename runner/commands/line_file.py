"""A file, pipe or standard output that gets lines from a thread of its own: the caller never waits for it."""

import os
import queue
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.commands.terminal import note
from runner.errors import RunnerError

STANDARD_OUTPUT = "-"
_PRIVATE = 0o600
_MOST_WAITING = 10_000
"""Lines that wait for a slow reader; further ones are lost."""
_PATIENCE_SECONDS = 5
"""How long the end waits for a reader."""

Lost = Callable[[int], str]
"""The line that says how many lines before it are missing."""
Write = Callable[[str, Lost], None]


@contextmanager
def line_file(name: str, begins_with: str) -> Iterator[Write]:
    """What appends a line to the file, which is private when it is new, and never raises or waits.

    Raises RunnerError for what cannot be written, and for a file that does not begin with `begins_with`.
    """
    lines = _Lines(_standard_output() if name == STANDARD_OUTPUT else _opened(Path(name), begins_with), name)
    try:
        yield lines.write
    finally:
        lines.close()


class _Lines:
    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = "standard output" if name == STANDARD_OUTPUT else name
        self._waiting: queue.Queue[tuple[str, int, Lost] | None] = queue.Queue(_MOST_WAITING)
        self._left_out = 0
        """Lines that found no place in the queue since the last one that did."""
        self._has_complained = False
        self._thread = threading.Thread(target=self._write_all, name="events", daemon=True)
        self._thread.start()

    def write(self, line: str, lost: Lost) -> None:
        try:
            self._waiting.put_nowait((line, self._left_out, lost))
            self._left_out = 0
        except queue.Full:
            self._left_out += 1
            self._complain("its reader is too slow")

    def close(self) -> None:
        try:
            self._waiting.put(None, timeout=_PATIENCE_SECONDS)
            self._thread.join(_PATIENCE_SECONDS)
        except queue.Full:
            pass
        if self._thread.is_alive():
            self._complain("its reader is too slow")
        else:
            os.close(self._descriptor)

    def _write_all(self) -> None:
        missing, before = 0, ""
        while (entry := self._waiting.get()) is not None:
            line, left_out, lost = entry
            missing += left_out
            text = f"{before}{lost(missing)}\n{line}\n" if missing else f"{before}{line}\n"
            written, problem = self._write(text.encode())
            if problem:
                missing += 1
                # What was cut is not continued by the next line.
                before = "\n" if written else before
                self._complain(problem)
            else:
                missing, before = 0, ""

    def _write(self, data: bytes) -> tuple[int, str]:
        """How many bytes were written, and what kept the others from it. One call of the system, so that
        lines of two processes do not mix.
        """
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError as error:
            return written, error.strerror or "unknown error"
        return written, ""

    def _complain(self, problem: str) -> None:
        """Once. The thread may do it, too, and a note that is there twice does no harm."""
        if not self._has_complained:
            self._has_complained = True
            note(
                f"warning: events are lost, because {self._name} cannot be written: {problem}; calls continue"
            )


def _standard_output() -> int:
    if sys.stdout is None:
        raise RunnerError("standard output is closed", hint="name a file for the events")
    sys.stdout.flush()
    return os.dup(sys.stdout.fileno())


def _opened(path: Path, begins_with: str) -> int:
    try:
        # Without waiting for the reader of a named pipe: it is an error when there is none.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(path, flags, _PRIVATE)
        os.set_blocking(descriptor, True)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            _check_content(path, descriptor, begins_with)
    except OSError as error:
        raise RunnerError(
            f"{path} cannot be written: {error.strerror}; nothing was changed",
            hint="name a file in a folder that you may write to",
        ) from None
    return descriptor


def _check_content(path: Path, descriptor: int, begins_with: str) -> None:
    """Raises RunnerError where the file holds something else: lines are appended to it."""
    size = os.fstat(descriptor).st_size
    if not size:
        return
    with path.open("rb") as file:
        first = file.read(len(begins_with))
        file.seek(-1, os.SEEK_END)
        is_cut = file.read(1) != b"\n"
    if first != begins_with.encode():
        os.close(descriptor)
        raise RunnerError(
            f"{path} is not a file of events; nothing was changed",
            hint="name a new file, or one that an earlier apply wrote its events to",
        )
    if is_cut:
        # An earlier apply was killed while it wrote, or the disk was full.
        os.write(descriptor, b"\n")
