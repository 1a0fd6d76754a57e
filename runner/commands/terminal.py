"""What commands share: how they ask, print, show progress and take signals."""

import asyncio
import getpass
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import LedgerError, RunnerError, UsageError
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.reports.progress import activity, progress, row_progress
from runner.reports.times import machine_time
from runner.settings import Settings, ledger_states_folder, load_settings

if TYPE_CHECKING:
    from runner.services.environment import Environment
    from runner.services.planning import PreparedPlan

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class TerminalProgress:
    """Implements `services.progress.Progress` with bars on stderr; without a terminal it shows nothing."""

    activity = staticmethod(activity)
    bar = staticmethod(progress)
    rows = staticmethod(row_progress)


TERMINAL_PROGRESS = TerminalProgress()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """On stderr, so that it is not taken for output."""
    sys.stderr.write(f"{text}\n")


def note_comparison(prepared: "PreparedPlan", path: Path) -> None:
    """Says how the plan differs from the saved one at `path`, if it was compared with one."""
    if prepared.applied_at is not None:
        note(f"{path} was applied {machine_time(prepared.applied_at)}: only its remaining calls are applied")
    for difference in prepared.differences:
        note(difference)


def note_receiver(prepared: "PreparedPlan", settings: Settings) -> None:
    """Says where results come in, if the settings decide that: a plan does not change with the address."""
    if settings.public_url and prepared.loaded.campaign.result_url is None:
        note(f"Insight posts results to {settings.public_url.rstrip('/')}/results/ (RUNNER_PUBLIC_URL)")


def answer_to(question: str, *, stderr: bool = False) -> str:
    """What a person types. With `stderr`, the question is no part of the output."""
    stream = sys.stderr if stderr else sys.stdout
    stream.write(question)
    stream.flush()
    return sys.stdin.readline().strip()


def require_terminal(command: str) -> None:
    """Raises UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError(f"{command} asks for confirmation, and there is no terminal", hint="add --yes")


def ask_to_type(word: str, command: str) -> None:
    """Raises UsageError without a terminal, RunnerError when the person types something else."""
    require_terminal(command)
    if answer_to(f"Type {word} to continue, anything else to cancel: ") != word:
        raise RunnerError("nothing was changed")


def actor() -> str:
    """Who acts: user@host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def rehearsed(
    outcomes: str | None = None, callbacks: str | None = None, seed: int | None = None
) -> AbstractContextManager["Environment"]:
    """A rehearsal with these options of the sandbox."""
    # A whole web server, which real calls do not need.
    from runner.insight.sandbox import parse_behavior  # noqa: PLC0415
    from runner.services.rehearsal import rehearsal  # noqa: PLC0415

    return rehearsal(load_settings(), parse_behavior(outcomes, callbacks, seed))


@contextmanager
def ledger_to_read(settings: Settings) -> Iterator[Ledger]:
    """Any ledger; a warning is printed first where apply would refuse it."""
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        try:
            RollbackGuard(ledger, ledger_states_folder()).verify()
        except LedgerError as error:
            note(f"warning: {error.message}\n  {error.hint}")
        yield ledger


@contextmanager
def signals_restored() -> Iterator[None]:
    """Restores the signal handlers at the end: an event loop that closes resets those it handled to the
    system's, which end the process at once.
    """
    before = {name: signal.getsignal(name) for name in _ENDING}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Has the running event loop call `stop` at Ctrl-C, SIGTERM and when a terminal closes."""
    loop = asyncio.get_running_loop()
    for name in _ENDING:
        # Under nohup, SIGHUP stays ignored.
        if signal.getsignal(name) is not signal.SIG_IGN:
            loop.add_signal_handler(name, stop)


def reload_on_signal(reload: Callable[[], None]) -> None:
    """Has the running event loop call `reload` at SIGHUP, as daemons do."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
