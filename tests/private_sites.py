"""The private address of `serve` on real sockets, and a client that sends any bytes."""

import asyncio
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlencode

from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.serve.listening import listener
from runner.serve.metrics import Metrics
from runner.serve.private import PrivateServer
from runner.serve.private_site import NothingServed, PrivateSite, kept_totals
from runner.services.environment import Environment
from runner.settings import Settings

FORM = "application/x-www-form-urlencoded"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str
    cookies: list[str]
    """As they are set, with their attributes."""


@dataclass
class Served:
    """A private address that is served."""

    port: int
    server: PrivateServer
    sign_ins: list[str]
    """What the log says of them."""

    def ask(self, path, method="GET", *, form=None, body=None, host=None, **headers):
        """Headers are given with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Host"] = host or f"127.0.0.1:{self.port}"
        if form is not None:
            body, sent["Content-Type"] = urlencode(form), FORM
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            cookies = answer.headers.get_all("set-cookie") or []
            return Answer(answer.status, headers, answer.read().decode(), cookies)
        finally:
            connection.close()

    def send(self, request):
        """The whole answer to these bytes: until the connection ends, as they must ask for."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


@contextmanager
def private_site(ledger, served=None, *, address="127.0.0.1:0", **settings):
    """Served in a thread; drained when the block ends. Nothing unexpected may happen meanwhile."""
    environment = Environment(Settings(**settings), ledger, Timer(), RateLimit(100), is_rehearsal=False)
    totals = kept_totals(ledger)
    site = PrivateSite(
        served=served or NothingServed(),
        environment=environment,
        totals=totals,
        metrics=Metrics(totals, environment.rate, {}),
    )
    problems, sign_ins = [], []
    with listener(address, "RUNNER_LISTEN") as listening:
        server = PrivateServer(site, listening, on_problem=problems.append, on_sign_in=sign_ins.append)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
        thread.start()
        try:
            yield Served(listening.getsockname()[1], server, sign_ins)
        finally:
            server.stop()
            thread.join()
    assert problems == []
