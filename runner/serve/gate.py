"""What each request to the private address passes before any route runs."""

import hmac
import math
import time
from collections.abc import Callable
from html import escape
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runner.errors import RunnerError
from runner.reports.plan_facts import count
from runner.serve import forms, hosts, problems, sessions
from runner.serve.headers import STATIC
from runner.serve.limits import RateLimit
from runner.serve.metrics import PATH as METRICS
from runner.serve.sign_in import SIGN_IN
from runner.serve.visitors import Access, Visitors, client_address

_SAFE = {"GET", "HEAD", "OPTIONS"}
_JSON = "application/json"
_PER_ADDRESS = (200, 2_000)
"""Requests a second, after a burst. Behind a proxy that is not trusted, all people have one address."""
_PER_PERSON = (50, 500)
"""A phone system may send what people said in an hour at once."""


class Gate:
    """Wraps an ASGI application: it sees requests of known people alone, whose bodies are within limits and
    which no other web page has sent.

    It sets `request.state.person`, None only where everybody may come, and `request.state.csrf`: what each
    form must send back.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        visitors: Visitors,
        private_url: str,
        on_error: Callable[[Exception], None],
    ) -> None:
        """`on_error` is called with what no route expected."""
        self._app = app
        self._access = access
        self._visitors = visitors
        self._private_url = private_url
        self._on_error = on_error
        self._by_address = RateLimit(*_PER_ADDRESS)
        self._by_person = RateLimit(*_PER_PERSON)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._pass(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - a defect: it is logged, and the others are served
            self._on_error(error)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        # The rest of a refused body is not read.
        try:
            found = await self._admit(request)
        except HTTPException as error:
            found = problems.http_problem(request, error)
        except RunnerError as error:
            found = problems.runner_problem(request, error)
        if isinstance(found, Response):
            await found(scope, receive, send)
        else:
            await self._app(scope, _again(found, receive), send)

    async def _admit(self, request: Request) -> bytes | Response:
        """The body, or the answer for somebody who has to sign in.

        Raises HTTPException and RunnerError where the request must not reach a route.
        """
        if self._access.is_local and not hosts.is_expected(
            request.headers.get("host", ""), self._private_url
        ):
            raise HTTPException(
                421,
                "this server does not know the host name; open the address of RUNNER_LISTEN, or set "
                "RUNNER_PRIVATE_URL to the address that you use",
            )
        _check_rate(self._by_address, client_address(request, self._access))
        visitor = await self._visitors.find(request)
        request.state.person, request.state.csrf = visitor.person, visitor.csrf
        request.state.has_session = visitor.has_session
        if visitor.person is None and not _is_open(request):
            return self._to_sign_in(request)
        if visitor.person is not None and not visitor.is_local:
            _check_rate(self._by_person, visitor.person.name)
        body = await forms.read_body(request)
        if request.method not in _SAFE and not visitor.has_token:
            _check_origin(request)
            _check_csrf(request, body)
        return body

    def _to_sign_in(self, request: Request) -> Response:
        if self._access.user_header:
            raise HTTPException(
                401, f"sign in at the proxy; it must send your name in {self._access.user_header}"
            )
        if not _is_page(request) or request.method not in _SAFE:
            raise HTTPException(401, "sign in first; programs send a token", {"WWW-Authenticate": "Bearer"})
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if request.headers.get("sec-fetch-site") == "cross-site":
            return _come_again(sessions.local_path(path))
        return RedirectResponse(f"{SIGN_IN}?next={quote(path, safe='')}", status_code=303)


def _come_again(path: str) -> Response:
    """For somebody who follows a link of another site: browsers send our cookies only from a page of ours."""
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>runner</title>'
        f'<meta http-equiv="refresh" content="0; url={escape(path)}"><a href="{escape(path)}">Continue</a>'
    )


def _check_rate(limit: RateLimit, key: str) -> None:
    """Raises HTTPException with status 429."""
    left = limit.wait(key, time.monotonic())
    if left:
        wait = math.ceil(left)
        raise HTTPException(
            429, f"too many requests; try again in {count(wait, 'second')}", {"Retry-After": str(wait)}
        )


def _is_open(request: Request) -> bool:
    """For everybody. Metrics are not: they name campaigns, and a program that reads them sends a token."""
    path: str = request.scope["path"]
    return path == SIGN_IN or path.startswith(STATIC)


def _is_page(request: Request) -> bool:
    """Programs that ask for anything else could not sign in."""
    return not problems.is_api(request) and request.scope["path"] != METRICS


def _check_origin(request: Request) -> None:
    """Raises HTTPException where a browser says that another site sends the request."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    if site not in {"same-origin", "none"} or (
        origin is not None and origin.partition("://")[2] != request.headers.get("host")
    ):
        raise HTTPException(
            403, "another web site sent this request, so nothing was done; use the pages of this server"
        )


def _check_csrf(request: Request, body: bytes) -> None:
    """Raises HTTPException unless the request comes from a page of ours, or from no page at all: a browser
    sends JSON to another site only where that site allows it.
    """
    if problems.is_api(request) and forms.media_type(request) == _JSON:
        return
    given, expected = forms.fields(request, body).get(forms.CSRF_FIELD, ""), request.state.csrf
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(403, "this form is too old; go back, load the page again and repeat it")


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already, then what comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again
