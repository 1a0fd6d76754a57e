"""Finds out who sends a request: by a token, by a proxy, by a session, or because it is this machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from runner.calls import Role
from runner.ledger import sign_ins
from runner.ledger.ledger import Ledger
from runner.serve import proxies, sessions
from runner.serve.people import Person
from runner.serve.threads import in_thread
from runner.services.passwords import secret_hash
from runner.settings import Network

_BEARER = "bearer"
_EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may come, as the settings say."""

    is_local: bool
    """Whether no other machine reaches the address itself."""
    is_shared: bool
    """Whether other machines reach it, themselves or by a proxy: then everybody has to sign in."""
    is_behind_tls: bool
    user_header: str
    """With which a proxy names the person; empty where people sign in here."""
    trusted_proxies: Sequence[Network]

    def cookie(self, name: str) -> str:
        """With this prefix, browsers take the cookie by TLS alone, and from no other host."""
        return f"__Host-runner-{name}" if self.is_behind_tls else f"runner-{name}"

    @property
    def session_cookie(self) -> str:
        return self.cookie("session")

    @property
    def form_cookie(self) -> str:
        """Of somebody who has not signed in yet."""
        return self.cookie("form")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who sends a request."""

    person: Person | None
    """None for somebody unknown."""
    csrf: str = ""
    """What each form must send back; empty where no form is taken."""
    has_token: bool = False
    """Whether it is a program: no browser sends a token by itself."""
    has_session: bool = False
    is_local: bool = False
    """Whether it is the person of this machine, where nobody has to sign in."""


_NOBODY = Visitor(person=None)


class Visitors:
    """Of one ledger. `key` is the ledger's; `local_person` acts where nobody has to sign in."""

    def __init__(self, ledger: Ledger, access: Access, key: bytes, local_person: Person) -> None:
        self._engine = ledger.engine
        self._access = access
        self._key = key
        self._local_person = local_person

    async def find(self, request: Request) -> Visitor:
        """Raises HTTPException for what cannot be trusted, or is not in force."""
        token = _token(request)
        if token is not None:
            return await self._by_token(token)
        if self._access.user_header:
            return await self._by_proxy(request)
        secret = cookie(request, self._access.session_cookie)
        if secret:
            visitor = await in_thread(self._by_session, secret, is_active=_is_active(request))
            if visitor is not None:
                return visitor
        if not self._access.is_shared and not await in_thread(sign_ins.has_users, self._engine):
            return self._as_local(request)
        secret = cookie(request, self._access.form_cookie)
        return Visitor(person=None, csrf=sessions.csrf_of(secret)) if secret else _NOBODY

    async def _by_token(self, token: str) -> Visitor:
        found = await in_thread(sign_ins.user_of_token, self._engine, secret_hash(token))
        if found is None:
            raise _unknown("unknown or revoked token; to make one: runner users token NAME")
        name, role = found
        return Visitor(person=Person(name=name, role=role), has_token=True)

    async def _by_proxy(self, request: Request) -> Visitor:
        """A name that is known to `runner users` has its role; others are viewers."""
        values = request.headers.getlist(self._access.user_header)
        if not values:
            return _NOBODY
        if not proxies.is_trusted(_peer(request), self._access.trusted_proxies):
            raise HTTPException(
                403,
                f"{self._access.user_header} comes from {_peer(request)}, which is not in "
                "RUNNER_TRUSTED_PROXIES",
            )
        name = values[0].strip()
        if len(values) > 1 or not proxies.is_name(name):
            raise HTTPException(400, f"the proxy must send one name in {self._access.user_header}")
        role = await in_thread(sign_ins.role_of, self._engine, name.lower())
        csrf = sessions.csrf_of(self._key, f"proxy {name}")
        return Visitor(person=Person(name=name, role=role or Role.VIEWER), csrf=csrf)

    def _by_session(self, secret: str, *, is_active: bool) -> Visitor | None:
        now, session = time.time(), secret_hash(secret)
        found = sign_ins.session_of(self._engine, session)
        if found is None or sessions.is_over(found.began_at, found.seen_at, now):
            return None
        if is_active and now >= found.seen_at + sessions.SEEN_EVERY_SECONDS:
            sign_ins.see_session(self._engine, session, now)
        person = Person(name=found.user, role=found.role)
        return Visitor(person=person, csrf=sessions.csrf_of(secret), has_session=True)

    def _as_local(self, request: Request) -> Visitor:
        if any(header in request.headers for header in proxies.FORWARDING_HEADERS):
            raise HTTPException(
                403,
                "this request came through a proxy, and nobody has to sign in here: add users "
                "(runner users add), or set RUNNER_USER_HEADER and RUNNER_TRUSTED_PROXIES",
            )
        csrf = sessions.csrf_of(self._key, "of the local person")
        return Visitor(person=self._local_person, csrf=csrf, is_local=True)


def client_address(request: Request, access: Access) -> str:
    """For limits."""
    forwarded = request.headers.getlist("x-forwarded-for")
    return proxies.client_address(_peer(request), forwarded, access.trusted_proxies)


def cookie(request: Request, name: str) -> str:
    """Empty where there is none, or several: another site of the same domain may have set one of them."""
    pairs = (pair.strip() for header in request.headers.getlist("cookie") for pair in header.split(";"))
    values = [pair.partition("=")[2] for pair in pairs if pair.partition("=")[0] == name]
    return values[0] if len(values) == 1 else ""


def _token(request: Request) -> str | None:
    """Raises HTTPException for another kind of credentials, which nothing here takes."""
    values = request.headers.getlist("authorization")
    if not values:
        return None
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != _BEARER or not token:
        raise _unknown("send a token as Authorization: Bearer TOKEN")
    return token.strip()


def _unknown(detail: str) -> HTTPException:
    return HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})


def _is_active(request: Request) -> bool:
    """An open page asks for its events again and again, and nobody may be looking at it."""
    return not request.headers.get("accept", "").startswith(_EVENT_STREAM)


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""
