"""Notices that a ledger was restored from an old copy, or copied: it would call people again.

A ledger cannot know by itself what it has forgotten. So each machine keeps a small mark outside of it: which
ledger it is, and how far its memory reached when this machine last saw it, whoever made those attempts and
acts. The mark moves after an intent or an act is committed, and before the bytes of an intent leave, so that
it is never ahead of a sound ledger. It lies in a folder of its own; an SQLite ledger has a second one beside
it, which goes where the file goes, and the higher of the two counts. A ledger also knows what tells its file
or database from others, which a copy rarely shares.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from runner.errors import LedgerError
from runner.ledger import postgresql, sqlite
from runner.ledger.claim import ledger_rolled_back
from runner.ledger.ledger import Ledger
from runner.ledger.revision import LedgerRevision, ledger_revision
from runner.ledger.rows import insert_once
from runner.ledger.tables import actions, campaigns, facts, runs

_FIELDS = range(len(LedgerRevision._fields))
_WIDTH = 64
"""Bytes of a field's record in the file of a mark: whoever moves one field leaves the other alone."""

_LEDGER_ID = "ledger_id"


class RollbackGuard:
    """The mark of one ledger: in `folder`, which no backup of the ledger should hold, and beside a file."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger = ledger
        self._folder = folder
        with ledger.engine.begin() as connection:
            # Stored by `check`: a process that only reads may have no right to store it.
            self._ledger_id = _fact(connection, _LEDGER_ID) or os.urandom(8).hex()
        self._files = self._mark_files()
        self._known = LedgerRevision(0, 0)

    @property
    def ledger_id(self) -> str:
        return self._ledger_id

    def check(self) -> None:
        """Raises LedgerError as `verify` does; else takes note of how far the ledger reaches."""
        self._store_id()
        has_runs, newest = self.verify()
        if has_runs:
            for name, number in self._identity().items():
                _stored_fact(self._ledger, name, number)
        else:
            self._adopt()
        self.note(newest)

    def verify(self) -> tuple[bool, LedgerRevision]:
        """Whether the ledger has runs, and how far it reaches. Writes neither a mark nor to the ledger.

        Raises LedgerError when the ledger is a copy, or older than what was done with it.
        """
        # Read first: a run at work moves them, and only after the ledger.
        marks = [_read(file) for file in self._files]
        with self._ledger.engine.begin() as connection:
            has_runs = connection.scalar(select(runs.c.id).limit(1)) is not None
            newest = ledger_revision(connection)
        if has_runs and self._is_copy():
            raise self._refusal("is a copy, and the original may know of calls that it does not")
        for marked_id, marked in marks:
            if any(marked) and marked_id != self._ledger_id:
                raise self._refusal(f"is not the one that was used here: {_words(marked)}")
            if marked.attempt > newest.attempt:
                raise self._refusal(
                    f"knows of {newest.attempt:,} calls that were sent, but there were {marked.attempt:,}: "
                    "it was restored from an old copy"
                )
            if marked.act > newest.act:
                raise self._refusal(
                    "lacks the last decisions of operators (pause, cancel, resolve …): "
                    "it was restored from an old copy"
                )
        return has_runs, newest

    def advance(self, attempt: int) -> None:
        """Takes note that the attempt with this number is about to be made.

        Raises LedgerError, also when the ledger counts from a lower number than it did: it forgot.
        """
        if attempt <= self._known.attempt:
            raise ledger_rolled_back()
        self.note(self._known._replace(attempt=attempt))

    def note(self, newest: LedgerRevision) -> None:
        """Takes note of how far the ledger reaches now. Raises LedgerError as `advance` does."""
        if newest.attempt < self._known.attempt or newest.act < self._known.act:
            raise ledger_rolled_back()
        grown = [field for field in _FIELDS if newest[field] != self._known[field]]
        if grown:
            self._write(newest, grown)

    def trust(self, actor: str, now: float) -> None:
        """Takes the ledger as it stands for the truth, on a person's word, which is kept."""
        self._store_id()
        self._adopt()
        with self._ledger.engine.begin() as connection:
            for campaign in connection.scalars(select(campaigns.c.name)).all():
                connection.execute(
                    insert(actions).values(
                        campaign=campaign, at=now, actor=actor, verb="trust-ledger", detail=""
                    )
                )
            trusted = ledger_revision(connection)
        self._write(trusted, _FIELDS)

    def _store_id(self) -> None:
        """Another process may have stored one first."""
        self._ledger_id = _stored_fact(self._ledger, _LEDGER_ID, self._ledger_id)
        self._files = self._mark_files()

    def _mark_files(self) -> list[Path]:
        files = [self._folder / f"{self._ledger_id}.mark"]
        path = self._ledger.path
        if path is not None:
            # By its place: when the whole folder is deleted, the next ledger there has another id.
            place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
            files += [self._folder / f"at-{place}.mark", path.with_name(f"{path.name}.mark")]
        return files

    def _is_copy(self) -> bool:
        identity = self._identity()
        with self._ledger.engine.begin() as connection:
            return any(_fact(connection, name) not in {None, number} for name, number in identity.items())

    def _adopt(self) -> None:
        """From now on this file or database is the ledger, and any other with its contents a copy."""
        for name, number in self._identity().items():
            _stored_fact(self._ledger, name, number)
            with self._ledger.engine.begin() as connection:
                connection.execute(update(facts).where(facts.c.name == name).values(value=number))

    def _identity(self) -> dict[str, str]:
        """What tells this file or database from a copy, as far as it is told: names of facts, and numbers."""
        if self._ledger.path is not None:
            return sqlite.identity(self._ledger.path)
        with self._ledger.engine.begin() as connection:
            return postgresql.identity(connection)

    def _write(self, newest: LedgerRevision, fields: Iterable[int]) -> None:
        records = [
            (field * _WIDTH, f"{self._ledger_id} {newest[field]}".ljust(_WIDTH).encode()) for field in fields
        ]
        for file in self._files:
            try:
                if not file.exists():
                    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
                try:
                    for offset, record in records:
                        os.pwrite(descriptor, record, offset)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise LedgerError(
                    f"{file} cannot be written: {error.strerror}",
                    hint="runner keeps a mark there that tells an old copy of the ledger from the ledger",
                ) from error
        self._known = newest

    def _refusal(self, what: str) -> LedgerError:
        return LedgerError(
            f"the ledger {self._ledger.place} {what}",
            hint="calls that it does not know would go out again. Bring the newest ledger back; "
            "only if you know that nothing was sent since: runner trust-ledger",
        )


