"""What operators do to a campaign from outside a run: pause, resume, cancel, resolve, retry.

Each act is recorded.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    func,
    insert,
    literal,
    select,
    text,
    update,
)

from runner.calls import FINAL, PROBLEMS, CallState, ReasonCode, Resolution, StateReason
from runner.errors import LedgerError
from runner.ledger.asking import FIRST_ASK
from runner.ledger.evidence import EvidenceSource, Report
from runner.ledger.lease import LOST, database_now
from runner.ledger.reached import skip_finished
from runner.ledger.results import record_reports, settle_held
from runner.ledger.rows import reading, some_at_a_time
from runner.ledger.tables import IS_PROBLEM, actions, attempts, calls, campaigns, runs, transitions
from runner.ledger.transitions import Transition, move_calls

Rows = Sequence[Row[*tuple[Any, ...]]]

PROBLEM_ATTEMPT = and_(attempts.c.call == calls.c.id, attempts.c.fence == calls.c.fence, IS_PROBLEM)
"""The newest of a refused or uncertain call. There is an index for such attempts alone."""
_GRACE_SECONDS = 60
"""Twice the deadline of an exchange with Insight."""


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
    Resolution.COMPLETED: CallState.COMPLETED,
    Resolution.FAILED: CallState.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseInfo:
    """A campaign was paused or canceled: `by` whom (user@host), `at` when in UTC Unix seconds."""

    campaign: str
    state: CampaignState
    at: float
    by: str
    problem: str = ""
    """Why `serve` stopped it, and what to do; empty where an operator paused or canceled it."""


_PAUSE, _STOP, _CANCEL = "pause", "stop", "cancel"
_VERBS_OF = {CampaignState.PAUSED: (_PAUSE, _STOP), CampaignState.CANCELED: (_CANCEL,)}


def pause_info(connection: Connection, campaign: str) -> PauseInfo | None:
    """What holds the campaign up; None where nothing does, or the ledger does not know it."""
    state = connection.scalar(select(campaigns.c.state).where(campaigns.c.name == campaign))
    if state is None or state == CampaignState.ACTIVE:
        return None
    state = CampaignState(state)
    act = connection.execute(
        select(actions.c.at, actions.c.actor, actions.c.verb, actions.c.detail)
        .where(actions.c.campaign == campaign, actions.c.verb.in_(_VERBS_OF[state]))
        .order_by(actions.c.id.desc())
        .limit(1)
    ).one()
    problem = act.detail if act.verb == _STOP else ""
    return PauseInfo(campaign=campaign, state=state, at=act.at, by=act.actor, problem=problem)


def problems_of(connection: Connection, paused: Sequence[str]) -> Mapping[str, str]:
    """Of these paused campaigns, those that a problem paused, each with that problem."""
    newest = (
        select(func.max(actions.c.id))
        .where(actions.c.campaign.in_(paused), actions.c.verb.in_(_VERBS_OF[CampaignState.PAUSED]))
        .group_by(actions.c.campaign)
    )
    stopped = select(actions).where(actions.c.id.in_(newest), actions.c.verb == _STOP)
    return {row.campaign: row.detail for row in connection.execute(stopped)}


def refuse_if_canceled(connection: Connection, campaign: str) -> None:
    """Raises LedgerError when an operator canceled the campaign: that is final."""
    found = pause_info(connection, campaign)
    if found is not None and found.state is CampaignState.CANCELED:
        since = datetime.fromtimestamp(found.at).astimezone()
        raise LedgerError(
            f"campaign {campaign} was canceled, which is final (by {found.by}, {since:%Y-%m-%d %H:%M %Z})",
            hint="for a new wave of calls, give the campaign a new `name`",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One call that an operator decided on. `intended_at` names the attempt, in UTC Unix seconds."""

    key: str
    ref: str
    intended_at: float
    after: CallState


