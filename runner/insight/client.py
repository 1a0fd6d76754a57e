"""Sends requests to Insight and reports how far each came.

Requests go straight to httpcore, the part of httpx that speaks HTTP. httpx's client would follow redirects,
use proxy variables and keep cookies, none of which may happen here, and it takes more than twice the time.
The whole exchange has a deadline. Nothing here ever repeats a request.
"""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpcore
import httpx

from runner.errors import RunnerError, StoppedError
from runner.insight.answers import (
    error_text,
    excerpt,
    one_line,
)
from runner.insight.network import Network
from runner.insight.outcome import OK, Exchange
from runner.insight.protocol import Accept, FormRequest

DEADLINE_SECONDS = 30.0
"""For a whole exchange. What has no answer by then is uncertain, so this is generous."""
_CONNECTIONS = 8
_KEEPALIVE_SECONDS = 2.0
"""Short, because a connection that the server is about to close may swallow a request."""
_LARGEST_BODY = 64 * 1024
_LARGEST_REPORT_PAGE = 16 * 1024 * 1024
_REPORT_ROWS = 500
"""Rows that one page of a saved report holds; Insight takes 1 to 10,000."""
_LONG_ANSWER = 8 * 1024
"""Far more than Insight has to say."""
_ACCEPTED = 202
_NETWORK = Network()
_FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)


class ReportPage(NamedTuple):
    """Some rows of a saved report, as CSV with its header, and how many rows the whole report has."""

    text: str
    total_rows: int


