"""How long sessions last, how long somebody waits after failures, and the tokens of forms. Pure."""

import hashlib
import hmac
import re

IDLE_SECONDS = 2 * 3_600
"""Without a request for so long, a session is over."""
LONGEST_SECONDS = 12 * 3_600
"""A session is over after so long: people sign in once a working day."""
SEEN_EVERY_SECONDS = 60
"""How exactly the ledger knows the newest request."""

_FREE_FAILURES = 5
"""Everybody mistypes a password now and then."""
_FREE_FAILURES_OF_ADDRESS = 20
"""A whole office may have one address."""
_LONGEST_WAIT_SECONDS = 900.0
_LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def is_over(began_at: float, seen_at: float, now: float) -> bool:
    return now >= began_at + LONGEST_SECONDS or now >= seen_at + IDLE_SECONDS


def wait_of_name(failures: int) -> float:
    """How many seconds after the newest of so many failures in a row the next try may come."""
    return _wait(failures, _FREE_FAILURES)


def wait_of_address(failures: int) -> float:
    return _wait(failures, _FREE_FAILURES_OF_ADDRESS)


def _wait(failures: int, free: int) -> float:
    # Beyond 2 to the power of 30 nothing grows any more.
    return 0 if failures < free else min(_LONGEST_WAIT_SECONDS, 2.0 ** min(failures - free, 30))


def csrf_of(secret: str | bytes, purpose: str = "") -> str:
    """What a form must send back to whom `secret` is known, in a cookie or in the ledger."""
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.digest(key, f"csrf {purpose}".encode(), hashlib.sha256).hex()


def local_path(given: str) -> str:
    """Where a person goes after signing in: a path of this site, `/` for anything else."""
    return given if _LOCAL_PATH.fullmatch(given) else "/"
