"""Sends each call of a run when it is due, once, and records what came of it.

The loop asks the ledger what is due, claims it (which commits the intent), sends under the rate limit, and
sleeps until the next call is due. It keeps nothing in memory that a crash could lose.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from runner.dispatch.clock import AlarmClock
from runner.dispatch.clock_check import ClockCheck
from runner.dispatch.events import (
    BackingOff,
    CallEnded,
    CallsLost,
    CallsMoved,
    CallsWithdrawn,
    Event,
    Finish,
    Paused,
    RunsShare,
    Waiting,
)
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.recorder import Recorder
from runner.dispatch.redaction import redacted
from runner.dispatch.results import Strikes, ending_of
from runner.errors import CampaignHeldError, LedgerError, RunnerError, StoppedError
from runner.insight.outcome import Accepted, Exchange, NotSent, Outcome, Stop, Uncertain, judge
from runner.ledger.call_queue import CallQueue, Outlook
from runner.ledger.claim import Claim, Ending, ForgetfulLedgerError, LostClaimError
from runner.ledger.late_calls import Reschedule
from runner.ledger.lease import RENEW_SECONDS, Lease, Renewal
from runner.ledger.operators import CampaignStanding
from runner.ledger.states import CallState

LATE_AT_ONCE = 1000
"""Late calls that get new slots in one transaction: a lease must be renewed and a pause obeyed meanwhile."""
LATE_SECONDS = 60
"""A call not sent this long after its start gets a new slot: work that piled up never leaves in a burst."""
IDLE_SECONDS = 60
"""`--until-idle` leaves when nothing is due for this long."""
_LONGEST_BACKOFF_SECONDS = 60
LOOK_SECONDS = 1
"""How often a run looks whether an operator forbids to send, also while requests are under way."""
_PAUSES_OF_THE_LEDGER_SECONDS = (0.5, 1.0, 2.0)
"""Waited before an answer is recorded once more: what is not recorded is uncertain for good."""

P = ParamSpec("P")
R = TypeVar("R")

Post = Callable[[Claim, Callable[[], None]], Awaitable[Exchange]]
"""Sends the request of one claim; the second argument is called just before the first byte leaves."""
Unwanted = Callable[[str, str], str | None]
"""(key, number) → why the plan or a suppression list leaves this contact out, or None."""
NewlySuppressed = Callable[[], Callable[[str, str], str | None] | None]
"""Reads the suppression lists again if they changed; then (key, number) → the reason, or None."""


class NotAllowedError(RunnerError):
    """The call may no longer be sent: its window has passed, or the run was told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How gently Insight is asked, and whether to leave when nothing is due soon."""

    requests_per_second: float
    max_in_flight: int
    until_idle: bool


class Dispatcher:
    """One run of one campaign. Give it to an event loop with `run`; end it early with `stop`."""

    def __init__(  # noqa: PLR0913 - the parts it is put together from, each by its name
        self,
        *,
        queue: CallQueue,
        lease: Lease,
        post: Post,
        clock: AlarmClock,
        clock_check: ClockCheck,
        limits: Limits,
        reschedule: Reschedule,
        unwanted: Unwanted,
        newly_suppressed: NewlySuppressed,
        noted: Callable[[int], None],
        listen: Callable[[Event], None],
    ) -> None:
        self._queue = queue
        self._lease = lease
        self._post = post
        self._clock = clock
        self._clock_check = clock_check
        self._limits = limits
        self._reschedule = reschedule
        self._unwanted = unwanted
        self._newly_suppressed = newly_suppressed
        self._noted = noted
        self._listen = listen
        self._rate = RateLimit(limits.requests_per_second)
        self._strikes = Strikes()
        self._may_send = True
        self._wake = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._failures_to_reach = 0
        self._not_before = 0.0
        self._told_waiting = 0
        self._told_paused = False
        self._sharers = 1
        self._interrupted = False
        self._error: BaseException | None = None
        # One thread, so that the ledger's commits never hold up the loop and stay in order.
        self._ledger_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._recorder = Recorder(
            lambda ended: self._in_ledger(self._queue.finish_together, ended, self._clock.now())
        )

    async def run(self) -> Finish:
        """Sends until nothing is left, and returns why it ended.

        Raises StoppedError when going on could not succeed, or whatever the ledger or a suppression list
        raised. Requests under way are always finished and recorded first.
        """
        self._clock.start(self._wake.set)
        heartbeat = asyncio.create_task(self._keep_lease())
        try:
            finish = await self._work()
        finally:
            await self._drain()
            heartbeat.cancel()
            self._clock.stop()
            self._ledger_thread.shutdown()
        if self._error is not None:
            raise self._error
        return Finish.INTERRUPTED if self._interrupted else finish

    def stop(self) -> None:
        """Asks the run to end: no new claims; what is under way is finished."""
        self._interrupted = True
        self._wake.set()

    async def _keep_lease(self) -> None:
        """Renews the lease until the run ends. A ledger that fails now and then is tried again meanwhile.

        Between two renewals it looks whether an operator forbids to send: a request may wait long for its
        connection.
        """
        looks = 0
        while self._error is None:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                self._heed(await self._in_ledger(self._queue.standing))
                if looks * LOOK_SECONDS >= RENEW_SECONDS:
                    looks = 0
                    await self._renew_lease()
            except (CampaignHeldError, ForgetfulLedgerError, StoppedError) as error:
                self._fail(error)
            except LedgerError as error:
                if not self._lease.holds():
                    self._fail(error)

    def _heed(self, standing: CampaignStanding) -> None:
        self._may_send = standing is CampaignStanding.ACTIVE

    async def _renew_lease(self) -> None:
        renewal = await self._in_ledger(self._renew_and_note)
        self._clock_check.compare_database(renewal.clock_ahead)
        self._clock.follow(renewal.clock_ahead)
        self._rate.share(renewal.sharers)
        if renewal.buried:
            self._listen(CallsLost(count=renewal.buried))
        if renewal.sharers != self._sharers:
            self._sharers = renewal.sharers
            self._listen(RunsShare(runs=renewal.sharers))

    def _renew_and_note(self) -> Renewal:
        # In one go: a claim between the two would know of later attempts than the renewal did.
        renewal = self._lease.renew()
        self._noted(renewal.last_attempt)
        return renewal

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
        self._wake.set()

    def _stopping(self) -> bool:
        return self._interrupted or self._error is not None

    def _room(self) -> int:
        """How many more calls may be under way now."""
        return self._limits.max_in_flight - len(self._in_flight)

    async def _work(self) -> Finish:
        await self._renew_lease()
        if self._sharers > 1:
            # The others slow down when they renew their leases: until then the rate is taken.
            self._not_before = self._clock.now() + RENEW_SECONDS
        while not self._stopping():
            self._wake.clear()
            outlook = await self._do_what_is_due()
            if self._stopping():
                break
            if outlook.standing is CampaignStanding.CANCELED:
                await self._give_up_what_came_back()
                outlook = await self._look()
            if outlook.standing is CampaignStanding.PAUSED:
                if self._limits.until_idle and not self._in_flight:
                    return Finish.PAUSED
                self._tell_paused()
                await self._wake.wait()
                continue
            self._told_paused = False
            due = outlook.next_due
            if due is None and not self._in_flight and not await self._others_are_sending():
                return Finish.DONE
            if due is not None:
                at = max(due, self._not_before)
                if self._limits.until_idle and at > self._clock.now() + IDLE_SECONDS and not self._in_flight:
                    return Finish.IDLE
                self._tell_waiting(int(at))
                self._clock.set_alarm(at, idle=not self._in_flight)
            await self._wake.wait()
        return Finish.INTERRUPTED

    async def _do_what_is_due(self) -> Outlook:
        """Moves, sends or withdraws calls, and returns how things stand then."""
        outlook = await self._look()
        now = self._clock.now()
        if outlook.next_due is not None and outlook.next_due <= now:
            # Calls are due before they start: while none was due so long ago, none is late.
            if outlook.next_due < now - LATE_SECONDS:
                await self._move_late_calls()
            await self._send_what_is_due()
        elif not await self._withdraw_suppressed():
            return outlook
        return await self._look()

    async def _look(self) -> Outlook:
        outlook = await self._in_ledger(self._queue.outlook)
        self._heed(outlook.standing)
        return outlook

    async def _others_are_sending(self) -> bool:
        return await self._in_ledger(self._queue.others_are_sending)

    def _tell_waiting(self, until: int) -> None:
        """Only of waits that somebody who watches would wonder about."""
        long = until > self._clock.now() + IDLE_SECONDS
        if long and not self._in_flight and until != self._told_waiting:
            self._told_waiting = until
            self._listen(Waiting(until=until))

    async def _give_up_what_came_back(self) -> None:
        """A call that was under way when an operator cancelled may come back unsent."""
        people = await self._in_ledger(self._queue.waiting_people)
        reasons = {call: "canceled by an operator" for call, _, _ in people}
        await self._in_ledger(self._queue.skip, reasons, self._clock.now())

    def _tell_paused(self) -> None:
        if not self._told_paused:
            self._told_paused = True
            self._listen(Paused())

    async def _move_late_calls(self) -> None:
        moved = skipped = 0
        while not self._stopping():
            now = self._clock.now()
            more_moved, more_skipped = await self._in_ledger(
                self._queue.reschedule_late, now - LATE_SECONDS, now, LATE_AT_ONCE, self._reschedule
            )
            moved, skipped = moved + more_moved, skipped + more_skipped
            if more_moved + more_skipped < LATE_AT_ONCE:
                break
        if moved or skipped:
            self._listen(CallsMoved(moved=moved, skipped=skipped))

    async def _send_what_is_due(self) -> None:
        """Claims and sends until nothing is due, the limit is reached or the run is to stop."""
        while not self._stopping() and self._clock.now() >= self._not_before:
            if self._room() == 0:
                self._wake.clear()
                await self._wake.wait()
                continue
            pause = self._rate.wait(time.monotonic())
            if pause:
                await self._pause(pause)
                continue
            await self._withdraw_suppressed()
            # Reading long lists takes a while, in which the run may have been told to stop.
            if self._stopping():
                return
            claims, more = await self._claim()
            listed = self._listed(claims)
            for claim in claims:
                if claim.call not in listed:
                    self._start(claim)
            for claim in claims:
                if claim.call in listed:
                    await self._give_back(claim, listed[claim.call])
            if not more:
                return

    async def _claim(self) -> tuple[list[Claim], bool]:
        """What may leave now, and whether more may be due."""
        if not self._lease.holds():
            await self._renew_lease()
        monotonic, now = time.monotonic(), self._clock.now()
        most = min(self._room(), self._rate.available(monotonic))
        claims = await self._in_ledger(self._queue.claim_due, now, most, now - LATE_SECONDS)
        self._rate.spend(monotonic, len(claims))
        # Nobody claims from a campaign that is paused.
        self._may_send = self._may_send or bool(claims)
        return claims, len(claims) == most

    async def _withdraw_suppressed(self) -> bool:
        """Whether anybody was withdrawn because a list changed."""
        suppressed = await asyncio.to_thread(self._newly_suppressed)
        if suppressed is None:
            return False
        people = await self._in_ledger(self._queue.waiting_people)
        reasons = {call: reason for call, key, phone in people if (reason := suppressed(key, phone))}
        if reasons:
            await self._in_ledger(self._queue.skip, reasons, self._clock.now())
            self._listen(CallsWithdrawn(count=len(reasons)))
        return bool(reasons)

    def _listed(self, claims: Sequence[Claim]) -> Mapping[int, str]:
        """The claims that this run's own plan or a list forbids, with the reason.

        Whoever was under way or uncertain when the plan was made, or a list changed, was not withdrawn then,
        and may be planned again by what another process learns.
        """
        found = {claim.call: self._unwanted(claim.key, claim.phone) for claim in claims}
        return {call: reason for call, reason in found.items() if reason}

    async def _give_back(self, claim: Claim, reason: str) -> None:
        ending = Ending(state=CallState.SKIPPED, reason=reason)
        await self._in_ledger(self._queue.finish, claim, ending, self._clock.now())
        self._listen(CallsWithdrawn(count=1))

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(self._send(claim))
        self._in_flight.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
        # What lands in between changes nothing: the loop waits for room, for the last one or for its alarm.
        if self._room() == 1 or not self._in_flight:
            self._wake.set()

    async def _send(self, claim: Claim) -> None:
        exchange = await self._post(claim, lambda: self._check_still_allowed(claim))
        outcome = redacted(judge(exchange), claim.request)
        ending = await self._record(claim, ending_of(outcome))
        if isinstance(outcome, Accepted) and ending.state is CallState.UNCERTAIN:
            outcome = Uncertain(reason=ending.reason, status=ending.http_status, body="")
        self._listen(
            CallEnded(
                key=claim.key,
                ref=claim.ref,
                state=ending.state,
                reason=ending.reason,
                call_id=ending.call_id,
                start_timestamp=claim.start_timestamp,
            )
        )
        self._react(outcome)
        self._clock_check.compare(exchange)

    async def _record(self, claim: Claim, ending: Ending) -> Ending:
        """Tries again where the ledger fails, as while its server starts anew."""
        for pause in _PAUSES_OF_THE_LEDGER_SECONDS:
            try:
                return await self._recorder.record(claim, ending)
            except (LostClaimError, ForgetfulLedgerError):
                raise
            except LedgerError:
                await asyncio.sleep(pause)
        return await self._recorder.record(claim, ending)

    def _check_still_allowed(self, claim: Claim) -> None:
        """The last look before the bytes leave. Raises NotAllowedError."""
        now = self._clock.now()
        if now > claim.start_timestamp + LATE_SECONDS or now >= claim.end_timestamp:
            raise NotAllowedError("its time passed before it could be sent")
        if not self._lease.holds():
            raise NotAllowedError("this process stood still, and another may have taken the call over")
        if self._error is not None:
            raise NotAllowedError("the run was stopped before it could be sent")
        if not self._may_send:
            raise NotAllowedError("an operator paused or canceled the campaign before it could be sent")
        listed = self._unwanted(claim.key, claim.phone)
        if listed:
            raise NotAllowedError(f"it is not wanted any more: {listed}")

    def _react(self, outcome: Outcome) -> None:
        if isinstance(outcome, Stop):
            raise StoppedError(
                f"Insight answered {outcome.status} and the campaign cannot go on: {outcome.error}",
                hint=outcome.advice,
            )
        self._strikes.count(outcome)
        if not isinstance(outcome, NotSent):
            self._failures_to_reach = 0
            return
        if not outcome.prevented:
            self._back_off(outcome.reason)
        # It is due again.
        self._wake.set()

    def _back_off(self, reason: str) -> None:
        """Waits longer after each failure to reach Insight, with jitter against marching in step."""
        now = self._clock.now()
        if now < self._not_before:
            return
        longest = min(_LONGEST_BACKOFF_SECONDS, 2**self._failures_to_reach)
        self._failures_to_reach += 1
        seconds = longest * random.uniform(0.5, 1)  # noqa: S311 - spreads load; guards no secret
        self._not_before = now + seconds
        self._listen(BackingOff(reason=reason, seconds=seconds))

    async def _drain(self) -> None:
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    async def _pause(self, seconds: float) -> None:
        """Sleeps, but not through a request to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._stopping():
                    self._wake.clear()
                    await self._wake.wait()

    async def _in_ledger(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._ledger_thread, lambda: work(*args, **kwargs))
