"""Reports to `result_url` how a simulated call ended, as Insight does: a POST of its call_details."""

import asyncio
import http.client
import ipaddress
from urllib.parse import quote_plus, urlsplit

from runner.insight.protocol import FORM
from runner.insight.sandbox.call_store import CallStore, QueuedCall

_LOOK_SECONDS = 0.2
_TIMEOUT_SECONDS = 5


async def report_results(book: CallStore) -> None:
    """Runs until cancelled. Reports only to loopback: a sandbox sends nothing to other machines."""
    while True:
        for call in book.unreported():
            call.reported = await asyncio.to_thread(_report, call, book.now())
        await asyncio.sleep(_LOOK_SECONDS)


def _report(call: QueuedCall, now: float) -> str:
    parts = urlsplit(call.result_url)
    if not _is_loopback(parts.hostname or ""):
        return "not sent: not loopback"
    if parts.scheme == "https":
        return "not sent: the sandbox reports over plain http only"
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
