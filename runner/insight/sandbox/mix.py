"""What happens how often, written as in `answered=35%,busy=15%`, and chance that can be repeated. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from runner.errors import UsageError

K = TypeVar("K", bound=StrEnum)

_PART = re.compile(r"([a-z_]+)(?::([0-9]+))?=([0-9]+(?:\.[0-9]+)?)%")
_WHOLE = 1 + 1e-9


@dataclass(frozen=True, slots=True)
class Part(Generic[K]):
    """One kind, and how much of all it makes up (0 to 1). `seconds` where the kind takes some."""

    kind: K
    share: float
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Mix(Generic[K]):
    """`parts`, and `rest` for what is left of the whole."""

    parts: tuple[Part[K], ...]
    rest: K

    def pick(self, chance: float) -> Part[K]:
        """The part at this place (0 to 1)."""
        for part in self.parts:
            chance -= part.share
            if chance < 0:
                return part
        return Part(self.rest, 1)


def parse_mix(text: str, meanings: Mapping[K, str], *, rest: K, timed: frozenset[K] = frozenset()) -> Mix[K]:
    """`KIND=PERCENT%`, several with commas; the kinds in `timed` may be `KIND:SECONDS=PERCENT%`.

    Raises UsageError with the meaning of each kind.
    """
    kinds = {kind.value: kind for kind in meanings}
    parts: list[Part[K]] = []
    for word in text.split(","):
        match = _PART.fullmatch(word.strip())
        kind = kinds.get(match[1]) if match else None
        if match is None or kind is None or (match[2] and kind not in timed):
            raise _wrong(f"invalid share {word.strip()!r}", meanings)
        parts.append(Part(kind, float(match[3]) / 100, int(match[2]) if match[2] else None))
    if len({part.kind for part in parts}) < len(parts):
        raise _wrong(f"{text!r} names a kind twice", meanings)
    if sum(part.share for part in parts) > _WHOLE:
        raise _wrong(f"the shares of {text!r} add up to more than 100%", meanings)
    return Mix(tuple(parts), rest)


def chance(*of: object) -> float:
    """A number from 0 to below 1 that depends on nothing but `of`."""
    digest = hashlib.blake2b(repr(of).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _wrong(problem: str, meanings: Mapping[K, str]) -> UsageError:
    kinds = "\n".join(f"  {kind}: {meaning}" for kind, meaning in meanings.items())
    return UsageError(
        problem, hint=f"write KIND=PERCENT%, several with commas, where KIND is one of\n{kinds}"
    )
