"""Receivers on real sockets, and a client that posts as Insight would."""

import asyncio
import threading
from contextlib import contextmanager

from runner.results.token import Attempt, Tokens
from runner.serve.listening import listener
from runner.serve.receiving import ReceiverServer

TOKENS = Tokens(b"a privacy key of the tests", "ledger-of-the-tests")
FORM = "application/x-www-form-urlencoded"


class CountedTokens(Tokens):
    """Counts the requests whose tokens were looked at."""

    def __init__(self):
        super().__init__(b"a privacy key of the tests", "ledger-of-the-tests")
        self.looked_at = 0

    def attempt(self, token):
        self.looked_at += 1
        return super().attempt(token)


def token(claim):
    return TOKENS.token(Attempt(claim.call, claim.fence))


@contextmanager
def receiving(ledger, tokens=TOKENS):
    """The port of a receiver on this ledger, in a thread; drained when the block ends."""
    server = ReceiverServer(ledger, tokens)
    with listener("127.0.0.1:0", "RUNNER_RECEIVER_LISTEN") as listening:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(listening)))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.stop()
            thread.join()


def http(method, path, body=b"", *, content_type=FORM, headers=""):
    """The bytes of a request."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: here\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    ).encode() + body


def callback(claim, body, **more):
    return http("POST", f"/results/{token(claim)}", body, **more)


async def exchange_over(port, requests, connections):
    """The status of each request, in order, over so many connections that stay open."""
    statuses = {}
    numbered = iter(enumerate(requests))

    async def work():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, request in numbered:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            statuses[number] = int(head.split()[1])
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(length[0].split()[1]) if length else 0)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*[work() for _ in range(connections)])
    return [statuses[number] for number in sorted(statuses)]


def exchange_all(port, requests, connections=1):
    return asyncio.run(exchange_over(port, requests, connections))


def exchange(port, request):
    """The whole answer, but for its date, to one request on a connection of its own."""

    async def once():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        async with asyncio.timeout(20):
            answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return b"\r\n".join(line for line in answer.split(b"\r\n") if not line.lower().startswith(b"date:"))

    return asyncio.run(once())
