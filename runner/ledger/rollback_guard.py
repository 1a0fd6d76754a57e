"""Refuses a ledger that was restored from an old copy, copied, or put in the place of another one.

Such a ledger lacks calls that were sent, and would send them again. The guard compares the ledger with its
state file, which the user's state folder holds and, next to an SQLite ledger, a second time: where the
folder does not persist, as in a container, an old copy of the ledger file is still noticed. The state is
raised after an intent to send or an operator's act is committed, and before the bytes of the intent leave, so
it is never ahead of a sound ledger. Saved plans that were applied are listed there too: applied with another
ledger, a plan would call the same people again. The ledger itself stores the identity of its file or
database, which a copy rarely shares.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import insert, select, update

from runner.errors import LedgerError
from runner.ledger import postgresql, sqlite
from runner.ledger.claim import ledger_rolled_back
from runner.ledger.ledger import Ledger
from runner.ledger.revision import LedgerRevision, ledger_revision
from runner.ledger.rows import fact, stored_fact
from runner.ledger.state_file import LedgerState, locked, raise_counters, read_state, write_state
from runner.ledger.tables import actions, campaigns, facts, runs

_LEDGER_ID = "ledger_id"


class RollbackGuard:
    """Guards one ledger. No backup of the ledger should include `folder`, which holds its state file."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger = ledger
        self._folder = folder
        with ledger.engine.begin() as connection:
            # Stored by `check`: a process that only reads may have no right to store it.
            self._ledger_id = fact(connection, _LEDGER_ID) or os.urandom(8).hex()
        path = None if ledger.path is None else ledger.path.resolve()
        self._sidecar = None if path is None else path.with_name(f"{path.name}.state")
        self._places = frozenset() if path is None else frozenset([str(path)])
        self._known = LedgerRevision(0, 0)

    @property
    def ledger_id(self) -> str:
        """The identity of the ledger, which all processes share once `check` has stored it."""
        return self._ledger_id

    def check(self) -> None:
        """Raises LedgerError as `verify` does; otherwise stores the ledger's identity and revision."""
        self._ledger_id = stored_fact(self._ledger.engine, _LEDGER_ID, self._ledger_id)
        has_runs, newest = self.verify()
        if has_runs:
            for name, number in self._identity().items():
                stored_fact(self._ledger.engine, name, number)
        else:
            self._adopt()
        if any(newest):
            self._store(lambda state: state.raised(newest))
        self._known = newest

    def verify(self) -> tuple[bool, LedgerRevision]:
        """Whether the ledger has runs, and its revision. Writes nothing.

        Raises LedgerError when the ledger is a copy, or older than it was when this machine last saw it.
        """
        # Read first: a run in another process raises it, and only after the ledger.
        seen, replaced = self._seen(), self._replaced()
        with self._ledger.engine.begin() as connection:
            has_runs = connection.scalar(select(runs.c.id).limit(1)) is not None
            newest = ledger_revision(connection)
        if has_runs and self._is_copy():
            raise self._refusal("is a copy, and the original may hold calls that this one does not")
        for other in replaced:
            if any(other):
                raise self._refusal(f"is not the one that was used here: {_words(other)}")
        for revision in seen:
            self._refuse_older(newest, revision)
        return has_runs, newest

    def advance(self, attempt: int) -> None:
        """Stores that the attempt with this number is about to be made.

        Raises LedgerError, also when the ledger counts from a lower number than before: it lost attempts.
        """
        if attempt <= self._known.attempt:
            raise ledger_rolled_back()
        self.note(self._known._replace(attempt=attempt))

    def note(self, newest: LedgerRevision) -> None:
        """Stores the ledger's present revision. Raises LedgerError as `advance` does."""
        if newest.attempt < self._known.attempt or newest.act < self._known.act:
            raise ledger_rolled_back()
        if newest != self._known:
            self._store(lambda state: state.raised(newest), in_place=True)
        self._known = newest

    def applied_elsewhere(self, plan_id: str) -> bool:
        """Whether this saved plan was applied with another ledger from this machine."""
        return any(plan_id in other.plans for other in self._others())

    def note_plan(self, plan_id: str) -> None:
        """Stores that this saved plan is applied with this ledger.

        Raises LedgerError, also where it was applied with another ledger a moment ago.
        """

        def with_plan(state: LedgerState) -> LedgerState:
            # Asked again, with the folder locked.
            if self.applied_elsewhere(plan_id):
                raise LedgerError(
                    "this plan was applied with another ledger at the same moment; nothing was written here",
                    hint="set RUNNER_LEDGER_URL to the ledger that it was applied with",
                )
            return replace(state, plans=state.plans | {plan_id})

        self._store(with_plan)

    def trust(self, actor: str, now: float) -> None:
        """Accepts the ledger as it is, on a person's word, which is recorded."""
        self._ledger_id = stored_fact(self._ledger.engine, _LEDGER_ID, self._ledger_id)
        self._adopt()
        with self._ledger.engine.begin() as connection:
            for campaign in connection.scalars(select(campaigns.c.name)).all():
                connection.execute(
                    insert(actions).values(
                        campaign=campaign, at=now, actor=actor, verb="trust-ledger", detail=""
                    )
                )
            trusted = ledger_revision(connection)
        with locked(self._folder):
            for other in self._others():
                if other.places & self._places:
                    write_state(self._file(other.ledger), replace(other, places=other.places - self._places))
        self._store(lambda state: replace(state, **trusted._asdict()), replace_damaged=True)
        self._known = trusted

    def _file(self, ledger_id: str) -> Path:
        return self._folder / f"{ledger_id}.json"

    def _files(self) -> list[Path]:
        """Where the state of this ledger is kept."""
        return [self._file(self._ledger_id), *([] if self._sidecar is None else [self._sidecar])]

    def _seen(self) -> list[LedgerRevision]:
        """The newest revisions of this ledger that were seen."""
        states = [read_state(file) for file in self._files()]
        return [state.revision for state in states if state is not None and state.ledger == self._ledger_id]

    def _replaced(self) -> list[LedgerRevision]:
        """Those of other ledgers that were used where this one is."""
        sidecar = None if self._sidecar is None else read_state(self._sidecar)
        here = [state.revision for state in self._others() if state.places & self._places]
        if sidecar is not None and sidecar.ledger != self._ledger_id:
            here.append(sidecar.revision)
        return here

    def _others(self) -> list[LedgerState]:
        """What is known of other ledgers. A damaged file only keeps its own ledger from being used."""
        others = []
        for file in self._folder.glob("*.json"):
            with suppress(LedgerError):
                state = read_state(file)
                if state is not None and state.ledger != self._ledger_id:
                    others.append(state)
        return others

    def _store(
        self,
        change: Callable[[LedgerState], LedgerState],
        *,
        in_place: bool = False,
        replace_damaged: bool = False,
    ) -> None:
        """Changes what is known of this ledger; `in_place` where only its revision changes, and often."""
        for file in self._files():
            with locked(file.parent):
                state = self._own(file, replace_damaged=replace_damaged)
                if state is not None and in_place:
                    raise_counters(file, change(state))
                    continue
                state = change(state or LedgerState(ledger=self._ledger_id))
                write_state(file, replace(state, places=state.places | self._places))

    def _own(self, file: Path, *, replace_damaged: bool) -> LedgerState | None:
        try:
            state = read_state(file)
        except LedgerError:
            if not replace_damaged:
                raise
            return None
        return state if state is not None and state.ledger == self._ledger_id else None

    def _refuse_older(self, newest: LedgerRevision, seen: LedgerRevision) -> None:
        if seen.attempt > newest.attempt:
            raise self._refusal(
                f"holds only {newest.attempt:,} of {seen.attempt:,} calls that were sent: "
                "it was restored from an old copy"
            )
        if seen.act > newest.act:
            raise self._refusal(
                "lacks the last decisions of operators (pause, cancel, resolve …): "
                "it was restored from an old copy"
            )

    def _is_copy(self) -> bool:
        identity = self._identity()
        with self._ledger.engine.begin() as connection:
            return any(fact(connection, name) not in {None, number} for name, number in identity.items())

    def _adopt(self) -> None:
        """Makes this file or database the original: any other with the same content is a copy."""
        for name, number in self._identity().items():
            stored_fact(self._ledger.engine, name, number)
            with self._ledger.engine.begin() as connection:
                connection.execute(update(facts).where(facts.c.name == name).values(value=number))

    def _identity(self) -> dict[str, str]:
        """What distinguishes this file or database from a copy, as far as that can be read."""
        if self._ledger.path is not None:
            return sqlite.identity(self._ledger.path)
        with self._ledger.engine.begin() as connection:
            return postgresql.identity(connection)

    def _refusal(self, what: str) -> LedgerError:
        return LedgerError(
            f"the ledger {self._ledger.place} {what}",
            hint="people whose calls are missing in it would be called again. Restore the newest ledger; "
            "only if you are sure that nothing was sent since: runner trust-ledger",
        )


def _words(revision: LedgerRevision) -> str:
    if revision.attempt:
        return (
            "1 call was sent from that one"
            if revision.attempt == 1
            else f"{revision.attempt:,} calls were sent from that one"
        )
    return f"operators made {revision.act:,} decision{'' if revision.act == 1 else 's'} in that one"
