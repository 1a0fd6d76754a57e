"""In every 60 seconds no more calls start than the pace allows: the later of start and leaving counts."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from dispatch_harness import LeapingClock, Stage, accepted, declare_dead
from planned_calls import CAMPAIGN, NOW, call
from small_campaign import campaign

from runner.dispatch.events import CallsMoved, RunEnd
from runner.ledger.operators import Operators
from runner.planning.pacing import PaceLimit
from runner.planning.placement import reschedule

PACE = 30


class ProcessDiedError(BaseException):
    """As SIGKILL would: nothing of the run goes on."""


@dataclass
class Apply:
    """Runs of one campaign of `count` calls every 2 seconds, each due `queue_ahead` before its start."""

    ledger: object
    count: int
    queue_ahead: int = 0
    pace: int = PACE
    clock: LeapingClock = field(default_factory=LeapingClock)
    starts: list = field(default_factory=list)
    """When each call starts that was sent: the later of its start_timestamp and the moment it left."""
    last: Stage = None

    def run(self, *, pace=None, **stage):
        """One run. `after` is called with the number of calls sent so far, each time that one was."""
        after = stage.pop("after", lambda _sent: None)

        def answer(claim):
            self.starts.append(max(claim.start_timestamp, self.clock.time))
            after(len(self.starts))
            return accepted(f"1{claim.key[1:]}")

        self.last = Stage(
            self.ledger,
            self._left(),
            answer=answer,
            clock=self.clock,
            pace=PaceLimit(pace or self.pace, self.queue_ahead),
            reschedule=self._reschedule,
            **stage,
        )
        return self.last.run()

    def _left(self):
        """As the plan of the next run has them."""
        known = {each.key: each for each in self.ledger.history(CAMPAIGN).calls}
        return [
            planned if not known else planned._replace(change_name="unchanged")
            for planned in (
                call(
                    f"c{number}",
                    start=NOW + 2 * number,
                    queue_at=NOW + 2 * number - self.queue_ahead,
                )
                for number in range(self.count)
            )
            if not known or known[planned.key].state == "planned"
        ]

    def _reschedule(self, late, taken, now):
        declared = campaign(
            hours="09:00-20:00", to="2026-12-24", more=f"pacing: {{calls_per_minute: {PACE}}}"
        )
        return reschedule(declared.campaign, late, taken, now=now, requests_per_second=5)

    def keeps_the_pace(self, pace=PACE):
        starts = sorted(self.starts)
        return all(later - first >= 60 for first, later in zip(starts, starts[pace:], strict=False))


@pytest.mark.parametrize("queue_ahead", [0, 1, 20])
@pytest.mark.parametrize("seconds", [5, 54, 62, 300])
def test_calls_that_became_due_during_a_suspension_start_at_the_pace(sqlite_ledger, queue_ahead, seconds):
    apply = Apply(sqlite_ledger, 80, queue_ahead)

    def stand_still(sent):
        apply.clock.time += seconds if sent == 4 else 0

    assert apply.run(after=stand_still) is RunEnd.DONE
    assert len(apply.starts) == 80
    assert apply.keeps_the_pace()


@pytest.mark.parametrize("dies", [False, True])
def test_a_run_after_one_that_was_stopped_or_died_counts_what_that_one_sent(ledger, dies):
    apply = Apply(ledger, 60)

    def end(sent):
        if sent == 25 and dies:
            raise ProcessDiedError
        if sent == 25:
            apply.last.dispatcher.stop()

    if dies:
        with pytest.raises(ProcessDiedError):
            apply.run(after=end)
        assert declare_dead(ledger) == 1
    else:
        assert apply.run(after=end) is RunEnd.INTERRUPTED
    apply.clock.time = NOW + 60
    assert apply.run() is RunEnd.DONE
    assert len(apply.starts) == 60
    assert apply.keeps_the_pace()


def test_after_a_pause_calls_start_at_the_pace(sqlite_ledger):
    apply, ann = Apply(sqlite_ledger, 80), Operators(sqlite_ledger.engine, "ann@desk")

    def pause(sent):
        if sent == 10:
            ann.pause(CAMPAIGN, apply.clock.time)

    apply.run(after=pause, until_idle=True)
    apply.clock.time += 55
    ann.resume(CAMPAIGN, apply.clock.time)
    assert apply.run() is RunEnd.DONE
    assert len(apply.starts) == 80
    assert apply.keeps_the_pace()


def test_a_run_without_delays_sustains_its_pace_and_moves_no_call_to_the_end(sqlite_ledger):
    apply, jitter = Apply(sqlite_ledger, 120), random.Random(7)

    async def connect(_claim):
        apply.clock.time += jitter.choice([0.01, 0.1, 1.5])

    assert apply.run(before=connect) is RunEnd.DONE
    assert apply.keeps_the_pace()
    assert len(apply.starts) == 120
    assert max(apply.starts) <= NOW + 2 * 120 + 10
    assert apply.last.heard(CallsMoved) == []


def test_where_connecting_takes_longer_than_the_time_before_a_start_every_call_still_leaves(sqlite_ledger):
    apply = Apply(sqlite_ledger, 50)

    async def connect(_claim):
        apply.clock.time += 7

    assert apply.run(before=connect) is RunEnd.DONE
    assert len(apply.starts) == 50
    assert apply.keeps_the_pace()


def test_requests_never_leave_after_their_start_nor_much_earlier_than_declared(sqlite_ledger):
    apply, ahead = Apply(sqlite_ledger, 60, queue_ahead=20), []

    def stand_still(sent):
        ahead.append(apply.last.sent[-1].start_timestamp - apply.clock.time)
        apply.clock.time += 50 if sent == 4 else 0

    apply.run(after=stand_still)
    assert len(apply.starts) == 60
    assert min(ahead) >= 0
    assert max(ahead) <= 21


def test_a_slower_pace_holds_for_calls_that_were_planned_faster(sqlite_ledger):
    apply = Apply(sqlite_ledger, 70)
    apply.run(after=lambda sent: apply.last.dispatcher.stop() if sent == 30 else None)
    before = list(apply.starts)
    apply.run(pace=4)
    assert len(apply.starts) == 70
    later = apply.starts[len(before) :]
    for start in later:
        begins = [other for other in apply.starts if start - 60 < other <= start]
        assert max(sum(begin <= other < begin + 60 for other in apply.starts) for begin in begins) <= 4
    assert apply.last.heard(CallsMoved), "what has no room near its slot gets a new one"


def test_calls_that_could_not_be_sent_use_up_nothing_of_the_pace(sqlite_ledger):
    apply, failed = Apply(sqlite_ledger, 40), []

    async def fail_at_first(_claim):
        if len(failed) < 60:
            failed.append(1)
            # As where the lease was not renewed in time: the last look keeps the request from leaving.
            apply.last.context.may_send = False
            await asyncio.sleep(0)

    assert apply.run(before=fail_at_first) is RunEnd.DONE
    assert sorted(apply.starts) == [NOW + 2 + 2 * number for number in range(40)]


@pytest.mark.parametrize(
    ("planned", "latest", "starts"),
    [(0, None, 120), (600, None, 720), (600, 600 + 610, 0)],
    ids=["the slot after", "the slot after, long ahead", "an earlier one, where its window closes"],
)
def test_a_call_next_to_a_start_of_another_pace_is_moved_once_to_where_it_can_start(
    sqlite_ledger, planned, latest, starts
):
    """One call a minute, and Insight has one for the half of a minute, from when the pace was two. The slot
    before it is free on the grid, and yet too near.
    """
    sent = call("c1", start=NOW + planned + 30, queue_at=NOW - 30)
    Stage(sqlite_ledger, [sent], clock=LeapingClock(NOW - 30), pace=PaceLimit(2, 660)).run()

    def place(late, taken, now):
        declared = campaign(hours="09:00-20:00", to="2026-12-24", more="pacing: {calls_per_minute: 1}")
        return reschedule(declared.campaign, late, taken, now=now, requests_per_second=5)

    waiting = call("c2", start=NOW + planned, queue_at=NOW - 30, latest=latest and NOW + latest)
    run = Stage(
        sqlite_ledger,
        [waiting],
        clock=LeapingClock(NOW - 30),
        pace=PaceLimit(1, 660),
        reschedule=place,
    )
    assert run.run() is RunEnd.DONE
    assert run.heard(CallsMoved) == [CallsMoved(moved=1, skipped=0)]
    assert [claim.start_timestamp - NOW for claim in run.sent] == [starts]
