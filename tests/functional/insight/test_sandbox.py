"""The sandbox as a server: its addresses, its answers and its faults, asked for over a socket."""

import asyncio
import base64
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest

from runner.calls import CallRequest
from runner.insight.answers import read_call_details
from runner.insight.client import InsightClient
from runner.insight.outcome import Accepted, CampaignBlocked, NotSent, Outcome, Refused, Uncertain, classify
from runner.insight.protocol import queue_request
from runner.insight.sandbox import Sandbox, parse_fault, running_sandbox

NOW = 1_796_166_000
QUEUE = "/api/surveys/1001/2002/queue"
FORM = "application/x-www-form-urlencoded"
EVERYTHING = {
    "phone_number": "tel:+16175551234;ani=2125551234;postd=2",
    "start_timestamp": str(NOW + 100),
    "end_timestamp": str(NOW + 5000),
    "max_attempts": "3",
    "reattempt_wait": "60",
    "metadata[first_name]": "Ann O'Neil & Söhne",
    "metadata[note]": "",
    "result_url": "https://hooks.example.org/insight?token=a",
}


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)


def basic(username: str = "me@example.org", key: str = "any-key") -> str:
    return "Basic " + base64.b64encode(f"{username}:{key}".encode()).decode()


def ask(  # one request, each part of which a test may want to get wrong
    sandbox: Sandbox,
    method: str,
    path: str,
    *,
    body: str | bytes | None = None,
    content_type: str = FORM,
    accept: str = "application/json",
    authorization: str | None = None,
) -> Reply:
    address = urlsplit(sandbox.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    headers = {"Accept": accept, "Content-Type": content_type}
    headers["Authorization"] = basic() if authorization is None else authorization
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def queue(sandbox: Sandbox, fields: dict[str, str] | None = None) -> int:
    """Queues a call and returns its call_id."""
    fields = fields or {"phone_number": "6175551234"}
    reply = ask(sandbox, "POST", QUEUE, body=urlencode(fields))
    assert reply.status == 200, reply.body
    call_id: int = reply.json()["call_id"]
    return call_id


def details(sandbox: Sandbox, call_id: int):
    return ask(sandbox, "GET", f"/api/outbound/{call_id}").json()["call_details"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    with running_sandbox(now=clock) as running:
        yield running


# Queueing


def test_a_call_with_every_field_is_queued_and_kept_as_it_came(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "POST", QUEUE, body=urlencode(EVERYTHING))
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    call_id = reply.json()["call_id"]
    assert reply.json() == {"success": True, "call_id": call_id}
    assert reply.headers["Link"] == f"{sandbox.base_url}/outbound/{call_id}"
    assert sandbox.calls() == [
        {
            "call_id": call_id,
            "received_at": NOW,
            "survey_id": "1001",
            "instance_id": "2002",
            "username": "me@example.org",
            "status": "completed",
            "ends_at": NOW + 170,
            "dialled_at": [NOW + 100],
            "dials": ["answered"],
            "delivery": "on_time",
            "callbacks": [],
            "phone_number": "tel:+16175551234;ani=2125551234;postd=2",
            "start_timestamp": str(NOW + 100),
            "end_timestamp": str(NOW + 5000),
            "max_attempts": "3",
            "reattempt_wait": "60",
            "metadata": {"first_name": "Ann O'Neil & Söhne", "note": ""},
            "result_url": "https://hooks.example.org/insight?token=a",
        }
    ]


def test_a_call_is_queued_in_xml(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "POST", QUEUE, body=urlencode(EVERYTHING), accept="application/xml")
    assert reply.headers["Content-Type"] == "application/xml"
    root = ET.fromstring(reply.body)
    assert [(child.tag, child.text) for child in root] == [
        ("success", "true"),
        ("call_id", str(sandbox.calls()[0]["call_id"])),
    ]


@pytest.mark.parametrize("accept", ["", "*/*", "text/html"])
def test_any_other_accept_header_gets_json(sandbox: Sandbox, accept: str) -> None:
    assert (
        ask(sandbox, "POST", QUEUE, body="phone_number=6175551234", accept=accept).json()["success"] is True
    )


def test_a_content_type_with_a_charset_is_a_form_too(sandbox: Sandbox) -> None:
    reply = ask(
        sandbox, "POST", QUEUE, body="phone_number=6175551234", content_type=f"{FORM.upper()}; charset=UTF-8"
    )
    assert reply.status == 200


@pytest.mark.parametrize("accept", ["application/json", "application/xml"])
@pytest.mark.parametrize(
    ("status", "wrong"),
    [
        (400, {"body": "phone_number=1"}),
        (401, {"authorization": ""}),
        (401, {"authorization": "Bearer abc"}),
        (401, {"authorization": "Basic !!!"}),
        (401, {"authorization": "Basic \xe9"}),
        (401, {"authorization": basic(key="")}),
        (401, {"authorization": basic(username="")}),
        (405, {"method": "GET"}),
        (405, {"method": "PUT"}),
        (405, {"method": "DELETE"}),
        (415, {"content_type": "application/json"}),
        (415, {"content_type": "multipart/form-data; boundary=a"}),
        (415, {"content_type": ""}),
    ],
)
def test_each_wrong_request_is_refused_and_queues_nothing(
    sandbox: Sandbox, status: int, wrong: dict[str, str], accept: str
) -> None:
    request = {"method": "POST", "path": QUEUE, "body": "phone_number=6175551234", "accept": accept} | wrong
    reply = ask(sandbox, **request)
    assert reply.status == status
    assert reply.headers["Content-Type"] == accept
    if accept == "application/xml":
        root = ET.fromstring(reply.body)
        success, error = root.findtext("success"), root.findtext("error")
    else:
        success, error = str(reply.json()["success"]).lower(), reply.json()["error"]
    assert success == "false"
    assert error
    assert sandbox.calls() == []


def test_too_many_attempts_are_refused_in_the_documentation_s_words(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "POST", QUEUE, body="phone_number=6175551234&max_attempts=11&reattempt_wait=60")
    assert reply.status == 400
    assert reply.json()["error"] == "attempts can only be an integer between 1 and 10."


def test_an_address_that_does_not_exist_is_not_found(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", "/api/nothing").status == 404


# Asking and cancelling


def test_call_details_have_every_documented_field(sandbox: Sandbox, clock: Clock) -> None:
    call_id = queue(sandbox, EVERYTHING)
    assert details(sandbox, call_id) == {
        "status": "queued",
        "attempts": 0,
        "max_attempts": 3,
        "queued_timestamp": NOW,
        "last_attempt_timestamp": None,
        "start_timestamp": NOW + 100,
        "end_timestamp": NOW + 5000,
        "reattempt_wait": 60,
        "events": [{"event": "queued", "timestamp": NOW}],
    }
    clock.now = NOW + 100
    ringing = details(sandbox, call_id)
    assert (ringing["status"], ringing["attempts"], ringing["last_attempt_timestamp"]) == (
        "dialing",
        1,
        NOW + 100,
    )


def test_call_details_in_xml_nest_events_as_documented(sandbox: Sandbox) -> None:
    call_id = queue(sandbox)
    root = ET.fromstring(ask(sandbox, "GET", f"/api/outbound/{call_id}", accept="application/xml").body)
    assert root.findtext("call_details/events/item/event") == "queued"
    assert root.findtext("call_details/events/item/timestamp") == str(NOW)


@pytest.mark.parametrize("accept", ["json", "xml"])
def test_the_client_reads_the_sandbox_s_details(sandbox: Sandbox, clock: Clock, accept) -> None:
    call_id = queue(sandbox, EVERYTHING)
    clock.now = NOW + 4000

    async def run():
        account = {"username": "me@example.org", "developer_key": "any-key"}
        async with InsightClient(base_url=sandbox.base_url, accept=accept, **account) as insight:
            return await insight.call_details(str(call_id)), await insight.responses("1001", "2002")

    exchange, responses = asyncio.run(run())
    found = read_call_details(exchange.headers, exchange.body)
    assert found.status == details(sandbox, call_id)["status"]
    assert (found.max_attempts, found.queued_timestamp, found.reattempt_wait) == (3, NOW, 60)
    assert [event.event for event in found.events][:2] == ["queued", "dialing"]
    assert responses.date == NOW + 4000


@pytest.mark.parametrize("call_id", ["1", "0", "-1", "abc", "%C2%B2", "9" * 40])
def test_an_unknown_call_is_not_found(sandbox: Sandbox, call_id: str) -> None:
    queue(sandbox)
    assert ask(sandbox, "GET", f"/api/outbound/{call_id}").status == 404


def test_cancelling_says_202_and_ends_every_pending_call_of_that_instance_only(
    sandbox: Sandbox, clock: Clock
) -> None:
    fields = {"phone_number": "6175551234", "start_timestamp": str(NOW + 100)}
    pending = [queue(sandbox, fields) for _ in range(2)]
    elsewhere = ask(sandbox, "POST", "/api/surveys/1001/3003/queue", body=urlencode(fields)).json()["call_id"]
    reply = ask(sandbox, "DELETE", "/api/surveys/1001/2002/cancel")
    assert (reply.status, reply.body) == (202, b"")
    clock.now = NOW + 9000
    assert [details(sandbox, call_id)["status"] for call_id in pending] == ["canceled", "canceled"]
    assert details(sandbox, pending[0])["events"][-1] == {"event": "canceled", "timestamp": NOW}
    assert details(sandbox, elsewhere)["status"] == "completed"


def test_a_call_that_has_ended_is_not_cancelled(sandbox: Sandbox, clock: Clock) -> None:
    call_id = queue(sandbox)
    clock.now = NOW + 1000
    ask(sandbox, "DELETE", "/api/surveys/1001/2002/cancel")
    assert details(sandbox, call_id)["status"] == "completed"


def test_cancelling_takes_delete_only(sandbox: Sandbox) -> None:
    assert ask(sandbox, "POST", "/api/surveys/1001/2002/cancel").status == 405


def test_responses_count_the_completed_calls(sandbox: Sandbox, clock: Clock) -> None:
    path = "/api/surveys/1001/2002/responses"
    for _ in range(3):
        queue(sandbox)
    assert ask(sandbox, "GET", path).json() == {"success": True, "responses": 0}
    clock.now = NOW + 1000
    assert ask(sandbox, "GET", path).json() == {"success": True, "responses": 3}
    assert ask(sandbox, "POST", path).status == 405


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", QUEUE),
        ("GET", "/api/surveys/1001/2002/responses"),
        ("DELETE", "/api/surveys/1001/2002/cancel"),
        ("GET", "/api/outbound/1"),
    ],
)
def test_every_answer_is_dated_by_the_sandbox_s_clock(
    sandbox: Sandbox, clock: Clock, method: str, path: str
) -> None:
    clock.now = 1_430_936_353
    assert ask(sandbox, method, path).headers.get_all("Date") == ["Wed, 06 May 2015 18:19:13 GMT"]


# What it shows of itself


def test_calls_and_requests_can_be_looked_at(sandbox: Sandbox) -> None:
    queue(sandbox, EVERYTHING)
    ask(sandbox, "POST", QUEUE, body="phone_number=1")
    ask(sandbox, "GET", QUEUE)
    assert ask(sandbox, "GET", "/_sandbox/calls", authorization="").json() == sandbox.calls()
    assert ask(sandbox, "GET", "/_sandbox/requests").json() == {"statuses": [200, 400, 405]}


# Faults


FAULTS: list[tuple[str, type[Outcome] | UnionType, int, int | None]] = [
    # The fault, what the client makes of it, the calls queued, the status noted.
    ("400", Refused, 0, 400),
    *((str(status), CampaignBlocked, 0, status) for status in (401, 403, 404, 405, 409, 415)),
    *((str(status), Uncertain, 0, status) for status in (429, 500, 503)),
    # Whether the connection ends before or after the client uses it is up to the system.
    ("refuse", NotSent | Uncertain, 0, None),
    ("reset-before", Uncertain, 0, 0),
    ("reset-after", Uncertain, 1, 0),
    ("hang-before", Uncertain, 0, 0),
    ("hang", Uncertain, 1, 0),
    ("drip", Uncertain, 1, 200),
    ("garbage", Uncertain, 1, 200),
    ("slow:0.01", Accepted, 1, 200),
    ("redirect", Uncertain, 0, 307),
    ("500-after", Uncertain, 1, 500),
]


def outcome_of_queueing(sandbox: Sandbox, *, deadline: float, accept="json") -> Outcome:
    call = CallRequest(
        phone_number="tel:+16175551234", max_attempts=1, reattempt_wait=None, metadata={}, result_url=""
    )
    request = queue_request(
        survey_id="1001",
        instance_id="2002",
        call=call,
        start_timestamp=NOW + 100,
        end_timestamp=NOW + 200,
        accept=accept,
    )

    async def run() -> Outcome:
        async with InsightClient(
            base_url=sandbox.base_url, username="me@example.org", developer_key="any-key", deadline=deadline
        ) as insight:
            return classify(await insight.post(request, before_send=lambda: None))

    return asyncio.run(run())


@pytest.mark.parametrize("way", ["from the start", "by the control address"])
@pytest.mark.parametrize(("spec", "kind", "queued", "status"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_each_fault_does_what_it_says_once_and_then_all_is_well(  # one row of the table, both ways
    way: str,
    spec: str,
    kind: type[Outcome] | UnionType,
    queued: int,
    status: int | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    at_start = [parse_fault(f"{spec}*1")] if way == "from the start" else []
    with running_sandbox(now=Clock(), faults=at_start) as sandbox:
        if not at_start:
            body = json.dumps({"faults": [f"{spec}*1"]})
            assert ask(sandbox, "POST", "/_sandbox/faults", body=body, authorization="").status == 204
        deadline = 0.5 if spec in {"hang", "hang-before", "drip"} else 10
        outcome = outcome_of_queueing(sandbox, deadline=deadline)
        assert isinstance(outcome, kind), outcome
        assert len(sandbox.calls()) == queued
        assert isinstance(outcome_of_queueing(sandbox, deadline=10), Accepted)
        assert sandbox.store.statuses == [*([] if status is None else [status]), 200]
    assert caplog.messages == []


@pytest.mark.parametrize("spec", ["400", "409", "garbage", "500-after"])
def test_faults_answer_in_xml_too(spec: str) -> None:
    expected = {"400": Refused, "409": CampaignBlocked, "garbage": Uncertain, "500-after": Uncertain}
    with running_sandbox(now=Clock(), faults=[parse_fault(spec)]) as sandbox:
        assert type(outcome_of_queueing(sandbox, deadline=10, accept="xml")) is expected[spec]


def test_a_fault_that_queues_first_still_refuses_what_is_wrong() -> None:
    with running_sandbox(faults=[parse_fault("500-after")]) as sandbox:
        assert ask(sandbox, "POST", QUEUE, body="phone_number=1").status == 400
        assert sandbox.calls() == []


def test_faults_are_for_queueing_only_and_can_be_cleared(sandbox: Sandbox) -> None:
    ask(sandbox, "POST", "/_sandbox/faults", body=json.dumps({"faults": ["500", "400"]}))
    assert ask(sandbox, "GET", "/api/surveys/1001/2002/responses").status == 200
    assert ask(sandbox, "POST", QUEUE, body="phone_number=6175551234").status == 500
    assert ask(sandbox, "DELETE", "/_sandbox/faults").status == 204
    assert ask(sandbox, "POST", QUEUE, body="phone_number=6175551234").status == 200


@pytest.mark.parametrize(
    "body",
    ["", "nonsense", "[]", "{}", '{"faults": 5}', '{"faults": ["explode"]}', '{"faults": "500"}', b"\xff"],
)
def test_faults_that_make_no_sense_are_refused_and_change_nothing(
    sandbox: Sandbox, body: str | bytes
) -> None:
    ask(sandbox, "POST", "/_sandbox/faults", body=json.dumps({"faults": ["429"]}))
    reply = ask(sandbox, "POST", "/_sandbox/faults", body=body)
    assert reply.status == 400
    assert reply.json()["error"]
    assert ask(sandbox, "POST", QUEUE, body="phone_number=6175551234").status == 429


# Beginning and ending


@pytest.mark.parametrize("spec", ["hang-before", "slow:60", "drip"])
def test_the_sandbox_ends_at_once_and_quietly_while_a_request_is_unanswered(
    spec: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running_sandbox(now=Clock(), faults=[parse_fault(spec)]) as sandbox, socket.socket() as connection:
        address = urlsplit(sandbox.base_url)
        connection.connect((address.hostname, address.port))
        connection.settimeout(10)
        body = b"phone_number=6175551234"
        head = f"POST {QUEUE} HTTP/1.1\r\nHost: a\r\nAuthorization: {basic()}\r\nContent-Type: {FORM}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        # An answered request on another connection shows that this one has been read.
        assert ask(sandbox, "GET", "/api/surveys/1001/2002/responses").status == 200
    assert not [thread for thread in threading.enumerate() if thread.name == "sandbox"]
    assert caplog.messages == []


def test_two_sandboxes_can_run_side_by_side() -> None:
    with running_sandbox() as first, running_sandbox() as second:
        queue(first)
        assert (len(first.calls()), len(second.calls())) == (1, 0)


def test_many_calls_at_once_are_each_kept_once(sandbox: Sandbox) -> None:
    threads = [threading.Thread(target=queue, args=(sandbox,)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({call["call_id"] for call in sandbox.calls()}) == 40
