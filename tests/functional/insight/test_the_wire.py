"""What the client makes of every way an exchange can go, over real sockets; and that it never sends twice."""

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
import tracemalloc
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import pytest
from wire_server import PATIENCE_SECONDS, Behaviour, Connection, WireServer, answer

from runner.calls import CallRequest
from runner.errors import RunnerError
from runner.insight.answers import read_call_details
from runner.insight.client import InsightClient
from runner.insight.outcome import (
    Accepted,
    CampaignBlocked,
    Exchange,
    NotSent,
    Outcome,
    Refused,
    Uncertain,
    classify,
)
from runner.insight.protocol import Accept, FormRequest, queue_request

KEY = "a-developer-key"
LONG = 10.0
SHORT = 0.6
CALL_ID = "155761"
LINK = "https://insight.plumvoice.com/api/outbound/155761"


def request(accept: Accept = "json") -> FormRequest:
    call = CallRequest(
        phone_number="tel:+16175551234",
        max_attempts=1,
        reattempt_wait=None,
        metadata={"first_name": "Ann"},
        result_url="",
    )
    return queue_request(
        survey_id="1001",
        instance_id="2002",
        call=call,
        start_timestamp=1_796_166_000,
        end_timestamp=1_796_169_600,
        accept=accept,
    )


def client(base_url: str, *, deadline: float = LONG, connections: int = 1) -> InsightClient:
    return InsightClient(
        base_url=base_url,
        username="me@example.org",
        developer_key=KEY,
        deadline=deadline,
        connections=connections,
    )


def nothing() -> None:
    pass


async def queue_once(base_url: str, deadline: float) -> Exchange:
    async with client(base_url, deadline=deadline) as insight:
        return await insight.post(request(), before_send=nothing)


def exchange_with(behave: Behaviour, deadline: float = LONG) -> tuple[Exchange, WireServer]:
    async def run() -> tuple[Exchange, WireServer]:
        async with WireServer(behave) as server:
            return await queue_once(server.base_url, deadline), server

    return asyncio.run(run())


def replies(*parts: bytes) -> Behaviour:
    """Reads the request, sends the parts and closes."""

    async def behave(connection: Connection) -> None:
        await connection.request()
        for part in parts:
            await connection.send(part)

    return behave


async def closes_at_once(connection: Connection) -> None:
    await connection.close()


async def resets_at_once(connection: Connection) -> None:
    connection.reset()


