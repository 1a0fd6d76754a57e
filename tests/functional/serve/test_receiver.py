"""Callbacks over real sockets: what is answered, and what is in the ledger then."""

import json
import random
import threading
import time

import pytest
from ledger_values import begin, claim_all, rows, states
from planned_calls import NOW, call, calls, phone
from receivers import TOKENS, CountedTokens, callback, exchange, exchange_all, http, receiving, token

from runner.calls import CallState
from runner.ledger.claim import AttemptResult
from runner.results.receiver import MOST_BYTES
from runner.results.token import Attempt, Tokens

COMPLETED = b"status=completed&attempts=1&events[0][event]=dialing&events[0][timestamp]=1796166310"
FAILED = b"status=failed&attempts=3"


def queued(ledger, count):
    _, queue = begin(ledger, *calls(count))
    claims = claim_all(queue, most=count)
    ends = [AttemptResult(state=CallState.QUEUED, call_id=str(claim.call)) for claim in claims]
    queue.finish_together(list(zip(claims, ends, strict=True)), NOW)
    return claims


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", COMPLETED),
        ("application/json", json.dumps({"status": "completed", "attempts": "1"}).encode()),
        ("text/xml", b"<call_details><status>completed</status></call_details>"),
        ("", COMPLETED),
    ],
)
def test_a_callback_is_answered_when_its_result_is_in_the_ledger(ledger, content_type, body):
    (claim,) = queued(ledger, 1)
    with receiving(ledger) as port:
        assert exchange_all(port, [callback(claim, body, content_type=content_type)]) == [200]
        assert states(ledger) == {"c0": "completed"}
    assert rows(ledger, "SELECT source FROM results") == [{"source": "callback"}]


def test_a_get_of_a_known_token_is_answered_and_says_nothing_of_the_call(ledger):
    _, queue = begin(ledger, call("c0", phone(0)))
    (claim,) = claim_all(queue)
    queue.finish(claim, AttemptResult(state=CallState.UNCERTAIN), NOW)
    with receiving(ledger) as port:
        assert exchange_all(port, [http("GET", f"/results/{token(claim)}")]) == [200]
    assert states(ledger) == {"c0": "uncertain"}
    assert rows(ledger, "SELECT * FROM evidence") == []


def test_everything_else_gets_the_same_404(ledger):
    (claim,) = queued(ledger, 1)
    known = token(claim)
    other_ledger = Tokens(b"a privacy key of the tests", "another-ledger").token(Attempt(claim.call, 1))
    paths = ["/", "/results", "/results/", "/results/x", f"/results/{known}x", f"/results/{known}/"]
    paths += [
        f"/results/{known.upper()}",
        f"/{known}",
        f"/results/{other_ledger}",
        "/docs",
        "/%00",
        "/results/%C3%A9",
    ]
    strange = [http("POST", path, COMPLETED) for path in paths]
    strange += [http(method, f"/results/{known}", FAILED) for method in ("PUT", "DELETE", "PATCH", "OPTIONS")]
    strange.append(http("POST", f"/results/{TOKENS.token(Attempt(4711, 1))}", COMPLETED))
    strange.append(callback(claim, b"status=completed&x=" + b"x" * MOST_BYTES))
    with receiving(ledger) as port:
        answers = {exchange(port, request) for request in strange}
        assert len({answer.replace(b"\r\nconnection: close", b"") for answer in answers}) == 1
        assert answers.pop().startswith(b"HTTP/1.1 404 ")
    assert states(ledger) == {"c0": "queued"}
    assert rows(ledger, "SELECT * FROM evidence") == []


def test_a_body_as_long_as_allowed_is_read(ledger):
    (claim,) = queued(ledger, 1)
    body = COMPLETED + b"&x="
    with receiving(ledger) as port:
        assert exchange_all(port, [callback(claim, body + b"x" * (MOST_BYTES - len(body)))]) == [200]
    assert states(ledger) == {"c0": "completed"}


