"""What people do to a campaign from outside a run: pause, resume, cancel, resolve. Each act is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Row,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from runner.errors import LedgerError
from runner.ledger.lease import database_now
from runner.ledger.recovery import LOST
from runner.ledger.states import CallState
from runner.ledger.tables import actions, attempts, calls, campaigns, runs, transitions
from runner.ledger.trail import record_transition

_GRACE_SECONDS = 60
"""Twice the deadline of an exchange with Insight."""


_Rows = Sequence[Row[*tuple[Any, ...]]]


class CampaignStanding(StrEnum):
    """What operators allow. It lasts over restarts."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Nothing is sent until somebody resumes it."""
    CANCELED = "canceled"
    """Nothing is ever sent again under this name."""


class Resolution(StrEnum):
    """What an operator found out about an uncertain call."""

    QUEUED = "queued"
    NOT_QUEUED = "not-queued"
    ABANDONED = "abandoned"


_RESOLVED_STATE = {
    Resolution.QUEUED: CallState.QUEUED,
    Resolution.NOT_QUEUED: CallState.PLANNED,
    Resolution.ABANDONED: CallState.ABANDONED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """An operator paused or canceled a campaign: `by` whom (user@host), `at` when in UTC Unix seconds."""

    standing: CampaignStanding
    at: float
    by: str


_HALTED_BY_VERB = {CampaignStanding.PAUSED: "pause", CampaignStanding.CANCELED: "cancel"}


def halt(connection: Connection, campaign: str) -> Halt | None:
    """What holds the campaign up; None where nothing does, or the ledger does not know it."""
    standing = connection.scalar(select(campaigns.c.standing).where(campaigns.c.name == campaign))
    if standing is None or standing == CampaignStanding.ACTIVE:
        return None
    standing = CampaignStanding(standing)
    act = connection.execute(
        select(actions.c.at, actions.c.actor)
        .where(actions.c.campaign == campaign, actions.c.verb == _HALTED_BY_VERB[standing])
        .order_by(actions.c.id.desc())
        .limit(1)
    ).one()
    return Halt(standing=standing, at=act.at, by=act.actor)


def refuse_if_canceled(connection: Connection, campaign: str) -> None:
    """Raises LedgerError when an operator canceled the campaign: that is final."""
    found = halt(connection, campaign)
    if found is not None and found.standing is CampaignStanding.CANCELED:
        day = datetime.fromtimestamp(found.at, UTC)
        raise LedgerError(
            f"campaign {campaign} was canceled, which is final (by {found.by}, {day:%Y-%m-%d %H:%M} UTC)",
            hint="a new wave is a new campaign: give the file a new name",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """One uncertain call that an operator settled. `intended_at` names the attempt, in UTC Unix seconds."""

    key: str
    ref: str
    intended_at: float
    after: CallState


class Operators:
    """The acts of one person (`user@host`) on the campaigns of one ledger. Times are UTC Unix seconds."""

    def __init__(self, engine: Engine, actor: str) -> None:
        self._engine = engine
        self._actor = actor

    def pause(self, campaign: str, now: float) -> None:
        """Nothing more is claimed from now on. Raises LedgerError for a cancelled campaign."""
        with self._engine.begin() as connection:
            refuse_if_canceled(connection, campaign)
            self._stand(connection, campaign, CampaignStanding.PAUSED, "pause", now)

    def resume(self, campaign: str, now: float) -> bool:
        """Lifts a pause; tells whether there was one. Raises LedgerError for a cancelled campaign: that is
        final.
        """
        with self._engine.begin() as connection:
            refuse_if_canceled(connection, campaign)
            if halt(connection, campaign) is None:
                return False
            self._stand(connection, campaign, CampaignStanding.ACTIVE, "resume", now)
            return True

    def cancel(self, campaign: str, now: float) -> int:
        """Withdraws every call that is not sent yet, for good; returns how many."""
        reason = f"canceled by {self._actor}"
        with self._engine.begin() as connection:
            self._stand(connection, campaign, CampaignStanding.CANCELED, "cancel", now)
            withdrawn = connection.execute(
                update(calls)
                .where(calls.c.campaign == campaign, calls.c.state == CallState.PLANNED)
                .values(state=CallState.SKIPPED, reason=reason, updated_at=now)
            ).rowcount
            connection.execute(self._trail_of_cancel(campaign, reason, now))
        return withdrawn

    def note(self, campaign: str, verb: str, detail: str, now: float) -> None:
        """Keeps an act that changed nothing in the ledger itself."""
        with self._engine.begin() as connection:
            self._keep(connection, campaign, verb, detail, now)

    def resolve(
        self,
        campaign: str,
        contacts: Sequence[str] | None,
        resolution: Resolution,
        call_id: str | None,
        now: float,
    ) -> list[Resolved]:
        """Settles the uncertain calls of these contacts (keys or refs), or all of the campaign for None.

        All or none. Raises LedgerError when there is no such call, when it may still be on its way, or when
        another call has `call_id` already.
        """
        with self._engine.begin() as connection:
            rows = self._to_resolve(connection, campaign, contacts)
            if not rows:
                return []
            self._check_call_id(connection, rows, call_id)
            after = _RESOLVED_STATE[resolution]
            reason = f"resolved as {resolution} by {self._actor}"
            for row in rows:
                record_transition(
                    connection,
                    call=row.id,
                    run=row.run,
                    at=now,
                    before=CallState.UNCERTAIN,
                    after=after,
                    reason=reason,
                    actor=self._actor,
                )
            connection.execute(
                update(calls)
                .where(calls.c.id.in_([row.id for row in rows]), calls.c.state == CallState.UNCERTAIN)
                .values(state=after, reason=reason, call_id=_kept_call_id(after, call_id), updated_at=now)
            )
            refs = ", ".join(row.ref for row in rows)
            self._keep(connection, campaign, "resolve", f"{refs} as {resolution}", now)
            return [
                Resolved(key=row.contact, ref=row.ref, intended_at=row.intended_at, after=after)
                for row in rows
            ]

    def _trail_of_cancel(self, campaign: str, reason: str, now: float) -> Insert:
        """One statement for all: there may be a million, and nobody else may write meanwhile."""
        moved = {
            "call": calls.c.id,
            "run": calls.c.run,
            "at": calls.c.updated_at,
            "before": literal(CallState.PLANNED.value),
            "after": calls.c.state,
            "reason": calls.c.reason,
            "actor": literal(self._actor),
        }
        # Those of this moment: no call of a canceled campaign is planned and canceled again.
        withdrawn = select(*moved.values()).where(
            calls.c.campaign == campaign,
            calls.c.state == CallState.SKIPPED,
            calls.c.reason == reason,
            calls.c.updated_at == now,
        )
        return insert(transitions).from_select(list(moved), withdrawn)

    def _to_resolve(self, connection: Connection, campaign: str, contacts: Sequence[str] | None) -> _Rows:
        if contacts is None:
            return self._uncertain(connection, campaign, None)
        found: list[Row[*tuple[Any, ...]]] = []
        for number, contact in enumerate(contacts, start=1):
            try:
                found += self._uncertain(connection, campaign, contact)
            except LedgerError as error:
                if len(contacts) == 1:
                    raise
                message = f"contact {number} of {len(contacts)}: {error.message}; nothing was resolved"
                raise LedgerError(message, hint=error.hint) from None
        return found

    @staticmethod
    def _check_call_id(connection: Connection, rows: _Rows, call_id: str | None) -> None:
        if call_id is None:
            return
        ids = [row.id for row in rows]
        accounts = select(calls.c.account).where(calls.c.id.in_(ids))
        taken = connection.execute(
            select(calls.c.campaign, calls.c.ref).where(
                calls.c.call_id == call_id, calls.c.account.in_(accounts), calls.c.id.not_in(ids)
            )
        ).one_or_none()
        if taken is not None:
            raise LedgerError(
                f"call_id {call_id} belongs to another call: {taken.ref} of campaign {taken.campaign}",
                hint="look at Insight again which call this contact's is; nothing was recorded",
            )

    @staticmethod
    def _uncertain(connection: Connection, campaign: str, contact: str | None) -> _Rows:
        latest = (
            select(attempts.c.intended_at)
            .where(attempts.c.call == calls.c.id)
            .order_by(attempts.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = (
            select(
                calls.c.id,
                calls.c.run,
                calls.c.contact,
                calls.c.ref,
                calls.c.state,
                latest.label("intended_at"),
                runs.c.host,
                runs.c.pid,
                runs.c.ending,
                runs.c.lease_until,
            )
            .select_from(calls.join(runs, calls.c.run == runs.c.id))
            .where(calls.c.campaign == campaign)
            .with_for_update(of=calls)
        )
        if contact is None:
            rows = connection.execute(query.where(calls.c.state == CallState.UNCERTAIN)).all()
        else:
            found = connection.execute(
                query.where(or_(calls.c.contact == contact, calls.c.ref == contact))
            ).all()
            if not found:
                raise LedgerError(f"campaign {campaign} has no call to this contact")
            # Other rounds of the contact may stand elsewhere; they are not what is asked about.
            rows = [row for row in found if row.state in {CallState.UNCERTAIN, CallState.SENDING}]
            if not rows:
                states = " and ".join(sorted({row.state for row in found}))
                raise LedgerError(f"this call is {states}, not uncertain: there is nothing to resolve")
        now = database_now(connection)
        for row in rows:
            _check_owner_is_gone(row, now)
        return rows

    def _stand(
        self, connection: Connection, campaign: str, standing: CampaignStanding, verb: str, now: float
    ) -> None:
        connection.execute(update(campaigns).where(campaigns.c.name == campaign).values(standing=standing))
        self._keep(connection, campaign, verb, "", now)

    def _keep(self, connection: Connection, campaign: str, verb: str, detail: str, now: float) -> None:
        connection.execute(
            insert(actions).values(campaign=campaign, at=now, actor=self._actor, verb=verb, detail=detail)
        )


def _kept_call_id(after: CallState, given: str | None) -> ColumnElement[str] | None:
    """What the operator names, else what a contradictory answer held; a call to be sent again has none."""
    return None if after is CallState.PLANNED else func.coalesce(given, calls.c.call_id)


def _check_owner_is_gone(row: Row[*tuple[Any, ...]], now: float) -> None:
    """Raises LedgerError while the process that sent the call may still be at it.

    A run that was declared dead may only have stood still: what it had begun to send before may go on for as
    long as an exchange can take.
    """
    owner = f"process {row.pid} on {row.host}"
    if row.state == CallState.SENDING:
        raise LedgerError(
            f"this call is being sent right now by {owner}",
            hint="wait for its answer, or stop that apply first",
        )
    if row.ending == LOST and now < row.lease_until + _GRACE_SECONDS:
        wait = row.lease_until + _GRACE_SECONDS - now
        raise LedgerError(
            f"{owner} was sending this call and may still be at it",
            hint=f"make sure that this process is gone, and run the command again in {wait:.0f} s",
        )
