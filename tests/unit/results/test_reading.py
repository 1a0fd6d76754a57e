import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.calls import CallState
from runner.dispatch.events import AskFailure
from runner.insight.answers import CallDetails, CallEvent
from runner.insight.outcome import Exchange
from runner.ledger.asking import AskedCall
from runner.ledger.evidence import EvidenceSource
from runner.results.asking import read_answer
from runner.results.reading import report_of
from runner.results.token import Attempt

ASKED = AskedCall(call=1, fence=1, call_id="155761", end_timestamp=1_796_178_000)


def details(**values):
    return CallDetails(
        **{
            "status": "completed",
            "attempts": 2,
            "max_attempts": 3,
            "queued_timestamp": 1_796_166_000,
            "last_attempt_timestamp": 1_796_169_000,
            "start_timestamp": 1_796_166_300,
            "end_timestamp": 1_796_178_000,
            "reattempt_wait": 2700,
            "events": (),
            **values,
        }
    )


def report(**values):
    return report_of(Attempt(7, 2), EvidenceSource.CALLBACK, details(**values))


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("completed", CallState.COMPLETED),
        ("Failed", CallState.FAILED),
        ("canceled", CallState.CANCELED),
        ("cancelled", CallState.CANCELED),
        ("REJECTED", CallState.REJECTED),
        ("queued", None),
        ("in-progress", None),
        ("planned", None),
        ("uncertain", None),
        ("skipped", None),
    ],
)
def test_only_a_final_status_of_insight_says_how_a_call_ended(status, says):
    assert report(status=status).says is says


def test_the_first_dial_and_the_end_are_read_from_the_events():
    names = [("queued", 10), ("dialing", 30), ("dialing", 20), ("disconnected", 40)]
    found = report(events=tuple(CallEvent(event=name, timestamp=at) for name, at in names))
    assert (found.call, found.fence, found.attempts) == (7, 2, 2)
    assert (found.first_dial, found.ended_at) == (20, 40)
    assert found.last_attempt_timestamp == 1_796_169_000
    assert found.events == tuple(names)


def test_a_time_of_zero_says_that_there_was_no_dial():
    found = report(last_attempt_timestamp=0, events=(CallEvent(event="dialing", timestamp=0),))
    assert (found.last_attempt_timestamp, found.first_dial, found.ended_at) == (None, None, None)


@given(st.integers(-(10**18), 10**18), st.lists(st.integers(-(10**18), 10**18), max_size=300))
def test_whatever_insight_says_fits_into_the_ledger(number, times):
    events = tuple(CallEvent(event="x" * 500, timestamp=at) for at in times)
    found = report(attempts=number, last_attempt_timestamp=number, events=events)
    numbers = [found.attempts, found.last_attempt_timestamp, found.ended_at, *(at for _, at in found.events)]
    assert all(each is None or 0 <= each < 2**31 for each in numbers)
    assert len(found.events) <= 100
    assert all(len(name) <= 40 for name, _ in found.events)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, b"<html>", AskFailure.UNREADABLE),
        (200, b"", AskFailure.UNREADABLE),
        (404, b'{"error": "no such call"}', AskFailure.UNKNOWN_CALL),
        (401, b"", AskFailure.NOT_ALLOWED),
        (403, b"", AskFailure.NOT_ALLOWED),
        (415, b"", AskFailure.NOT_ALLOWED),
        (500, b'{"error": "database error"}', AskFailure.SERVER_ERROR),
        (503, b"", AskFailure.SERVER_ERROR),
        (None, b"", AskFailure.UNREACHABLE),
    ],
)
def test_an_answer_without_details_is_a_failure_of_its_kind(status, body, failure):
    answer = read_answer(ASKED, Exchange(sent=True, status=status, body=body, problem="no answer in time"))
    assert (answer.details, answer.failure) == (None, failure)
    assert answer.problem


def test_an_answer_with_details_is_read():
    exchange = Exchange(sent=True, status=200, body=b'{"call_details": {"status": "failed"}}')
    assert read_answer(ASKED, exchange).details.status == "failed"


def test_what_looks_like_a_number_is_hidden_in_an_error():
    body = b'{"error": "no call to +1 617 555 0100"}'
    assert "617" not in read_answer(ASKED, Exchange(sent=True, status=404, body=body)).problem
