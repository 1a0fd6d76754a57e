"""People sign in and out. Who guesses waits longer and longer, and does not learn which names exist."""

import asyncio
import hmac
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from runner.ledger import sign_ins
from runner.ledger.ledger import Ledger
from runner.serve import forms, sessions
from runner.serve.visitors import Access, client_address, cookie
from runner.services.passwords import is_password, new_secret, secret_hash

SIGN_IN = "/sign-in"
_SIGN_OUT = "/sign-out"
_MOST_WAITING = 16
"""Passwords that wait to be checked: each takes a core for a tenth of a second, and calls come first."""


@dataclass(frozen=True, slots=True)
class _Refused:
    words: str
    status: int
    headers: Mapping[str, str]


_WRONG = _Refused("The name or the password is wrong.", 401, {})
_BUSY = _Refused("Many people sign in now. Try again in a few seconds.", 503, {"Retry-After": "5"})


class SignIn:
    """Signs people in, in one ledger. `key` is the ledger's."""

    def __init__(self, ledger: Ledger, access: Access, key: bytes) -> None:
        self._engine = ledger.engine
        self._access = access
        self._key = key
        # One password at a time: argon2 takes a core and 64 MiB.
        self._checker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._waiting = 0

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route(SIGN_IN, self._show, methods=["GET"]),
            Route(SIGN_IN, self._sign_in, methods=["POST"]),
            Route(_SIGN_OUT, self._sign_out, methods=["POST"]),
        ]

    def close(self) -> None:
        self._checker.shutdown(wait=False, cancel_futures=True)

    async def _show(self, request: Request) -> Response:
        return self._page(request, sessions.local_path(request.query_params.get("next", "/")))

    async def _sign_in(self, request: Request) -> Response:
        form = await forms.read(request)
        after = sessions.local_path(form.get("next", "/"))
        found = await self._in_turn(request, form.get("name", "").strip().lower(), form.get("password", ""))
        if isinstance(found, _Refused):
            return self._page(request, after, found)
        old = cookie(request, self._access.session_cookie)
        if old:
            await asyncio.to_thread(sign_ins.end_session, self._engine, secret_hash(old))
        response = RedirectResponse(after, status_code=303)
        self._set_cookie(response, self._access.session_cookie, found)
        response.delete_cookie(self._access.form_cookie, secure=self._access.is_behind_tls)
        return response

    async def _sign_out(self, request: Request) -> Response:
        secret = cookie(request, self._access.session_cookie)
        if secret:
            await asyncio.to_thread(sign_ins.end_session, self._engine, secret_hash(secret))
        response = RedirectResponse(SIGN_IN, status_code=303)
        response.delete_cookie(self._access.session_cookie, secure=self._access.is_behind_tls)
        return response

    async def _in_turn(self, request: Request, name: str, password: str) -> str | _Refused:
        """The secret of a new session."""
        if self._waiting >= _MOST_WAITING:
            return _BUSY
        self._waiting += 1
        try:
            return await self._try(name, password, client_address(request, self._access))
        finally:
            self._waiting -= 1

    async def _try(self, name: str, password: str, address: str) -> str | _Refused:
        """An unknown name takes the same path as a known one."""
        by_name, by_address = self._subject("name", name), self._subject("address", address)
        waits = {by_name: sessions.wait_of_name, by_address: sessions.wait_of_address}
        left = await asyncio.to_thread(sign_ins.begin_try, self._engine, waits, time.time())
        if left:
            return _wait(left)
        # A database takes no NUL, and no name has anything else that cannot be seen.
        known = name if name.isprintable() else ""
        stored = await asyncio.to_thread(sign_ins.password_of, self._engine, known)
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._checker, is_password, password, stored):
            return _WRONG
        secret = new_secret()
        if not await asyncio.to_thread(self._begin, secret, known, stored):
            return _WRONG
        await asyncio.to_thread(sign_ins.note_success, self._engine, by_name, by_address)
        return secret

    def _begin(self, secret: str, name: str, stored: str) -> bool:
        now = time.time()
        past = now - sessions.LONGEST_SECONDS
        return sign_ins.begin_session(self._engine, secret_hash(secret), name, stored, now=now, past=past)

    def _subject(self, kind: str, text: str) -> str:
        """People type passwords into the field of the name: what was typed is not kept."""
        return hmac.digest(self._key, f"sign-in {kind} {text}".encode(), "sha256").hex()

    def _page(self, request: Request, after: str, refused: _Refused | None = None) -> Response:
        secret = ""
        csrf = request.state.csrf
        if not csrf:
            secret = new_secret()
            csrf = sessions.csrf_of(secret)
        status, headers = (refused.status, dict(refused.headers)) if refused else (200, {})
        response = HTMLResponse(_html(csrf, after, refused.words if refused else ""), status, headers)
        if secret:
            self._set_cookie(response, self._access.form_cookie, secret)
        return response

    def _set_cookie(self, response: Response, name: str, value: str) -> None:
        """It ends with the browser; a session ends earlier in the ledger."""
        response.set_cookie(name, value, secure=self._access.is_behind_tls, httponly=True, samesite="strict")


def _wait(seconds: float) -> _Refused:
    whole = math.ceil(seconds)
    words = f"Too many failed tries. Try again in {whole} second{'' if whole == 1 else 's'}."
    return _Refused(words, 429, {"Retry-After": str(whole)})


def _html(csrf: str, after: str, problem: str) -> str:
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in · runner</title>
</head>
<body><main>
<h1>Sign in</h1>
{alert}
<form method="post" action="{SIGN_IN}">
<input type="hidden" name="{forms.CSRF_FIELD}" value="{escape(csrf)}">
<input type="hidden" name="next" value="{escape(after)}">
<p><label>Name
<input name="name" autocomplete="username" autocapitalize="none" required autofocus></label></p>
<p><label>Password
<input name="password" type="password" autocomplete="current-password" required></label></p>
<p><button>Sign in</button></p>
</form>
</main></body>
</html>
"""
