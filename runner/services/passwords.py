"""Passwords and tokens, as the ledger keeps them. The only module with argon2."""

import hashlib
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from runner.errors import UsageError

SHORTEST = 12
_LONGEST = 1_024
# One lane: several at once would take every core from the calls.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
OF_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=1$RKdx0aS7iLZhcYfAUTexvw$vZnlKWgmKHOvPTpKwPvc6HBzE0QvrG5RV7Aaycn8hzs"
)
"""The hash of an unknown password: a try with an unknown name takes as long as any other."""
_TOKEN_PREFIX = "runner_"  # noqa: S105 - so that scanners of code find a token that was published
_SECRET_BYTES = 32


def check_strong(password: str, name: str) -> None:
    """Raises UsageError for a password that is too easy to guess."""
    if len(password) < SHORTEST:
        raise UsageError(
            f"the password is too short: it must have at least {SHORTEST} characters",
            hint="take several random words, or let a password manager make one",
        )
    if len(password) > _LONGEST:
        raise UsageError(f"the password is too long: it may have at most {_LONGEST:,} characters")
    if name in password.lower() and len(password) - len(name) < SHORTEST:
        raise UsageError("the password is little more than the name", hint="take one that is hard to guess")


def password_hash(password: str) -> str:
    return _HASHER.hash(_normal(password))


def is_password(password: str, stored: str) -> bool:
    """Whether this hash is the password's. An empty hash is nobody's, and takes as long."""
    try:
        is_right = _HASHER.verify(stored or OF_NOBODY, _normal(password))
    except VerificationError:
        return False
    return is_right and bool(stored)


def new_secret() -> str:
    """Of a session."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def new_token() -> str:
    return f"{_TOKEN_PREFIX}{new_secret()}"


def secret_hash(secret: str) -> str:
    """Of a session or token: these hold 256 random bits, and need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _normal(password: str) -> str:
    """Keyboards differ in how they write an accent."""
    return unicodedata.normalize("NFKC", password)