def test_garbage_for_a_known_token_is_kept_for_people_within_bounds(ledger):
    (claim,) = queued(ledger, 1)
    generator = random.Random(7)
    garbage = [generator.randbytes(3_000) for _ in range(60)]
    with receiving(ledger) as port:
        assert set(exchange_all(port, [callback(claim, body) for body in garbage])) == {200}
        assert states(ledger) == {"c0": "queued"}
        assert exchange_all(port, [callback(claim, FAILED)]) == [200]
    assert states(ledger) == {"c0": "failed"}
    (kept,) = rows(ledger, "SELECT count(*) AS n, max(length(excerpt)) AS longest FROM evidence")
    assert kept["n"] == 20
    assert kept["longest"] <= 2_048


def test_forged_callbacks_change_nothing_and_need_no_ledger(ledger):
    (claim,) = queued(ledger, 1)
    known = token(claim)
    generator = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    forged = {
        known[:place] + letter + known[place + 1 :]
        for place in generator.sample(range(len(known)), 20)
        for letter in generator.sample(letters, 5)
    } - {known}
    with receiving(ledger) as port, ledger.engine.begin():
        # The ledger is locked: a request that needed it would wait.
        statuses = exchange_all(port, [http("POST", f"/results/{each}", COMPLETED) for each in forged])
    assert set(statuses) == {404}
    assert states(ledger) == {"c0": "queued"}


def test_a_token_counts_for_its_own_call_alone(ledger):
    one, other = queued(ledger, 2)
    with receiving(ledger) as port:
        body = COMPLETED + f"&call_id={other.call}&phone_number={other.phone}".encode()
        assert exchange_all(port, [callback(one, body)]) == [200]
    assert states(ledger) == {"c0": "completed", "c1": "queued"}


def test_callbacks_in_any_order_and_number_lead_to_one_result(ledger):
    claims = queued(ledger, 30)
    requests = [
        callback(claim, body) for claim in claims for body in (FAILED, COMPLETED, FAILED, b"status=queued")
    ]
    random.Random(7).shuffle(requests)
    with receiving(ledger) as port:
        assert set(exchange_all(port, requests, connections=8)) == {200}
    assert set(states(ledger).values()) == {"completed"}


def test_a_burst_of_5000_callbacks_is_taken_without_loss(ledger):
    claims = queued(ledger, 5_000)
    requests = [callback(claim, COMPLETED if claim.call % 3 else FAILED) for claim in claims]
    with receiving(ledger) as port:
        statuses = exchange_all(port, requests, connections=400)
    assert statuses == [200] * 5_000
    found = rows(ledger, "SELECT state, count(*) AS n FROM calls GROUP BY state ORDER BY state")
    expected = sum(1 for claim in claims if claim.call % 3)
    assert [tuple(row.values()) for row in found] == [("completed", expected), ("failed", 5_000 - expected)]
    assert rows(ledger, "SELECT count(*) AS n FROM results") == [{"n": 5_000}]


def test_two_receivers_share_a_ledger_on_postgresql(postgres_ledgers):
    one, other = postgres_ledgers
    claims = queued(one, 300)
    requests = [callback(claim, FAILED) for claim in claims]
    shuffled = random.Random(7).sample(requests, len(requests))
    with receiving(one) as first, receiving(other) as second:
        answers = []
        threads = [
            threading.Thread(target=lambda p=port, r=some: answers.extend(exchange_all(p, r, 10)))
            for port, some in ((first, requests), (second, shuffled))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * 600
    assert set(states(one).values()) == {"failed"}
    assert rows(one, "SELECT count(*) AS n FROM results") == [{"n": 300}]


def test_what_is_under_way_is_recorded_and_answered_when_the_receiver_is_stopped(ledger):
    claims = queued(ledger, 20)
    answers, tokens = [], CountedTokens()
    requests = [callback(claim, FAILED) for claim in claims]
    # While the ledger is locked nothing is committed, and all of them wait.
    with receiving(ledger, tokens) as port, ledger.engine.begin():
        client = threading.Thread(target=lambda: answers.extend(exchange_all(port, requests, 20)))
        client.start()
        until = time.monotonic() + 30
        while tokens.looked_at < 20 and time.monotonic() < until:
            time.sleep(0.01)
    client.join()
    assert answers == [200] * 20
    assert set(states(ledger).values()) == {"failed"}
