"""By which names the private address may be asked for. Pure.

Without users, anybody who reaches the address may act. A web page elsewhere must not: it could have its own
name lead to this machine (DNS rebinding), and a browser would take the answers for its own. The request still
names that page's host.
"""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether this name or address leads to this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_expected(host_header: str, private_url: str) -> bool:
    """Whether a request to a loopback address may name this host: a loopback one, or that of the URL at which
    people reach it.
    """
    host = hostname(f"//{host_header}")
    return bool(host) and (is_loopback(host) or host == hostname(private_url))


def hostname(url: str) -> str:
    """In lower case, without the port; empty for what is not a URL."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
