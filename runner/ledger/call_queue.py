"""The calls that a run may send, as the one who sends them sees them: what is due, how it ended.

A claim moves calls to `sending` and commits the intent to send before a byte leaves. Every later change is
a compare-and-set on (id, fence, state): whoever lost a claim changes nothing any more, unless it has proof.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    func,
    insert,
    or_,
    select,
    update,
)

from runner.errors import LedgerError
from runner.ledger import late_calls
from runner.ledger.lease import declared_dead
from runner.ledger.operators import CampaignStanding
from runner.ledger.rows import call_request
from runner.ledger.states import CallState, takes_evidence
from runner.ledger.tables import attempts, calls, campaigns, runs
from runner.ledger.trail import give_up, record_transition
from runner.planning.plan import CallRequest


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


class ForgetfulLedgerError(LedgerError):
    """The ledger does not know what this run committed: it went back in time."""


def forgetful() -> ForgetfulLedgerError:
    return ForgetfulLedgerError(
        "the ledger has forgotten what was committed to it: an old copy was put back, or a standby took over",
        hint="bring the newest ledger back before anything is sent again; `runner doctor` looks at it",
    )


def _accepts(call: Row[*tuple[Any, ...]], claim: Claim, ending: Ending) -> bool:
    # Whoever forgot the claim also forgot what came between: only what may be queued is worth writing.
    if call.fence < claim.fence:
        return ending.state in {CallState.QUEUED, CallState.UNCERTAIN}
    return takes_evidence(CallState(call.state), ending.state)


class CallQueue:
    """The planned calls that one run may send. Times are UTC Unix seconds.

    These are the calls of the plan that it shares with the runs beside it; with `only_own`, as `--limit`
    asks, those that it entered itself. A call that an operator settles as not queued waits for the next plan:
    windows, lists and contacts may have changed since its own. `intended` hears the number of the newest
    attempt whenever intents are committed, before anything is sent.
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
        """Records how the attempt ended, and returns the ending as recorded. Recording it again does nothing.

        Raises LostClaimError when somebody settled the call meanwhile and the ending proves nothing else, and
        ForgetfulLedgerError, after recording it, when the ledger does not know the claim any more.
        """
        with self._engine.begin() as connection:
            ending = self._without_foreign_call_id(connection, claim, ending)
            call = connection.execute(select(calls).where(calls.c.id == claim.call).with_for_update()).one()
            if self._is_recorded(connection, claim, ending, call):
                return ending
            before = CallState(call.state)
            if call.fence > claim.fence or not _accepts(call, claim, ending):
                raise LostClaimError("a call was settled by somebody else while it was being sent")
            forgotten = call.fence < claim.fence
            if forgotten:
                self._remember(connection, claim, now)
            self._make_room(connection, call, before, ending, now)
            connection.execute(
                update(calls)
                .where(calls.c.id == claim.call)
                .values(
                    state=ending.state,
                    fence=claim.fence,
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
        if forgotten:
            raise forgetful()
        return ending

    def reschedule_late(
        self, start_before: float, now: float, most: int, reschedule: late_calls.Reschedule
    ) -> tuple[int, int]:
        """Gives new slots to up to `most` planned calls whose start has passed; skips those that fit nowhere.

        Returns how many were moved and how many skipped. Runs that share the campaign take turns, so that
        none counts a slot that another is just giving away.
        """
        with self._engine.begin() as connection:
            mine = campaigns.c.name == self._campaign
            connection.execute(select(campaigns.c.name).where(mine).with_for_update(key_share=True))
            late = late_calls.LateCalls(connection, self._campaign, self._run, now)
            return late.reschedule(self._open(), start_before, most, reschedule)

    def skip(self, reasons: Mapping[int, str], now: float) -> None:
        """Gives up planned calls, each with its reason, all or none."""
        with self._engine.begin() as connection:
            give_up(connection, run=self._run, reasons=reasons, at=now)

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
        session = select(runs.c.session).where(runs.c.id == self._run).scalar_subquery()
        together = calls.c.run.in_(select(runs.c.id).where(runs.c.session == session))
        return (
            calls.c.campaign == self._campaign,
            calls.c.state == CallState.PLANNED,
            calls.c.run == self._run if self._only_own else together,
        )

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
            select(calls.c.id).where(
                calls.c.account == account, calls.c.call_id == ending.call_id, calls.c.id != claim.call
            )
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

    @staticmethod
    def _is_recorded(
        connection: Connection, claim: Claim, ending: Ending, call: Row[*tuple[Any, ...]]
    ) -> bool:
        """Whether this very ending was committed before, and only its acknowledgement was lost."""
        if (call.fence, call.state, call.call_id) != (claim.fence, ending.state, ending.call_id):
            return False
        mine = (attempts.c.call == claim.call, attempts.c.fence == claim.fence)
        kept = connection.execute(select(attempts.c.outcome, attempts.c.detail).where(*mine)).one_or_none()
        return kept is not None and tuple(kept) == (ending.state, ending.reason)

    def _remember(self, connection: Connection, claim: Claim, now: float) -> None:
        """Writes the attempt again that the ledger forgot."""
        connection.execute(
            insert(attempts).values(call=claim.call, run=self._run, fence=claim.fence, intended_at=now)
        )

    def _make_room(
        self,
        connection: Connection,
        call: Row[*tuple[Any, ...]],
        before: CallState,
        ending: Ending,
        now: float,
    ) -> None:
        """A late proof may meet the number under another contact: whoever has not called it does not."""
        if before is not CallState.SKIPPED or ending.state is not CallState.QUEUED:
            return
        same = select(calls.c.id).where(
            calls.c.campaign == call.campaign,
            calls.c.round == call.round,
            calls.c.state == CallState.PLANNED,
            or_(calls.c.phone == call.phone, calls.c.contact == call.contact),
        )
        others = connection.scalars(same.with_for_update()).all()
        reason = "a late answer shows that this number was queued before, for another contact"
        give_up(connection, run=self._run, reasons=dict.fromkeys(others, reason), at=now)

    def _trace(
        self, connection: Connection, call: int, before: CallState, after: CallState, reason: str, now: float
    ) -> None:
        record_transition(
            connection, call=call, run=self._run, at=now, before=before, after=after, reason=reason
        )
