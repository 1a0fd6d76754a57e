"""Plans a large campaign in another process, and enters what joins a run from there.

Python runs one thread of a process at a time, so a plan that is made next to runs would keep their calls
waiting. The process gets its order through a pipe, and does its work step by step, as it is asked to. It ends
when the pipe is closed, so none is left when this process is killed. Its plan is in a working file that both
processes open, which loses its name before anybody is in it.
"""

import asyncio
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple, ParamSpec, Self, TypeVar

from runner.campaign.loader import LoadedCampaign
from runner.contacts.identity import Identity
from runner.contacts.sources.reader import SourceReader
from runner.contacts.suppression import Suppressed
from runner.errors import RunnerError, unexpected
from runner.ledger.ledger import Ledger
from runner.ledger.plan_entry import Binding
from runner.planning.working_file import WorkingFile
from runner.services.environment import Environment
from runner.services.planning import (
    PreparedPlan,
    prepare_plan,
    privacy_key,
    source_reader,
    suppression_now,
    working_file_on_disk,
)
from runner.settings import Settings

_NICENESS = 19
"""Calls that are due come before a plan for later."""
_FEW = 2_000
"""So many rows are planned here before another process has started."""
_NOT_SENT = (Identity, LoadedCampaign, SourceReader, Suppressed, WorkingFile)
"""What each process has of its own of a plan."""

P = ParamSpec("P")
R = TypeVar("R")

EnterSome = Callable[[], int | None]
"""Enters some of the calls of a plan, in one commit, and returns how many; None where none are left."""
FindSuppressed = Callable[[WorkingFile], Suppressed]
"""Whom the lists name, for the plan in this file."""


class Entry(NamedTuple):
    """The run that a plan extends."""

    binding: Binding
    run: int
    only_own: bool
    """Whether only contacts that this run called are tried again."""
    joins: bool
    """Whether new contacts join."""

    def steps(self, ledger: Ledger, prepared: PreparedPlan) -> Iterator[int]:
        return ledger.extend_run(
            self.binding,
            self.run,
            prepared.plan,
            prepared.plan.as_of,
            only_own=self.only_own,
            counts=prepared.counts if self.joins else None,
        )


class Order(NamedTuple):
    """What is to be planned, as of when (UTC Unix seconds), and for which run, if one goes on."""

    loaded: LoadedCampaign
    settings: Settings
    now: float
    entry: Entry | None = None


@asynccontextmanager
async def planned(
    order: Order, environment: Environment, find_suppressed: FindSuppressed | None = None
) -> AsyncIterator[tuple[PreparedPlan, EnterSome]]:
    """Plans here where the rows are few, and else in another process, which ends with the block. Raises what
    `prepare_plan` raises. `find_suppressed` says whom the lists name that a run has read already.
    """
    with ExitStack() as block:
        # One at a time: each needs memory and the processor.
        async with environment.planning:
            if await asyncio.to_thread(_has_few_rows, order, environment.ledger):
                prepared = await asyncio.to_thread(
                    _prepare, order, environment.ledger, working_file_on_disk()
                )
                steps = iter(()) if order.entry is None else order.entry.steps(environment.ledger, prepared)
                enter_some: EnterSome = partial(next, steps, None)
            else:
                process = block.enter_context(PlanningProcess(order))
                find = find_suppressed or partial(_suppressed_now, order, environment.ledger)
                prepared = await asyncio.to_thread(process.plan, environment.ledger, find)
                enter_some = process.enter_some
        yield prepared, enter_some


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

    def plan(self, ledger: Ledger, find_suppressed: FindSuppressed) -> PreparedPlan:
        """Makes the plan, as `prepare_plan` does."""
        handle, name = tempfile.mkstemp(prefix="runner-plan-")
        os.close(handle)
        try:
            working_set = WorkingFile(name)
            self._send((self._order, name))
            self._next_step()
        finally:
            Path(name).unlink()
        loaded, settings = self._order.loaded, self._order.settings
        prepared: PreparedPlan = self._next_step(
            {
                Identity.__name__: lambda: Identity(privacy_key(settings, ledger)),
                LoadedCampaign.__name__: lambda: loaded,
                SourceReader.__name__: lambda: source_reader(loaded, settings, ledger),
                Suppressed.__name__: lambda: find_suppressed(working_set),
                WorkingFile.__name__: lambda: working_set,
            }
        )
        return prepared

    def enter_some(self) -> int | None:
        """Enters some of the calls, in one commit, and returns how many; None where none are left."""
        entered: int | None = self._next_step()
        return entered

    def _next_step(self, own: Mapping[str, Callable[[], object]] = MappingProxyType({})) -> Any:  # noqa: ANN401 - each step has its own result
        self._send(None)
        try:
            result = _Answers(_open(self._process.stdout), own).load()
        except (EOFError, pickle.UnpicklingError):
            raise _ended() from None
        if isinstance(result, RunnerError):
            raise result
        return result

    def _send(self, message: object) -> None:
        try:
            _write(message, _open(self._process.stdin), pickle.Pickler)
        except BrokenPipeError:
            raise _ended() from None


