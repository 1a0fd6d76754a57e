"""The calls that a run may send, as the one who sends them sees them: what is due, how it ended.

A claim moves calls to `sending` and commits the intent to send before a byte leaves. Every later change is
a compare-and-set on (id, fence, state): a run that lost a claim changes nothing, unless it has proof.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    and_,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from runner.calls import CallState, ReasonCode, StateReason
from runner.errors import LedgerError, LedgerUnavailableError
from runner.ledger import attempt_results, late_calls, late_opt_outs
from runner.ledger.call_limits import CallLimits
from runner.ledger.claim import AttemptResult, Claim, Claimed, HeldBack, LostClaimError, ledger_rolled_back
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.lease import declared_dead
from runner.ledger.operators import CampaignState, PauseInfo, pause_info
from runner.ledger.rows import call_request, reading, some_at_a_time
from runner.ledger.sent_starts import SentStarts
from runner.ledger.suppressions import LiveList, revision_in_query
from runner.ledger.tables import attempts, calls, campaigns, runs
from runner.ledger.transitions import Transition, record_transitions, skip_calls
from runner.planning.pacing import PaceLimit

_OTHER_CAMPAIGNS = campaigns.alias("other_campaigns")
# Statements are made once: building one costs more than running it.
_MAY_CLAIM = (
    select(
        campaigns.c.state,
        campaigns.c.survey_id,
        campaigns.c.instance_id,
        select(runs.c.ended_at).where(runs.c.id == bindparam("mine")).scalar_subquery().label("ended_at"),
        revision_in_query().label("suppression_revision"),
        exists(_OTHER_CAMPAIGNS.c.name)
        .where(_OTHER_CAMPAIGNS.c.name != bindparam("of_campaign"))
        .label("has_others"),
    )
    .where(campaigns.c.name == bindparam("of_campaign"))
    .with_for_update(read=True, of=campaigns)
)
# Claims under a pace take turns, so that each counts what those before it chose.
_MAY_CLAIM_IN_TURN = _MAY_CLAIM.with_for_update(key_share=True, of=campaigns)
_WHAT_A_CLAIM_NEEDS = (
    calls.c.id,
    calls.c.fence,
    calls.c.contact,
    calls.c.ref,
    calls.c.phone,
    calls.c.queue_at,
    calls.c.start_timestamp,
    calls.c.end_timestamp,
    calls.c.phone_number,
    calls.c.max_attempts,
    calls.c.reattempt_wait,
    calls.c.metadata,
    calls.c.result_url,
    calls.c.pushed_at,
    calls.c.states,
)
# No other process can change these calls between the moment they are found due and this one.
_CLAIM = (
    update(calls)
    .where(calls.c.id.in_(bindparam("of_calls", expanding=True)), calls.c.state == CallState.PLANNED)
    .values(
        state=CallState.SENDING,
        fence=calls.c.fence + 1,
        run=bindparam("mine"),
        updated_at=bindparam("moment"),
    )
)
_CLAIM_AND_PUSH = _CLAIM.values(pushed_at=func.coalesce(calls.c.pushed_at, bindparam("moment")))
"""The same, with the intent to push the records of those whose record never was."""
_INTEND = (
    insert(attempts)
    .from_select(
        ["call", "run", "fence", "intended_at"],
        select(calls.c.id, calls.c.run, calls.c.fence, calls.c.updated_at).where(
            calls.c.id.in_(bindparam("of_calls", expanding=True))
        ),
    )
    .returning(attempts.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """What operators allow at this moment, and when the next planned call is to be sent; None for no call."""

    state: CampaignState
    next_due: int | None
    suppression_revision: int = 0
    """Of the ledger's own suppression list."""

    def is_news_after(self, before: "QueueStatus | None") -> bool:
        """Whether a run that went by `before` must look again: otherwise it knows when the next is due."""
        if before is None or (self.state, self.suppression_revision) != (
            before.state,
            before.suppression_revision,
        ):
            return True
        return self.next_due is not None and (before.next_due is None or self.next_due < before.next_due)


