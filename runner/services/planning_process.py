"""Plans the further rounds of a large campaign in another process, and enters them from there.

Python runs one thread of a process at a time, so a plan that is made next to a run would keep its calls
waiting. The process gets its order through a pipe, and does its work step by step, as it is asked to. It ends
when the pipe is closed, so none is left when this process is killed. Its plan is in a working file that both
processes open, which loses its name before anybody is in it.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, ParamSpec, Self, TypeVar

from runner.campaign.loader import LoadedCampaign
from runner.errors import LedgerError, RunnerError
from runner.ledger.ledger import Ledger
from runner.ledger.plan_entry import Binding
from runner.ledger.results import ResultsSoFar
from runner.planning.working_file import WorkingFile
from runner.services.planning import prepare_plan, refuse_shrunk_lists
from runner.settings import Settings

_NICENESS = 19
"""Calls that are due come before a plan for later."""

P = ParamSpec("P")
R = TypeVar("R")


class Order(NamedTuple):
    """What is to be planned, as of when (UTC Unix seconds), and for which run."""

    loaded: LoadedCampaign
    settings: Settings
    binding: Binding
    run: int
    now: float
    only_own: bool
    """Whether only contacts that this run called are tried again."""


class PlanningProcess:
    """Made for one plan. Each method returns when its step is done, and raises RunnerError where it fails."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            # -P: what lies in the current folder is not taken for a part of Python.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for us to answer: we end it. In a session of its own, its niceness might not count.
            process_group=0,
        )

        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                _open(pipe).close()

    def plan(self) -> tuple[int, ResultsSoFar, WorkingFile]:
        """Makes the plan; returns how many rows it has, the results that it knows of, and its rows."""
        handle, name = tempfile.mkstemp(prefix="runner-plan-")
        os.close(handle)
        try:
            working_set = WorkingFile(name)
            self._send((self._order, name))
            self._next_step()
        finally:
            Path(name).unlink()
        rows, results_so_far = self._next_step()
        return rows, results_so_far, working_set

    def enter_some(self) -> int | None:
        """Enters some of the calls, in one commit, and returns how many; None where none are left."""
        entered: int | None = self._next_step()
        return entered

    def _next_step(self) -> Any:  # noqa: ANN401 - each step has its own result
        self._send(None)
        try:
            result = pickle.load(_open(self._process.stdout))  # noqa: S301 - from our own process
        except (EOFError, pickle.UnpicklingError):
            raise _ended() from None
        if isinstance(result, RunnerError):
            raise result
        return result

    def _send(self, message: object) -> None:
        try:
            _write(message, _open(self._process.stdin))
        except BrokenPipeError:
            raise _ended() from None


def _write(message: object, stream: IO[bytes]) -> None:
    pickle.dump(message, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise _ended()
    return stream


def _ended() -> RunnerError:
    return RunnerError(
        "the process that plans further rounds ended before its work was done",
        hint="it is started again; if it ends again, the machine may have too little memory",
    )


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Does one step for each question, until there are no more."""
    with suppress(EOFError, BrokenPipeError):
        order, name = pickle.load(questions)  # noqa: S301 - from the process that began this one
        steps = _explained(_steps(order, name))
        while True:
            pickle.load(questions)  # noqa: S301 - as above
            _write(next(steps, None), answers)


def _steps(order: Order, name: str) -> Iterator[object]:
    working_set = WorkingFile(name)
    yield "the file is open"
    with closing(Ledger.open(order.settings.ledger_url)) as ledger:
        prepared = at_low_priority(
            prepare_plan,
            order.loaded,
            order.settings,
            ledger,
            now=order.now,
            limit=None,
            working_set=working_set,
        )
        refuse_shrunk_lists(prepared)
        working_set.hand_over()
        yield prepared.plan.rows, prepared.results_so_far
        # At the priority of the run: while these calls are written, it waits for the ledger.
        yield from ledger.extend_run(
            order.binding, order.run, prepared.plan, order.now, only_own=order.only_own
        )


def at_low_priority(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """In a thread of its own: Linux has a priority for each. Elsewhere all of the process keeps it."""
    with ThreadPoolExecutor(max_workers=1, initializer=os.nice, initargs=(_NICENESS,)) as thread:
        return thread.submit(work, *args, **kwargs).result()


def _explained(steps: Iterator[object]) -> Iterator[object]:
    """What a person can correct is the last of the results, in a form that every process can read."""
    try:
        yield from steps
    except RunnerError as error:
        kind = LedgerError if isinstance(error, LedgerError) else RunnerError
        yield kind(error.message, hint=error.hint)


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
