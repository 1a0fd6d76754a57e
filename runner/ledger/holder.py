"""One `apply` at a time on an SQLite ledger: a lock that the kernel releases when its owner dies.

A lease with a timeout would make a restart after a crash wait, or let a stopped process be overtaken; an
advisory lock on a file next to the ledger does neither. It holds on one machine, as SQLite itself does.
"""

import fcntl
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from runner.errors import CampaignHeldError

_TRIES = 5
_SECONDS_BETWEEN_TRIES = 0.05


@contextmanager
def hold(ledger: Path, campaign: str, now: float) -> Iterator[None]:
    """Holds `campaign` until the block ends or the process dies.

    Raises CampaignHeldError, naming the holder, when another process has it.
    """
    path = _lock_path(ledger, campaign)
    with open(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+") as file:  # noqa: PTH123 - Path.open takes no descriptor
        try:
            # `holder` takes the lock for a moment to look: a single refusal proves nothing.
            lock(file.fileno(), _TRIES)
        except BlockingIOError:
            raise CampaignHeldError(
                f"campaign {campaign} is being applied by {_describe(file.read())}",
                hint="wait until it has finished, or stop it there with Ctrl-C; see `runner status`",
            ) from None
        file.truncate(0)
        json.dump({"host": socket.gethostname(), "pid": os.getpid(), "since": now}, file)
        file.flush()
        yield


def holder(ledger: Path, campaign: str) -> str | None:
    """Who holds `campaign` now, for people; None when nobody does."""
    try:
        with _lock_path(ledger, campaign).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _describe(file.read())
    except FileNotFoundError:
        pass
    return None


def lock(descriptor: int, tries: int) -> None:
    """Takes the lock until the descriptor is closed. Raises BlockingIOError when another process keeps it."""
    for tries_left in reversed(range(tries)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not tries_left:
                raise
            time.sleep(_SECONDS_BETWEEN_TRIES)
        else:
            return


def _lock_path(ledger: Path, campaign: str) -> Path:
    safe = re.sub(r"[^a-z0-9-]", "", campaign)
    # However the ledger is named, through links too, its lock is one.
    ledger = ledger.resolve()
    return ledger.with_name(f"{ledger.name}.{safe}.lock")


def _describe(text: str) -> str:
    try:
        found = json.loads(text)
        since = datetime.fromtimestamp(found["since"], UTC)
        return f"process {found['pid']} on {found['host']}, since {since:%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, KeyError, TypeError):
        return "another process"
