"""The private address of `serve` on real sockets, and a client that sends any bytes."""

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlencode

from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.serve.listening import listener
from runner.serve.metrics import Metrics
from runner.serve.private import PrivateServer
from runner.serve.private_site import NothingServed, PrivateSite
from runner.services.environment import Environment
from runner.settings import Settings

FORM = "application/x-www-form-urlencoded"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Served:
    """A private address that is served."""

    port: int
    server: PrivateServer
    problems: list = field(default_factory=list)

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
            return Answer(answer.status, headers, answer.read().decode())
        finally:
            connection.close()


@contextmanager
def private_site(ledger, served=None, **settings):
    """Served in a thread; drained when the block ends. Nothing unexpected may happen meanwhile."""
    environment = Environment(Settings(**settings), ledger, Timer(), RateLimit(100), is_rehearsal=False)
    problems = []
    site = PrivateSite(
        served=served or NothingServed(),
        environment=environment,
        metrics=Metrics(ledger, environment.rate, {}),
    )
    server = PrivateServer(site, problems.append)
    with listener("127.0.0.1:0", "RUNNER_LISTEN") as listening:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(listening)))
        thread.start()
        try:
            yield Served(listening.getsockname()[1], server, problems)
        finally:
            server.stop()
            thread.join()
    assert problems == []
