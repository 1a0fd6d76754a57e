"""People sign in and out. After failures the wait grows, and no answer tells which names exist."""

import asyncio
import hmac
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from runner.ledger import sign_ins
from runner.ledger.ledger import Ledger
from runner.reports.plan_facts import count
from runner.serve import forms, sessions
from runner.serve.pages.rendering import page
from runner.serve.threads import in_thread
from runner.serve.visitors import Access, client_address, cookie
from runner.services.passwords import is_password, new_secret, secret_hash

SIGN_IN = "/sign-in"
_SIGN_OUT = "/sign-out"
_MOST_WAITING = 16
"""Passwords that wait to be checked: each takes a core for a tenth of a second, and calls come first."""


@dataclass(frozen=True, slots=True)
class _Refused:
    words: str
    hint: str
    status: int
    wait: int = 0
    """How many seconds somebody has to wait; 0 for not at all."""


_WRONG = _Refused("The name or the password is wrong.", "After several failed tries you have to wait.", 401)
_BUSY = _Refused("Too many people are signing in.", "Try again in a few seconds.", 503, 5)


class SignIn:
    """Signs people in, in one ledger. `key` is the ledger's."""

    def __init__(self, ledger: Ledger, access: Access, key: bytes, note: Callable[[str], None]) -> None:
        """`note` is called with each sign-in and each failure, for the log."""
        self._engine = ledger.engine
        self._access = access
        self._key = key
        self._note = note
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
            await in_thread(sign_ins.end_session, self._engine, secret_hash(old))
        response = RedirectResponse(after, status_code=303)
        self._set_cookie(response, self._access.session_cookie, found)
        response.delete_cookie(self._access.form_cookie, secure=self._access.is_behind_tls)
        return response

    async def _sign_out(self, request: Request) -> Response:
        secret = cookie(request, self._access.session_cookie)
        if secret:
            await in_thread(sign_ins.end_session, self._engine, secret_hash(secret))
        response = RedirectResponse(SIGN_IN, status_code=303)
        response.delete_cookie(self._access.session_cookie, secure=self._access.is_behind_tls)
        return response

    async def _in_turn(self, request: Request, name: str, password: str) -> str | _Refused:
        """The secret of a new session."""
        if self._waiting >= _MOST_WAITING:
            return _BUSY
        self._waiting += 1
        address = client_address(request, self._access)
        try:
            found = await self._try(name, password, address)
        finally:
            self._waiting -= 1
        if found is _WRONG:
            self._note(f"somebody failed to sign in from {address}")
        elif isinstance(found, str):
            self._note(f"{name} signed in from {address}")
        return found

    async def _try(self, name: str, password: str, address: str) -> str | _Refused:
        """An unknown name takes the same path as a known one."""
        by_name, by_address = self._subject("name", name), self._subject("address", address)
        waits = {by_name: sessions.wait_of_name, by_address: sessions.wait_of_address}
        left = await in_thread(sign_ins.begin_try, self._engine, waits, time.time())
        if left:
            return _wait(left)
        # A database takes no NUL, and no name has anything else that cannot be seen.
        known = name if name.isprintable() else ""
        stored = await in_thread(sign_ins.password_of, self._engine, known)
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._checker, is_password, password, stored):
            return _WRONG
        secret = new_secret()
        if not await in_thread(self._begin, secret, known, stored):
            return _WRONG
        await in_thread(sign_ins.note_success, self._engine, by_name, by_address)
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
        response = page(
            request,
            "sign_in.html",
            status=refused.status if refused else 200,
            csrf=csrf,
            after=after,
            refused=refused,
            action=SIGN_IN,
        )
        if refused and refused.wait:
            response.headers["Retry-After"] = str(refused.wait)
        if secret:
            self._set_cookie(response, self._access.form_cookie, secret)
        return response

    def _set_cookie(self, response: Response, name: str, value: str) -> None:
        """It ends with the browser; a session ends earlier in the ledger."""
        response.set_cookie(name, value, secure=self._access.is_behind_tls, httponly=True, samesite="strict")


def _wait(seconds: float) -> _Refused:
    whole = math.ceil(seconds)
    hint = f"Try again in {count(whole, 'second')}."
    return _Refused("Too many failed tries.", hint, 429, whole)
