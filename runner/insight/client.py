"""Sends requests to Insight and reports how far each came. The only door to httpx.

httpx's defaults that would bite: following redirects would POST again, proxy variables apply even to
loopback, and its timeouts are for single steps, so a deadline for the whole exchange is needed. Nothing here
ever repeats a request.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import httpx

from runner.errors import RunnerError, StoppedError
from runner.insight.answers import (
    CallDetails,
    UnreadableError,
    error_text,
    excerpt,
    read_call_details,
)
from runner.insight.outcome import OK, Exchange
from runner.insight.protocol import Accept, QueueRequest

DEADLINE_SECONDS = 30.0
"""For a whole exchange. What has no answer by then is uncertain, so this is generous."""
_CONNECTIONS_A_CLIENT = 8
"""httpx's pool slows sharply above this: 1,200 requests a second at 8 connections, 350 at 32, measured."""
_KEEPALIVE_SECONDS = 2.0
"""Short, because a connection that the server is about to close may swallow a request."""
_LARGEST_BODY = 64 * 1024
_ACCEPTED = 202


class InsightClient:
    """The API for one account. Use it as an async context manager."""

    def __init__(
        self,
        *,
        base_url: str,
        username: str,
        developer_key: str,
        accept: Accept = "json",
        connections: int = _CONNECTIONS_A_CLIENT,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self._base_url = base_url
        self._auth = httpx.BasicAuth(username, developer_key)
        self._accept = accept
        self._deadline = deadline
        # Loading certificates takes 20 ms, so that all clients share one context.
        context = ssl.create_default_context()
        sizes = _split(connections, _CONNECTIONS_A_CLIENT)
        self._clients = [self._client(context, size) for size in sizes]
        # One entry for each connection. Requests wait here and never in httpx's pool, which loses a
        # connection for good when a waiting request is cancelled just as its turn comes.
        self._free: asyncio.Queue[httpx.AsyncClient] = asyncio.Queue()
        for client, size in zip(self._clients, sizes, strict=True):
            for _ in range(size):
                self._free.put_nowait(client)

    def __repr__(self) -> str:
        return f"InsightClient({self._base_url})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            await client.aclose()

    async def queue(self, request: QueueRequest, *, before_send: Callable[[], None]) -> Exchange:
        """Sends one queue request, once, and reports how far it came; never raises for trouble on the wire.

        `before_send` is called when the connection stands, just before the first byte leaves. If it raises a
        RunnerError, nothing is sent. Whoever cancels this must take the call as uncertain: its bytes may have
        left. The deadline runs from the moment a connection is free.
        """
        return await self._exchange(
            "POST", request.path, headers=dict(request.headers), body=request.body, before_send=before_send
        )

    async def responses(self, survey_id: str, instance_id: str) -> Exchange:
        """Asks for the number of responses so far: harmless, so it serves to try credentials and clock."""
        return await self._get(f"/surveys/{survey_id}/{instance_id}/responses")

    async def call_details(self, call_id: str) -> CallDetails:
        """How the call stands at Insight. Raises StoppedError when that cannot be had."""
        exchange = await self._get(f"/outbound/{call_id}")
        if exchange.status != OK:
            raise _unanswered("the status of a call", exchange)
        try:
            return read_call_details(exchange.headers, exchange.body)
        except UnreadableError as error:
            raise StoppedError(f"Insight's answer about a call cannot be read: {error}") from None

    async def cancel_pending(self, survey_id: str, instance_id: str) -> None:
        """Cancels every call that waits in the instance, of whatever origin: Insight cannot cancel fewer.

        Raises StoppedError when Insight does not take the order.
        """
        path = f"/surveys/{survey_id}/{instance_id}/cancel"
        headers = {"Accept": f"application/{self._accept}"}
        exchange = await self._exchange("DELETE", path, headers=headers, body=b"", before_send=lambda: None)
        if exchange.status != _ACCEPTED:
            raise _unanswered("its word that pending calls are canceled", exchange)

    async def _get(self, path: str) -> Exchange:
        headers = {"Accept": f"application/{self._accept}"}
        return await self._exchange("GET", path, headers=headers, body=b"", before_send=lambda: None)

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        before_send: Callable[[], None],
    ) -> Exchange:
        wire = _Wire(before_send)
        problem = ""
        client = await self._free.get()
        try:
            async with asyncio.timeout(self._deadline):
                request = client.stream(
                    method,
                    f"{self._base_url}{path}",
                    headers=headers,
                    content=body,
                    extensions={"trace": wire.trace},
                )
                async with request as response:
                    wire.headers_came(response)
                    await wire.read(response)
                    return wire.answered()
        except TimeoutError:
            missing = "whole answer" if wire.sent else "connection"
            problem = f"no {missing} within {self._deadline:g} s"
        except RunnerError as error:
            if wire.prevented is not error:
                raise
            problem = error.message
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ssl.SSLError) as error:
            problem = _describe(error)
        finally:
            self._free.put_nowait(client)
        return wire.broke_off(problem)

    def _client(self, context: ssl.SSLContext, connections: int) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            auth=self._auth,
            verify=context,
            http2=False,
            trust_env=False,
            follow_redirects=False,
            # Connecting and the TLS handshake each get a part of the deadline: httpx closes the socket after
            # its own timeouts, but leaves it behind when it is cancelled.
            timeout=httpx.Timeout(self._deadline, connect=self._deadline / 3),
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=_KEEPALIVE_SECONDS,
            ),
            # Nothing about the API needs cookies, and PHP handles requests of one session one by one.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"User-Agent": "plum-runner", "Accept-Encoding": "identity"},
        )


