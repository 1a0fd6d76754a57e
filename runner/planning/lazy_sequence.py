"""A sequence that makes its elements on access: there may be millions. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

_From = TypeVar("_From")
_To = TypeVar("_To")


class LazySequence(Sequence[_To], Generic[_From, _To]):
    """`make` of each element of `of`, called on each access; a slice is a tuple."""

    def __init__(self, of: Sequence[_From], make: Callable[[_From], _To]) -> None:
        self._of = of
        self._make = make

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[_To]:
        return map(self._make, self._of)

    @overload
    def __getitem__(self, index: int) -> _To: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[_To]: ...
    def __getitem__(self, index: int | slice) -> _To | Sequence[_To]:
        if isinstance(index, slice):
            return tuple(map(self._make, self._of[index]))
        return self._make(self._of[index])