def _read(file: Path) -> tuple[str, LedgerRevision]:
    """Of which ledger the mark is, and how far it reached; ("", nothing) where there is none.

    Raises LedgerError for a mark that says nothing any more.
    """
    try:
        content = file.read_bytes()
    except OSError:
        content = b""
    try:
        records = [_parse(content[field * _WIDTH :][:_WIDTH]) for field in _FIELDS]
    except ValueError:
        raise LedgerError(
            f"{file} is damaged, so nobody knows whether the ledger is as it was left",
            hint="if you know that nothing was sent since it was put there: runner trust-ledger",
        ) from None
    ledger_id = next((marked_id for marked_id, _ in records if marked_id), "")
    return ledger_id, LedgerRevision(*(number for _, number in records))


def _parse(record: bytes) -> tuple[str, int]:
    """Raises ValueError for what no mark holds."""
    if not record.strip(b"\0"):
        # Not written yet.
        return "", 0
    marked_id, number = record.decode().split()
    return marked_id, int(number)


def _words(marked: LedgerRevision) -> str:
    if marked.attempt:
        return (
            "1 call was sent from that one"
            if marked.attempt == 1
            else f"{marked.attempt:,} calls were sent from that one"
        )
    return f"operators made {marked.act:,} decision{'' if marked.act == 1 else 's'} in that one"


def _fact(connection: Connection, name: str) -> str | None:
    return connection.scalar(select(facts.c.value).where(facts.c.name == name))


def _stored_fact(ledger: Ledger, name: str, first: str) -> str:
    """What the ledger holds under this name; stores `first` where it holds nothing."""
    with ledger.engine.begin() as connection:
        if _fact(connection, name) is None:
            insert_once(connection, facts, name=name, value=first)
        # Another process may have stored it first.
        return _fact(connection, name) or first