class SeenCall(NamedTuple):
    """A call as a person saw it before they decided. Another round, or another attempt, is not meant."""

    contact: str
    """Its key or ref."""
    round: int
    attempt: int
    """How often it was sent."""


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
                self._set_state(connection, campaign, CampaignState.PAUSED, _PAUSE, now)
        return earlier

    def stop(self, campaign: str, problem: str, now: float) -> None:
        """Pauses it because of a problem, which a person is to solve before they resume it. One that is
        paused or canceled already stays so.
        """
        active = (campaigns.c.name == campaign, campaigns.c.state == CampaignState.ACTIVE)
        with self._engine.begin() as connection:
            stopped = update(campaigns).where(*active).values(state=CampaignState.PAUSED)
            if connection.execute(stopped).rowcount:
                self._record_act(connection, campaign, _STOP, problem, now)

    def resume(self, campaign: str, now: float) -> bool:
        """Lifts a pause; tells whether there was one. Raises LedgerError for a cancelled campaign: that is
        final.
        """
        with self._engine.begin() as connection:
            refuse_if_canceled(connection, campaign)
            if pause_info(connection, campaign) is None:
                return False
            self._set_state(connection, campaign, CampaignState.ACTIVE, "resume", now)
            return True

    def cancel(self, campaign: str, now: float) -> int:
        """Withdraws every call that is not sent yet, for good; returns how many.

        A campaign that is canceled already stays canceled since the first time.
        """
        with self._engine.begin() as connection:
            earlier = pause_info(connection, campaign)
            if earlier is None or earlier.state is not CampaignState.CANCELED:
                self._set_state(connection, campaign, CampaignState.CANCELED, _CANCEL, now)
            return self._withdraw_planned(connection, campaign, now)

    def note(self, campaign: str, verb: str, detail: str, now: float) -> None:
        """Keeps an act that changed nothing in the ledger itself."""
        with self._engine.begin() as connection:
            self._record_act(connection, campaign, verb, detail, now)

    def seen(self, campaign: str, contact: str | None) -> list[SeenCall]:
        """The calls to this contact (key or ref), by ref, oldest first; for None, all uncertain calls. For a
        ref, those that may be resolved, if there are some.
        """
        query = select(calls.c.ref, calls.c.round, calls.c.fence)
        query = query.where(calls.c.campaign == campaign).order_by(calls.c.id)
        with reading(self._engine) as connection:
            if contact is None:
                found = connection.execute(query.where(calls.c.state == CallState.UNCERTAIN)).all()
            else:
                found = _of_contact(connection, query, contact, RESOLVE)
            return [SeenCall(*row) for row in found]

    def resolve(
        self,
        campaign: str,
        named: Sequence[str | SeenCall],
        resolution: Resolution,
        call_id: str | None,
        now: float,
    ) -> list[Decided]:
        """Settles these uncertain calls, or those of these contacts (keys or refs) as they are now; abandoned
        calls may be settled again.

        A result may also be given to a queued call, which has none yet. All or none. Raises LedgerError when
        there is no such call, when it may still be on its way, when it was sent again since it was seen, or
        when another call has `call_id` already.
        """
        with self._engine.begin() as connection:
            after = _RESOLVED_STATE[resolution]
            rows = named_calls(connection, campaign, named, RESOLVE_RESULT if after in FINAL else RESOLVE)
            self._check_call_id(connection, rows, call_id)
            if after in FINAL:
                self._record_results(connection, rows, after, now)
            else:
                reason = StateReason.of(ReasonCode.RESOLVED, resolution=resolution.value, by=self._actor)
                self._decide(connection, rows, after, reason, now, call_id)
            decided = _decided(connection, rows)
            self._record_act(connection, campaign, "resolve", f"{_refs(rows)} as {resolution}", now)
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
            self._decide(connection, rows, CallState.PLANNED, reason, now)
            decided = _decided(connection, rows)
            if rows:
                self._record_act(connection, campaign, "retry", _refs(rows), now)
        return decided

    def acknowledge(self, campaign: str, now: float) -> int:
        """Notes that somebody has seen the refused and uncertain calls; returns how many were new to them."""
        query = (
            select(attempts.c.id)
            .select_from(calls.join(attempts, PROBLEM_ATTEMPT))
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
                self._record_act(connection, campaign, "acknowledge", f"{len(found)} calls", now)
        return len(found)

    def _decide(
        self,
        connection: Connection,
        rows: Rows,
        after: CallState,
        reason: StateReason,
        now: float,
        call_id: str | None = None,
    ) -> None:
        """Moves each of these calls to the state that an operator gave it, unless Insight said otherwise."""
        also = {
            "call_id": _kept_call_id(after, call_id),
            "ask_at": text(FIRST_ASK) if after is CallState.QUEUED else None,
        }
        for row in rows:
            move = Transition(row.id, CallState(row.state), after, reason)
            move_calls(connection, [move], run=row.run, at=now, actor=self._actor, also=also)
        of_calls = [row.id for row in rows]
        settle_held(connection, of_calls, now)
        skip_finished(connection, of_calls, now)

    def _record_results(self, connection: Connection, rows: Rows, says: CallState, now: float) -> None:
        reports = [
            Report(call=row.id, fence=row.fence, source=EvidenceSource.OPERATOR, says=says) for row in rows
        ]
        record_reports(connection, reports, now, self._actor)

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
                hint="check at Insight which call belongs to this contact; nothing was recorded",
            )

    def _set_state(
        self, connection: Connection, campaign: str, state: CampaignState, verb: str, now: float
    ) -> None:
        connection.execute(update(campaigns).where(campaigns.c.name == campaign).values(state=state))
        self._record_act(connection, campaign, verb, "", now)

    def _record_act(self, connection: Connection, campaign: str, verb: str, detail: str, now: float) -> None:
        connection.execute(
            insert(actions).values(campaign=campaign, at=now, actor=self._actor, verb=verb, detail=detail)
        )


def _kept_call_id(after: CallState, given: str | None) -> ColumnElement[str] | None:
    """What the operator names, else what a contradictory answer held; a call to be sent again has none."""
    return None if after is CallState.PLANNED else func.coalesce(given, calls.c.call_id)


