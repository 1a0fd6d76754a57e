"""What each request to the private address passes before any route runs."""

import hmac
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runner.serve import forms, hosts, problems
from runner.serve.people import Person

_SAFE = {"GET", "HEAD", "OPTIONS"}
_JSON = "application/json"


class Gate:
    """Wraps an ASGI application: it sees requests of known people alone, whose bodies are within limits and
    which no other web page has sent.

    It sets `request.state.person`, and `request.state.csrf`: what each form must send back.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        local_person: Person,
        private_url: str,
        key: bytes,
        on_error: Callable[[Exception], None],
    ) -> None:
        """`key` is the ledger's. `on_error` is called with what no route expected."""
        self._app = app
        self._local_person = local_person
        self._private_url = private_url
        self._key = key
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            body = await self._admit(request)
        except HTTPException as error:
            # The rest of the body is not read.
            await problems.http_problem(request, error)(scope, receive, send)
            return
        try:
            await self._app(scope, _again(body, receive), send)
        except Exception as error:  # noqa: BLE001 - a defect: it is logged, and the others are served
            self._on_error(error)

    async def _admit(self, request: Request) -> bytes:
        """The body. Raises HTTPException where the request must not reach a route."""
        if not hosts.is_expected(request.headers.get("host", ""), self._private_url):
            raise HTTPException(
                421,
                "this name does not lead here; open the address of RUNNER_LISTEN, or set RUNNER_PRIVATE_URL",
            )
        state = request.state
        state.person = self._local_person
        state.csrf = hmac.digest(self._key, b"csrf of the local person", "sha256").hex()
        body = await forms.read_body(request)
        if request.method not in _SAFE:
            _check_origin(request)
            _check_csrf(request, body)
        return body


def _check_origin(request: Request) -> None:
    """Raises HTTPException where a browser says that another site sends the request."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    if site not in {"same-origin", "none"} or (
        origin is not None and origin.partition("://")[2] != request.headers.get("host")
    ):
        raise HTTPException(403, "another web site sent this request; nothing was done")


def _check_csrf(request: Request, body: bytes) -> None:
    """Raises HTTPException unless the request comes from a page of ours, or from no page at all: a browser
    sends JSON and DELETE to another site only where that site allows it.
    """
    if problems.is_api(request) and (forms.media_type(request) == _JSON or request.method == "DELETE"):
        return
    given = forms.fields(request, body).get(forms.CSRF_FIELD, "")
    if not hmac.compare_digest(given.encode(), request.state.csrf.encode()):
        raise HTTPException(403, "this form is too old; go back, load the page again and repeat it")


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already, then what comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again
