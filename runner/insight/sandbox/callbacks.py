"""Tells `result_url` how a simulated call ended, as Insight does: a POST of its call_details."""

import asyncio
import http.client
import ipaddress
from urllib.parse import quote_plus, urlsplit

from runner.insight.protocol import FORM
from runner.insight.sandbox.call_store import CallStore, QueuedCall, SentCallback

_LOOK_SECONDS = 0.2
_TIMEOUT_SECONDS = 10
_MOST_AT_ONCE = 8


class Callbacks:
    """Sends only to loopback: a sandbox sends nothing to other machines."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        self._delivering = asyncio.Lock()
        self._free = asyncio.Semaphore(_MOST_AT_ONCE)

    async def keep_delivering(self) -> None:
        """Runs until cancelled."""
        while True:
            await self.deliver_due()
            await asyncio.sleep(_LOOK_SECONDS)

    async def deliver_due(self) -> float | None:
        """Sends every callback that is due, and returns when the next one is, or None."""
        async with self._delivering:
            while due := self._store.take_due_callbacks():
                await asyncio.gather(*map(self._deliver, due))
            return self._store.next_callback_at()

    async def _deliver(self, call: QueuedCall) -> None:
        async with self._free:
            now = self._store.now()
            answer = await asyncio.to_thread(_post, call, now)
            call.callbacks.append(SentCallback(sent_at=now, answer=answer))


def _post(call: QueuedCall, now: float) -> str:
    """What came of it."""
    parts = urlsplit(call.result_url)
    if not _is_loopback(parts.hostname or ""):
        return "not sent: not loopback"
    if parts.scheme == "https":
        return "not sent: the sandbox speaks plain http only"
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_TIMEOUT_SECONDS)
    path = parts.path or "/"
    try:
        connection.request(
            "POST",
            f"{path}?{parts.query}" if parts.query else path,
            body=_form(call, now),
            headers={"Content-Type": FORM},
        )
        return f"answered {connection.getresponse().status}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"failed: {type(error).__name__}"
    finally:
        connection.close()


def _form(call: QueuedCall, now: float) -> bytes:
    details = call.details(now)
    events = details.pop("events")
    fields = [(name, "" if value is None else str(value)) for name, value in details.items()]
    for index, event in enumerate(events):
        fields += [(f"events[{index}][{name}]", str(value)) for name, value in event.items()]
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields).encode()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
