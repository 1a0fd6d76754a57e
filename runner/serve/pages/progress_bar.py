"""How far the calls of a campaign are, as parts of one bar. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runner.calls import CallState
from runner.reports.plan_facts import count

WIDTH = 100
_PARTS: Sequence[tuple[str, str, frozenset[CallState]]] = (
    ("completed", "completed", frozenset({CallState.COMPLETED})),
    (
        "ended",
        "ended otherwise",
        frozenset({CallState.FAILED, CallState.CANCELED, CallState.REJECTED, CallState.ABANDONED}),
    ),
    ("sent", "sent, without a result yet", frozenset({CallState.SENDING, CallState.QUEUED})),
    ("unclear", "refused or uncertain", frozenset({CallState.REFUSED, CallState.UNCERTAIN})),
    ("waiting", "not sent yet", frozenset({CallState.PLANNED})),
)
"""Each with its class, its words and its states. Skipped calls are in none: they are not made."""


class Part(NamedTuple):
    name: str
    """The class in the style."""
    words: str
    number: int
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressBar:
    parts: Sequence[Part]
    total: int
    """Without calls that were skipped."""
    ended: int

    @property
    def words(self) -> str:
        """`812 of 4,785 calls ended`."""
        return f"{self.ended:,} of {count(self.total, 'call')} ended" if self.total else "no calls yet"

    @property
    def all_words(self) -> str:
        return ", ".join(f"{part.number:,} {part.words}" for part in self.parts) or "no calls yet"


def grouped(states: Mapping[CallState, int]) -> Mapping[str, int]:
    """How many calls belong to each part of a bar, by its class."""
    return {name: sum(states.get(state, 0) for state in members) for name, _, members in _PARTS}


def part_words() -> Mapping[str, str]:
    return {name: words for name, words, _ in _PARTS}


def progress_bar(states: Mapping[CallState, int]) -> ProgressBar:
    numbers = grouped(states)
    total = sum(numbers.values())
    parts, before = [], 0
    for name, words, _ in _PARTS:
        number = numbers[name]
        if number:
            x, width = WIDTH * before / total, WIDTH * number / total
            parts.append(Part(name, words, number, round(x, 2), round(width, 2)))
            before += number
    return ProgressBar(parts=parts, total=total, ended=numbers["completed"] + numbers["ended"])
