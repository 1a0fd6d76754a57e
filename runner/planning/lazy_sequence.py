"""A sequence that makes its elements on access: there may be millions. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar, overload

_From = TypeVar("_From")
_To = TypeVar("_To")


class LazySequence(Sequence[_To]):
    """`read` makes the elements between two indexes, the latter exclusive, on each access."""

    def __init__(self, count: int, read: Callable[[int, int], Iterator[_To]]) -> None:
        self._count = count
        self.read = read

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[_To]:
        return self.read(0, self._count)

    @overload
    def __getitem__(self, index: int) -> _To: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[_To]: ...
    def __getitem__(self, index: int | slice) -> _To | Sequence[_To]:
        selected = range(self._count)[index]
        if isinstance(selected, int):
            return next(self.read(selected, selected + 1))
        if selected.step == 1:
            return tuple(self.read(selected.start, selected.stop))
        return tuple(self[number] for number in selected)


def lazy_map(make: Callable[[_From], _To], values: Sequence[_From]) -> LazySequence[_To]:
    """`make` of each value."""

    def read(first: int, last: int) -> Iterator[_To]:
        some = values.read(first, last) if isinstance(values, LazySequence) else islice(values, first, last)
        return map(make, some)

    return LazySequence(len(values), read)
