"""Headers that each answer of the private address has: browsers then allow what its pages need, no more."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = "/static/"
"""Files whose names change with their content."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS: Mapping[str, str] = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With `no-referrer`, browsers would not say from which site a form comes either.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_TLS_ONLY = "max-age=31536000"
"""For a year, browsers take no other way here than TLS."""


class SecurityHeaders:
    """Wraps an ASGI application. `is_behind_tls`: people reach it by https alone."""

    def __init__(self, app: ASGIApp, *, is_behind_tls: bool) -> None:
        self._app = app
        self._headers = dict(_ALWAYS)
        if is_behind_tls:
            self._headers["strict-transport-security"] = _TLS_ONLY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if not scope["path"].startswith(STATIC):
                    # What people see of others stays in no cache.
                    headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, with_headers)
