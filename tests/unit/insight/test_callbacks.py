import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.insight.answers import CallEvent, UnreadableError, read_callback

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
XML = {"content-type": "application/xml"}
DETAILS = {
    "status": "completed",
    "attempts": "2",
    "max_attempts": "3",
    "queued_timestamp": "1796166000",
    "last_attempt_timestamp": "1796169000",
    "start_Timestamp": "1796166300",
    "end_timestamp": "1796178000",
    "reattempt_wait": "2700",
    "events": [
        {"event": "dialing", "timestamp": "1796166300"},
        {"event": "connected", "timestamp": 1796169000},
    ],
}
AS_FORM = (
    b"status=completed&attempts=2&max_attempts=3&queued_timestamp=1796166000"
    b"&last_attempt_timestamp=1796169000&start_Timestamp=1796166300&end_timestamp=1796178000"
    b"&reattempt_wait=2700&events%5B0%5D%5Bevent%5D=dialing&events%5B0%5D%5Btimestamp%5D=1796166300"
    b"&events[1][event]=connected&events[1][timestamp]=1796169000"
)
AS_XML = (
    b"<call_details><status>completed</status><attempts>2</attempts><max_attempts>3</max_attempts>"
    b"<queued_timestamp>1796166000</queued_timestamp>"
    b"<last_attempt_timestamp>1796169000</last_attempt_timestamp>"
    b"<start_Timestamp>1796166300</start_Timestamp><end_timestamp>1796178000</end_timestamp>"
    b"<reattempt_wait>2700</reattempt_wait><events>"
    b"<item><event>dialing</event><timestamp>1796166300</timestamp></item>"
    b"<item><event>connected</event><timestamp>1796169000</timestamp></item></events></call_details>"
)
AS_DOCUMENTED = str(DETAILS).encode()


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (FORM, AS_FORM),
        ({}, AS_FORM),
        (JSON, json.dumps(DETAILS).encode()),
        ({}, json.dumps({"call_details": DETAILS}).encode()),
        (FORM, json.dumps(DETAILS).encode()),
        (JSON, AS_DOCUMENTED),
        (XML, AS_XML),
        ({}, AS_XML),
    ],
)
def test_a_callback_is_read_in_every_encoding(headers, body):
    details = read_callback(headers, body)
    assert details.status == "completed"
    assert (details.attempts, details.max_attempts, details.reattempt_wait) == (2, 3, 2700)
    assert (details.start_timestamp, details.end_timestamp) == (1796166300, 1796178000)
    assert details.last_attempt_timestamp == 1796169000
    assert details.events == (
        CallEvent(event="dialing", timestamp=1796166300),
        CallEvent(event="connected", timestamp=1796169000),
    )


def test_fields_below_call_details_are_found_in_a_form():
    details = read_callback(FORM, b"call_details[status]=failed&call_details[attempts]=3")
    assert (details.status, details.attempts, details.events) == ("failed", 3, ())


@pytest.mark.parametrize(
    "body", [b"", b"status", b"status=", b"hello", b"[1]", b"<a><!DOCTYPE x></a>", b"\xff\x00"]
)
def test_what_holds_no_status_is_unreadable(body):
    with pytest.raises(UnreadableError):
        read_callback(FORM, body)


@given(st.binary(max_size=200))
def test_any_body_is_read_or_unreadable(body):
    with contextlib.suppress(UnreadableError):
        assert read_callback({}, body).status
