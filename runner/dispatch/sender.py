"""Sends the calls that are due: claims them, which commits the intent, posts each once under the rate limit,
after its record where that is to be pushed, and records what came of it.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress

from runner.calls import CallState, ReasonCode, StateReason
from runner.dispatch.events import BackingOff, CallEnded, CallsWithdrawn, RequestSent
from runner.dispatch.exclusion_check import ExclusionCheck
from runner.dispatch.heartbeat import Heartbeat
from runner.dispatch.late_calls import move_crowded_out, move_held_back
from runner.dispatch.outcome_recorder import (
    RECORDS,
    FailureStreak,
    OutcomeRecorder,
    attempt_result,
    push_result,
)
from runner.dispatch.redaction import redacted
from runner.dispatch.run import Post, Run
from runner.dispatch.timer import RECHECK_SECONDS
from runner.errors import RunnerError
from runner.insight.outcome import (
    Accepted,
    Exchange,
    NotSent,
    Outcome,
    RecordAdded,
    Uncertain,
    classify,
    classify_push,
)
from runner.ledger.claim import AttemptResult, Claim
from runner.planning.pacing import LATE_SECONDS

_LONGEST_BACKOFF_SECONDS = 60
_LONGEST_WAIT_FOR_ROOM_SECONDS = 0.05
_LONGEST_STEP_SECONDS = 0.25


class NotAllowedError(RunnerError):
    """The call may no longer be sent: its window has passed, or the run is stopping."""


class Sender:
    """Of one run. It keeps nothing in memory that a crash could lose."""

    def __init__(
        self,
        run: Run,
        post: Post,
        push: Post,
        heartbeat: Heartbeat,
        exclusion_check: ExclusionCheck,
        max_in_flight: int,
    ) -> None:
        """`post` sends the request of a call, `push` that of its record."""
        self._run = run
        self._post = post
        self._push = push
        self._heartbeat = heartbeat
        self._exclusion_check = exclusion_check
        self._max_in_flight = max_in_flight
        self._enough_room = (max_in_flight + 1) // 2
        self._claim_took = 0.0
        """The last one, in seconds."""
        self._claimed_at = 0.0
        self._expected = 1
        """How many calls the next claim takes at most: what it takes of the rate in vain, others wait for."""
        self._failed_calls = FailureStreak()
        self._failed_pushes = FailureStreak(RECORDS)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._failures_to_reach = 0
        self.not_before = 0.0
        """Nothing is sent before (UTC Unix seconds)."""
        self.held_until = 0.0
        """Nothing can be sent before: the pace has no room, or a suppression list cannot be read."""
        self.recorder = OutcomeRecorder(
            lambda results: run.in_ledger(run.queue.finish_together, results, run.clock.now()),
            lambda: len(self._in_flight),
        )

    @property
    def is_busy(self) -> bool:
        """Whether calls are under way."""
        return bool(self._in_flight)

    async def send_what_is_due(self) -> None:
        """Claims and sends until nothing is due or the run is stopping."""
        while self._may_claim():
            await self._wait_for_room()
            if self._room() == 0 or not self._may_claim():
                continue
            pause = self._run.rate.wait(time.monotonic())
            if pause:
                await self._pause(pause)
                continue
            await self._exclusion_check.withdraw()
            if self._exclusion_check.on_hold:
                self.held_until = self._run.clock.now() + RECHECK_SECONDS
                return
            # Reading long lists takes a while, in which somebody may stop the run.
            if self._run.stopping():
                return
            claims, more = await self._claim()
            await self._send_allowed(claims)
            if not more:
                return

    async def drain(self) -> None:
        """Returns when nothing is under way any more."""
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    def _may_claim(self) -> bool:
        return not self._run.stopping() and self._run.clock.now() >= self.not_before

    async def _wait_for_room(self) -> None:
        """Until half of what may be under way has ended: a commit takes as long for many calls as for one.

        Where requests take long, it waits no longer than a claim takes: whatever room there is counts then.
        """
        if self._room() == 0:
            self._run.wake.clear()
            await self._run.wake.wait()
        if self._room() < self._enough_room:
            self._run.wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._claim_took, _LONGEST_WAIT_FOR_ROOM_SECONDS)):
                    await self._run.wake.wait()

    def _room(self) -> int:
        """How many more calls may be under way now."""
        return self._max_in_flight - len(self._in_flight)

    async def _claim(self) -> tuple[Sequence[Claim], bool]:
        """What may leave now, and whether more may be due."""
        if not self._run.lease.holds():
            await self._heartbeat.renew()
        monotonic, now = time.monotonic(), self._run.clock.now()
        most = min(self._room(), self._run.rate.available(monotonic), self._expected)
        if not most:
            # Another run of this process was faster.
            return (), True
        self._run.rate.spend(monotonic, most)
        claimed = await self._run.in_ledger(
            self._run.queue.claim_due, now, most, now - LATE_SECONDS, self._run.clock.ahead_seconds
        )
        self._claim_took = time.monotonic() - monotonic
        self._claimed_at = now
        claims = claimed.claims
        early = [claim for claim in claims if claim.queue_at > now]
        self._run.rate.give_back(most - len(claims) + len(early))
        # Nobody claims from a campaign that is paused.
        self._run.may_send = self._run.may_send or bool(claims)
        if claimed.crowded_out:
            await move_crowded_out(self._run, claimed.crowded_out)
        if claimed.held_back:
            await move_held_back(self._run, claimed.held_back)
        # Early ones take no part of the rate yet: so none is claimed after them before it is due.
        self.held_until = claimed.held_until or (early[0].queue_at if early else 0.0)
        looked_at = len(claims) + len(claimed.crowded_out) + len(claimed.held_back)
        # The last claim of many calls that are due together finds few.
        self._expected = max(2 * looked_at + 1, self._expected // 2)
        return claims, looked_at == most and not self.held_until

    async def _send_allowed(self, claims: Sequence[Claim]) -> None:
        excluded = self._exclusion_check.excluded(claims)
        for claim in claims:
            if claim.call not in excluded:
                self._start(claim)
        for claim in claims:
            if claim.call in excluded:
                await self._give_back(claim, excluded[claim.call])

    async def _give_back(self, claim: Claim, reason: StateReason) -> None:
        result = AttemptResult(state=CallState.SKIPPED, reason=reason, push_again=claim.pushes_record)
        await self._run.in_ledger(self._run.queue.finish, claim, result, self._run.clock.now())
        self._run.on_event(CallsWithdrawn(count=1))

    def _start(self, claim: Claim) -> None:
        is_early = claim.queue_at > self._claimed_at
        task = asyncio.create_task(self._send_at_its_time(claim) if is_early else self._send(claim))
        self._in_flight.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._run.fail(error)
        # What lands in between changes nothing: the loop waits for room, for the last one or for its alarm.
        if self._room() in {1, self._enough_room} or not self._in_flight:
            self._run.wake.set()

    async def _send_at_its_time(self, claim: Claim) -> None:
        """It was claimed a moment before, and counts for the rate when it leaves."""
        # In short steps: a clock that is set back must not keep a run from stopping.
        while (  # noqa: ASYNC110 - time has no event
            pause := claim.queue_at - self._run.clock.now()
        ) > 0 and not self._run.stopping():
            await asyncio.sleep(min(pause, _LONGEST_STEP_SECONDS))
        await self._wait_for_rate()
        await self._send(claim)

    async def _send(self, claim: Claim) -> None:
        """Pushes the record first, where it is to be pushed: without it the call is not sent."""
        if claim.pushes_record and not await self._push_record(claim):
            return
        exchange, prevented, left_at = await self._exchange(self._post, claim)
        outcome = redacted(classify(exchange), claim.request)
        request = RequestSent(lag=left_at - claim.queue_at, status=exchange.status) if exchange.sent else None
        result = await self._record(claim, attempt_result(outcome, prevented), request)
        if isinstance(outcome, Accepted) and result.state is CallState.UNCERTAIN:
            reason = f"Insight answered with call_id {outcome.call_id}, which another call has"
            outcome = Uncertain(reason=reason, status=result.http_status, body="")
        self._failed_calls.count(outcome)
        self._react(outcome, exchange)

    async def _push_record(self, claim: Claim) -> bool:
        """Returns whether Insight has the record now; else it records why the call is not sent."""
        exchange, prevented, _ = await self._exchange(self._push, claim)
        pushed = classify_push(exchange)
        if isinstance(pushed, RecordAdded):
            self._failed_pushes.count(pushed)
            await self._wait_for_rate()
            return True
        outcome = redacted(pushed, claim.request)
        await self._record(claim, push_result(outcome, prevented))
        self._failed_pushes.count(outcome)
        self._react(outcome, exchange)
        return False

    async def _wait_for_rate(self) -> None:
        """Until one more request may leave, which is counted."""
        pause = self._run.rate.wait(time.monotonic())
        while pause:
            await asyncio.sleep(pause)
            pause = self._run.rate.wait(time.monotonic())
        self._run.rate.spend(time.monotonic(), 1)

    async def _exchange(self, post: Post, claim: Claim) -> tuple[Exchange, StateReason | None, float]:
        """One request, why it was stopped just before it left, and when it left."""
        prevented: StateReason | None = None
        left_at = 0.0

        def last_check() -> None:
            nonlocal prevented, left_at
            left_at = self._run.clock.now()
            prevented = self._why_not_now(claim)
            if prevented is not None:
                raise NotAllowedError(prevented.code)

        return await post(claim, last_check), prevented, left_at

    async def _record(
        self, claim: Claim, result: AttemptResult, request: RequestSent | None = None
    ) -> AttemptResult:
        result = await self.recorder.record(claim, result)
        self._run.on_event(
            CallEnded(
                key=claim.key,
                ref=claim.ref,
                state=result.state,
                reason=result.reason,
                call_id=result.call_id,
                start_timestamp=claim.start_timestamp,
                request=request,
            )
        )
        return result

    def _why_not_now(self, claim: Claim) -> StateReason | None:
        """The last check before the bytes leave: why they must not; None where they may."""
        for code, holds in (
            (ReasonCode.TIME_PASSED, self._has_passed(claim)),
            (ReasonCode.SUSPENDED, not self._run.lease.holds()),
            (ReasonCode.RUN_STOPPED, self._run.error is not None or self._run.clock.now() < claim.queue_at),
            (ReasonCode.CAMPAIGN_PAUSED, not self._run.may_send),
        ):
            if holds:
                return StateReason(code)
        excluded = self._exclusion_check.why_not(claim)
        if excluded is None and self._exclusion_check.on_hold:
            return StateReason(ReasonCode.LIST_UNREADABLE)
        return excluded

    def _has_passed(self, claim: Claim) -> bool:
        """Whether its time is over. A pace holds only where the request leaves before its call starts."""
        now, pace = self._run.clock.now(), self._run.queue.pace
        latest = claim.start_timestamp + (LATE_SECONDS if pace is None else 0)
        if now <= latest and now < claim.end_timestamp:
            return False
        if pace is not None:
            pace.ask_for_more_lead()
        return True

    def _react(self, outcome: Outcome, exchange: Exchange) -> None:
        if isinstance(outcome, NotSent):
            if not outcome.prevented:
                self._back_off(outcome.reason)
            # It is due again.
            self._run.status = None
            self._run.wake.set()
        else:
            self._failures_to_reach = 0
        self._run.clock_check.compare(exchange)

    def _back_off(self, reason: str) -> None:
        """Waits longer after each failure to reach Insight, with jitter to spread the retries."""
        now = self._run.clock.now()
        if now < self.not_before:
            return
        longest = min(_LONGEST_BACKOFF_SECONDS, 2**self._failures_to_reach)
        self._failures_to_reach += 1
        seconds = longest * random.uniform(0.5, 1)  # noqa: S311 - spreads load; guards no secret
        self.not_before = now + seconds
        self._run.on_event(BackingOff(reason=reason, seconds=seconds))

    async def _pause(self, seconds: float) -> None:
        """Sleeps, but not through a request to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._run.stopping():
                    self._run.wake.clear()
                    await self._run.wake.wait()
