"""Notices that a ledger was restored from an old copy, or copied: it would call people again.

A ledger cannot know by itself what it has forgotten. So each machine keeps a small mark outside of it: which
ledger it is, and the number of the last attempt that it knows of, whichever machine made it. The mark moves
after an intent is committed and before its bytes leave, so that it is never ahead of a sound ledger. It lies
in a folder of its own; an SQLite ledger has a second one beside it, which goes where the file goes, and the
higher of the two counts. An SQLite ledger also knows the number that the file system gave its file, which a
copy often does not share.
"""

import hashlib
import os
from pathlib import Path

from sqlalchemy import func, insert, select, update

from runner.errors import LedgerError
from runner.ledger.claim import forgetful
from runner.ledger.ledger import Ledger
from runner.ledger.rows import insert_once
from runner.ledger.tables import actions, attempts, campaigns, facts

_WIDTH = 64


class Mark:
    """The mark of one ledger: in `folder`, which no backup of the ledger should hold, and beside a file."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger = ledger
        self._ledger_id = _fact(ledger, "ledger_id", os.urandom(8).hex())
        self._files = [folder / f"{self._ledger_id}.mark"]
        if ledger.path is not None:
            # By its place: when the whole folder is deleted, the next ledger there has another id.
            place = hashlib.sha256(str(ledger.path.resolve()).encode()).hexdigest()[:16]
            self._files.append(folder / f"at-{place}.mark")
            self._files.append(ledger.path.with_name(f"{ledger.path.name}.mark"))
        self._known = 0

    @property
    def ledger_id(self) -> str:
        return self._ledger_id

    def check(self) -> None:
        """Raises LedgerError when the ledger is a copy, or older than what was done with it."""
        last = self._last_attempt()
        if self._inode() != _fact(self._ledger, "inode", self._inode()) and last:
            raise self._refusal("is a copy, and the original may know of calls that it does not")
        for file in self._files:
            marked_id, marked_last = _read(file)
            if marked_last and marked_id != self._ledger_id:
                raise self._refusal(
                    f"is not the one that was used here: that one had {marked_last:,} attempts"
                )
            if marked_last > last:
                raise self._refusal(
                    f"knows of {last:,} attempts, but {marked_last:,} were made: "
                    "it was restored from an old copy"
                )

    def advance(self, attempt: int) -> None:
        """Takes note that the attempt with this number is about to be made.

        Raises LedgerError, also when the ledger counts from a lower number than it did: it forgot.
        """
        if attempt <= self._known:
            raise forgetful()
        self._write(attempt)

    def note(self, attempt: int) -> None:
        """Takes note of the newest attempt that the ledger knows of. Raises LedgerError as `advance` does."""
        if attempt < self._known:
            raise forgetful()
        if attempt > self._known:
            self._write(attempt)

    def _write(self, attempt: int) -> None:
        for file in self._files:
            try:
                if not file.exists():
                    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
                try:
                    os.pwrite(descriptor, f"{self._ledger_id} {attempt}".ljust(_WIDTH).encode(), 0)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise LedgerError(
                    f"{file} cannot be written: {error.strerror}",
                    hint="runner keeps a mark there that tells an old copy of the ledger from the ledger",
                ) from error
        self._known = attempt

    def trust(self, actor: str, now: float) -> None:
        """Takes the ledger as it stands for the truth, on a person's word, which is kept."""
        with self._ledger.engine.begin() as connection:
            connection.execute(update(facts).where(facts.c.name == "inode").values(value=self._inode()))
            for campaign in connection.scalars(select(campaigns.c.name)).all():
                connection.execute(
                    insert(actions).values(
                        campaign=campaign, at=now, actor=actor, verb="trust-ledger", detail=""
                    )
                )
        self._write(self._last_attempt())

    def _refusal(self, what: str) -> LedgerError:
        return LedgerError(
            f"the ledger {self._ledger.place} {what}",
            hint="calls that it does not know would go out again. Bring the newest ledger back; "
            "only if you know that nothing was sent since: runner trust-ledger",
        )

    def _last_attempt(self) -> int:
        with self._ledger.engine.begin() as connection:
            return connection.scalar(select(func.max(attempts.c.id))) or 0

    def _inode(self) -> str:
        return "" if self._ledger.path is None else str(self._ledger.path.stat().st_ino)


def _read(file: Path) -> tuple[str, int]:
    try:
        ledger_id, last = file.read_text().split()
        return ledger_id, int(last)
    except (OSError, ValueError):
        return "", 0


def _fact(ledger: Ledger, name: str, first: str) -> str:
    """What the ledger knows under this name, which is `first` from the first question on."""
    with ledger.engine.begin() as connection:
        insert_once(connection, facts, name=name, value=first)
        known: str = connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one()
    return known