def _decided(connection: Connection, rows: Rows) -> list[Decided]:
    """The calls that were decided on, with the states that they are in now."""
    states = {
        row.id: CallState(row.state)
        for some in some_at_a_time(rows)
        for row in connection.execute(
            select(calls.c.id, calls.c.state).where(calls.c.id.in_([each.id for each in some]))
        )
    }
    return [
        Decided(key=row.contact, ref=row.ref, intended_at=row.intended_at, after=states[row.id])
        for row in rows
    ]


def _refs(rows: Rows) -> str:
    return ", ".join(row.ref for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an operator can do with a call: to every call in `state`, to one by name also from `others`."""

    verb: str
    state: CallState
    others: Collection[CallState] = ()


RESOLVE = Decision(verb="resolve", state=CallState.UNCERTAIN, others=(CallState.SENDING, CallState.ABANDONED))
RESOLVE_RESULT = Decision(
    verb="resolve",
    state=CallState.UNCERTAIN,
    others=(CallState.SENDING, CallState.ABANDONED, CallState.QUEUED),
)
"""Where the operator knows how the call ended: also of a call whose result never came."""
RETRY = Decision(verb="retry", state=CallState.REFUSED)


def named_calls(
    connection: Connection, campaign: str, named: Sequence[str | SeenCall], decision: Decision
) -> Rows:
    """These calls, or those of these contacts (keys or refs), locked, each once. Raises LedgerError, naming
    the first contact without such a call.
    """
    found: dict[int, Row[*tuple[Any, ...]]] = {}
    for number, each in enumerate(named, start=1):
        try:
            if isinstance(each, SeenCall):
                row = _seen_call(connection, campaign, each, decision)
            else:
                row = _newest_call(connection, campaign, each, decision)
        except LedgerError as error:
            if len(named) == 1:
                raise
            message = f"contact {number} of {len(named)}: {error.message}; nothing was changed"
            raise LedgerError(message, hint=error.hint) from None
        found[row.id] = row
    return list(found.values())


def all_calls(connection: Connection, campaign: str, decision: Decision) -> Rows:
    """Every call of the campaign that the decision is about, locked."""
    rows = connection.execute(_query(campaign).where(calls.c.state == decision.state)).all()
    now = database_now(connection)
    for row in rows:
        _check_owner_is_gone(row, now)
    return rows


def _seen_call(
    connection: Connection, campaign: str, seen: SeenCall, decision: Decision
) -> Row[*tuple[Any, ...]]:
    row = _newest_call(connection, campaign, seen.contact, decision, seen.round)
    if row.fence != seen.attempt:
        raise LedgerError(
            "this call was sent again since it was seen",
            hint="check at Insight what became of the newest attempt, then decide",
        )
    return row


def _newest_call(
    connection: Connection, campaign: str, contact: str, decision: Decision, of_round: int | None = None
) -> Row[*tuple[Any, ...]]:
    """The newest call of this contact that the decision is about; other rounds may be in other states."""
    query, place = _query(campaign).order_by(calls.c.id), ""
    if of_round is not None:
        query, place = query.where(calls.c.round == of_round), f" in round {of_round}"
    found = _of_contact(connection, query, contact, decision)
    if not found:
        raise LedgerError(f"campaign {campaign} has no call to this contact{place}")
    rows = [row for row in found if row.state == decision.state or row.state in decision.others]
    if not rows:
        states = " and ".join(sorted({row.state for row in found}))
        raise LedgerError(f"this call is {states}, not {decision.state}: there is nothing to {decision.verb}")
    _check_owner_is_gone(rows[-1], database_now(connection))
    return rows[-1]


def _of_contact(connection: Connection, query: Select[Any], contact: str, decision: Decision) -> Rows:
    """The calls of this contact, by key or by ref. Refs have no index, so calls that may be decided on are
    looked at first: the others may be a million.
    """
    is_open = calls.c.state.in_([decision.state, *decision.others])
    by_ref = calls.c.ref == contact
    tries = (calls.c.contact == contact, and_(by_ref, is_open), by_ref)
    return next(filter(None, (connection.execute(query.where(each)).all() for each in tries)), [])


def _query(campaign: str) -> Select[*tuple[Any, ...]]:
    newest = select(attempts.c.intended_at).order_by(attempts.c.id.desc()).limit(1)
    # Only where the first finds nothing, all attempts are looked at.
    latest = func.coalesce(
        newest.where(PROBLEM_ATTEMPT).scalar_subquery(),
        newest.where(attempts.c.call == calls.c.id).scalar_subquery(),
    )
    return (
        select(
            calls.c.id,
            calls.c.run,
            calls.c.fence,
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


def _check_owner_is_gone(row: Row[*tuple[Any, ...]], now: float) -> None:
    """Raises LedgerError while the process that sent the call may still be at it.

    A run that was declared dead may only have been stopped: what it had begun to send before may go on for as
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
            f"{owner} was sending this call and may still be sending it",
            hint=f"make sure that this process has ended, and run the command again in {wait:.0f} s",
        )
