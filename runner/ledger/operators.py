"""What operators do to a campaign from outside a run: pause, resume, cancel, resolve, retry. Each act is
kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, insert, literal, select, update

from runner.calls import PROBLEMS, CallState, ReasonCode, Resolution, StateReason
from runner.errors import LedgerError
from runner.ledger.decided_calls import RESOLVE, RETRY, Rows, all_calls, named_calls
from runner.ledger.rows import some_at_a_time
from runner.ledger.tables import actions, attempts, calls, campaigns, transitions
from runner.ledger.transitions import record_transition


class CampaignState(StrEnum):
    """What operators allow. It lasts over restarts."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Nothing is sent until somebody resumes it."""
    CANCELED = "canceled"
    """Nothing is ever sent again under this name."""


_RESOLVED_STATE = {
    Resolution.QUEUED: CallState.QUEUED,
    Resolution.NOT_QUEUED: CallState.PLANNED,
    Resolution.ABANDONED: CallState.ABANDONED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseInfo:
    """An operator paused or canceled a campaign: `by` whom (user@host), `at` when in UTC Unix seconds."""

    campaign: str
    state: CampaignState
    at: float
    by: str


_HALTED_BY_VERB = {CampaignState.PAUSED: "pause", CampaignState.CANCELED: "cancel"}


def pause_info(connection: Connection, campaign: str) -> PauseInfo | None:
    """What holds the campaign up; None where nothing does, or the ledger does not know it."""
    state = connection.scalar(select(campaigns.c.state).where(campaigns.c.name == campaign))
    if state is None or state == CampaignState.ACTIVE:
        return None
    state = CampaignState(state)
    act = connection.execute(
        select(actions.c.at, actions.c.actor)
        .where(actions.c.campaign == campaign, actions.c.verb == _HALTED_BY_VERB[state])
        .order_by(actions.c.id.desc())
        .limit(1)
    ).one()
    return PauseInfo(campaign=campaign, state=state, at=act.at, by=act.actor)


def refuse_if_canceled(connection: Connection, campaign: str) -> None:
    """Raises LedgerError when an operator canceled the campaign: that is final."""
    found = pause_info(connection, campaign)
    if found is not None and found.state is CampaignState.CANCELED:
        since = datetime.fromtimestamp(found.at).astimezone()
        raise LedgerError(
            f"campaign {campaign} was canceled, which is final (by {found.by}, {since:%Y-%m-%d %H:%M %Z})",
            hint="a new wave is a new campaign: give the file a new name",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One call that an operator decided on. `intended_at` names the attempt, in UTC Unix seconds."""

    key: str
    ref: str
    intended_at: float
    after: CallState


class Operators:
    """The acts of one person (`user@host`) on the campaigns of one ledger. Times are UTC Unix seconds."""

    def __init__(self, engine: Engine, actor: str) -> None:
        self._engine = engine
        self._actor = actor

    def pause(self, campaign: str, now: float) -> PauseInfo | None:
        """Nothing more is claimed from now on. Of a campaign that is paused already nothing changes, and
        that pause is returned. Raises LedgerError for a cancelled campaign.
        """
        with self._engine.begin() as connection:
            refuse_if_canceled(connection, campaign)
            earlier = pause_info(connection, campaign)
            if earlier is None:
                self._stand(connection, campaign, CampaignState.PAUSED, "pause", now)
        return earlier

    def resume(self, campaign: str, now: float) -> bool:
        """Lifts a pause; tells whether there was one. Raises LedgerError for a cancelled campaign: that is
        final.
        """
        with self._engine.begin() as connection:
            refuse_if_canceled(connection, campaign)
            if pause_info(connection, campaign) is None:
                return False
            self._stand(connection, campaign, CampaignState.ACTIVE, "resume", now)
            return True

    def cancel(self, campaign: str, now: float) -> int:
        """Withdraws every call that is not sent yet, for good; returns how many.

        A campaign that is canceled already stays canceled since the first time.
        """
        with self._engine.begin() as connection:
            earlier = pause_info(connection, campaign)
            if earlier is None or earlier.state is not CampaignState.CANCELED:
                self._stand(connection, campaign, CampaignState.CANCELED, "cancel", now)
            return self._withdraw_planned(connection, campaign, now)

    def note(self, campaign: str, verb: str, detail: str, now: float) -> None:
        """Keeps an act that changed nothing in the ledger itself."""
        with self._engine.begin() as connection:
            self._keep(connection, campaign, verb, detail, now)

    def uncertain(self, campaign: str) -> list[str]:
        """The refs of the uncertain calls of a campaign."""
        query = select(calls.c.ref).where(calls.c.campaign == campaign, calls.c.state == CallState.UNCERTAIN)
        with self._engine.begin() as connection:
            return list(connection.scalars(query.order_by(calls.c.id)))

    def resolve(
        self,
        campaign: str,
        contacts: Sequence[str],
        resolution: Resolution,
        call_id: str | None,
        now: float,
    ) -> list[Decided]:
        """Settles the uncertain calls of these contacts (keys or refs); abandoned calls may be settled again.

        All or none. Raises LedgerError when there is no such call, when it may still be on its way, or when
        another call has `call_id` already.
        """
        with self._engine.begin() as connection:
            rows = named_calls(connection, campaign, contacts, RESOLVE)
            self._check_call_id(connection, rows, call_id)
            after, reason = (
                _RESOLVED_STATE[resolution],
                StateReason.of(ReasonCode.RESOLVED, resolution=resolution.value, by=self._actor),
            )
            decided = self._decide(connection, rows, after, reason, now, call_id)
            self._keep(connection, campaign, "resolve", f"{_refs(rows)} as {resolution}", now)
        return decided

    def retry(self, campaign: str, contacts: Sequence[str] | None, now: float) -> list[Decided]:
        """Plans the refused calls of these contacts (keys or refs) again, or all of the campaign for None.

        All or none. Raises LedgerError when there is no such call, or the campaign is canceled.
        """
        with self._engine.begin() as connection:
            refuse_if_canceled(connection, campaign)
            if contacts is None:
                rows = all_calls(connection, campaign, RETRY)
            else:
                rows = named_calls(connection, campaign, contacts, RETRY)
            reason = StateReason.of(ReasonCode.RETRIED, by=self._actor)
            decided = self._decide(connection, rows, CallState.PLANNED, reason, now)
            if rows:
                self._keep(connection, campaign, "retry", _refs(rows), now)
        return decided

    def acknowledge(self, campaign: str, now: float) -> int:
        """Notes that somebody has seen the refused and uncertain calls; returns how many were new to them."""
        query = (
            select(attempts.c.id)
            .select_from(
                calls.join(attempts, and_(attempts.c.call == calls.c.id, attempts.c.fence == calls.c.fence))
            )
            .where(
                calls.c.campaign == campaign,
                calls.c.state.in_(PROBLEMS),
                attempts.c.acknowledged_at.is_(None),
            )
        )
        with self._engine.begin() as connection:
            found = connection.scalars(query).all()
            for some in some_at_a_time(found):
                seen = update(attempts).where(attempts.c.id.in_(some)).values(acknowledged_at=now)
                connection.execute(seen)
            if found:
                self._keep(connection, campaign, "acknowledge", f"{len(found)} calls", now)
        return len(found)

    def _decide(
        self,
        connection: Connection,
        rows: Rows,
        after: CallState,
        reason: StateReason,
        now: float,
        call_id: str | None = None,
    ) -> list[Decided]:
        """Moves each of these calls to the state that an operator gave it."""
        for row in rows:
            record_transition(
                connection,
                call=row.id,
                run=row.run,
                at=now,
                before=CallState(row.state),
                after=after,
                reason=reason,
                actor=self._actor,
            )
            connection.execute(
                update(calls)
                .where(calls.c.id == row.id, calls.c.state == row.state)
                .values(state=after, reason=reason, call_id=_kept_call_id(after, call_id), updated_at=now)
            )
        return [
            Decided(key=row.contact, ref=row.ref, intended_at=row.intended_at, after=after) for row in rows
        ]

    def _withdraw_planned(self, connection: Connection, campaign: str, now: float) -> int:
        """A statement for all: there may be a million, and no other process may write meanwhile."""
        reason = StateReason.of(ReasonCode.CANCELED, by=self._actor)
        newest = connection.scalar(select(func.max(transitions.c.id))) or 0
        moved = {
            "call": calls.c.id,
            "run": calls.c.run,
            "at": literal(now),
            "before": calls.c.state,
            "after": literal(CallState.SKIPPED.value),
            "reason": literal(reason, transitions.c.reason.type),
            "actor": literal(self._actor),
        }
        planned = (calls.c.campaign == campaign, calls.c.state == CallState.PLANNED)
        recorded = select(*moved.values()).where(*planned).with_for_update(of=calls)
        connection.execute(insert(transitions).from_select(list(moved), recorded))
        # A call that came back unsent since then has no transition yet: the run that sent it skips it.
        withdrawn = select(transitions.c.call).where(
            transitions.c.id > newest, transitions.c.after == CallState.SKIPPED
        )
        return connection.execute(
            update(calls)
            .where(*planned, calls.c.id.in_(withdrawn))
            .values(state=CallState.SKIPPED, reason=reason, updated_at=now)
        ).rowcount

    @staticmethod
    def _check_call_id(connection: Connection, rows: Rows, call_id: str | None) -> None:
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

    def _stand(
        self, connection: Connection, campaign: str, state: CampaignState, verb: str, now: float
    ) -> None:
        connection.execute(update(campaigns).where(campaigns.c.name == campaign).values(state=state))
        self._keep(connection, campaign, verb, "", now)

    def _keep(self, connection: Connection, campaign: str, verb: str, detail: str, now: float) -> None:
        connection.execute(
            insert(actions).values(campaign=campaign, at=now, actor=self._actor, verb=verb, detail=detail)
        )


def _kept_call_id(after: CallState, given: str | None) -> ColumnElement[str] | None:
    """What the operator names, else what a contradictory answer held; a call to be sent again has none."""
    return None if after is CallState.PLANNED else func.coalesce(given, calls.c.call_id)


def _refs(rows: Rows) -> str:
    return ", ".join(row.ref for row in rows)