class CallQueue:
    """The planned calls that one run may send. Times are UTC Unix seconds.

    These are the calls of the plan that it shares with other active runs; with `only_own`, as `--limit`
    asks, those that it entered itself. A call of an older plan that an operator settles as not queued waits
    for the next: windows, lists and contacts may have changed since its own. `intended` is called with the
    number of the newest attempt whenever intents are committed, before anything is sent. With a `pace`, a
    call is only claimed with a start that it allows, given all that any run of the campaign has sent.
    `result_url` gives the address for the result of one attempt (call, fence) where the call has none of its
    own. With `pushes_records`, a claim is also the intent to push the record of its call, once for each call.
    `suppressions` is the ledger's own list: each claim reads it again if it changed, in its transaction.
    `limits` hold back calls to numbers that would be dialled too often.
    """

    def __init__(  # noqa: PLR0913 - what a run may send, and how
        self,
        engine: Engine,
        campaign: str,
        run: int,
        *,
        only_own: bool = False,
        pace: PaceLimit | None = None,
        intended: Callable[[int], None] = lambda _attempt: None,
        result_url: Callable[[int, int], str] = lambda _call, _fence: "",
        pushes_records: bool = False,
        suppressions: LiveList | None = None,
        limits: CallLimits | None = None,
    ) -> None:
        self._engine = engine
        self._suppressions = suppressions
        self._limits = limits
        self.pace = pace
        self._starts = None if pace is None else SentStarts(pace, campaign, run)
        self._intended = intended
        self._result_url = result_url
        self._campaign = campaign
        self._run = run
        self._only_own = only_own
        self._pushes_records = pushes_records
        self._open = self._open_calls()
        self._due = (
            select(*_WHAT_A_CLAIM_NEEDS)
            .where(
                *self._open,
                calls.c.queue_at <= bindparam("moment"),
                calls.c.start_timestamp >= bindparam("start_after"),
            )
            .order_by(calls.c.queue_at, calls.c.start_timestamp, calls.c.id)
            .limit(bindparam("most"))
            .with_for_update(skip_locked=True)
        )
        next_due = select(calls.c.queue_at).where(*self._open).order_by(calls.c.queue_at).limit(1)
        self._queue_status = select(
            campaigns.c.state,
            next_due.scalar_subquery().label("next_due"),
            revision_in_query().label("suppression_revision"),
        ).where(campaigns.c.name == self._campaign)

    def claim_due(self, now: float, most: int, start_after: float, ahead: float = 0) -> Claimed:
        """Claims up to `most` calls that are due, or will be `ahead` seconds later, and commits the intent to
        send them, all in one commit.

        A call that should have started before `start_after` is late: it is left for `late`. Raises
        CampaignHeldError when this run was declared dead.
        """
        try:
            with self._engine.begin() as connection:
                claimed = self._choose(connection, now + ahead, most, start_after)
                newest = self._intend(connection, claimed.claims, now) if claimed.claims else None
        except BaseException:
            if self._starts is not None:
                self._starts.forget()
            raise
        if newest is not None:
            self._intended(newest)
            if self._starts is not None:
                self._starts.saw(newest)
        return claimed

    def _choose(self, connection: Connection, now: float, most: int, start_after: float) -> Claimed:
        """The calls to claim now; none where the campaign is not active."""
        # Asked in the transaction that claims, so that a pause holds from the moment it is made.
        ask = _MAY_CLAIM if self._starts is None else _MAY_CLAIM_IN_TURN
        campaign = connection.execute(ask, {"mine": self._run, "of_campaign": self._campaign}).one()
        if campaign.ended_at is not None:
            raise declared_dead()
        if campaign.state != CampaignState.ACTIVE:
            return Claimed()
        if self._suppressions is not None:
            self._suppressions.catch_up(connection, campaign.suppression_revision)
        due = connection.execute(self._due, {"moment": now, "start_after": start_after, "most": most})
        rows = due.mappings().all()
        held_back = self._held_back(connection, rows, alone=not campaign.has_others)
        claims = [
            self._claim(row, campaign.survey_id, campaign.instance_id)
            for row in rows
            if row["id"] not in held_back
        ]
        if self._starts is None or not claims:
            return Claimed(claims=claims, held_back=held_back)
        return replace(self._starts.choose(connection, claims, now), held_back=held_back)

    def _held_back(
        self, connection: Connection, due: Sequence[RowMapping], *, alone: bool
    ) -> Mapping[int, HeldBack]:
        return {} if self._limits is None else self._limits.held_back(connection, due, alone=alone)

    def finish(self, claim: Claim, ending: AttemptResult, now: float) -> AttemptResult:
        """Records how the attempt ended, and returns the ending as recorded. Recording it again does nothing.

        Raises LostClaimError when somebody settled the call meanwhile and the ending proves nothing else, and
        LedgerRolledBackError, after recording it, when the ledger does not know the claim any more.
        """
        with self._engine.begin() as connection:
            recorded, forgotten = attempt_results.record(connection, self._run, claim, ending, now)
        if forgotten:
            raise ledger_rolled_back()
        self._release_unsent([(claim, recorded)])
        return recorded

    def finish_together(
        self, ended: Sequence[tuple[Claim, AttemptResult]], now: float
    ) -> list[AttemptResult | LedgerError]:
        """Does for each what `finish` does, in one commit where nothing is special about them.

        Returns for each, in order, the ending as recorded, or the error that `finish` raises.
        """
        try:
            with self._engine.begin() as connection:
                attempt_results.record_together(connection, self._run, ended, now)
        except LedgerUnavailableError as error:
            return [error for _ in ended]
        except LedgerError:
            return self._finish_each(ended, now)
        self._release_unsent(ended)
        return [ending for _, ending in ended]

    def reschedule_late(
        self, start_before: float, now: float, most: int, reschedule: late_calls.Reschedule
    ) -> tuple[int, int]:
        """Gives new slots to up to `most` planned calls whose start has passed; skips those that fit nowhere.

        Returns how many were moved and how many skipped.
        """
        # A request goes out before its call starts; saying so lets the index on queue_at serve.
        late = and_(calls.c.queue_at < start_before, calls.c.start_timestamp < start_before)
        return self._reschedule(late, now, most, reschedule)

    def reschedule_crowded_out(
        self, crowded_out: Mapping[int, int], now: float, reschedule: late_calls.Reschedule
    ) -> tuple[int, int]:
        """Does the same for planned calls for which the pace has no start near their slot, but one from the
        given time on. An earlier slot would be moved again and again.
        """
        which = calls.c.id.in_(crowded_out)
        return self._reschedule(which, now, len(crowded_out), reschedule, crowded_out)

    def reschedule_held_back(
        self, held_back: Mapping[int, HeldBack], now: float, reschedule: late_calls.Reschedule
    ) -> tuple[int, int]:
        """Does the same for planned calls whose numbers would be dialled too often."""
        which = calls.c.id.in_(held_back)
        return self._reschedule(which, now, len(held_back), reschedule, held_back=held_back)

    def _reschedule(
        self,
        which: ColumnElement[bool],
        now: float,
        most: int,
        reschedule: late_calls.Reschedule,
        not_before: Mapping[int, int] = MappingProxyType({}),
        held_back: Mapping[int, HeldBack] = MappingProxyType({}),
    ) -> tuple[int, int]:
        """Runs that share the campaign take turns, so that none counts a slot that another is giving away."""
        with self._engine.begin() as connection:
            mine = campaigns.c.name == self._campaign
            connection.execute(select(campaigns.c.name).where(mine).with_for_update(key_share=True))
            late = late_calls.late_calls(connection, (*self._open, which), most)
            return late_calls.reschedule_calls(
                connection, self._campaign, late, reschedule, not_before, held_back, run=self._run, now=now
            )

    def skip(self, reasons: Mapping[int, StateReason], now: float) -> None:
        """Gives up planned calls, each with its reason, all or none."""
        with self._engine.begin() as connection:
            skip_calls(connection, run=self._run, reasons=reasons, at=now)

    def waiting_people(self) -> list[tuple[int, str, str]]:
        """(call, contact key, E.164 number) of every call that is still planned."""
        query = select(calls.c.id, calls.c.contact, calls.c.phone).where(*self._open)
        with reading(self._engine) as connection:
            return [(row.id, row.contact, row.phone) for row in connection.execute(query)]

    def queue_status(self) -> QueueStatus:
        """The ledger's own suppression list is read again if it changed."""
        with reading(self._engine) as connection:
            row = connection.execute(self._queue_status).one()
            if self._suppressions is not None:
                self._suppressions.catch_up(connection, row.suppression_revision)
        return QueueStatus(
            state=CampaignState(row.state),
            next_due=row.next_due,
            suppression_revision=int(row.suppression_revision or 0),
        )

    def note_late_opt_outs(self, match: late_opt_outs.Match, now: float) -> list[LateOptOut]:
        """Keeps and returns the calls to people whom `match` names that Insight may dial yet."""
        return late_opt_outs.note(self._engine, self._campaign, match, now)

    def pause_info(self) -> PauseInfo | None:
        """What holds the campaign up, and since when; None where nothing does."""
        with reading(self._engine) as connection:
            return pause_info(connection, self._campaign)

    def others_are_sending(self) -> bool:
        """Whether another run has calls in flight, which may still come back unsent."""
        query = select(calls.c.id).where(
            calls.c.campaign == self._campaign,
            calls.c.state == CallState.SENDING,
            calls.c.run != self._run,
        )
        with reading(self._engine) as connection:
            return not self._only_own and connection.scalar(query.limit(1)) is not None

    def _release_unsent(self, ended: Sequence[tuple[Claim, AttemptResult]]) -> None:
        """Their starts are free again for other calls."""
        if self._starts is None:
            return
        for claim, ending in ended:
            if ending.state in {CallState.PLANNED, CallState.SKIPPED}:
                self._starts.release(claim)

    def _finish_each(
        self, ended: Sequence[tuple[Claim, AttemptResult]], now: float
    ) -> list[AttemptResult | LedgerError]:
        """What one of them broke for all is found when each is tried alone.

        Once the database is gone the others are not tried: each would wait as long for it.
        """
        results: list[AttemptResult | LedgerError] = []
        for claim, ending in ended:
            try:
                results.append(self.finish(claim, ending, now))
            except LedgerUnavailableError as error:
                return results + [error] * (len(ended) - len(results))
            except LedgerError as error:
                results.append(error)
        return results

    def _open_calls(self) -> tuple[ColumnElement[bool], ...]:
        session = select(runs.c.session).where(runs.c.id == self._run).scalar_subquery()
        together = calls.c.run.in_(select(runs.c.id).where(runs.c.session == session))
        return (
            calls.c.campaign == self._campaign,
            calls.c.state == CallState.PLANNED,
            calls.c.run == self._run if self._only_own else together,
        )

    def _intend(self, connection: Connection, claims: Sequence[Claim], now: float) -> int:
        """Writes the intent to send each of these, and returns the number of the newest attempt."""
        claim, newest = _CLAIM_AND_PUSH if self._pushes_records else _CLAIM, 0
        for some in some_at_a_time([claim.call for claim in claims]):
            mine = {"of_calls": some, "mine": self._run, "moment": now}
            if connection.execute(claim, mine).rowcount != len(some):
                raise LostClaimError("a call was claimed by somebody else at the same moment")
            newest = max(newest, *connection.scalars(_INTEND, {"of_calls": some}))
        claimed = StateReason(ReasonCode.CLAIMED)
        moves = [Transition(claim.call, CallState.PLANNED, CallState.SENDING, claimed) for claim in claims]
        record_transitions(connection, moves, run=self._run, at=now)
        return newest

    def _claim(self, row: RowMapping, survey_id: str, instance_id: str) -> Claim:
        call, fence, request = row["id"], row["fence"] + 1, call_request(row)
        # Made for each attempt, and not stored: a plan does not change with the address of the receiver.
        result_url = request.result_url or self._result_url(call, fence)
        return Claim(
            call=call,
            fence=fence,
            key=row["contact"],
            ref=row["ref"],
            phone=row["phone"],
            queue_at=row["queue_at"],
            start_timestamp=row["start_timestamp"],
            end_timestamp=row["end_timestamp"],
            survey_id=survey_id,
            instance_id=instance_id,
            request=request._replace(result_url=result_url),
            pushes_record=self._pushes_records and row["pushed_at"] is None,
        )
