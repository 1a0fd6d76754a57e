"""Numbers that more than one campaign of a folder calls."""

from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path


class CalledNumbers:
    """The numbers that each campaign calls: 8 bytes each, since there may be millions."""

    def __init__(self) -> None:
        self._of: dict[Path, array[int]] = {}

    def add(self, file: Path, numbers: Iterable[str]) -> Mapping[Path, int]:
        """Adds the E.164 numbers of one campaign, each once. Returns how many of them each campaign that was
        added before calls too.
        """
        called = array("q", map(int, numbers))
        called = array("q", sorted(called))
        shared = {other: _common(called, theirs) for other, theirs in self._of.items()}
        self._of[file] = called
        return {other: number for other, number in shared.items() if number}


def _common(first: "array[int]", second: "array[int]") -> int:
    """How many values two sorted arrays share."""
    found, others = 0, iter(second)
    other = next(others, None)
    for value in first:
        while other is not None and other < value:
            other = next(others, None)
        found += other == value
    return found
