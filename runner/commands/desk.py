"""What operators' commands have in common: one campaign of a ledger, the person who acts, and how to ask."""

import getpass
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from runner.commands.campaign_name import known_campaign
from runner.contacts.identity import Identity
from runner.errors import LedgerError, RunnerError, UsageError
from runner.ledger.ledger import Ledger
from runner.ledger.operators import Operators
from runner.ledger.rollback_guard import RollbackGuard
from runner.services.operators import Desk
from runner.services.planning import privacy_key
from runner.settings import ledger_states_folder, load_settings


@contextmanager
def reading_desk(campaign: str) -> Iterator[Desk]:
    """For commands that only read: they work on any ledger, and say when apply would refuse it."""
    with _opened_desk(campaign, warn_of_lost_ledger) as desk:
        yield desk


@contextmanager
def acting_desk(campaign: str) -> Iterator[Desk]:
    """For acts that the ledger must not forget. Raises LedgerError where it forgot something already."""
    with _opened_desk(campaign, _refuse_lost_ledger) as desk:
        try:
            yield desk
        finally:
            _refuse_lost_ledger(desk.ledger)


@contextmanager
def _opened_desk(campaign: str, check: Callable[[Ledger], None]) -> Iterator[Desk]:
    settings = load_settings()
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        # First: a ledger that was lost may not know the campaign either.
        check(ledger)
        yield Desk(
            ledger,
            known_campaign(campaign, ledger),
            Operators(ledger.engine, actor()),
            Identity(privacy_key(settings, ledger)),
        )


def warn_of_lost_ledger(ledger: Ledger) -> None:
    """Says first when what follows comes from a ledger that apply would refuse."""
    try:
        RollbackGuard(ledger, ledger_states_folder()).verify()
    except LedgerError as error:
        sys.stderr.write(f"warning: {error.message}\n  {error.hint}\n")


def _refuse_lost_ledger(ledger: Ledger) -> None:
    RollbackGuard(ledger, ledger_states_folder()).check()


def ask_to_type(word: str, command: str) -> None:
    """Raises UsageError without a terminal, RunnerError when the person types something else."""
    if not sys.stdin.isatty():
        raise UsageError(f"{command} asks first, and there is no terminal to ask on", hint="add --yes")
    sys.stdout.write(f"Type {word} to go on, anything else to leave: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip() != word:
        raise RunnerError("nothing was changed")


def actor() -> str:
    """Who acts: user@host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
