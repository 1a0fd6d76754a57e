"""One real run against a sandbox in a process of its own, and what it is measured against."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from dispatching import run_of
from planned_calls import call, plan

from runner.dispatch.dispatcher import Dispatcher
from runner.dispatch.timer import Timer
from runner.insight.client import InsightClient
from runner.insight.protocol import FormRequest, queue_request
from runner.ledger.call_queue import CallQueue
from runner.ledger.ledger import Ledger, RunProcess
from runner.ledger.plan_entry import Binding
from runner.ledger.rollback_guard import RollbackGuard
from runner.planning.plan import PlannedCall

CAMPAIGN = "benchmark"
BINDING = Binding(campaign=CAMPAIGN, survey_id="1", instance_id="1", account="account", origin="loopback")
USER, KEY = "me@example.org", "key"
CONNECTIONS_A_CLIENT = 8

_SERVE = """
import sys
from runner.insight.sandbox import parse_fault, serve
serve(port=0, faults=[parse_fault(f) for f in sys.argv[1:]], on_ready=lambda url: print(url, flush=True))
"""


@contextmanager
def sandbox(*faults: str) -> Iterator[str]:
    """The base URL of a sandbox in another process."""
    process = subprocess.Popen([sys.executable, "-c", _SERVE, *faults], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def planned(number: int, queue_at: int) -> PlannedCall:
    return call(
        f"c{number}",
        f"+1617{number:07d}",
        start=queue_at + 300,
        end_timestamp=queue_at + 7200,
        max_attempts=3,
        reattempt_wait=2700,
        metadata={"first_name": "Ann", "clinic": "Main Street", "visit": "2026-11-02", "lang": "en"},
        line=number,
    )


def request_of(call: PlannedCall) -> FormRequest:
    return queue_request(
        survey_id="1",
        instance_id="1",
        call=call.request,
        start_timestamp=call.start_timestamp,
        end_timestamp=call.end_timestamp,
        accept="json",
    )


@dataclass
class Sent:
    """What a run did: by the key of each call, when its first byte left (UTC Unix seconds), in order."""

    left_at: dict[str, float] = field(default_factory=dict)
    seconds: float = 0
    """From the first request to the end of the run."""
    cpu_seconds: float = 0
    states: dict[str, int] = field(default_factory=dict)


def enter(ledger: Ledger, calls: list[PlannedCall]) -> int:
    """Writes a plan of these calls; joins the run that is under way, if there is one."""
    made = plan(
        *calls,
        campaign=CAMPAIGN,
        as_of=int(time.time()),
        calls_per_minute=60_000,
        revision=ledger.history(CAMPAIGN).revision,
    )
    return ledger.begin_run(BINDING, made, RunProcess(host="here", pid=1), time.time())


async def execute(
    ledger: Ledger, run: int, base_url: str, states: Path, *, rate: float, in_flight: int
) -> Sent:
    """What `apply` does once the plan is entered, with the rollback guard."""
    sent = Sent()
    async with InsightClient(
        base_url=base_url, username=USER, developer_key=KEY, connections=in_flight
    ) as client:

        async def post(claim, before_send):
            def note():
                before_send()
                sent.left_at[claim.key] = time.time()

            request = queue_request(
                survey_id=claim.survey_id,
                instance_id=claim.instance_id,
                call=claim.request,
                start_timestamp=claim.start_timestamp,
                end_timestamp=claim.end_timestamp,
                accept="json",
            )
            return await client.post(request, before_send=note)

        guard = RollbackGuard(ledger, states)
        queue = CallQueue(ledger.engine, CAMPAIGN, run, intended=guard.advance)
        made = run_of(queue, ledger.lease(CAMPAIGN, run), Timer(), requests_per_second=rate, noted=guard.note)
        dispatcher = Dispatcher(made, post, max_in_flight=in_flight, until_idle=False)
        cpu = time.process_time()
        await dispatcher.run()
        sent.seconds = time.time() - next(iter(sent.left_at.values()), time.time())
        sent.cpu_seconds = time.process_time() - cpu
    ledger.end_run(run, "done", time.time())
    return sent


def run_once(
    folder: Path,
    base_url: str,
    calls: Callable[[int], list[PlannedCall]],
    *,
    rate: float,
    in_flight: int,
    ledger_url: str = "",
) -> Sent:
    """A fresh ledger, in the folder where there is no URL, with calls as `calls(now)` makes them, carried out
    to the end.
    """
    folder.mkdir()
    with closing(Ledger.open(ledger_url or f"sqlite:///{folder / 'ledger.sqlite3'}")) as ledger:
        run = enter(ledger, calls(int(time.time())))
        sent = asyncio.run(execute(ledger, run, base_url, folder / "states", rate=rate, in_flight=in_flight))
        for call in ledger.history(CAMPAIGN).calls:
            sent.states[call.state] = sent.states.get(call.state, 0) + 1
    return sent


def bare_httpx(base_url: str, requests: list[FormRequest], connections: int) -> float:
    """Requests a second of httpx alone, over clients of eight connections."""

    async def go() -> float:
        size = min(connections, CONNECTIONS_A_CLIENT)
        clients = [
            httpx.AsyncClient(
                auth=(USER, KEY),
                trust_env=False,
                limits=httpx.Limits(max_connections=size, max_keepalive_connections=size),
            )
            for _ in range(connections // size)
        ]
        left = iter(requests)

        async def work(client):
            for request in left:
                response = await client.post(
                    base_url + request.path, headers=dict(request.headers), content=request.body
                )
                assert response.status_code == 200

        began = time.perf_counter()
        await asyncio.gather(*[work(clients[number // size]) for number in range(connections)])
        seconds = time.perf_counter() - began
        for client in clients:
            await client.aclose()
        return len(requests) / seconds

    return asyncio.run(go())
