"""Requests to the address of a connection, which is a setting: nothing else decides where they go.

Redirects are not followed. The setting may name a host of an intranet. A name that leads to this machine or
to a cloud's metadata service is refused before anything is sent.
"""

import ipaddress
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runner.contacts.sources.context import Connection
from runner.errors import SourceError

if TYPE_CHECKING:
    import httpx


def check_address(connection: Connection, name: str, *, may_have_query: bool = False) -> None:
    """Raises SourceError for an address that cannot be used: https only, plain http to loopback."""
    try:
        parts = urlsplit(connection.url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    has_query = "?" in connection.url and not may_have_query
    if not usable or has_query or "#" in connection.url or not connection.url.isprintable():
        problem = "is not a URL that can be used"
        hint = "write it as https://api.example.org" + ("" if may_have_query else ", without ? and #")
    elif parts.username is not None or parts.password is not None:
        problem, hint = "holds credentials", f"put the token into {connection.setting}_TOKEN"
    elif parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        problem, hint = "is plain http, which would show everything to the network", "write https://"
    else:
        return
    raise SourceError(f"{name}: {connection.setting} {problem}", hint=hint)


def origin(url: str) -> tuple[str, str, int | None]:
    """Raises ValueError for a URL that names credentials: they would make it look like another origin."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _names_its_address(connection: Connection) -> bool:
    """Whether the setting itself names an address, or this machine: another name may lead anywhere."""
    host = urlsplit(connection.url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _is_never_an_api(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """This machine, and link-local addresses, where clouds have the service that gives out credentials."""
    known = getattr(address, "ipv4_mapped", None) or address
    return known.is_loopback or known.is_link_local or known.is_unspecified or known.is_multicast


def peer_check(connection: Connection, name: str) -> Callable[[str, Mapping[str, Any]], None]:
    """Looks at the address that the connection was really made to, before a byte is sent: an earlier look-up
    of the name may have given another.
    """

    def trace(event: str, info: Mapping[str, Any]) -> None:
        if event != "connection.connect_tcp.complete" or _names_its_address(connection):
            return
        stream = info["return_value"]
        peer = stream.get_extra_info("server_addr")
        address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
        if _is_never_an_api(address):
            stream.close()
            raise SourceError(
                f"{name}: the host in {connection.setting} leads to {address}, a loopback, link-local or "
                "multicast address",
                hint="correct the name; if the address is right, write it in the setting instead",
            )

    return trace


@contextmanager
def client(seconds: float) -> Iterator["httpx.Client"]:
    import httpx  # noqa: PLC0415 - loading it takes a while, and few campaigns need it

    # Without an environment no proxy gets the token.
    transport = httpx.HTTPTransport(verify=ssl.create_default_context(), trust_env=False)
    timeout = httpx.Timeout(seconds, connect=seconds / 4)
    with httpx.Client(transport=transport, timeout=timeout, trust_env=False, follow_redirects=False) as made:
        yield made


def headers(connection: Connection) -> Mapping[str, str]:
    """Of each request."""
    sent = {"Accept-Encoding": "identity", "User-Agent": "plum-runner"}
    return {**sent, "Authorization": f"Bearer {connection.token}"} if connection.token else sent


@contextmanager
def explained(name: str, connection: Connection) -> Iterator[None]:
    """Raises SourceError. The words of the library may quote the address."""
    import httpx  # noqa: PLC0415 - see above

    try:
        yield
    except httpx.TimeoutException:
        problem = "no answer in time"
    except httpx.ConnectError:
        problem = "the connection could not be made"
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ssl.SSLError):
        problem = "the connection broke, or the answer is not HTTP"
    else:
        return
    raise SourceError(f"{name}: {problem}", hint=f"check the network, and {connection.setting}")