class InsightClient:
    """The API for one account. Use it as an async context manager."""

    def __init__(
        self,
        *,
        base_url: str,
        username: str,
        developer_key: str,
        accept: Accept = "json",
        connections: int = _CONNECTIONS,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self._base_url = base_url
        self._accept = accept
        self._deadline = deadline
        self._headers = (
            (b"User-Agent", b"plum-runner"),
            (b"Accept-Encoding", b"identity"),
            (b"Authorization", b"Basic " + b64encode(f"{username}:{developer_key}".encode())),
        )
        # Connecting and the TLS handshake each get a part of it.
        self._timeouts = {"connect": deadline / 3}
        # No pool: it looks at each of its connections for each request, and loses one for good when a
        # waiting request is cancelled just as its turn comes. Requests wait here, for the connection that
        # was used last; None is one that is still to be made.
        self._free: asyncio.LifoQueue[httpcore.AsyncHTTPConnection | None] = asyncio.LifoQueue()
        for _ in range(connections):
            self._free.put_nowait(None)

    def __repr__(self) -> str:
        return f"InsightClient({self._base_url})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while not self._free.empty():
            if (connection := self._free.get_nowait()) is not None:
                await connection.aclose()

    async def post(self, request: FormRequest, *, before_send: Callable[[], None]) -> Exchange:
        """Sends one request, once, and reports how far it came; never raises for network errors.

        `before_send` is called when the connection is open, just before the first byte is sent. If it raises
        a RunnerError, nothing is sent. After a cancellation bytes may have been sent.
        The deadline runs from the moment a connection is free.
        """
        headers = (*request.headers, ("Content-Length", str(len(request.body))))
        return await self._exchange(
            "POST", request.path, headers=headers, body=request.body, before_send=before_send
        )

    async def responses(self, survey_id: str, instance_id: str) -> Exchange:
        """Asks for the number of responses so far: harmless, so it serves to try credentials and clock."""
        return await self._get(f"/surveys/{survey_id}/{instance_id}/responses")

    async def call_details(self, call_id: str) -> Exchange:
        """Asks how the call stands."""
        return await self._get(f"/outbound/{call_id}")

    async def report_page(self, report_id: str, *, start: int, end: int, offset: int) -> ReportPage:
        """The visits of a survey from `start` to `end`, the newest first, from row `offset` on.

        The report of a closed time range does not grow, so its pages do not shift. Raises StoppedError.
        """
        path = (
            f"/report/{report_id}?limit={_REPORT_ROWS}&offset={offset}"
            f"&start_timestamp={start}&end_timestamp={end}"
        )
        exchange = await self._get(path, largest=_LARGEST_REPORT_PAGE)
        total = exchange.headers.get("x-plum-total-rows", "")
        if exchange.status != OK or not total.isdecimal():
            raise _unanswered(f"the saved report {report_id}", exchange)
        return ReportPage(exchange.body.decode("utf-8-sig", "replace"), int(total))

    async def cancel_pending(self, survey_id: str, instance_id: str) -> None:
        """Cancels every call that waits in the instance, of whatever origin: Insight cannot cancel fewer.

        Raises StoppedError when Insight does not accept the request.
        """
        path = f"/surveys/{survey_id}/{instance_id}/cancel"
        exchange = await self._without_body("DELETE", path)
        if exchange.status != _ACCEPTED:
            raise _unanswered("a confirmation that pending calls are canceled", exchange)

    async def _get(self, path: str, *, largest: int = _LARGEST_BODY) -> Exchange:
        return await self._without_body("GET", path, largest=largest)

    async def _without_body(self, method: str, path: str, *, largest: int = _LARGEST_BODY) -> Exchange:
        headers = (("Accept", f"application/{self._accept}"),)
        return await self._exchange(
            method, path, headers=headers, body=b"", before_send=lambda: None, largest=largest
        )

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        before_send: Callable[[], None],
        largest: int = _LARGEST_BODY,
    ) -> Exchange:
        problem = ""
        connection = await self._free.get()
        wire = _Wire(before_send, largest)
        try:
            async with asyncio.timeout(self._deadline):
                url, host = _address(f"{self._base_url}{path}")
                wire.connection = connection = await _usable(connection, url.origin)
                request = httpcore.Request(
                    method,
                    url,
                    headers=[
                        (b"Host", host),
                        *self._headers,
                        *((k.encode(), v.encode()) for k, v in headers),
                    ],
                    content=body,
                    extensions={"trace": wire.trace, "timeout": self._timeouts},
                )
                response = await connection.handle_async_request(request)
                async with aclosing(response):
                    await wire.read(response)
                if not wire.leaves_nothing_behind:
                    # The next request would be given it for its answer.
                    await connection.aclose()
                return wire.answered()
        except TimeoutError:
            missing = "whole answer" if wire.sent else "connection"
            problem = f"no {missing} within {self._deadline:g} s"
        except RunnerError as error:
            if wire.prevented is not error:
                raise
            problem = error.message
        except (*_FAILURES, httpx.InvalidURL, OSError) as error:
            problem = _describe(error)
        finally:
            self._free.put_nowait(connection)
        return wire.broke_off(problem)


