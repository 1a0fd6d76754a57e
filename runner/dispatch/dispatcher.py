"""Carries a run through: looks what is due, has it sent, and sleeps until the next call is due."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from runner.dispatch.clock import AlarmClock
from runner.dispatch.clock_check import ClockCheck
from runner.dispatch.course import Course
from runner.dispatch.events import Event, Finish, Paused, Resumed, Waiting
from runner.dispatch.heartbeat import Heartbeat
from runner.dispatch.ledger_thread import LedgerThread
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.rescheduler import Rescheduler
from runner.dispatch.sender import Post, Sender
from runner.dispatch.wishes import NewlySuppressed, Unwanted, Wishes
from runner.ledger.call_queue import CallQueue, Outlook
from runner.ledger.late_calls import Reschedule
from runner.ledger.lease import RENEW_SECONDS, Lease
from runner.ledger.operators import CampaignStanding
from runner.ledger.reach import Reach
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
        clock: AlarmClock,
        clock_check: ClockCheck,
        limits: Limits,
        reschedule: Reschedule,
        unwanted: Unwanted,
        newly_suppressed: NewlySuppressed,
        noted: Callable[[Reach], None],
        listen: Callable[[Event], None],
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._until_idle = limits.until_idle
        self._listen = listen
        self._told_waiting = 0
        self._told_paused = False
        self._course = Course()
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
            course=self._course,
            listen=listen,
        )
        self._wishes = Wishes(
            queue=queue,
            ledger=self._ledger,
            clock=clock,
            unwanted=unwanted,
            newly_suppressed=newly_suppressed,
            listen=listen,
        )
        self._rescheduler = Rescheduler(
            queue=queue,
            ledger=self._ledger,
            clock=clock,
            course=self._course,
            reschedule=reschedule,
            listen=listen,
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
            wishes=self._wishes,
            rescheduler=self._rescheduler,
            course=self._course,
            listen=listen,
        )

    async def run(self) -> Finish:
        """Sends until nothing is left, and returns why it ended.

        Raises StoppedError when going on could not succeed, or whatever the ledger raised. Requests under way
        are always finished and recorded first.
        """
        self._clock.start(self._course.wake.set)
        heartbeat = asyncio.create_task(self._heartbeat.keep())
        try:
            finish = await self._work()
        finally:
            await self._sender.drain()
            heartbeat.cancel()
            await self._clock.stop()
            self._ledger.shutdown()
        if self._course.error is not None:
            raise self._course.error
        return Finish.INTERRUPTED if self._course.interrupted else finish

    def stop(self) -> None:
        """Asks the run to end: no new claims; what is under way is finished."""
        self._course.interrupt()

    async def _work(self) -> Finish:
        await self._heartbeat.renew()
        if self._heartbeat.sharers > 1:
            # The others slow down when they renew their leases: until then the rate is taken.
            self._sender.not_before = self._clock.now() + RENEW_SECONDS
        while not self._course.stopping():
            self._course.wake.clear()
            outlook = await self._do_what_is_due()
            if self._course.stopping():
                break
            if outlook.standing is CampaignStanding.CANCELED:
                await self._give_up_what_came_back()
                outlook = await self._look()
            if outlook.standing is CampaignStanding.PAUSED:
                if self._until_idle and not self._sender.is_busy:
                    return Finish.PAUSED
                await self._tell_paused()
                await self._course.wake.wait()
                continue
            due = outlook.next_due
            if due is None and not self._sender.is_busy and not await self._others_are_sending():
                return Finish.DONE
            if due is not None:
                at = max(due, self._sender.not_before, self._sender.held_until)
                if self._until_idle and at > self._clock.now() + IDLE_SECONDS and not self._sender.is_busy:
                    return Finish.IDLE
                self._tell_waiting(int(at))
                self._clock.set_alarm(at, idle=not self._sender.is_busy and not self._wishes.on_hold)
            await self._course.wake.wait()
        return Finish.INTERRUPTED

    async def _do_what_is_due(self) -> Outlook:
        """Moves, sends or withdraws calls, and returns how things stand then."""
        outlook = await self._look()
        now = self._clock.now()
        if outlook.next_due is not None and max(outlook.next_due, self._sender.held_until) <= now:
            # Calls are due before they start: while none was due so long ago, none is late.
            if outlook.next_due < now - LATE_SECONDS:
                await self._rescheduler.move_late()
            await self._sender.send_what_is_due()
        elif not await self._wishes.withdraw():
            return outlook
        return await self._look()

    async def _look(self) -> Outlook:
        outlook = await self._ledger.do(self._queue.outlook)
        self._course.heed(outlook.standing)
        self._tell_resumed(outlook.standing)
        return outlook

    async def _others_are_sending(self) -> bool:
        return await self._ledger.do(self._queue.others_are_sending)

    async def _give_up_what_came_back(self) -> None:
        """A call that was under way when an operator cancelled may come back unsent."""
        people = await self._ledger.do(self._queue.waiting_people)
        reasons = {call: "canceled by an operator" for call, _, _ in people}
        await self._ledger.do(self._queue.skip, reasons, self._clock.now())

    def _tell_waiting(self, until: int) -> None:
        """Only of waits that somebody who watches would wonder about."""
        long = until > self._clock.now() + IDLE_SECONDS
        if long and not self._sender.is_busy and until != self._told_waiting:
            self._told_waiting = until
            self._listen(Waiting(until=until))

    async def _tell_paused(self) -> None:
        halt = None if self._told_paused else await self._ledger.do(self._queue.halt)
        if halt is not None:
            self._told_paused = True
            self._listen(Paused(halt=halt))

    def _tell_resumed(self, standing: CampaignStanding) -> None:
        """A pause may also have ended with a cancel."""
        if self._told_paused and standing is not CampaignStanding.PAUSED:
            self._told_paused = False
            if standing is CampaignStanding.ACTIVE:
                self._listen(Resumed())
