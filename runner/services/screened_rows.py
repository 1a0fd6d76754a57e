"""Screens rows: those of a usual campaign in this process, those of a large one in several helper processes.

The result of a row depends on that row alone, and is most of the work of planning. A helper process gets
rows through a pipe and returns their results. It ends when the pipe is closed, so none is left when this
process is killed. The pools of `multiprocessing` do not notice that.
"""

import fcntl
import gc
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import chain, cycle, islice
from typing import IO, Self

from runner.campaign.model import Campaign
from runner.campaign.source_models import Source
from runner.campaign.template_language import Columns
from runner.contacts.contact import Exclusion, Row
from runner.contacts.identity import Identity
from runner.errors import RunnerError, unexpected
from runner.planning.candidate import Candidate
from runner.planning.screening import Screening

_FEW = 10_000
"""So many rows are screened before a helper process has started."""
_AT_A_TIME = 500
_MOST_PROCESSES = 8
"""With more, this process could not feed them all."""
_PIPE_BYTES = 1 << 20
"""The most that Linux grants every user: room for several messages."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)

Given = list[tuple[int, str, int, dict[str, object]]]
"""(position of the source, its name, line, values) of some rows."""
Found = list[Candidate | Exclusion]
_Plain = list[tuple[object, ...] | Exclusion]
"""The same on its way: a bare tuple takes half the time of a named one."""


def screened_rows(
    campaign: Campaign,
    privacy_key: bytes,
    rows: Iterator[tuple[Source, Row]],
    *,
    by_state: bool = False,
) -> Iterator[Candidate | Exclusion]:
    """What each row comes to, in their order; `by_state` as in Screening. Raises RunnerError where a helper
    process fails.
    """
    yield from Screening(campaign, Identity(privacy_key), by_state=by_state).screen(islice(rows, _FEW))
    first = next(rows, None)
    if first is None:
        return
    processors = _processors()
    remaining = chain([first], rows)
    if processors == 1:
        yield from Screening(campaign, Identity(privacy_key), by_state=by_state).screen(remaining)
    else:
        number = min(processors, _MOST_PROCESSES)
        yield from _screened_elsewhere(campaign, privacy_key, remaining, number, by_state=by_state)


def _processors() -> int:
    """That this process may use: in a container fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _screened_elsewhere(
    campaign: Campaign,
    privacy_key: bytes,
    rows: Iterator[tuple[Source, Row]],
    number: int,
    *,
    by_state: bool,
) -> Iterator[Candidate | Exclusion]:
    positions = {id(source): position for position, source in enumerate(campaign.contacts.sources)}
    with ExitStack() as stack:
        processes = cycle(
            [
                stack.enter_context(ScreeningProcess(campaign, privacy_key, by_state=by_state))
                for _ in range(number)
            ]
        )
        asked: deque[ScreeningProcess] = deque()
        while some := list(islice(rows, _AT_A_TIME)):
            question = question_of(
                [(positions[id(source)], row.source, row.line, dict(row.values)) for source, row in some]
            )
            # All are asked in turn, so that the answer that is wanted next is the one to the oldest question.
            process = next(processes)
            while not process.has_room_for(question):
                yield from asked.popleft().answer()
            process.ask(question)
            asked.append(process)
        for process in asked:
            yield from process.answer()


class ScreeningProcess:
    """A helper process that screens the rows of a campaign. Answers come in the order of the questions.

    Raises RunnerError where it has ended.
    """

    def __init__(self, campaign: Campaign, privacy_key: bytes, *, by_state: bool = False) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            # -P: what lies in the current folder is not taken for a part of Python.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for us to answer: we end them. In a session of its own, our niceness might not count.
            process_group=0,
        )
        self._room = _widen(_open(self._process.stdin))
        _widen(_open(self._process.stdout))
        self._unanswered: deque[int] = deque()
        """The bytes that each question without an answer may take of the pipe."""
        self._send(_packed((campaign, privacy_key, by_state)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def has_room_for(self, question: bytes) -> bool:
        """Whether it can be asked this too.

        With nothing to do it takes every question; otherwise only what is sure to fit into the pipe: each
        process might wait for the other to read.
        """
        return not self._unanswered or sum(self._unanswered) + _in_pipe(question) <= self._room

    def ask(self, question: bytes) -> None:
        """Hands it rows, as `question_of` packs them."""
        self._send(question)
        self._unanswered.append(_in_pipe(question))

    def answer(self) -> Found:
        """What the rows come to that it was asked first of those without an answer."""
        self._unanswered.popleft()
        try:
            found: _Plain | RunnerError = pickle.load(_open(self._process.stdout))  # noqa: S301 - our own process
        except (EOFError, pickle.UnpicklingError):
            raise _ended() from None
        if isinstance(found, RunnerError):
            raise found
        return [entry if isinstance(entry, Exclusion) else Candidate._make(entry) for entry in found]

    def _send(self, message: bytes) -> None:
        try:
            _write(message, _open(self._process.stdin))
        except BrokenPipeError:
            raise _ended() from None


def question_of(rows: Given) -> bytes:
    """What these rows come to, as one message."""
    return _packed(rows)


def _packed(message: object) -> bytes:
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def _write(message: bytes, stream: IO[bytes]) -> None:
    # At once: in pieces, the reader would be woken for each.
    stream.write(message)
    stream.flush()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise _ended()
    return stream


def _widen(pipe: IO[bytes]) -> int:
    """Makes room in a pipe for questions that wait; returns how many bytes fit. 0 where that is unknown."""
    if _SET_PIPE_SIZE is None:
        return 0
    try:
        return fcntl.fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)
    except OSError:
        # This user has many wide pipes already.
        return 0


def _in_pipe(question: bytes) -> int:
    """A pipe is made of pages."""
    return -(-len(question) // _PAGE_BYTES) * _PAGE_BYTES


def _ended() -> RunnerError:
    return RunnerError(
        "a process that helps to read the contacts ended before its work was done; nothing was changed",
        hint="run the command again; if it happens again, the machine may have too little memory",
    )


def answer_all(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answers until there are no more questions."""
    campaign, privacy_key, by_state = pickle.load(questions)  # noqa: S301 - from the process that began this
    screening = Screening(campaign, Identity(privacy_key), by_state=by_state)
    sources = campaign.contacts.sources
    with suppress(EOFError, pickle.UnpicklingError, BrokenPipeError):
        while True:
            given: Given = pickle.load(questions)  # noqa: S301 - as above
            rows = (
                (sources[position], Row(source=name, line=line, values=Columns(values)))
                for position, name, line, values in given
            )
            _write(_packed(_found(screening, rows)), answers)


def _found(screening: Screening, rows: Iterator[tuple[Source, Row]]) -> _Plain | RunnerError:
    try:
        return [_plain(entry) for entry in screening.screen(rows)]
    except Exception as error:  # noqa: BLE001 - its traceback might show what was in a row
        return error if isinstance(error, RunnerError) else unexpected(error)


def _plain(entry: Candidate | Exclusion) -> tuple[object, ...] | Exclusion:
    return entry if isinstance(entry, Exclusion) else tuple(entry)


if __name__ == "__main__":
    # A row leaves nothing behind that refers to itself; looking for such things took a fifth of the time.
    gc.disable()
    answer_all(sys.stdin.buffer, sys.stdout.buffer)
