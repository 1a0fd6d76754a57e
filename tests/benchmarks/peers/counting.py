"""What became of every call: from what arrived at the sandbox, and from what the tool says about the rest."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Count:
    twice: int
    """Calls that arrived more than once."""
    lost: int
    """Calls that did not arrive, and of which the tool says neither that it will send them, nor that they
    failed or are uncertain.
    """
    reported: int
    """Calls that the tool shows as failed or uncertain: a person decides."""
    reported_arrived: int
    """Those of them that arrived."""
    waiting: int
    """Calls that did not arrive, and that the tool still means to send."""


def count(
    calls: Collection[str], arrived: Sequence[str], waiting: Collection[str], reported: Collection[str]
) -> Count:
    """Of calls by their phone numbers; `arrived` has one for each request that was accepted."""
    times = Counter(arrived)
    explained = times.keys() | set(waiting) | set(reported)
    return Count(
        twice=sum(1 for each in times.values() if each > 1),
        lost=len(set(calls) - explained),
        reported=len(set(reported)),
        reported_arrived=len(set(reported) & times.keys()),
        waiting=len(set(waiting) - times.keys()),
    )


def lateness(arrived_at: Mapping[str, float], due: Mapping[str, float]) -> tuple[float, float]:
    """The median and the 99th percentile, in seconds."""
    late = sorted(at - due[phone] for phone, at in arrived_at.items())
    return late[len(late) // 2], late[int(len(late) * 0.99)]
