"""Where the API is: which addresses are allowed, and which are the same. Pure."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from runner.errors import SettingsError

_LOOPBACK = "loopback"


def validate_base_url(url: str) -> str:
    """The base URL without a trailing slash. Raises SettingsError: https only, plain http to loopback."""
    parts = _split_url(url)
    if parts.username is not None or parts.password is not None:
        raise SettingsError(
            "RUNNER_INSIGHT_BASE_URL holds credentials",
            hint="put them into RUNNER_INSIGHT_USERNAME and RUNNER_INSIGHT_DEVELOPER_KEY",
        )
    if "?" in url or "#" in url:
        raise SettingsError("RUNNER_INSIGHT_BASE_URL ends in a query or fragment", hint="remove that part")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise SettingsError(
            "RUNNER_INSIGHT_BASE_URL is plain http, which would show the developer key to the network",
            hint="write https://; plain http is allowed to this machine only",
        )
    return url.rstrip("/")


def origin(url: str) -> str:
    """Scheme, host and port; all loopback origins count as one, since test servers change their port."""
    parts = _split_url(url)
    host = parts.hostname or ""
    if _is_loopback(host):
        return _LOOPBACK
    port = f":{parts.port}" if parts.port not in {None, 443} else ""
    return f"{parts.scheme}://{host}{port}"


def _split_url(url: str) -> SplitResult:
    wrong = SettingsError(
        "RUNNER_INSIGHT_BASE_URL is not a valid web address",
        hint="write it as in https://insight.plumvoice.com/api",
    )
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
            # urlsplit quietly drops some of these, httpx does not.
            and not any(c.isspace() or not c.isprintable() for c in url)
        )
    except ValueError:
        raise wrong from None
    if not usable:
        raise wrong
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
