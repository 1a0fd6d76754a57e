"""Looks at the database that holds the ledger: is it set so that no commit is lost."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from runner.errors import LedgerError
from runner.ledger import postgresql, sqlite
from runner.ledger.ledger import Ledger

_LEAST_FREE_BYTES = 500 * 1024 * 1024


def findings(ledger: Ledger) -> Iterator[str]:
    """What is well, one line each. Raises LedgerError at the first thing that is not."""
    known = len(ledger.campaigns())
    yield f"ledger {ledger.place}: opens, {known} {'campaign' if known == 1 else 'campaigns'}"
    database = postgresql if ledger.path is None else sqlite
    with ledger.engine.begin() as connection:
        yield from database.findings(connection)
    if ledger.path is not None:
        yield _mode(ledger.path)
        yield _free_space(ledger.path)


def _mode(path: Path) -> str:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise LedgerError(
            f"others on this machine may read the ledger (mode {mode:o}), and it holds people's numbers",
            hint=f"chmod 600 {path}",
        )
    return f"ledger mode {mode:o}: for its owner alone"


def _free_space(path: Path) -> str:
    free = shutil.disk_usage(path.parent).free
    if free < _LEAST_FREE_BYTES:
        raise LedgerError(
            f"only {free // 1024**2} MiB are free where the ledger lies",
            hint="make room: a ledger that cannot be written stops a campaign",
        )
    return f"{free // 1024**3} GiB free where the ledger lies"
