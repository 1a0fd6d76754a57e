"""Whatever people, servers and crashes do, in any order: the promises hold.

A machine of hypothesis edits the campaign, applies it with the real planner, ledger and dispatcher against a
server of its choice, crashes, pauses, resolves and lets time pass, and looks at the promises after each step.
"""

import asyncio
import tempfile
from collections import Counter
from datetime import datetime, time
from itertools import chain, repeat
from pathlib import Path
from zoneinfo import ZoneInfo

from dispatch_harness import NO_ANSWER, NOT_SENT, LeapingClock, accepted, answered
from dispatching import current_plan, run_of
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from small_campaign import NINE, campaign, person, plan_of

from runner.calls import Resolution
from runner.dispatch.dispatcher import Dispatcher
from runner.errors import RunnerError
from runner.insight.outcome import Exchange
from runner.ledger.call_queue import CallQueue
from runner.ledger.ledger import Ledger, RunProcess
from runner.ledger.operators import Operators
from runner.ledger.plan_entry import Binding
from runner.planning.pacing import PaceLimit
from runner.planning.placement import reschedule

NAME = "follow-up"
BINDING = Binding(campaign=NAME, survey_id="48211", instance_id="3", account="account", origin="loopback")
KEYS = [f"p{n}" for n in range(1, 6)]
NUMBERS = [f"617 555 010{n}" for n in range(1, 6)]
QUEUES_IT = {
    "accepts": None,
    "is paused meanwhile": None,
    "accepts and is not heard": NO_ANSWER,
    "fails but accepts": answered(500),
    "dies after sending": None,
}
"""What the server answers, if not 200, in spite of having queued the call."""
DOES_NOT = {
    "loses it": NO_ANSWER,
    "fails": answered(500),
    "refuses it": answered(400, success=False, error="bad number"),
}
SERVER = [*QUEUES_IT, *DOES_NOT, "cannot be reached", "dies before sending"]
CHANGES = [
    "somebody is written down", "somebody is struck off", "somebody opts out", "somebody opts in",
    "its text changes",
]  # fmt: skip
PACE, QUEUE_AHEAD = 1, 30
MAY_HAVE_BEEN_ACCEPTED = {"queued", "uncertain", "sending"}


class ProcessDiedError(BaseException):
    """As SIGKILL would: nothing of the run goes on."""


class CampaignMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger.open(f"sqlite:///{Path(self.folder.name) / 'ledger.sqlite3'}")
        self.ann = Operators(self.ledger.engine, "ann@desk")
        self.clock = LeapingClock(NINE)
        self.rows = {key: person(key, number) for key, number in zip(KEYS, NUMBERS, strict=True)}
        self.suppressed = set()
        self.wording = 1
        self.accepted = []
        self.starts = []
        self.begun = False

    def teardown(self):
        self.ledger.close()
        self.folder.cleanup()

    @rule(change=st.sampled_from(CHANGES), key=st.sampled_from(KEYS), number=st.sampled_from(NUMBERS))
    def the_campaign_is_edited(self, change, key, number):
        match change:
            case "somebody is written down":
                self.rows[key] = person(key, number)
            case "somebody is struck off":
                self.rows.pop(key, None)
            case "somebody opts out":
                self.suppressed.add(key)
            case "somebody opts in":
                self.suppressed.discard(key)
            case _:
                self.wording += 1

    @rule(minutes=st.sampled_from([1, 20, 23 * 60, 24 * 60]))
    def time_passes(self, minutes):
        self.clock.time += minutes * 60

    @rule(minutes=st.sampled_from([1, 60]))
    def the_clock_is_set_back(self, minutes):
        self.clock.time -= minutes * 60

    @precondition(lambda self: self.begun)
    @rule()
    def an_operator_finds_out_what_became_of_the_uncertain(self):
        self.ledger.mark_orphaned_calls(NAME)
        numbers = {claim.phone for claim in self.accepted}
        for call in self.calls():
            if call.state == "uncertain":
                word = Resolution.QUEUED if call.phone in numbers else Resolution.NOT_QUEUED
                self.ann.resolve(NAME, [call.key], word, None, self.clock.time)

    @rule(
        behaviour=st.lists(st.sampled_from(SERVER), min_size=1, max_size=6),
        limit=st.sampled_from([None, None, 1, 2]),
        resumed=st.booleans(),
    )
    def the_campaign_is_applied(self, behaviour, limit, resumed):
        self.ledger.mark_orphaned_calls(NAME)
        if self.begun and resumed:
            self.ann.resume(NAME, self.clock.time)
        pacing = f"pacing: {{calls_per_minute: {PACE}, queue_ahead: {QUEUE_AHEAD}}}"
        wording = f'metadata: {{wording: "{self.wording}"}}'
        loaded = campaign(to="2026-12-24", more=f"{wording}\n{pacing}")
        plan = plan_of(
            loaded,
            list(self.rows.values()),
            history=self.ledger.history(NAME),
            now=int(self.clock.time),
            limit=limit,
            suppressed=self.suppressed,
        )
        self.begun = True
        run = self.ledger.begin_run(BINDING, plan, RunProcess(host="here", pid=1), self.clock.time)
        server = chain(behaviour, repeat("accepts"))
        try:
            asyncio.run(self.dispatch(loaded, run, server, limited=limit is not None))
        except (ProcessDiedError, RunnerError):
            return
        self.ledger.end_run(run, "done", self.clock.time)

    async def dispatch(self, loaded, run, server, *, limited):
        queue = CallQueue(self.ledger.engine, NAME, run, only_own=limited, pace=PaceLimit(PACE, QUEUE_AHEAD))
        plan = current_plan(
            excluded_now=lambda key, _phone: "on a list" if key in self.suppressed else None,
            reschedule=lambda late, taken, now: reschedule(
                loaded.campaign, late, taken, now=now, requests_per_second=5
            ),
        )
        dispatcher = Dispatcher(
            run_of(queue, self.ledger.lease(NAME, run), self.clock, plan=plan),
            lambda claim, before_send: self.post(next(server), claim, before_send),
            max_in_flight=2,
            until_idle=True,
        )
        await dispatcher.run()

    async def post(self, behaviour, claim, before_send):
        if behaviour == "dies before sending":
            raise ProcessDiedError
        if behaviour == "cannot be reached":
            return NOT_SENT
        try:
            before_send()
        except RunnerError as error:
            return Exchange(sent=False, prevented=True, problem=error.message)
        assert claim.key not in self.suppressed, "somebody who opted out is called"
        if behaviour in DOES_NOT:
            return DOES_NOT[behaviour]
        assert claim.phone not in {sent.phone for sent in self.accepted}, "somebody is called twice"
        self.accepted.append(claim)
        self.starts.append(max(claim.start_timestamp, self.clock.time))
        if behaviour == "is paused meanwhile":
            self.ann.pause(NAME, self.clock.time)
        if behaviour == "dies after sending":
            raise ProcessDiedError
        return QUEUES_IT[behaviour] or accepted(str(1000 + len(self.accepted)))

    def calls(self):
        return tuple(self.ledger.history(NAME).calls)

    @invariant()
    def nobody_is_called_twice(self):
        for many in (Counter(c.phone for c in self.accepted), Counter(c.key for c in self.accepted)):
            assert not [who for who, times in many.items() if times > 1]

    @invariant()
    def the_pace_is_kept(self):
        starts = sorted(self.starts)
        assert all(later - first >= 60 for first, later in zip(starts, starts[PACE:], strict=False))

    @invariant()
    def nobody_is_lost(self):
        states = {(call.key, call.phone): call.state for call in self.calls() if call.state != "skipped"}
        for claim in self.accepted:
            assert states.get((claim.key, claim.phone)) in MAY_HAVE_BEEN_ACCEPTED
        numbers = {claim.phone for claim in self.accepted}
        assert all(call.phone in numbers for call in self.calls() if call.state == "queued")

    @invariant()
    def nobody_is_called_outside_a_window(self):
        zone = ZoneInfo("America/New_York")
        for claim in self.accepted:
            opens, closes = (
                datetime.fromtimestamp(at, zone) for at in (claim.start_timestamp, claim.end_timestamp)
            )
            assert opens.date() == closes.date()
            assert time(9) <= opens.time() < closes.time() <= time(12)


TestCampaignMachine = CampaignMachine.TestCase
TestCampaignMachine.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    suppress_health_check=list(HealthCheck),
    # A story that goes wrong is told as it was found, at once: to shorten it takes minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
