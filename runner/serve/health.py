"""`/healthz` and `/readyz`, for what starts and watches `serve`. They need no sign-in, and show no secret.

`/healthz` answers while the event loop does: where it does not, start the process again. `/readyz` answers
503 with a reason while `serve` cannot do its work.
"""

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from runner.errors import LedgerError
from runner.ledger.ledger import Ledger
from runner.serve.served import Served
from runner.serve.shared import Shared
from runner.serve.threads import in_thread

_LEDGER_SECONDS = 1
_LOOK_SECONDS = 60
"""It looks every 2 seconds, and waits for runs that end."""


class Health:
    """Use it in the event loop of `served`."""

    def __init__(self, served: Served, ledger: Ledger) -> None:
        self._served = served
        # However long the ledger hangs, it takes one thread.
        self._asking = Shared(lambda: in_thread(ledger.campaigns))

    async def problem(self) -> str | None:
        """Why `serve` cannot do its work now; None where it can."""
        try:
            await asyncio.wait_for(self._asking.fresh(), _LEDGER_SECONDS)
        except TimeoutError:
            return f"the ledger did not answer within {_LEDGER_SECONDS} s"
        except LedgerError:
            # Its message may name hosts and users.
            return "the ledger cannot be read"
        ago = self._served.seconds_since_look()
        return None if ago <= _LOOK_SECONDS else f"campaigns were last looked at {ago:.0f} s ago"


def routes(served: Served, ledger: Ledger) -> Sequence[BaseRoute]:
    health = Health(served, ledger)

    async def live(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_request: Request) -> Response:
        problem = await health.problem()
        return PlainTextResponse(f"{problem or 'ready'}\n", status_code=503 if problem else 200)

    return [Route("/healthz", live, methods=["GET"]), Route("/readyz", ready, methods=["GET"])]
