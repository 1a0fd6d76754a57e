"""The sandbox tells result_url, on loopback only, how a call ended."""

import asyncio
import base64
import http.server
import queue
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode

import pytest

from runner.insight.sandbox import Behavior, Sandbox, parse_callbacks, parse_outcomes, running_sandbox

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


def answers(api: Sandbox, call: int = 0) -> list[str]:
    return [callback["answer"] for callback in api.calls()[call]["callbacks"]]


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
        wait_until(lambda: answers(api) == ["answered 200"])
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
    ("result_url", "answer"),
    [
        ("https://hooks.example.org/insight", "not sent: not loopback"),
        ("http://192.0.2.1/results", "not sent: not loopback"),
        ("http://127.0.0.1.example.org/results", "not sent: not loopback"),
        ("https://localhost/results", "not sent: the sandbox speaks plain http only"),
        ("http://127.0.0.1:1/ré sults", "failed"),
        ("http://127.0.0.1:1/results", "failed"),
    ],
)
def test_what_cannot_be_reported_is_noted_and_later_calls_still_are(
    receiver: Receiver, result_url: str, answer: str
) -> None:
    clock = Clock()
    with running_sandbox(now=clock) as api:
        queue_call(api, result_url)
        queue_call(api, receiver.url)
        clock.time += 3600
        receiver.posts.get(timeout=PATIENCE_SECONDS)
        wait_until(lambda: [found.startswith(answer) for found in answers(api)] == [True])


@pytest.mark.parametrize(("delivery", "posts"), [("lost", 0), ("doubled", 2)])
def test_a_lost_callback_is_never_sent_and_a_doubled_one_twice(
    receiver: Receiver, delivery: str, posts: int
) -> None:
    clock = Clock()
    behavior = Behavior(callbacks=parse_callbacks(f"{delivery}=100%"))
    with running_sandbox(now=clock, behavior=behavior) as api:
        queue_call(api, receiver.url)
        clock.time += 3600
        asyncio.run(api.deliver_callbacks())
        assert receiver.posts.qsize() == posts
        assert answers(api) == ["answered 200"] * posts
        assert api.calls()[0]["delivery"] == delivery


def test_a_late_callback_is_sent_when_it_is_due(receiver: Receiver) -> None:
    clock = Clock()
    with running_sandbox(now=clock, behavior=Behavior(callbacks=parse_callbacks("late:600=100%"))) as api:
        queue_call(api, receiver.url)
        ends_at = api.calls()[0]["ends_at"]
        clock.time = ends_at
        assert asyncio.run(api.deliver_callbacks()) == ends_at + 600
        assert answers(api) == []
        clock.time = ends_at + 600
        assert asyncio.run(api.deliver_callbacks()) is None
        assert answers(api) == ["answered 200"]


def test_the_books_tell_what_each_dial_met_and_how_the_call_ended(receiver: Receiver) -> None:
    clock = Clock()
    busy = Behavior(outcomes=parse_outcomes("busy=100%"))
    with running_sandbox(now=clock, behavior=busy) as api:
        ask(
            "POST",
            f"{api.base_url}/surveys/1/2/queue",
            phone_number="6175551234",
            start_timestamp=str(NOON + 60),
            end_timestamp=str(NOON + 900),
            max_attempts="3",
            reattempt_wait="600",
            result_url=receiver.url,
        )
        clock.time += 3600
        asyncio.run(api.deliver_callbacks())
        (call,) = api.calls()
    assert (call["status"], call["ends_at"]) == ("failed", NOON + 670)
    assert (call["dials"], call["dialled_at"]) == (["busy", "busy"], [NOON + 60, NOON + 665])
    assert [(sent["sent_at"], sent["answer"]) for sent in call["callbacks"]] == [
        (NOON + 3600, "answered 200")
    ]


def test_an_earlier_callback_is_announced(receiver: Receiver) -> None:
    clock, heard = Clock(), queue.Queue()
    with running_sandbox(now=clock) as api:
        api.store.on_earlier_callback.append(lambda: heard.put(api.store.next_callback_at()))
        for start in (600, 900, 300):
            ask(
                "POST",
                f"{api.base_url}/surveys/1/2/queue",
                phone_number="6175551234",
                start_timestamp=str(NOON + start),
                result_url=receiver.url,
            )
    assert [heard.get() for _ in range(heard.qsize())] == [NOON + 670, NOON + 370]
