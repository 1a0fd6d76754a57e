"""Screens rows: a usual campaign's here, those of a large one in processes beside this one.

What a row comes to depends on that row alone, and is most of the work of planning. Each process gets rows
some at a time through a pipe and gives back what they come to. It ends when its pipe does, so none is left
when this process is killed.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import chain, islice
from typing import IO, Self

from runner.campaign.model import Campaign, Source
from runner.campaign.templates import Columns
from runner.contacts.contact import Exclusion, Row
from runner.contacts.identity import Identity
from runner.errors import RunnerError
from runner.planning.prospect import Prospect
from runner.planning.screening import Screening

_FEW = 10_000
"""So many rows are screened before other processes could have begun."""
_AT_A_TIME = 500
_MOST_PROCESSES = 8
"""More than this process can feed."""

_Given = list[tuple[int, str, int, dict[str, object]]]
"""(position of the source, its name, line, values) of some rows."""
_Found = list[tuple[object, ...] | Exclusion]
"""What each came to: a prospect's values, or an exclusion."""


def screened_rows(
    campaign: Campaign, privacy_key: bytes, rows: Iterator[tuple[Source, Row]]
) -> Iterator[Prospect | Exclusion]:
    """What each row comes to, in their order. Raises RunnerError where a process beside this one fails."""
    yield from Screening(campaign, Identity(privacy_key)).screen(islice(rows, _FEW))
    first = next(rows, None)
    if first is None:
        return
    processors = _processors()
    remaining = chain([first], rows)
    if processors == 1:
        yield from Screening(campaign, Identity(privacy_key)).screen(remaining)
    else:
        yield from _screened_elsewhere(campaign, privacy_key, remaining, min(processors, _MOST_PROCESSES))


def _processors() -> int:
    """That this process may use: in a container fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _screened_elsewhere(
    campaign: Campaign, privacy_key: bytes, rows: Iterator[tuple[Source, Row]], processes: int
) -> Iterator[Prospect | Exclusion]:
    positions = {id(source): position for position, source in enumerate(campaign.contacts.sources)}
    with ExitStack() as stack:
        idle = [stack.enter_context(_Process(campaign, privacy_key)) for _ in range(processes)]
        busy: deque[_Process] = deque()
        while some := list(islice(rows, _AT_A_TIME)):
            given = [(positions[id(source)], row.source, row.line, dict(row.values)) for source, row in some]
            # The one that began first is done first, and has the rows that come first.
            process = idle.pop() if idle else busy.popleft()
            found = process.answer() if process.is_busy else []
            process.ask(given)
            busy.append(process)
            yield from map(_entry, found)
        for process in busy:
            yield from map(_entry, process.answer())


def _entry(found: tuple[object, ...] | Exclusion) -> Prospect | Exclusion:
    return found if isinstance(found, Exclusion) else Prospect(*found)  # type: ignore[arg-type] # as it was sent


class _Process:
    """One that screens. It holds one question at a time, so that neither waits for the other to read.

    A process of our own with two pipes, and none of `multiprocessing`'s pools: theirs do not notice when the
    process that feeds them is killed.
    """

    def __init__(self, campaign: Campaign, privacy_key: bytes) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            # -P: what lies in the current folder is not taken for a part of Python.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for us to answer: we end them.
            start_new_session=True,
        )
        self.is_busy = False
        self._send((campaign, privacy_key))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, given: _Given) -> None:
        self._send(given)
        self.is_busy = True

    def answer(self) -> _Found:
        self.is_busy = False
        try:
            found: _Found = pickle.load(_open(self._process.stdout))  # noqa: S301 - from our own process
        except (EOFError, pickle.UnpicklingError):
            raise _ended() from None
        return found

    def _send(self, message: object) -> None:
        try:
            _write(message, _open(self._process.stdin))
        except BrokenPipeError:
            raise _ended() from None


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise _ended()
    return stream


def _write(message: object, stream: IO[bytes]) -> None:
    # At once: in pieces, the reader would be woken for each.
    stream.write(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))
    stream.flush()


def _ended() -> RunnerError:
    return RunnerError(
        "a process that helps to read the contacts ended before its work was done; nothing was changed",
        hint="run the command again; if it happens again, the machine may have too little memory",
    )


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answers until there are no more questions."""
    campaign, privacy_key = pickle.load(questions)  # noqa: S301 - from the process that began this one
    screening = Screening(campaign, Identity(privacy_key))
    sources = campaign.contacts.sources
    with suppress(EOFError, pickle.UnpicklingError, BrokenPipeError):
        while True:
            given: _Given = pickle.load(questions)  # noqa: S301 - likewise
            rows = (
                (sources[position], Row(source=name, line=line, values=Columns(values)))
                for position, name, line, values in given
            )
            _write([_plain(entry) for entry in screening.screen(rows)], answers)


def _plain(entry: Prospect | Exclusion) -> tuple[object, ...] | Exclusion:
    """A bare tuple takes half the time of a named one on its way."""
    return entry if isinstance(entry, Exclusion) else tuple(entry)


if __name__ == "__main__":
    # A row leaves nothing behind that refers to itself; looking for such things took a fifth of the time.
    gc.disable()
    _serve(sys.stdin.buffer, sys.stdout.buffer)
