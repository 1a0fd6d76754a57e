"""The token in a result URL: it stands for one attempt, and nobody can guess another. Pure.

A callback holds neither a call_id nor a number, and Insight signs nothing: the token alone says whose result
it is. It is checked before the ledger is asked for anything.
"""

import base64
import hmac
import re
from typing import NamedTuple

_CALL_BYTES, _FENCE_BYTES, _MAC_BYTES = 8, 4, 20
_LENGTH = (_CALL_BYTES + _FENCE_BYTES + _MAC_BYTES) * 8 // 5 + 1
_FORM = re.compile(rf"[a-z2-7]{{{_LENGTH}}}")


class Attempt(NamedTuple):
    """One attempt: the call and the fence of its claim."""

    call: int
    fence: int


class Tokens:
    """The tokens of one ledger, keyed with its privacy key."""

    def __init__(self, privacy_key: bytes, ledger_id: str) -> None:
        # A ledger that was made after another was lost counts its calls from one again.
        self._key = hmac.digest(privacy_key, f"result-url:{ledger_id}".encode(), "sha256")

    def token(self, attempt: Attempt) -> str:
        named = attempt.call.to_bytes(_CALL_BYTES) + attempt.fence.to_bytes(_FENCE_BYTES)
        mac = hmac.digest(self._key, named, "sha256")[:_MAC_BYTES]
        return base64.b32encode(named + mac).decode("ascii").rstrip("=").lower()

    def attempt(self, token: str) -> Attempt | None:
        """The attempt that a token stands for; None for a token that this ledger did not make."""
        if _FORM.fullmatch(token) is None:
            return None
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        call, fence = raw[:_CALL_BYTES], raw[_CALL_BYTES:-_MAC_BYTES]
        found = Attempt(int.from_bytes(call), int.from_bytes(fence))
        return found if hmac.compare_digest(self.token(found), token) else None
