"""One small file per ledger, kept on this machine and outside of the ledger: what was last seen of it.

A ledger cannot tell by itself what it has forgotten. The file is replaced as a whole and under a lock:
a crash or a second process leaves either the old content or the new one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from runner.errors import LedgerError
from runner.ledger.holder import lock
from runner.ledger.revision import LedgerRevision

_TRIES_TO_LOCK = 300
"""About 15 seconds: another process needs the lock for milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """What this machine knows of one ledger. The file is named by the id that the ledger stores."""

    revision: LedgerRevision = field(default_factory=lambda: LedgerRevision(0, 0))
    """The newest revision that was seen here."""
    places: frozenset[str] = frozenset()
    """Paths at which an SQLite ledger was used. Another ledger at one of them is not this one."""
    plans: frozenset[str] = frozenset()
    """Ids of the saved plans that were applied with it."""


_JSON = TypeAdapter(LedgerState)


class StateFolder:
    """The state files of all ledgers that this machine uses. Every method raises LedgerError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, *, remove_damaged: bool = False) -> dict[str, LedgerState]:
        """By the id of the ledger."""
        found = {}
        for file in self._folder.glob("*.json"):
            try:
                found[file.stem] = _JSON.validate_json(file.read_bytes())
            except OSError as error:
                raise _unusable(file, error) from error
            except ValueError:
                if not remove_damaged:
                    raise LedgerError(
                        f"{file} is damaged, so an old copy of a ledger cannot be told from the newest one",
                        hint="if you know that this ledger has every call that was sent: runner trust-ledger",
                    ) from None
                file.unlink()
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from changing a state file."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The folder itself is locked: it is never replaced, as the files are.
            descriptor = os.open(self._folder, os.O_RDONLY)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        try:
            self._lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            lock(descriptor, _TRIES_TO_LOCK)
        except BlockingIOError:
            raise LedgerError(
                f"another process keeps {self._folder} locked",
                hint="a stopped `runner` process may hold the lock; let it continue or end it",
            ) from None

    def write(self, ledger_id: str, state: LedgerState) -> None:
        """Replaces the file of this ledger; call it with the lock held."""
        part = self._folder / f".{ledger_id}.part"
        try:
            with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - Path.open takes no descriptor
                file.write(_JSON.dump_json(state))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._folder / f"{ledger_id}.json")
        except OSError as error:
            raise _unusable(self._folder, error) from error


def _unusable(path: Path, error: OSError) -> LedgerError:
    return LedgerError(
        f"{path} cannot be used: {error.strerror}",
        hint="runner keeps a file there for each ledger, to notice an old copy of it",
    )
