"""The calls that a run may send, as the one who sends them sees them: what is due, how it ended.

A claim moves calls to `sending` and commits the intent to send before a byte leaves. Every later change is
a compare-and-set on (id, fence, state): whoever lost a claim changes nothing any more, unless it has proof.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, select, update

from runner.errors import LedgerError
from runner.ledger.lease import declared_dead
from runner.ledger.operators import CampaignStanding
from runner.ledger.rows import call_request
from runner.ledger.states import CallState, takes_evidence
from runner.ledger.tables import attempts, calls, campaigns, runs
from runner.ledger.trail import record_transition
from runner.planning.plan import CallRequest, Slot, WaitingCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to send one call once. `fence` tells this claim from any earlier or later one."""

    call: int
    fence: int
    key: str
    ref: str
    phone: str
    start_timestamp: int
    end_timestamp: int
    survey_id: str
    instance_id: str
    request: CallRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended: the call's next state, and what is known of it."""

    state: CallState
    reason: str = ""
    http_status: int | None = None
    call_id: str | None = None
    link: str | None = None


class LostClaimError(LedgerError):
    """Somebody else settled the call since it was claimed; nothing was written."""


class CallQueue:
    """The planned calls that one run may send. Times are UTC Unix seconds.

    With `only_own` these are the calls of its own plan, as `--limit` asks; else every call of the campaign,
    also those that a run beside it entered. `intended` hears the number of the newest attempt whenever
    intents are committed, before anything is sent.
    """

    def __init__(
        self,
        engine: Engine,
        campaign: str,
        run: int,
        *,
        only_own: bool = False,
        intended: Callable[[int], None] = lambda _attempt: None,
    ) -> None:
        self._engine = engine
        self._intended = intended
        self._campaign = campaign
        self._run = run
        self._only_own = only_own

    def claim_due(self, now: float, most: int, start_after: float) -> list[Claim]:
        """Claims up to `most` calls that are due and commits the intent to send them.

        A call that should have started before `start_after` is late: it is left for `late`. Raises
        CampaignHeldError when this run was declared dead.
        """
        due = (
            select(calls)
            .where(*self._open(), calls.c.queue_at <= now, calls.c.start_timestamp >= start_after)
            .order_by(calls.c.queue_at, calls.c.start_timestamp, calls.c.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        with self._engine.begin() as connection:
            self._check_alive(connection)
            # Asked in the transaction that claims, so that a pause holds from the moment it is made.
            campaign = connection.execute(
                select(campaigns).where(campaigns.c.name == self._campaign).with_for_update(read=True)
            ).one()
            if campaign.standing != CampaignStanding.ACTIVE:
                return []
            rows = connection.execute(due).mappings().all()
            claims = [
                Claim(
                    call=row["id"],
                    fence=row["fence"] + 1,
                    key=row["contact"],
                    ref=row["ref"],
                    phone=row["phone"],
                    start_timestamp=row["start_timestamp"],
                    end_timestamp=row["end_timestamp"],
                    survey_id=campaign.survey_id,
                    instance_id=campaign.instance_id,
                    request=call_request(row),
                )
                for row in rows
            ]
            attempt_numbers = [self._intend(connection, claim, now) for claim in claims]
        if attempt_numbers:
            self._intended(max(attempt_numbers))
        return claims

    def finish(self, claim: Claim, ending: Ending, now: float) -> Ending:
        """Records how the attempt ended, and returns the ending as recorded.

        Raises LostClaimError when somebody settled the call meanwhile and the ending proves nothing else.
        """
        with self._engine.begin() as connection:
            ending = self._without_foreign_call_id(connection, claim, ending)
            call = connection.execute(
                select(calls.c.state, calls.c.fence).where(calls.c.id == claim.call).with_for_update()
            ).one()
            before = CallState(call.state)
            if call.fence != claim.fence or not takes_evidence(before, ending.state):
                raise LostClaimError("a call was settled by somebody else while it was being sent")
            connection.execute(
                update(calls)
                .where(calls.c.id == claim.call)
                .values(
                    state=ending.state,
                    reason=ending.reason,
                    call_id=ending.call_id,
                    link=ending.link,
                    run=self._run,
                    updated_at=now,
                )
            )
            self._trace(connection, claim.call, before, ending.state, ending.reason, now)
            connection.execute(
                update(attempts)
                .where(attempts.c.call == claim.call, attempts.c.fence == claim.fence)
                .values(
                    finished_at=now,
                    outcome=ending.state,
                    http_status=ending.http_status,
                    detail=ending.reason,
                )
            )
        return ending

    def late(self, start_before: float) -> list[WaitingCall]:
        """Planned calls whose start has passed: they need a new slot, or there is none left."""
        query = (
            select(calls.c.id, calls.c.timezones, calls.c.earliest, calls.c.latest)
            # A request goes out before its call starts; saying so lets the index on queue_at serve.
            .where(*self._open(), calls.c.queue_at < start_before, calls.c.start_timestamp < start_before)
            .order_by(calls.c.start_timestamp, calls.c.id)
        )
        with self._engine.begin() as connection:
            return [
                WaitingCall(
                    id=row.id, timezones=tuple(row.timezones), earliest=row.earliest, latest=row.latest
                )
                for row in connection.execute(query)
            ]

    def occupied_starts(self, since: float) -> list[int]:
        """The starts, from `since` on, of all calls, sent or not: they count against the pace."""
        query = select(calls.c.start_timestamp).where(
            calls.c.campaign == self._campaign,
            calls.c.state != CallState.SKIPPED,
            calls.c.start_timestamp >= since,
        )
        with self._engine.begin() as connection:
            return list(connection.scalars(query))

    def move(self, slots: Mapping[int, Slot], start_before: float, now: float) -> None:
        """Gives calls that are still late their new slots, all or none."""
        with self._engine.begin() as connection:
            for call, slot in slots.items():
                changed = connection.execute(
                    update(calls)
                    # A run beside this one may have moved it already.
                    .where(
                        calls.c.id == call,
                        calls.c.state == CallState.PLANNED,
                        calls.c.start_timestamp < start_before,
                    )
                    .values(
                        queue_at=slot.queue_at,
                        start_timestamp=slot.start_timestamp,
                        end_timestamp=slot.end_timestamp,
                        updated_at=now,
                    )
                )
                if changed.rowcount == 1:
                    self._trace(connection, call, CallState.PLANNED, CallState.PLANNED, "late: new slot", now)

    def skip(self, reasons: Mapping[int, str], now: float) -> None:
        """Gives up planned calls, each with its reason, all or none."""
        with self._engine.begin() as connection:
            for call, reason in reasons.items():
                changed = connection.execute(
                    update(calls)
                    .where(calls.c.id == call, calls.c.state == CallState.PLANNED)
                    .values(state=CallState.SKIPPED, reason=reason, updated_at=now)
                )
                if changed.rowcount == 1:
                    self._trace(connection, call, CallState.PLANNED, CallState.SKIPPED, reason, now)

    def waiting_people(self) -> list[tuple[int, str, str]]:
        """(call, contact key, E.164 number) of every call that is still planned."""
        query = select(calls.c.id, calls.c.contact, calls.c.phone).where(*self._open())
        with self._engine.begin() as connection:
            return [(row.id, row.contact, row.phone) for row in connection.execute(query)]

    def next_due(self) -> int | None:
        """When the next planned call is to be sent; None when none is left."""
        with self._engine.begin() as connection:
            due: int | None = connection.scalar(select(func.min(calls.c.queue_at)).where(*self._open()))
        return due

    def standing(self) -> CampaignStanding:
        """What operators allow at this moment."""
        query = select(campaigns.c.standing).where(campaigns.c.name == self._campaign)
        with self._engine.begin() as connection:
            return CampaignStanding(connection.execute(query).scalar_one())

    def others_are_sending(self) -> bool:
        """Whether a run beside this one has calls under way, which may yet come back unsent."""
        query = select(calls.c.id).where(
            calls.c.campaign == self._campaign,
            calls.c.state == CallState.SENDING,
            calls.c.run != self._run,
        )
        with self._engine.begin() as connection:
            return not self._only_own and connection.scalar(query.limit(1)) is not None

    def _check_alive(self, connection: Connection) -> None:
        if connection.scalar(select(runs.c.ended_at).where(runs.c.id == self._run)) is not None:
            raise declared_dead()

    def _open(self) -> tuple[ColumnElement[bool], ...]:
        planned = (calls.c.campaign == self._campaign, calls.c.state == CallState.PLANNED)
        return (*planned, calls.c.run == self._run) if self._only_own else planned

    def _intend(self, connection: Connection, claim: Claim, now: float) -> int:
        changed = connection.execute(
            update(calls)
            .where(
                calls.c.id == claim.call,
                calls.c.fence == claim.fence - 1,
                calls.c.state == CallState.PLANNED,
            )
            .values(state=CallState.SENDING, fence=claim.fence, run=self._run, updated_at=now)
        )
        if changed.rowcount != 1:
            raise LostClaimError("a call was claimed by somebody else at the same moment")
        self._trace(connection, claim.call, CallState.PLANNED, CallState.SENDING, "claimed", now)
        attempt = insert(attempts).values(call=claim.call, run=self._run, fence=claim.fence, intended_at=now)
        number: int = connection.execute(attempt.returning(attempts.c.id)).scalar_one()
        return number

    def _without_foreign_call_id(self, connection: Connection, claim: Claim, ending: Ending) -> Ending:
        """Two calls of one account cannot share a call_id: an answer that says so proves nothing."""
        if ending.call_id is None:
            return ending
        account = select(calls.c.account).where(calls.c.id == claim.call).scalar_subquery()
        taken = connection.scalar(
            select(calls.c.id).where(calls.c.account == account, calls.c.call_id == ending.call_id)
        )
        if taken is None:
            return ending
        return replace(
            ending,
            state=CallState.UNCERTAIN,
            reason=f"Insight answered with call_id {ending.call_id}, which another call already has",
            call_id=None,
            link=None,
        )

    def _trace(
        self, connection: Connection, call: int, before: CallState, after: CallState, reason: str, now: float
    ) -> None:
        record_transition(
            connection, call=call, run=self._run, at=now, before=before, after=after, reason=reason
        )
