"""The receiver as a server: callbacks come in, results go into the ledger."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from runner.ledger.evidence import Report
from runner.ledger.ledger import Ledger
from runner.ledger.results import Recorded, Results
from runner.results.receiver import Receiver
from runner.results.token import Tokens
from runner.serve.listening import Server, allow_many_connections
from runner.serve.strangers import Strangers

_GATHER_SECONDS = 0.05
"""Each commit keeps those who send calls from the ledger."""

_MOST_CONNECTIONS = 8_000
"""More than Insight may open in a burst."""


class ReceiverServer:
    """Records callbacks in one ledger. Any number of receivers may use it where it is PostgreSQL."""

    def __init__(self, ledger: Ledger, tokens: Tokens) -> None:
        self._results = Results(ledger.engine)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._receiver = Receiver(tokens, self._record, gather=_GATHER_SECONDS)
        self._server = Server(Strangers(self._receiver), most_connections=_MOST_CONNECTIONS)

    @property
    def received(self) -> Mapping[str, int]:
        """How many callbacks came, by what became of them."""
        return self._receiver.received

    async def serve(self, listening: socket.socket) -> None:
        """Until `stop`; what is under way then is recorded and answered."""
        allow_many_connections()
        try:
            await self._server.serve(sockets=[listening])
        finally:
            self._thread.shutdown()

    def stop(self) -> None:
        self._server.stop()

    async def _record(self, reports: Sequence[Report], now: float) -> Sequence[Recorded]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._results.record, reports, now)