class _Wire:
    """How far one exchange came, from httpcore's trace."""

    def __init__(self, before_send: Callable[[], None], largest: int) -> None:
        self._before_send = before_send
        self._largest = largest
        self._response: httpcore.Response | None = None
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._is_whole = False
        self.connection: httpcore.AsyncHTTPConnection
        self.sent = False
        """Whether bytes of the request may have left."""
        self.prevented: RunnerError | None = None
        self.behind: bytes | None = b""
        """Bytes received after what was read of the answer; None where that is unknown."""

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        match event:
            case "http11.send_request_headers.started":
                self._may_leave()
            case "http11.response_closed.started" if self._response is not None:
                self.behind = _behind_the_answer(self.connection)

    def _may_leave(self) -> None:
        try:
            self._before_send()
        except RunnerError as error:
            self.prevented = error
            raise
        self.sent = True

    async def read(self, response: httpcore.Response) -> None:
        """Reads the body, but no more than an answer of the API can hold; the status counts all the same."""
        self._response = response
        self._headers = {name.lower(): value for name, value in httpx.Headers(response.headers).items()}
        # As it came: a few bytes of a compressed body may become gigabytes.
        async for chunk in response.aiter_stream():
            self._body += chunk
            if len(self._body) > self._largest:
                del self._body[self._largest :]
                return
        self._is_whole = True

    @property
    def leaves_nothing_behind(self) -> bool:
        """Whether the connection may be used again. Of a long answer the end of what came is not seen."""
        return self.behind == b"" and len(self._body) <= _LONG_ANSWER

    def answered(self) -> Exchange:
        encoding = one_line(self._headers.get("content-encoding", ""))
        # `Accept-Encoding: identity` was sent.
        if self._response is not None and encoding.lower() not in {"", "identity"}:
            self._body.clear()
            status = self._response.status
            return self._exchange(
                f"Insight answered {status} in the encoding {encoding}, which was not asked for",
                has_status=False,
            )
        if self._is_whole and self.behind and self.behind.strip():
            return self._exchange(
                "more than one answer came: unknown which one is this request's",
                has_status=False,
            )
        return self._exchange("", has_status=True)

    def broke_off(self, problem: str) -> Exchange:
        if self._response is not None:
            problem = f"the answer began with status {self._response.status} and broke off: {problem}"
        return self._exchange(problem, has_status=False)

    def _exchange(self, problem: str, *, has_status: bool) -> Exchange:
        status = self._response.status if self._response is not None and has_status else None
        return Exchange(
            sent=self.sent,
            prevented=self.prevented is not None,
            problem=problem,
            status=status,
            headers=self._headers,
            body=bytes(self._body),
            date=_date(self._headers.get("date")),
        )


@lru_cache(maxsize=16)
def _address(text: str) -> tuple[httpcore.URL, bytes]:
    """What httpcore calls, and the host as the server shall read it. Raises httpx.InvalidURL.

    Read once: the calls of a campaign all go to one address.
    """
    url = httpx.URL(text)
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    ), url.netloc


async def _usable(
    kept: httpcore.AsyncHTTPConnection | None, origin: httpcore.Origin
) -> httpcore.AsyncHTTPConnection:
    """The connection where another request may leave by it, else one that is still to be opened."""
    if kept is not None:
        if kept.is_idle() and not kept.has_expired():
            return kept
        await kept.aclose()
    context = _context(ssl.get_default_verify_paths())
    return httpcore.AsyncHTTPConnection(
        origin, ssl_context=context, keepalive_expiry=_KEEPALIVE_SECONDS, network_backend=_NETWORK
    )


@lru_cache(maxsize=1)
def _context(_trusted: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """One for all clients of a process: to load the certificates takes 20 ms and a megabyte each time."""
    return ssl.create_default_context()


def _behind_the_answer(connection: httpcore.AsyncHTTPConnection) -> bytes | None:
    """What the connection received beyond what was read of the answer; None where that is unknown.

    httpcore does not report these bytes: it would take them for the start of the next answer. Where another
    release of httpcore keeps them elsewhere, no connection is used twice.
    """
    try:
        inner: Any = connection._connection  # noqa: SLF001 - httpcore has no public access
        behind: bytes = inner._h11_state.trailing_data[0]  # noqa: SLF001 - as above
    except (AttributeError, IndexError):
        return None
    return behind


def _describe(error: Exception) -> str:
    """What happened, for people to read; it never contains credentials."""
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (httpcore.ConnectTimeout, "the connection could not be made in time"),
        (httpcore.ConnectError, "the connection could not be made"),
        (httpcore.RemoteProtocolError, "the server closed the connection or did not answer in HTTP"),
        (httpcore.ReadError, "the connection broke while waiting for the answer"),
    )
    words = next((words for kind, words in kinds if isinstance(error, kind)), "the exchange failed")
    # Behind a colon h11 quotes what the server said, which may quote the request.
    detail = str(error).partition(":" if isinstance(error, httpcore.ProtocolError) else "\n")[0].strip()
    return f"{words} ({detail})" if detail else words


@lru_cache(maxsize=16)
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
