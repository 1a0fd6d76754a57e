"""Which callbacks are recorded together."""

import asyncio

from runner.ledger.evidence import Verdict
from runner.results.receiver import Receiver
from runner.results.token import Attempt, Tokens

TOKENS = Tokens(b"a privacy key of the tests", "ledger-of-the-tests")
FAR_TOO_LONG = 3600


async def post(receiver, call):
    """The status of the answer to the callback of this call."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"status=failed"}

    async def send(message):
        sent.append(message)

    path = f"/results/{TOKENS.token(Attempt(call, 1))}"
    await receiver({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    return sent[0]["status"]


def test_a_callback_waits_for_others_until_eight_can_be_recorded_together():
    recorded = []

    async def record(reports, _now):
        recorded.append(len(reports))
        return [Verdict.APPLIED] * len(reports)

    async def go():
        receiver = Receiver(TOKENS, record, gather=FAR_TOO_LONG)
        first = asyncio.create_task(post(receiver, 1))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not recorded
        async with asyncio.timeout(30):
            return await asyncio.gather(first, *[post(receiver, call) for call in range(2, 9)])

    assert asyncio.run(go()) == [200] * 8
    assert recorded == [8]
