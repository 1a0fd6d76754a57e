"""Connections that come to nothing end, and none that waits for its answer does."""

import socket
import threading
import time

import pytest
from ledger_values import begin, claim_all, states
from planned_calls import NOW, calls
from private_sites import private_site
from receivers import callback, exchange_all, http, receiving

from runner.calls import CallState
from runner.ledger.claim import AttemptResult
from runner.serve import listening, strangers
from runner.serve import receiving as receiving_module

PATIENCE_SECONDS = 20


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(listening, "_HEAD_SECONDS", 0.5)


@pytest.fixture
def port(ledger):
    with receiving(ledger) as port:
        yield port


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)


def trickle(connection, byte):
    """Sends a byte again and again until the other side ends the connection."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            connection.sendall(byte)
        except OSError:
            return True
        time.sleep(0.05)
    return False


def is_ended(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_connection_without_a_request_is_ended(port):
    with connect(port) as connection:
        assert is_ended(connection)


@pytest.mark.parametrize("before", [b"", http("GET", "/nothing")], ids=["first", "second"])
def test_a_head_that_comes_too_slowly_is_ended(port, before):
    with connect(port) as connection:
        connection.sendall(before + b"GET / HTTP/1.1\r\nHost: here\r\nX: ")
        assert trickle(connection, b"x")


def test_the_rest_of_a_request_that_was_answered_is_not_waited_for(port):
    with connect(port) as connection:
        connection.sendall(b"POST /nothing HTTP/1.1\r\nHost: here\r\nContent-Length: 9999999\r\n\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 404 ")
        assert trickle(connection, b"x")


def test_a_callback_that_waits_for_the_ledger_is_not_ended(ledger, port):
    _, queue = begin(ledger, *calls(1))
    (claim,) = claim_all(queue)
    queue.finish(claim, AttemptResult(state=CallState.QUEUED, call_id="1"), NOW)
    answers = []
    with ledger.engine.begin():
        request = callback(claim, b"status=failed&attempts=1")
        client = threading.Thread(target=lambda: answers.extend(exchange_all(port, [request])))
        client.start()
        time.sleep(1.2)
    client.join()
    assert answers == [200]
    assert states(ledger) == {"c0": "failed"}


def test_connections_beyond_the_most_are_ended_at_once(ledger, monkeypatch):
    monkeypatch.setattr(listening, "_HEAD_SECONDS", PATIENCE_SECONDS * 2)
    monkeypatch.setattr(receiving_module, "_MOST_CONNECTIONS", 3)
    with receiving(ledger) as port:
        taken = [connect(port) for _ in range(3)]
        with connect(port) as fourth:
            assert is_ended(fourth)
        for connection in taken:
            connection.sendall(http("GET", "/nothing", headers="Connection: close\r\n"))
            assert connection.recv(100).startswith(b"HTTP/1.1 404 ")
            connection.close()


def test_who_guesses_tokens_needs_a_connection_for_each(ledger, monkeypatch):
    monkeypatch.setattr(strangers, "_BURST", 3)
    with receiving(ledger) as port, connect(port) as connection:
        answers = b""
        for _ in range(4):
            connection.sendall(http("GET", "/results/guessed"))
            answers += connection.recv(1_000)
        assert answers.count(b"HTTP/1.1 404 ") == 4
        assert answers.count(b"connection: close") == 1
        assert is_ended(connection)


def test_a_private_address_answers_so_many_requests_of_one_address(ledger, monkeypatch):
    monkeypatch.setattr("runner.serve.gate._PER_ADDRESS", (1, 3))
    with private_site(ledger) as site:
        statuses = [site.ask("/api/campaigns") for _ in range(4)]
    assert [answer.status for answer in statuses] == [200, 200, 200, 429]
    assert int(statuses[-1].headers["retry-after"]) >= 1