class _Wire:
    """How far one exchange came, as httpx's trace tells."""

    def __init__(self, before_send: Callable[[], None]) -> None:
        self._before_send = before_send
        self._response: httpx.Response | None = None
        self._body = bytearray()
        self.sent = False
        """Whether bytes of the request may have left."""
        self.prevented: RunnerError | None = None

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        if event != "http11.send_request_headers.started":
            return
        try:
            self._before_send()
        except RunnerError as error:
            self.prevented = error
            raise
        self.sent = True

    def headers_came(self, response: httpx.Response) -> None:
        self._response = response

    async def read(self, response: httpx.Response) -> None:
        """Reads the body, but no more than an answer of the API can hold; the status counts all the same."""
        async for chunk in response.aiter_bytes():
            self._body += chunk
            if len(self._body) > _LARGEST_BODY:
                del self._body[_LARGEST_BODY:]
                return

    def answered(self) -> Exchange:
        return self._exchange(problem="", whole=True)

    def broke_off(self, problem: str) -> Exchange:
        return self._exchange(problem=problem, whole=False)

    def _exchange(self, *, problem: str, whole: bool) -> Exchange:
        headers = {} if self._response is None else {k.lower(): v for k, v in self._response.headers.items()}
        status = self._response.status_code if self._response is not None and whole else None
        if self._response is not None and not whole:
            problem = f"the answer began with status {self._response.status_code} and broke off: {problem}"
        return Exchange(
            sent=self.sent,
            prevented=self.prevented is not None,
            problem=problem,
            status=status,
            headers=headers,
            body=bytes(self._body),
            date=_date(headers.get("date")),
        )


def _split(connections: int, most: int) -> list[int]:
    """Sizes that add up to `connections`, each at most `most`."""
    clients = -(-connections // most)
    return [connections // clients + (index < connections % clients) for index in range(clients)]


def _describe(error: Exception) -> str:
    """What happened, in a person's words; never the URL's credentials, of which there are none in it."""
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (httpx.ConnectTimeout, "the connection could not be made in time"),
        (httpx.ConnectError, "the connection could not be made"),
        (httpx.PoolTimeout, "no connection was free in time"),
        (httpx.TimeoutException, "no answer in time"),
        (httpx.RemoteProtocolError, "the server closed the connection or answered no HTTP"),
        (httpx.ReadError, "the connection broke while waiting for the answer"),
        (httpx.WriteError, "the connection broke while sending"),
    )
    words = next((words for kind, words in kinds if isinstance(error, kind)), "the exchange failed")
    detail = str(error).strip()
    return f"{words} ({detail})" if detail else words


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
        # HTTP's dates are UTC; without a zone Python would take the machine's.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _unanswered(what: str, exchange: Exchange) -> StoppedError:
    said = error_text(exchange.headers, exchange.body) or excerpt(exchange.body)
    return StoppedError(
        f"Insight did not give {what}: {exchange.problem or f'status {exchange.status}'}"
        + (f", {said}" if said else "")
    )
