"""The log of a run without a terminal: text or JSON lines, with context and without personal data."""

import json
import time

import pytest

from runner.calls import CallState, ReasonCode, StateReason
from runner.contacts.identity import Identity
from runner.dispatch.events import BackingOff, CallEnded, RoundsPlanned, RunBegan, Waiting
from runner.reports.live import LogOptions, live

IDENTITY = Identity(b"k" * 16)
NOW = 1_796_166_000.0


def ended(state):
    return CallEnded(
        key="+16175550123",
        ref="a6qdtbhfqj",
        state=state,
        reason=StateReason.of(ReasonCode.REFUSED, error="busy"),
        call_id="7",
        start_timestamp=int(NOW),
    )


def logged(capsys, *events, **options):
    with live(2, IDENTITY, lambda: NOW, LogOptions("spring", **options)) as on_event:
        for event in events:
            on_event(event)
    return capsys.readouterr().err.splitlines()


def test_text_lines_begin_with_the_time_and_count_the_calls(capsys):
    events = RunBegan(), ended(CallState.QUEUED), ended(CallState.REFUSED)
    queued, refused, both = logged(capsys, *events, level="debug")
    assert [line.split()[2] for line in (queued, refused)] == ["queued", "refused"]
    assert [line.rpartition("(")[2] for line in (queued, refused, both)] == ["1 of 2)", "2 of 2)", "2 of 2)"]
    assert both.split(maxsplit=2)[2] == "1 queued, 1 refused (2 of 2)"


def test_calls_that_were_queued_share_a_line_before_a_wait_and_at_the_end(capsys):
    many = [ended(CallState.QUEUED)] * 20
    lines = logged(capsys, RunBegan(), *many, Waiting(until=int(NOW) + 600), *many)
    assert [line.split(maxsplit=2)[2].split(":")[0] for line in lines] == [
        "20 queued (20 of 2)",
        "waiting",
        "40 queued (40 of 2)",
    ]


def test_calls_of_further_rounds_are_counted_with_those_of_the_plan(capsys):
    events = ended(CallState.QUEUED), RoundsPlanned(calls=3), ended(CallState.QUEUED)
    assert logged(capsys, *events)[-1].endswith("2 queued (2 of 5)")


def test_calls_that_were_queued_share_a_line_a_minute(capsys, monkeypatch):
    monkeypatch.setattr("runner.reports.live._SUM_UP_SECONDS", 0)
    assert len(logged(capsys, *[ended(CallState.QUEUED)] * 3)) == 3


def test_a_rehearsal_tells_of_no_waits_because_it_leaps_over_them(capsys):
    events = ended(CallState.QUEUED), Waiting(until=int(NOW) + 600), ended(CallState.QUEUED)
    assert len(logged(capsys, *events, rehearsal=True)) == 1


def test_a_summary_as_json_has_the_number_for_each_state(capsys):
    (line,) = logged(capsys, ended(CallState.QUEUED), form="json")
    found = json.loads(line)
    assert (found["event"], found["level"], found["states"]) == ("CallsSoFar", "info", {"queued": 1})


def test_text_lines_have_the_time_of_this_machine_and_json_lines_utc(capsys, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        text, _ = logged(capsys, ended(CallState.QUEUED), level="debug")
        line, _ = logged(capsys, ended(CallState.QUEUED), level="debug", form="json")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert text.startswith("18:00:00 EST queued ")
    assert "from 2026-12-01 18:00:00 EST" in text
    assert "from 2026-12-01T23:00:00Z" in line


def test_json_lines_name_campaign_event_contact_and_state_and_no_number(capsys):
    (line,) = logged(capsys, ended(CallState.UNCERTAIN), form="json")
    found = json.loads(line)
    assert found.pop("message")
    assert found == {
        "time": "2026-12-01T23:00:00Z",
        "level": "warning",
        "campaign": "spring",
        "event": "CallEnded",
        "contact": "a6qdtbhfqj",
        "state": "uncertain",
    }
    assert "6175550123" not in line


@pytest.mark.parametrize(("level", "lines"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_what_is_below_the_level_is_not_written(capsys, level, lines):
    events = [ended(CallState.QUEUED), BackingOff(reason="no route", seconds=2)]
    assert len(logged(capsys, *events, level=level)) == lines


def test_two_runs_one_after_the_other_write_each_line_once(capsys):
    logged(capsys, ended(CallState.QUEUED))
    assert len(logged(capsys, ended(CallState.QUEUED))) == 1
