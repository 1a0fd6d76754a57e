"""Each event of a run has a line of its own type, as its form says."""

from typing import get_args

from json_forms import check_form

from runner.calls import CallState, ReasonCode, StateReason
from runner.contacts.identity import Identity
from runner.dispatch import events
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.operators import CampaignState, PauseInfo
from runner.reports.event_forms import AnyEventLine, EventLine
from runner.reports.event_json import event_line

IDENTITY = Identity(b"k" * 16)
NUMBER = "+16175550123"
OF_EVERY_KIND = [
    events.RunBegan(),
    events.CallEnded(
        key=NUMBER,
        ref=IDENTITY.ref(NUMBER),
        state=CallState.REFUSED,
        reason=StateReason.of(ReasonCode.REFUSED, error="busy"),
        call_id=None,
        start_timestamp=7,
    ),
    events.RoundsPlanned(calls=1),
    events.CallsJoined(calls=1),
    events.RoundsNotPlanned(problem="x"),
    events.CallsMoved(moved=1, skipped=0),
    events.CallsWithdrawn(count=1),
    events.ListUnreadable(problem="x"),
    events.ListsReadAgain(),
    events.OptedOutTooLate(
        found=[LateOptOut(key=NUMBER, ref="a", state=CallState.QUEUED, reason="listed", until=9)]
    ),
    events.BackingOff(reason="x", seconds=1.5),
    events.ClockIsOff(seconds=-31.0),
    events.Waiting(until=9),
    events.Paused(pause_info=PauseInfo(campaign="c", state=CampaignState.PAUSED, at=8.5, by="ann@desk")),
    events.Resumed(),
    events.RunsShare(runs=2),
    events.AnswersUnrecorded(count=1),
    events.CallsLost(count=1),
    events.ResultsLearned(counts={"failed": 2}),
    events.ResultsUnavailable(failure=events.AskFailure.UNREACHABLE, calls=3, problem="x"),
]
OF_THE_LOG = {"version", "plan_made", "events_lost", "ended"}


def lines():
    return [event_line(event, EventLine(at=7, campaign="c"), IDENTITY) for event in OF_EVERY_KIND]


def test_every_kind_of_event_has_a_line_of_its_form():
    assert {type(event) for event in OF_EVERY_KIND} == set(get_args(events.Event))
    check_form("events", *lines())


def test_every_form_is_the_line_of_one_kind_of_event():
    forms = {form.__annotations__["type"].__args__[0] for form in get_args(AnyEventLine)}
    types = [line["type"] for line in lines()]
    assert len(types) == len(set(types))
    assert set(types) == forms - OF_THE_LOG


def test_no_line_holds_a_number():
    assert NUMBER[2:] not in str(lines())
