"""Carries out a run: sends what is due, and sleeps until the next call is due."""

import asyncio
import sys

from runner.calls import ReasonCode, StateReason
from runner.dispatch.events import AnswersUnrecorded, Paused, Resumed, RunEnd, Waiting
from runner.dispatch.exclusion_check import ExclusionCheck
from runner.dispatch.heartbeat import Heartbeat
from runner.dispatch.late_calls import move_late
from runner.dispatch.run import Post, Run, no_records
from runner.dispatch.sender import Sender
from runner.dispatch.timer import Alarm
from runner.ledger.call_queue import QueueStatus
from runner.ledger.lease import RENEW_SECONDS
from runner.ledger.operators import CampaignState
from runner.planning.pacing import LATE_SECONDS

IDLE_SECONDS = 60
"""`--until-idle` leaves when nothing is due for this long."""
_TURN_SECONDS = 0.001
"""How long a thread of Python waits for its turn. With the usual 5 ms, a transaction holds the ledger longer
than it works, since it waits after each statement while requests are made.
"""


class Dispatcher:
    """One run of one campaign. Give it to an event loop with `run`; end it early with `stop`."""

    def __init__(
        self, run: Run, post: Post, *, push: Post = no_records, max_in_flight: int, until_idle: bool
    ) -> None:
        """`post` sends a call, `push` the record of one. `max_in_flight` bounds the calls under way at once.
        With `until_idle` the run ends when nothing is due soon.
        """
        self._run = run
        self._until_idle = until_idle
        self._waiting_shown = 0
        self._paused_shown = False
        self._heartbeat = Heartbeat(run)
        self._exclusion_check = ExclusionCheck(run)
        self._sender = Sender(run, post, push, self._heartbeat, self._exclusion_check, max_in_flight)

    async def run(self) -> RunEnd:
        """Sends until nothing is left, and returns why it ended.

        Raises StoppedError when going on could not succeed, or what the ledger raised. Requests under way
        are always finished and recorded first.
        """
        sys.setswitchinterval(_TURN_SECONDS)
        self._run.rate.join()
        alarm = self._run.clock.alarm(self._run.wake.set)
        heartbeat = asyncio.create_task(self._heartbeat.keep())
        try:
            finish = await self._work(alarm)
        finally:
            await self._sender.drain()
            if self._sender.recorder.unrecorded:
                self._run.on_event(AnswersUnrecorded(count=self._sender.recorder.unrecorded))
            heartbeat.cancel()
            await alarm.stop()
            self._run.rate.leave()
            self._run.close()
        if self._run.error is not None:
            raise self._run.error
        return RunEnd.INTERRUPTED if self._run.interrupted else finish

    def wake(self) -> None:
        """Something may have become due, or the end may have come."""
        self._run.status = None
        self._run.wake.set()

    def fail(self, error: BaseException) -> None:
        """Ends the run as `stop` does; `run` then raises the error."""
        self._run.fail(error)

    def stop(self) -> None:
        """Asks the run to end: no new claims; what is under way is finished."""
        self._run.interrupt()

    async def _work(self, alarm: Alarm) -> RunEnd:
        await self._heartbeat.renew()
        if self._heartbeat.sharers > self._run.rate.runs:
            # Runs of other processes slow down when they renew their leases: until then the rate is taken.
            self._sender.not_before = self._run.clock.now() + RENEW_SECONDS
        while not self._run.stopping():
            self._run.wake.clear()
            alarm.busy()
            queue_status = await self._do_what_is_due()
            if self._run.stopping():
                break
            if queue_status.state is CampaignState.CANCELED:
                await self._skip_returned_calls()
                queue_status = await self._look()
            if queue_status.state is CampaignState.PAUSED:
                if self._until_idle and not self._sender.is_busy:
                    return RunEnd.PAUSED
                await self._show_paused()
                await self._run.wake.wait()
                continue
            finish = await self._sleep_or_end(queue_status.next_due, alarm)
            if finish is not None:
                return finish
            await self._run.wake.wait()
        return RunEnd.INTERRUPTED

    async def _sleep_or_end(self, due: int | None, alarm: Alarm) -> RunEnd | None:
        """Sets the alarm for the next call, or returns why the run ends."""
        busy = self._sender.is_busy
        if due is None:
            if busy or await self._others_are_sending():
                return None
            if self._until_idle or not await self._run.awaits():
                return await self._end_unless_added()
            alarm.set(None, idle=True)
            return None
        at = max(due, self._sender.not_before, self._sender.held_until)
        if self._until_idle and not busy and at > self._run.clock.now() + IDLE_SECONDS:
            return RunEnd.IDLE
        self._show_waiting(int(at))
        claim_at = max(due - self._run.clock.ahead_seconds, self._sender.not_before, self._sender.held_until)
        alarm.set(claim_at, idle=not busy and not self._exclusion_check.on_hold)
        return None

    async def _end_unless_added(self) -> RunEnd | None:
        """A further round may have been added since the queue was asked, by what is not awaited any more."""
        if (await self._look()).next_due is None:
            return RunEnd.DONE
        self._run.wake.set()
        return None

    async def _do_what_is_due(self) -> QueueStatus:
        """Moves, sends or withdraws calls, and returns the status of the queue then."""
        queue_status = self._run.status
        if queue_status is None or queue_status.state is not CampaignState.ACTIVE:
            queue_status = await self._run.look()
        self._show_resumed(queue_status.state)
        now, due = self._run.clock.now(), queue_status.next_due
        if due is not None and max(due - self._run.clock.ahead_seconds, self._sender.held_until) <= now:
            # Calls are due before they start: while none was due so long ago, none is late.
            if due < now - LATE_SECONDS:
                await move_late(self._run)
            await self._sender.send_what_is_due()
        elif not await self._exclusion_check.withdraw():
            return queue_status
        return await self._look()

    async def _look(self) -> QueueStatus:
        queue_status = await self._run.look()
        self._show_resumed(queue_status.state)
        return queue_status

    async def _others_are_sending(self) -> bool:
        return await self._run.in_ledger(self._run.queue.others_are_sending)

    async def _skip_returned_calls(self) -> None:
        """A call that was under way when an operator cancelled may come back unsent."""
        people = await self._run.in_ledger(self._run.queue.waiting_people)
        reasons = {call: StateReason(ReasonCode.CANCELED) for call, _, _ in people}
        await self._run.in_ledger(self._run.queue.skip, reasons, self._run.clock.now())

    def _show_waiting(self, until: int) -> None:
        """Shows only long waits."""
        long = until > self._run.clock.now() + IDLE_SECONDS
        if long and not self._sender.is_busy and until != self._waiting_shown:
            self._waiting_shown = until
            self._run.on_event(Waiting(until=until))

    async def _show_paused(self) -> None:
        pause_info = None if self._paused_shown else await self._run.in_ledger(self._run.queue.pause_info)
        if pause_info is not None:
            self._paused_shown = True
            self._run.on_event(Paused(pause_info=pause_info))

    def _show_resumed(self, state: CampaignState) -> None:
        """A pause may also have ended with a cancel."""
        if self._paused_shown and state is not CampaignState.PAUSED:
            self._paused_shown = False
            if state is CampaignState.ACTIVE:
                self._run.on_event(Resumed())