class _Answers(pickle.Unpickler):
    """Reads one result; what is not sent is made here."""

    def __init__(self, stream: IO[bytes], own: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(stream)
        self._own = own

    def persistent_load(self, name: str) -> object:
        return self._own[name]()


class _Results(pickle.Pickler):
    """Writes one result, without what each process has of its own."""

    def persistent_id(self, value: object) -> str | None:
        return type(value).__name__ if isinstance(value, _NOT_SENT) else None


def _write(message: object, stream: IO[bytes], pickler: type[pickle.Pickler]) -> None:
    pickler(stream, pickle.HIGHEST_PROTOCOL).dump(message)
    stream.flush()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise _ended()
    return stream


def _ended() -> RunnerError:
    return RunnerError(
        "the process that plans ended before its work was done",
        hint="it is started again; if it ends again, the machine may have too little memory",
    )


def _has_few_rows(order: Order, ledger: Ledger) -> bool:
    reader = source_reader(order.loaded, order.settings, ledger)
    hints = reader.size_hints(order.loaded.campaign.contacts.sources)
    return all(hints) and sum(hints) <= _FEW


def _suppressed_now(order: Order, ledger: Ledger, working_set: WorkingFile) -> Suppressed:
    lists = suppression_now(order.loaded, order.settings, ledger, order.now)
    return Suppressed(lists, working_set.shared_numbers, working_set.other_numbers)


def _prepare(order: Order, ledger: Ledger, working_set: WorkingFile) -> PreparedPlan:
    return prepare_plan(
        order.loaded, order.settings, ledger, now=order.now, limit=None, working_set=working_set
    )


def answer_all(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Does one step for each question, until there are no more."""
    with suppress(EOFError, BrokenPipeError):
        order, name = pickle.load(questions)  # noqa: S301 - from the process that began this one
        steps = _with_errors(_steps(order, name))
        while True:
            pickle.load(questions)  # noqa: S301 - as above
            _write(next(steps, None), answers, _Results)


def _steps(order: Order, name: str) -> Iterator[object]:
    working_set = WorkingFile(name)
    yield "the file is open"
    with closing(Ledger.open(order.settings.ledger_url)) as ledger:
        prepared = at_low_priority(_prepare, order, ledger, working_set)
        working_set.hand_over()
        yield prepared
        # At the priority of the run: while these calls are written, it waits for the ledger.
        if order.entry is not None:
            yield from order.entry.steps(ledger, prepared)


def at_low_priority(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """In a thread of its own: Linux has a priority for each. Elsewhere all of the process keeps it."""
    with ThreadPoolExecutor(max_workers=1, initializer=os.nice, initargs=(_NICENESS,)) as thread:
        return thread.submit(work, *args, **kwargs).result()


def _with_errors(steps: Iterator[object]) -> Iterator[object]:
    """An error is the last of the results."""
    try:
        yield from steps
    except Exception as error:  # noqa: BLE001 - its traceback might show what was in a row
        yield error if isinstance(error, RunnerError) else unexpected(error)


if __name__ == "__main__":
    answer_all(sys.stdin.buffer, sys.stdout.buffer)
