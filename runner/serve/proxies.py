"""What the proxies say that `RUNNER_TRUSTED_PROXIES` names, and nobody else. Pure."""

import ipaddress
from collections.abc import Sequence

from runner.settings import Network

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""One of them is in most requests that came through a proxy."""
_LONGEST_NAME = 128
_PREFIX_OF_IPV6 = 64
"""A client that has one address of IPv6 usually has all of this network."""


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    address = _address(peer)
    return address is not None and any(address in network for network in trusted)


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """Who asks, for limits: the peer, or for whom trusted proxies say that they ask.

    `forwarded_for` are the values of X-Forwarded-For. Only what trusted proxies added is believed: from the
    end on, up to the first address that is none of theirs.
    """
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
    found = peer
    while hops and is_trusted(found, trusted) and _address(hops[-1]) is not None:
        found = hops.pop()
    return limited_address(found)


def limited_address(text: str) -> str:
    """The address that a limit counts for."""
    address = _address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _PREFIX_OF_IPV6), strict=False))
    return text if address is None else str(address)


def is_name(text: str) -> bool:
    """Whether this may be the name of a person, as a proxy gives it."""
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
