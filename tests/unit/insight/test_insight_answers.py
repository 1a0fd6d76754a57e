"""Insight's answers in every form they may take; an answer that makes no sense is never guessed at."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.insight.answers import (
    CallDetails,
    CallEvent,
    QueueAnswer,
    UnreadableError,
    error_text,
    excerpt,
    read_call_details,
    read_queue_answer,
)

XML = {"content-type": "application/xml"}
LINK = "https://insight.plumvoice.com/api/outbound/155761"


def queue_answer(body: bytes, **headers: str) -> QueueAnswer:
    return read_queue_answer({name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"success": true, "call_id": 155761}',
        b'{"success":"true","call_id":"155761"}',
        b'{"success":1,"call_id":" 155761 "}',
        b"{'success':true,'call_id':155761}",
        b"{'success':'true','call_id':'155761'}",
        b" \r\n{ 'success' : true , \"call_id\" : '155761' }\n",
        b'\xef\xbb\xbf{"success": true, "call_id": 155761}',
        b"<result>\n  <success>true</success>\n  <call_id>155761</call_id>\n</result>",
        b'<?xml version="1.0" encoding="ISO-8859-1"?><r><success>1</success><call_id>155761</call_id></r>',
    ],
)
@pytest.mark.parametrize("content_type", ["", "text/html"])
def test_a_queued_call_is_read_in_every_form(body: bytes, content_type: str) -> None:
    answer = queue_answer(body, content_type=content_type)
    assert answer == QueueAnswer(success=True, call_id="155761", link="", error="")


@pytest.mark.parametrize(
    ("header", "link"),
    [
        (LINK, LINK),
        (f"  {LINK} ", LINK),
        (f"<{LINK}>", LINK),
        (f'<{LINK}>; rel="status"', LINK),
        (f"{LINK}/", f"{LINK}/"),
    ],
)
def test_a_missing_call_id_is_taken_from_the_link(header: str, link: str) -> None:
    answer = queue_answer(b'{"success": true}', link=header)
    assert (answer.call_id, answer.link) == ("155761", link)


def test_the_body_s_call_id_goes_before_the_link_s() -> None:
    assert queue_answer(b'{"success": true, "call_id": 7}', link=LINK).call_id == "7"


@pytest.mark.parametrize(
    "header", ["", "https://insight.plumvoice.com/", "<>", "<", "call 12", "/12a", "/12\x1b[2J"]
)
def test_a_link_without_a_number_gives_no_call_id(header: str) -> None:
    assert queue_answer(b'{"success": true}', link=header).call_id == ""


@pytest.mark.parametrize(
    "call_id",
    ["null", "true", "false", '""', "-1", "1.5", '"12a"', '"١٢"', "[1]", '{"a": 1}', f'"{"9" * 31}"'],
)
def test_an_invalid_call_id_is_none(call_id: str) -> None:
    assert queue_answer(f'{{"success": true, "call_id": {call_id}}}'.encode()).call_id == ""


@pytest.mark.parametrize(
    "success", ["false", '"false"', "null", "0", '""', '"no"', "[true]", '{"true": true}', "2"]
)
def test_only_true_is_success(success: str) -> None:
    assert not queue_answer(f'{{"success": {success}, "call_id": 1}}'.encode()).success


def test_a_missing_success_is_none() -> None:
    assert not queue_answer(b'{"call_id": 1}').success


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            b"{'success':false,'error':'attempts can only be an integer between 1 and 10.'}",
            "attempts can only be an integer between 1 and 10.",
        ),
        (rb"{'success':false,'error':'it\'s \"wrong\" \\ here'}", 'it\'s "wrong" \\ here'),
        (b"{'error':'a: {b}, [c]'}", "a: {b}, [c]"),
        (b"<result><success>false</success><error>a &lt; b</error></result>", "a < b"),
        (b'{"error": ["a"]}', ""),
        (
            b'{"error": "two\\nlines\\u001b[2J and \\ud800 half a pair\\u0000"}',
            "two lines [2J and half a pair",
        ),
    ],
)
def test_the_api_s_own_words_are_read(body: bytes, error: str) -> None:
    assert queue_answer(body).error == error


def test_words_are_kept_short() -> None:
    assert len(error_text({}, json.dumps({"error": "x" * 10_000}).encode())) == 500
    assert len(error_text({}, b"x" * 10_000)) == 500


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[1]", b"true", b"{'a':1", b"{'a':can't}", b"<a", b"<<<%&", b"\x00"]
)
def test_a_body_that_is_not_an_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        queue_answer(body)


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY b "c">]><result><success>true</success><call_id>1</call_id></result>',
        b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://127.0.0.1/a"><result><success>true</success></result>',
    ],
)
def test_a_document_type_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableError, match="document type"):
        queue_answer(body)


def test_xml_is_read_as_xml_by_its_content_type() -> None:
    with pytest.raises(UnreadableError):
        read_queue_answer(XML, b'{"success": true}')


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["success", "call_id", "error", "call_details", "status", "events", "event", "timestamp"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())
PIECES = st.lists(
    st.sampled_from([*"{}[]:,'\"\\</>1\x00\xff", "item", "true", "<a>", "</a>", "<item>", "&#0;", "&b;"])
).map(lambda pieces: "".join(pieces).encode("latin-1"))
BODIES = st.binary(max_size=80) | JSON_LIKE | PIECES
CONTENT_TYPES = st.sampled_from(["", "application/json", "application/xml"])


Reader = Callable[[dict[str, str], bytes], object]
READERS = pytest.mark.parametrize("read", [read_queue_answer, read_call_details])


def read_or_give_up(read: Reader, body: bytes, headers: dict[str, str]) -> None:
    """Fails the test for every error but the one that readers promise."""
    error_text(headers, body).encode()
    with suppress(UnreadableError):
        read(headers, body)


@READERS
@settings(deadline=None)
@given(body=BODIES, content_type=CONTENT_TYPES, link=st.text(max_size=20))
def test_no_body_raises_anything_but_unreadable(
    read: Reader, body: bytes, content_type: str, link: str
) -> None:
    read_or_give_up(read, body, {"content-type": content_type, "link": link})


HOSTILE = {
    "endless lists": b"[" * 60_000,
    "nested records": b'{"success":' * 900 + b"1" + b"}" * 900,
    "a nested success": b'{"success":' + b"[" * 900 + b"]" * 900 + b"}",
    "nested elements": b"<a>" * 9_000 + b"</a>" * 9_000,
    "a number of many digits": b'{"success": true, "call_id":' + b"9" * 5_000 + b"}",
    "many backslashes": b"'" + b"\\" * 60_000,
    "UTF-16": "<a>1</a>".encode("utf-16"),
}


@READERS
@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_body_raises_anything_but_unreadable(read: Reader, name: str) -> None:
    read_or_give_up(read, HOSTILE[name], {})


@settings(deadline=None)
@given(st.binary(max_size=3_000))
def test_an_excerpt_is_short_printable_and_on_one_line(body: bytes) -> None:
    text = excerpt(body)
    assert len(text) <= 500
    assert text.isprintable()


DETAILS = CallDetails(
    status="completed",
    attempts=1,
    max_attempts=3,
    queued_timestamp=1430936353,
    last_attempt_timestamp=1430936360,
    start_timestamp=1430936300,
    end_timestamp=None,
    reattempt_wait=600,
    events=(
        CallEvent(event="queued", timestamp=1430936353),
        CallEvent(event="dialing", timestamp=1430936360),
    ),
)


@pytest.mark.parametrize(
    "body",
    [
        (
            b'{"success":true,"call_details":{"status":"completed","attempts":1,"max_attempts":3,'
            b'"queued_timestamp":1430936353,"last_attempt_timestamp":1430936360,"start_timestamp":1430936300,'
            b'"end_timestamp":null,"reattempt_wait":600,"events":[{"event":"queued","timestamp":1430936353},'
            b'{"event":"dialing","timestamp":1430936360}]}}'
        ),
        (
            b"{'success':true,'call_details':{'status':'completed','attempts':'1','max_attempts':'3',"
            b"'queued_timestamp':'1430936353','last_attempt_timestamp':'1430936360','start_Timestamp':'1430936300',"
            b"'end_timestamp':'','reattempt_wait':'600','events':[{'event':'queued','timestamp':'1430936353'},"
            b"{'event':'dialing','timestamp':'1430936360'}]}}"
        ),
        (
            b"<result><success>true</success><call_details><status>completed</status><attempts>1</attempts>"
            b"<max_attempts>3</max_attempts><queued_timestamp>1430936353</queued_timestamp>"
            b"<last_attempt_timestamp>1430936360</last_attempt_timestamp><start_timestamp>1430936300</start_timestamp>"
            b"<end_timestamp/><reattempt_wait>600</reattempt_wait><events>"
            b"<item><event>queued</event><timestamp>1430936353</timestamp></item>"
            b"<item><event>dialing</event><timestamp>1430936360</timestamp></item></events></call_details></result>"
        ),
    ],
)
def test_call_details_are_read_in_every_form(body: bytes) -> None:
    assert read_call_details({}, body) == DETAILS


def test_call_details_may_come_alone_and_hold_little() -> None:
    details = read_call_details({}, b'{"status": "queued"}')
    assert (details.status, details.attempts, details.events) == ("queued", None, ())


@pytest.mark.parametrize(
    "events",
    [
        '""',
        "null",
        "[]",
        '[{"event": "queued"}]',
        '[{"event": "queued", "timestamp": "soon"}]',
        '["queued"]',
        "7",
    ],
)
def test_events_that_make_no_sense_are_left_out(events: str) -> None:
    assert read_call_details({}, f'{{"status": "queued", "events": {events}}}'.encode()).events == ()


def test_a_single_event_in_xml_is_an_event() -> None:
    item = b"<item><event>queued</event><timestamp>5</timestamp></item>"
    body = b"<r><status>queued</status><events>" + item + b"</events></r>"
    assert read_call_details(XML, body).events == (CallEvent(event="queued", timestamp=5),)


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"call_details": []}', b'{"call_details": {"status": ""}}', b'{"success": true}', b"nonsense"],
)
def test_an_answer_without_call_details_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_call_details({}, body)
