"""Carries a run through: looks what is due, has it sent, and sleeps until the next call is due."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from runner.dispatch.clock_check import ClockCheck
from runner.dispatch.events import Event, Paused, Resumed, RunEnd, Waiting
from runner.dispatch.exclusion_check import ExclusionCheck, NewlySuppressed, Unwanted
from runner.dispatch.heartbeat import Heartbeat
from runner.dispatch.ledger_thread import LedgerThread
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.rescheduler import Rescheduler
from runner.dispatch.run_state import RunState
from runner.dispatch.sender import Post, Sender
from runner.dispatch.timer import Timer
from runner.ledger.call_queue import CallQueue, QueueStatus
from runner.ledger.late_calls import Reschedule
from runner.ledger.lease import RENEW_SECONDS, Lease
from runner.ledger.operators import CampaignState
from runner.ledger.revision import LedgerRevision
from runner.planning.pace_limit import LATE_SECONDS

IDLE_SECONDS = 60
"""`--until-idle` leaves when nothing is due for this long."""


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
        clock: Timer,
        clock_check: ClockCheck,
        limits: Limits,
        reschedule: Reschedule,
        excluded_now: Unwanted,
        newly_suppressed: NewlySuppressed,
        noted: Callable[[LedgerRevision], None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._until_idle = limits.until_idle
        self._on_event = on_event
        self._waiting_shown = 0
        self._paused_shown = False
        self._run_state = RunState()
        self._ledger = LedgerThread()
        rate = RateLimit(limits.requests_per_second)
        self._heartbeat = Heartbeat(
            queue=queue,
            lease=lease,
            ledger=self._ledger,
            clock=clock,
            clock_check=clock_check,
            rate=rate,
            noted=noted,
            run_state=self._run_state,
            on_event=on_event,
        )
        self._exclusion_check = ExclusionCheck(
            queue=queue,
            ledger=self._ledger,
            clock=clock,
            excluded_now=excluded_now,
            newly_suppressed=newly_suppressed,
            on_event=on_event,
        )
        self._rescheduler = Rescheduler(
            queue=queue,
            ledger=self._ledger,
            clock=clock,
            run_state=self._run_state,
            reschedule=reschedule,
            on_event=on_event,
        )
        self._sender = Sender(
            queue=queue,
            ledger=self._ledger,
            heartbeat=self._heartbeat,
            post=post,
            clock=clock,
            clock_check=clock_check,
            rate=rate,
            max_in_flight=limits.max_in_flight,
            exclusion_check=self._exclusion_check,
            rescheduler=self._rescheduler,
            run_state=self._run_state,
            on_event=on_event,
        )

    async def run(self) -> RunEnd:
        """Sends until nothing is left, and returns why it ended.

        Raises StoppedError when going on could not succeed, or whatever the ledger raised. Requests under way
        are always finished and recorded first.
        """
        self._clock.start(self._run_state.wake.set)
        heartbeat = asyncio.create_task(self._heartbeat.keep())
        try:
            finish = await self._work()
        finally:
            await self._sender.drain()
            heartbeat.cancel()
            await self._clock.stop()
            self._ledger.shutdown()
        if self._run_state.error is not None:
            raise self._run_state.error
        return RunEnd.INTERRUPTED if self._run_state.interrupted else finish

    def stop(self) -> None:
        """Asks the run to end: no new claims; what is under way is finished."""
        self._run_state.interrupt()

    async def _work(self) -> RunEnd:
        await self._heartbeat.renew()
        if self._heartbeat.sharers > 1:
            # The others slow down when they renew their leases: until then the rate is taken.
            self._sender.not_before = self._clock.now() + RENEW_SECONDS
        while not self._run_state.stopping():
            self._run_state.wake.clear()
            queue_status = await self._do_what_is_due()
            if self._run_state.stopping():
                break
            if queue_status.state is CampaignState.CANCELED:
                await self._skip_returned_calls()
                queue_status = await self._look()
            if queue_status.state is CampaignState.PAUSED:
                if self._until_idle and not self._sender.is_busy:
                    return RunEnd.PAUSED
                await self._show_paused()
                await self._run_state.wake.wait()
                continue
            due = queue_status.next_due
            if due is None and not self._sender.is_busy and not await self._others_are_sending():
                return RunEnd.DONE
            if due is not None:
                at = max(due, self._sender.not_before, self._sender.held_until)
                if self._until_idle and at > self._clock.now() + IDLE_SECONDS and not self._sender.is_busy:
                    return RunEnd.IDLE
                self._show_waiting(int(at))
                self._clock.set_alarm(at, idle=not self._sender.is_busy and not self._exclusion_check.on_hold)
            await self._run_state.wake.wait()
        return RunEnd.INTERRUPTED

    async def _do_what_is_due(self) -> QueueStatus:
        """Moves, sends or withdraws calls, and returns how things stand then."""
        queue_status = await self._look()
        now = self._clock.now()
        if queue_status.next_due is not None and max(queue_status.next_due, self._sender.held_until) <= now:
            # Calls are due before they start: while none was due so long ago, none is late.
            if queue_status.next_due < now - LATE_SECONDS:
                await self._rescheduler.move_late()
            await self._sender.send_what_is_due()
        elif not await self._exclusion_check.withdraw():
            return queue_status
        return await self._look()

    async def _look(self) -> QueueStatus:
        queue_status = await self._ledger.do(self._queue.queue_status)
        self._run_state.update(queue_status.state)
        self._tell_resumed(queue_status.state)
        return queue_status

    async def _others_are_sending(self) -> bool:
        return await self._ledger.do(self._queue.others_are_sending)

    async def _skip_returned_calls(self) -> None:
        """A call that was under way when an operator cancelled may come back unsent."""
        people = await self._ledger.do(self._queue.waiting_people)
        reasons = {call: "canceled by an operator" for call, _, _ in people}
        await self._ledger.do(self._queue.skip, reasons, self._clock.now())

    def _show_waiting(self, until: int) -> None:
        """Only of waits that somebody who watches would wonder about."""
        long = until > self._clock.now() + IDLE_SECONDS
        if long and not self._sender.is_busy and until != self._waiting_shown:
            self._waiting_shown = until
            self._on_event(Waiting(until=until))

    async def _show_paused(self) -> None:
        pause_info = None if self._paused_shown else await self._ledger.do(self._queue.pause_info)
        if pause_info is not None:
            self._paused_shown = True
            self._on_event(Paused(pause_info=pause_info))

    def _tell_resumed(self, state: CampaignState) -> None:
        """A pause may also have ended with a cancel."""
        if self._paused_shown and state is not CampaignState.PAUSED:
            self._paused_shown = False
            if state is CampaignState.ACTIVE:
                self._on_event(Resumed())