async def resets_after_reading(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def resets_after_an_answer_without_a_length(connection: Connection) -> None:
    await connection.request()
    await connection.send(b'HTTP/1.0 200 OK\r\n\r\n{"success":1,"call_id":155761}')
    connection.reset()


async def hangs(connection: Connection) -> None:
    await connection.request()
    await connection.until_gone()


async def hangs_after_headers(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n")
    await connection.until_gone()


async def drips(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await connection.send(b" ")
        await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Case:
    name: str
    behave: Behaviour
    outcome: type[Outcome]
    says: str = ""
    deadline: float = LONG


CASES = [
    Case("accepts and closes without reading", closes_at_once, Uncertain),
    Case("closes after reading", replies(), Uncertain, "closed the connection"),
    Case("resets after reading", resets_after_reading, Uncertain, "broke"),
    Case(
        "resets after an answer without a length", resets_after_an_answer_without_a_length, Uncertain, "broke"
    ),
    Case("closes inside the status line", replies(b"HTTP/1.1 20"), Uncertain),
    Case("closes inside the headers", replies(b"HTTP/1.1 200 OK\r\nContent-Le"), Uncertain),
    Case(
        "closes after the headers",
        replies(b"HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n"),
        Uncertain,
        "status 200",
    ),
    Case("cuts a body short", replies(answer()[:-1]), Uncertain, "status 200"),
    Case("cuts a refusal short", replies(answer(status="400 Bad Request")[:-1]), Uncertain, "status 400"),
    Case(
        "cuts a chunked body short",
        replies(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b'a\r\n{"success"\r\n'),
        Uncertain,
        "status 200",
    ),
    Case("answers no HTTP", replies(b"220 smtp.example.org ESMTP\r\n"), Uncertain),
    Case("answers binary noise", replies(bytes(range(256))), Uncertain),
    Case(
        "answers endless headers",
        replies(b"HTTP/1.1 200 OK\r\n" + b"X-Header: " + b"x" * 200_000),
        Uncertain,
    ),
    Case("never answers", hangs, Uncertain, "within 0.6 s", deadline=SHORT),
    Case("hangs after the headers", hangs_after_headers, Uncertain, "within 0.6 s", deadline=SHORT),
    Case("drips beyond the deadline", drips, Uncertain, "within 0.6 s", deadline=SHORT),
    Case("sends a huge body", replies(answer(b"x" * 1_000_000)), Uncertain, "cannot be read"),
    Case("answers 200 without a body", replies(answer(b"")), Uncertain, "cannot be read"),
    Case("answers 200 with a page", replies(answer(b"<html><p>Hi</html>")), Uncertain, "cannot be read"),
    Case(
        "answers 200 without success",
        replies(answer(b'{"success": false, "error": "no"}')),
        Uncertain,
        "without success",
    ),
    Case(
        "answers 200 without call_id", replies(answer(b'{"success": true}')), Uncertain, "without a call_id"
    ),
    Case("answers 201", replies(answer(status="201 Created")), Uncertain, "201"),
    Case("answers 204", replies(b"HTTP/1.1 204 No Content\r\n\r\n"), Uncertain, "204"),
    Case("answers 429", replies(answer(status="429 Too Many Requests")), Uncertain, "429"),
    Case("answers 500", replies(answer(status="500 Internal Server Error")), Uncertain, "500"),
    Case("answers 502", replies(answer(b"<html>Bad Gateway</html>", status="502 Bad Gateway")), Uncertain),
    Case("answers 503", replies(answer(status="503 Service Unavailable")), Uncertain, "503"),
    *(
        Case(
            f"redirects with {status}",
            replies(answer(status=f"{status} Elsewhere", headers=("Location: /api/elsewhere",))),
            Uncertain,
            str(status),
        )
        for status in (301, 302, 303, 307, 308)
    ),
    Case(
        "answers twice at once",
        replies(answer() + answer(status="400 Bad Request")),
        Uncertain,
        "more than one answer came",
    ),
    Case("answers with a line break too many", replies(answer() + b"\r\n"), Accepted),
    Case("answers as documented", replies(answer(b"{'success':true,'call_id':155761}")), Accepted),
    Case("answers strict JSON", replies(answer()), Accepted),
    Case(
        "answers with text for a number", replies(answer(b'{"success":"true","call_id":"155761"}')), Accepted
    ),
    Case(
        "answers XML",
        replies(
            answer(
                b"<result>\n  <success>true</success>\n  <call_id>155761</call_id>\n</result>",
                content_type="application/xml",
            )
        ),
        Accepted,
    ),
    Case(
        "gives the call_id in a bare Link only",
        replies(answer(b'{"success": true}', headers=(f"Link: {LINK}",))),
        Accepted,
    ),
    Case(
        "gives the call_id in an RFC 8288 Link only",
        replies(answer(b'{"success": true}', headers=(f'Link: <{LINK}>; rel="status"',))),
        Accepted,
    ),
    *(
        Case(
            f"answers {status} in the encoding {encoding}",
            replies(answer(body, status=status, headers=(f"Content-Encoding: {encoding}",))),
            Uncertain,
            f"in the encoding {encoding}",
        )
        for status in ("200 OK", "400 Bad Request", "401 Unauthorized")
        for encoding, body in (
            ("gzip", gzip.compress(b'{"success": true, "call_id": 155761}')),
            ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
            ("br", b"nonsense"),
            ("deflate", b'{"success": true, "call_id": 155761}'),
            ("unheard-of", b'{"success": true, "call_id": 155761}'),
        )
    ),
    Case(
        "names the encoding that was asked for",
        replies(answer(headers=("Content-Encoding: identity",))),
        Accepted,
    ),
    Case(
        "compresses the transfer",
        replies(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            b"5\r\nhello\r\n0\r\n\r\n",
        ),
        Uncertain,
    ),
    *(
        Case(
            f"answers {status} with a call_id",
            replies(answer(status=status)),
            Uncertain,
            "call_id",
        )
        for status in ("400 Bad Request", "401 Unauthorized", "404 Not Found", "409 Conflict")
    ),
    Case(
        "answers 404 with a Link to a call",
        replies(answer(b"{}", status="404 Not Found", headers=(f"Link: {LINK}",))),
        Uncertain,
        "call_id",
    ),
    Case("answers 100 first", replies(b"HTTP/1.1 100 Continue\r\n\r\n", answer()), Accepted),
    Case(
        "answers in HTTP/1.0 until it closes",
        replies(b'HTTP/1.0 200 OK\r\n\r\n{"success":1,', b'"call_id":155761}'),
        Accepted,
    ),
    Case(
        "answers in chunks",
        replies(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b'10\r\n{"success": true\r\n13\r\n, "call_id":155761}\r\n0\r\n\r\n',
        ),
        Accepted,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_way_an_exchange_goes_has_one_meaning_and_one_post(case: Case) -> None:
    exchange, server = exchange_with(case.behave, case.deadline)
    outcome = classify(exchange)
    assert type(outcome) is case.outcome, outcome
    assert exchange.sent
    assert not exchange.prevented
    assert len(server.connections) == 1
    assert server.posts <= 1
    if isinstance(outcome, Accepted):
        assert outcome.call_id == CALL_ID
        assert exchange.problem == ""
    else:
        assert isinstance(outcome, Uncertain)
        assert case.says in outcome.reason
        assert outcome.reason


@pytest.mark.parametrize(
    "said",
    [
        b"Fatal error near first_name=Canarina\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nCanarina Featherstone\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nCanarina\r\n",
    ],
)
def test_an_answer_that_is_not_http_is_not_quoted(said: bytes) -> None:
    exchange, _ = exchange_with(replies(said))
    assert isinstance(classify(exchange), Uncertain)
    assert "did not answer in HTTP" in exchange.problem
    assert "anarina" not in exchange.problem


def test_a_connection_reset_unread_is_uncertain_once_the_client_has_used_it() -> None:
    exchange, server = exchange_with(resets_at_once)
    # Whether the reset comes before or after the first byte is up to the system.
    assert isinstance(classify(exchange), Uncertain if exchange.sent else NotSent)
    assert len(server.connections) == 1


def test_a_redirect_is_never_followed_even_to_the_same_address() -> None:
    answers = iter([answer(status="307 Temporary Redirect", headers=("Location: /api/again",)), answer()])

    async def behave(connection: Connection) -> None:
        for reply in answers:
            await connection.request()
            await connection.send(reply)
        await connection.until_gone()

    exchange, server = exchange_with(behave)
    assert exchange.status == 307
    assert server.posts == 1


DOCUMENTED = {
    400: Refused,
    401: CampaignBlocked,
    403: CampaignBlocked,
    404: CampaignBlocked,
    405: CampaignBlocked,
    409: CampaignBlocked,
    415: CampaignBlocked,
    500: Uncertain,
}


@pytest.mark.parametrize(("status", "kind"), DOCUMENTED.items())
@pytest.mark.parametrize("form", ["json", "as documented", "xml"])
def test_each_documented_error_is_understood_in_each_form(
    status: int, kind: type[Outcome], form: str
) -> None:
    bodies = {
        "json": (b'{"success": false, "error": "something is wrong"}', "application/json"),
        "as documented": (b"{'success':false,'error':'something is wrong'}", "application/json"),
        "xml": (
            b"<result><success>false</success><error>something is wrong</error></result>",
            "application/xml",
        ),
    }
    body, content_type = bodies[form]
    exchange, server = exchange_with(
        replies(answer(body, status=f"{status} Error", content_type=content_type))
    )
    outcome = classify(exchange)
    assert type(outcome) is kind
    assert server.posts == 1
    assert "something is wrong" in repr(outcome)
    assert "success" not in repr(outcome)


@pytest.mark.parametrize("status", [400, 401, 404, 409])
def test_an_error_without_words_keeps_its_meaning(status: int) -> None:
    exchange, _ = exchange_with(replies(answer(b"", status=f"{status} Error")))
    outcome = classify(exchange)
    assert isinstance(outcome, Refused | CampaignBlocked)
    assert outcome.error == "Insight gave no reason"


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
def test_an_answer_compressed_twice_takes_no_more_memory_than_its_bytes(status: str) -> None:
    bomb = gzip.compress(gzip.compress(bytes(64 << 20)))
    tracemalloc.start()
    try:
        exchange, _ = exchange_with(
            replies(answer(bomb, status=status, headers=("Content-Encoding: gzip, gzip",)))
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(classify(exchange), Uncertain)
    assert len(bomb) < 10_000
    assert peak < 8 << 20


def test_the_api_s_clock_is_read_from_the_answer() -> None:
    exchange, _ = exchange_with(replies(answer(headers=("Date: Wed, 06 May 2015 18:19:13 GMT",))))
    assert exchange.date == 1_430_936_353


# Nothing left


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "host",
    ["nowhere.invalid", f"{'a' * 70}.invalid", "bad_host.invalid", "-.invalid", "[::ffff:0:0]:1"],
)
def test_a_host_that_cannot_be_found_is_not_sent(host: str) -> None:
    outcome = classify(asyncio.run(queue_once(f"http://{host}/api", 3)))
    assert isinstance(outcome, NotSent)
    assert not outcome.prevented
    assert outcome.reason


def test_a_port_that_refuses_is_not_sent() -> None:
    outcome = classify(asyncio.run(queue_once(f"http://127.0.0.1:{free_port()}/api", LONG)))
    assert isinstance(outcome, NotSent)
    assert "could not be made" in outcome.reason


def test_a_connection_that_is_not_made_in_time_is_not_sent() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # With the backlog full, the system leaves further connections unanswered.
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        with socket.socket() as trial:
            trial.settimeout(0.1)
            try:
                trial.connect(listener.getsockname())
            except TimeoutError:
                pass
            else:
                pytest.skip("this system accepts connections beyond the backlog")
        outcome = classify(
            asyncio.run(queue_once(f"http://127.0.0.1:{listener.getsockname()[1]}/api", SHORT))
        )
    assert isinstance(outcome, NotSent)


async def closes_on_hello(connection: Connection) -> None:
    await connection.close()


async def answers_hello_in_plain_http(connection: Connection) -> None:
    await connection.send(answer(status="400 Bad Request"))
    await connection.until_gone()


async def never_shakes_hands(connection: Connection) -> None:
    await connection.until_gone()


@pytest.mark.parametrize(
    ("behave", "deadline"),
    [(closes_on_hello, LONG), (answers_hello_in_plain_http, LONG), (never_shakes_hands, SHORT)],
)
def test_a_tls_handshake_that_fails_is_not_sent(behave: Behaviour, deadline: float) -> None:
    async def run() -> tuple[Exchange, WireServer]:
        async with WireServer(behave) as server:
            return await queue_once(server.base_url.replace("http:", "https:"), deadline), server

    exchange, server = asyncio.run(run())
    assert isinstance(classify(exchange), NotSent)
    assert server.posts == 0
    assert len(server.connections) == 1


@pytest.fixture
def tls_server(tmp_path) -> tuple[ssl.SSLContext, str]:
    """What a TLS server needs, and the file of a certificate that nobody vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is missing")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, str(certificate)


def test_a_certificate_nobody_vouches_for_is_not_sent(tls_server) -> None:
    context, _ = tls_server
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read())
        writer.close()

    async def run() -> Exchange:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with server:
            return await queue_once(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api", LONG)

    outcome = classify(asyncio.run(run()))
    assert isinstance(outcome, NotSent)
    assert "certificate" in outcome.reason
    assert not any(seen)


@pytest.mark.parametrize(
    ("records", "outcome", "connections"),
    [
        ((answer(), answer(status="400 Bad Request")), Uncertain, 2),
        ((answer()[:20], answer()[20:]), Accepted, 1),
    ],
)
def test_over_tls_too_what_comes_behind_an_answer_is_never_taken_for_the_next_one(
    tls_server, monkeypatch, records, outcome, connections
) -> None:
    context, certificate = tls_server
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    made = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.append(writer)
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readuntil(b"Ann")
            # Each a TLS record of its own, all in one piece.
            writer.transport._ssl_protocol._write_appdata(records)  # noqa: SLF001 - nothing else does so

    async def run() -> list[Exchange]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        base_url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        async with client(base_url) as insight:
            found = [await insight.post(request(), before_send=nothing) for _ in range(2)]
        server.close()
        for writer in made:
            writer.transport.abort()
        return found

    exchanges = asyncio.run(run())
    assert [type(classify(exchange)) for exchange in exchanges] == [outcome] * 2
    assert len(made) == connections


@pytest.mark.parametrize("turns", range(6))
def test_a_kept_tls_connection_that_is_reset_is_replaced_in_every_turn_of_the_loop(
    tls_server, monkeypatch, turns
) -> None:
    """asyncio closes the socket a turn before it says so."""
    context, certificate = tls_server
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    made = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.append(Connection(reader, writer))
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await made[-1].request():
                await made[-1].send(answer())
        writer.transport.abort()

    async def run() -> Exchange:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with client(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api") as insight:
            await insight.post(request(), before_send=nothing)
            made[0].reset()
            for _ in range(turns):
                await asyncio.sleep(0)
            found = await insight.post(request(), before_send=nothing)
        server.close()
        await server.wait_closed()
        return found

    # Before the reset takes effect, the request meets it.
    outcome = classify(asyncio.run(run()))
    assert isinstance(outcome, Accepted | Uncertain if turns < 2 else Accepted)


def test_a_request_that_waits_for_a_free_connection_has_its_whole_deadline_yet() -> None:
    async def run() -> tuple[list[Exchange], WireServer]:
        # A third of it is for the connection, also on a busy machine.
        async with WireServer(hangs) as server, client(server.base_url, deadline=3 * SHORT) as insight:
            both = (insight.post(request(), before_send=nothing) for _ in range(2))
            return list(await asyncio.gather(*both)), server

    exchanges, server = asyncio.run(run())
    assert all(isinstance(classify(exchange), Uncertain) for exchange in exchanges)
    assert server.posts == 2


def test_a_request_cancelled_while_it_waits_sends_nothing_and_takes_no_connection_away() -> None:
    async def scenario(insight: InsightClient, server: WireServer) -> None:
        first, second, third = (
            asyncio.create_task(insight.post(request(), before_send=nothing)) for _ in range(3)
        )
        # All three have begun, and only one has the connection.
        await asyncio.sleep(0)
        second.cancel()
        assert isinstance(classify(await first), Accepted)
        assert isinstance(classify(await third), Accepted)
        with pytest.raises(asyncio.CancelledError):
            await second
        assert server.posts == 2

    run_with(serves, scenario)


# The last look before sending


async def serves(connection: Connection) -> None:
    """Accepts every request of the connection, as Apache does."""
    while True:
        await connection.request()
        await connection.send(answer())


def run_with(
    behave: Behaviour,
    scenario: Callable[[InsightClient, WireServer], Coroutine[None, None, None]],
    *,
    connections: int = 1,
) -> WireServer:
    async def run() -> WireServer:
        async with WireServer(behave) as server:
            async with client(server.base_url, connections=connections) as insight:
                await asyncio.wait_for(scenario(insight, server), PATIENCE_SECONDS)
            return server

    return asyncio.run(run())


class LastLookError(RunnerError):
    """What a test's last look raises."""


def forbid() -> None:
    raise LastLookError("the window has closed")


@pytest.mark.parametrize("warm", [False, True], ids=["new connection", "reused connection"])
def test_a_last_look_that_objects_lets_no_byte_leave_and_the_client_goes_on(*, warm: bool) -> None:
    async def scenario(insight: InsightClient, server: WireServer) -> None:
        if warm:
            assert isinstance(classify(await insight.post(request(), before_send=nothing)), Accepted)
        before = server.posts
        outcome = classify(await insight.post(request(), before_send=forbid))
        assert outcome == NotSent(reason="the window has closed", prevented=True)
        assert server.posts == before
        assert isinstance(classify(await insight.post(request(), before_send=nothing)), Accepted)

    server = run_with(serves, scenario)
    assert server.posts == 1 + warm


def test_the_last_check_runs_once_after_connecting_and_before_any_byte() -> None:
    looks: list[tuple[int, int]] = []

    async def scenario(insight: InsightClient, server: WireServer) -> None:
        for _ in range(3):
            exchange = await insight.post(
                request(), before_send=lambda: looks.append((len(server.connections), server.posts))
            )
            assert isinstance(classify(exchange), Accepted)

    run_with(serves, scenario)
    assert [posts for _, posts in looks] == [0, 1, 2]


def test_the_last_check_does_not_run_without_a_connection() -> None:
    looks: list[None] = []

    async def run() -> Exchange:
        async with client(f"http://127.0.0.1:{free_port()}/api") as insight:
            return await insight.post(request(), before_send=lambda: looks.append(None))

    assert isinstance(classify(asyncio.run(run())), NotSent)
    assert looks == []


def test_an_error_of_the_last_look_that_is_nobody_s_objection_is_raised() -> None:
    def broken() -> None:
        raise KeyError("a defect")

    async def scenario(insight: InsightClient, _server: WireServer) -> None:
        with pytest.raises(KeyError):
            await insight.post(request(), before_send=broken)

    assert run_with(serves, scenario).posts == 0


# Kept connections


def test_requests_share_a_connection_that_stays_open() -> None:
    async def scenario(insight: InsightClient, _server: WireServer) -> None:
        for _ in range(3):
            assert isinstance(classify(await insight.post(request(), before_send=nothing)), Accepted)

    server = run_with(serves, scenario)
    assert (server.posts, len(server.connections)) == (3, 1)


@pytest.mark.parametrize("stray", [answer(status="400 Bad Request"), b"\r\n", b"HTTP/1.1 4"])
def test_what_comes_behind_an_answer_is_never_taken_for_the_next_one(stray: bytes) -> None:
    async def behave(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.send(answer() + stray)

    async def run() -> None:
        async with WireServer(behave) as server, client(server.base_url) as insight:
            first, second = [await insight.post(request(), before_send=nothing) for _ in range(2)]
            assert classify(first) == classify(second)
            assert not isinstance(classify(second), Refused)
            assert len(server.connections) == 2

    asyncio.run(run())


@pytest.mark.parametrize("end", ["closes", "resets", "speaks"])
def test_a_kept_connection_that_ended_or_spoke_meanwhile_is_replaced_before_sending(end: str) -> None:
    async def scenario(insight: InsightClient, server: WireServer) -> None:
        assert isinstance(classify(await insight.post(request(), before_send=nothing)), Accepted)
        kept = server.connections[0]
        if end == "resets":
            kept.reset()
        elif end == "closes":
            await kept.close()
        else:
            await kept.send(answer(status="400 Bad Request"))
        # A reset takes effect in the loop's next turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert isinstance(classify(await insight.post(request(), before_send=nothing)), Accepted)

    server = run_with(serves, scenario)
    assert (server.posts, len(server.connections)) == (2, 2)


@pytest.mark.parametrize("end", ["closes", "resets"])
def test_a_kept_connection_that_ends_under_the_next_request_is_uncertain_and_not_repeated(end: str) -> None:
    async def behave(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer())
        await connection.request()
        if end == "resets":
            connection.reset()

    async def scenario(insight: InsightClient, _server: WireServer) -> None:
        assert isinstance(classify(await insight.post(request(), before_send=nothing)), Accepted)
        assert isinstance(classify(await insight.post(request(), before_send=nothing)), Uncertain)

    server = run_with(behave, scenario)
    assert (server.posts, len(server.connections)) == (2, 1)


def test_many_requests_at_once_are_each_sent_once_over_the_connections_allowed() -> None:
    async def scenario(insight: InsightClient, server: WireServer) -> None:
        exchanges = await asyncio.gather(*(insight.post(request(), before_send=nothing) for _ in range(60)))
        assert all(isinstance(classify(exchange), Accepted) for exchange in exchanges)
        assert len(server.connections) <= 12

    assert run_with(serves, scenario, connections=12).posts == 60


def test_a_cancelled_request_is_not_repeated_and_the_client_goes_on() -> None:
    read = asyncio.Event()

    async def behave(connection: Connection) -> None:
        if read.is_set():
            await serves(connection)
        await connection.request()
        read.set()
        await connection.until_gone()

    async def scenario(insight: InsightClient, _server: WireServer) -> None:
        sending = asyncio.create_task(insight.post(request(), before_send=nothing))
        await read.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert isinstance(classify(await insight.post(request(), before_send=nothing)), Accepted)

    assert run_with(behave, scenario).posts == 2


# What is sent


def test_the_request_on_the_wire_is_the_documented_one() -> None:
    _, server = exchange_with(replies(answer()))
    head, _, body = server.connections[0].requests[0].partition(b"\r\n\r\n")
    line, *headers = head.decode("ascii").lower().split("\r\n")
    assert line == "post /api/surveys/1001/2002/queue http/1.1"
    assert "content-type: application/x-www-form-urlencoded" in headers
    assert "accept: application/json" in headers
    assert "accept-encoding: identity" in headers
    # Base64 of me@example.org:a-developer-key
    assert "authorization: basic bwvazxhhbxbszs5vcmc6ys1kzxzlbg9wzxita2v5" in headers
    assert body == request().body


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    exchange, server = exchange_with(replies(answer()))
    assert isinstance(classify(exchange), Accepted)
    assert server.posts == 1


def test_the_key_is_in_no_text_about_the_client_or_an_exchange() -> None:
    exchange, _ = exchange_with(resets_after_reading)
    assert KEY not in repr(exchange)
    assert KEY not in repr(client("http://127.0.0.1:1/api"))


# Asking


def test_call_details_are_asked_for_and_can_be_read() -> None:
    async def scenario(insight: InsightClient, server: WireServer) -> None:
        exchange = await insight.call_details(CALL_ID)
        details = read_call_details(exchange.headers, exchange.body)
        assert (details.status, details.attempts) == ("completed", 1)
        assert server.connections[0].requests[0].startswith(b"GET /api/outbound/155761 HTTP/1.1\r\n")

    body = b"{'success':true,'call_details':{'status':'completed','attempts':'1'}}"
    run_with(replies(answer(body)), scenario)


@pytest.mark.parametrize(
    ("behave", "status"),
    [
        (replies(answer(b'{"error": "no such call"}', status="404 Not Found")), 404),
        (replies(answer(b'{"error": "database error"}', status="500 Error")), 500),
        (replies(), None),
    ],
)
def test_call_details_that_cannot_be_had_come_with_the_status(behave: Behaviour, status: int | None) -> None:
    async def scenario(insight: InsightClient, _server: WireServer) -> None:
        exchange = await insight.call_details(CALL_ID)
        assert exchange.status == status

    run_with(behave, scenario)


def test_a_request_for_responses_checks_clock_and_credentials() -> None:
    async def scenario(insight: InsightClient, server: WireServer) -> None:
        exchange = await insight.responses("1001", "2002")
        assert exchange.status == 401
        assert exchange.date == 1_430_936_353
        assert (
            server.connections[0].requests[0].startswith(b"GET /api/surveys/1001/2002/responses HTTP/1.1\r\n")
        )

    reply = answer(status="401 Unauthorized", headers=("Date: Wed, 06 May 2015 18:19:13 GMT",))
    run_with(replies(reply), scenario)
