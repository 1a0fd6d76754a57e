"""The sandbox in the foreground: it begins with a port of its own and ends in order."""

import asyncio
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from runner.errors import RunnerError
from runner.insight.client import InsightClient
from runner.insight.outcome import Accepted, classify
from runner.insight.protocol import FormRequest
from runner.insight.sandbox import running_sandbox, serve

RUNNER = str(Path(sys.executable).with_name("runner"))
PATIENCE_SECONDS = 30
REQUEST = FormRequest(
    path="/surveys/1/2/queue",
    headers=(("Content-Type", "application/x-www-form-urlencoded"),),
    body=b"phone_number=6175551234",
)


def client(base_url: str) -> InsightClient:
    return InsightClient(
        base_url=base_url, username="me@example.org", developer_key="any-key", deadline=PATIENCE_SECONDS
    )


@pytest.mark.parametrize(
    ("stop", "fault"),
    [
        (signal.SIGINT, None),
        (signal.SIGTERM, None),
        (signal.SIGINT, "drip"),
        (signal.SIGTERM, "hang"),
        (signal.SIGTERM, "slow:600"),
    ],
)
def test_a_signal_ends_it_without_an_error_even_under_a_request_that_hangs(
    stop: signal.Signals, fault: str | None
) -> None:
    process = subprocess.Popen(
        [RUNNER, "sandbox", "--port", "0", *(["--fault", fault] if fault else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    found = re.search(r"http://\S+/api", process.stdout.readline())
    assert found

    async def stop_amid_a_request() -> None:
        async with client(found[0]) as insight:
            leaving = asyncio.Event()
            sending = asyncio.create_task(insight.post(REQUEST, before_send=leaving.set))
            await leaving.wait()
            if fault:
                # While it answers these it reads the request too.
                await asyncio.to_thread(ask_for_requests, found[0], times=20)
            else:
                assert isinstance(classify(await sending), Accepted)
            process.send_signal(stop)
            await sending

    try:
        asyncio.run(stop_amid_a_request())
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, errors) == (0, "")


def ask_for_requests(base_url: str, *, times: int) -> None:
    for _ in range(times):
        with urllib.request.urlopen(
            f"{base_url.removesuffix('/api')}/_sandbox/requests", timeout=PATIENCE_SECONDS
        ) as answer:
            answer.read()


def test_a_port_in_use_is_an_error_that_says_what_to_do() -> None:
    with running_sandbox() as api:
        port = int(api.base_url.removesuffix("/api").rpartition(":")[2])
        with pytest.raises(RunnerError, match=f"port {port} cannot be used") as caught:
            serve(port=port, faults=[], on_ready=lambda _url: pytest.fail("announced a port it has not"))
    assert "--port" in caught.value.hint
