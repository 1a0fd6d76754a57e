"""What a machine keeps of one ledger outside of it, to notice an old copy: one small JSON file.

A run that begins, an operator's act and a saved plan replace the file, durably. A claim only raises the two
counters at its beginning, in place and without waiting for the disk: a process that is killed has written
them, and after a power cut they are too low, never too high.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from runner.errors import LedgerError
from runner.ledger.holder import lock
from runner.ledger.revision import LedgerRevision

_TRIES_TO_LOCK = 300
"""About 15 seconds: another process needs the lock for milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    attempt: int = 0
    """This and the next are the newest revision of the ledger that was seen here."""
    act: int = 0
    ledger: str
    """The id that the ledger stores."""
    places: frozenset[str] = frozenset()
    """Paths at which an SQLite ledger was used. Another ledger at one of them is not this one."""
    plans: frozenset[str] = frozenset()
    """Ids of the saved plans that were applied with it."""

    @property
    def revision(self) -> LedgerRevision:
        return LedgerRevision(self.attempt, self.act)

    def raised(self, revision: LedgerRevision) -> "LedgerState":
        """With this revision, where it is newer."""
        attempt, act = map(max, self.revision, revision)
        return replace(self, attempt=attempt, act=act)


_JSON = TypeAdapter(LedgerState)


def read_state(file: Path) -> LedgerState | None:
    """None where there is no such file. Raises LedgerError where it cannot be read."""
    try:
        return _JSON.validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(file, error) from error
    except ValueError:
        raise LedgerError(
            f"{file} is damaged, so an old copy of the ledger cannot be distinguished from the newest one",
            hint="if you are sure that this ledger holds every call that was sent: runner trust-ledger",
        ) from None


def write_state(file: Path, state: LedgerState) -> None:
    """Replaces the file as a whole, durably; call it with its folder locked. Raises LedgerError."""
    part = file.with_name(f".{file.name}.part")
    others = {"ledger": state.ledger, "places": sorted(state.places), "plans": sorted(state.plans)}
    try:
        with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as opened:  # noqa: PTH123 - Path.open takes no descriptor
            opened.write(_counters(state) + json.dumps(others).removeprefix("{").encode())
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    except OSError as error:
        raise _unusable(file, error) from error


def raise_counters(file: Path, state: LedgerState) -> None:
    """Writes the revision of `state` in place; call it with its folder locked. Raises LedgerError."""
    try:
        with file.open("r+b") as opened:
            opened.write(_counters(state))
    except OSError as error:
        raise _unusable(file, error) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from changing the state files in this folder. Raises LedgerError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The folder itself is locked: it is never replaced, as the files are.
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        lock(descriptor, _TRIES_TO_LOCK)
    except BlockingIOError:
        raise LedgerError(
            f"another process keeps {folder} locked",
            hint="a stopped `runner` process may hold the lock; let it continue or end it",
        ) from None


def _counters(state: LedgerState) -> bytes:
    """The beginning of the JSON object, always as long: it can be written over, in one sector of a disk."""
    return f'{{"attempt": {state.attempt:19}, "act": {state.act:19}, '.encode()


def _unusable(path: Path, error: OSError) -> LedgerError:
    return LedgerError(
        f"{path} cannot be used: {error.strerror}",
        hint="runner keeps a file there for each ledger, to notice an old copy of it",
    )
