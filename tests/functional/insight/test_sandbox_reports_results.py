"""The sandbox tells result_url, on loopback only, how a call ended."""

import base64
import http.server
import queue
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode

import pytest

from runner.insight.sandbox import Sandbox, running_sandbox

PATIENCE_SECONDS = 20
NOON = 1_796_126_400
ACCOUNT = {"Authorization": "Basic " + base64.b64encode(b"me@example.org:any-key").decode()}


@dataclass
class Receiver:
    url: str
    posts: "queue.Queue[tuple[str, dict[str, list[str]]]]" = field(default_factory=queue.Queue)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            found.posts.put((self.path, parse_qs(body.decode(), keep_blank_values=True)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Receiver(f"http://127.0.0.1:{server.server_port}/results")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


class Clock:
    def __init__(self) -> None:
        self.time = float(NOON)

    def __call__(self) -> float:
        return self.time


def ask(method: str, url: str, **fields: str) -> None:
    request = urllib.request.Request(
        url, method=method, data=urlencode(fields).encode() or None, headers=ACCOUNT
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):
        pass


def queue_call(api: Sandbox, result_url: str) -> None:
    ask(
        "POST",
        f"{api.base_url}/surveys/1/2/queue",
        phone_number="6175551234",
        start_timestamp=str(NOON + 60),
        end_timestamp=str(NOON + 3600),
        result_url=result_url,
    )


def wait_until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(PATIENCE_SECONDS * 20):
        if condition():
            return
        waiting.wait(0.05)
    pytest.fail("it did not happen")


def test_a_call_that_ended_is_reported_once_with_the_fields_of_call_details(receiver: Receiver) -> None:
    clock = Clock()
    with running_sandbox(now=clock) as api:
        queue_call(api, f"{receiver.url}?token=t%2F1")
        clock.time += 3600
        path, form = receiver.posts.get(timeout=PATIENCE_SECONDS)
        wait_until(lambda: api.calls()[0]["reported"] == "answered 200")
    assert path == "/results?token=t%2F1"
    assert form["status"] == ["completed"]
    assert (form["attempts"], form["max_attempts"]) == (["1"], ["1"])
    assert form["start_timestamp"] == [str(NOON + 60)]
    assert form["last_attempt_timestamp"] == [str(NOON + 60)]
    assert [form[f"events[{index}][event]"] for index in range(4)] == [
        ["queued"],
        ["dialing"],
        ["connected"],
        ["disconnected"],
    ]
    assert not any("phone" in name or "call_id" in name for name in form)
    assert receiver.posts.empty()


def test_a_cancelled_call_is_reported_once(receiver: Receiver) -> None:
    clock = Clock()
    with running_sandbox(now=clock) as api:
        queue_call(api, receiver.url)
        ask("DELETE", f"{api.base_url}/surveys/1/2/cancel")
        _, form = receiver.posts.get(timeout=PATIENCE_SECONDS)
        clock.time += 7200
        # A later call's report shows that the sandbox has looked again since.
        ask("POST", f"{api.base_url}/surveys/1/2/queue", phone_number="6175551235", result_url=receiver.url)
        clock.time += 7200
        _, later = receiver.posts.get(timeout=PATIENCE_SECONDS)
    assert (form["status"], form["attempts"]) == (["canceled"], ["0"])
    assert later["status"] == ["completed"]
    assert receiver.posts.empty()


@pytest.mark.parametrize(
    ("result_url", "reported"),
    [
        ("https://hooks.example.org/insight", "not sent: not loopback"),
        ("http://192.0.2.1/results", "not sent: not loopback"),
        ("http://127.0.0.1.example.org/results", "not sent: not loopback"),
        ("https://localhost/results", "not sent: the sandbox reports over plain http only"),
        ("http://127.0.0.1:1/ré sults", "failed"),
        ("http://127.0.0.1:1/results", "failed"),
    ],
)
def test_what_cannot_be_reported_is_noted_and_later_calls_still_are(
    receiver: Receiver, result_url: str, reported: str
) -> None:
    clock = Clock()
    with running_sandbox(now=clock) as api:
        queue_call(api, result_url)
        queue_call(api, receiver.url)
        clock.time += 3600
        receiver.posts.get(timeout=PATIENCE_SECONDS)
        assert api.calls()[0]["reported"].startswith(reported)
