"""How a service shows the progress of long work. The caller decides where it is shown, if anywhere."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

from runner.contacts.contact import Row

_T = TypeVar("_T")

RowWatch = Callable[[Iterable[Row]], Iterator[Row]]
"""Passes on the rows of the next source."""


class Progress(Protocol):
    """What a caller implements to show progress."""

    def activity(self, what: str, *, at_once: bool = False) -> AbstractContextManager[None]:
        """Around work of unknown length. `at_once`: it lets no other thread run."""

    def bar(self, what: str, total: int, items: Iterable[_T]) -> Iterator[_T]:
        """Passes on `total` items."""

    def rows(self, what: str, count_lines: Callable[[], Sequence[int]]) -> AbstractContextManager[RowWatch]:
        """Around the reading of several sources. `count_lines` returns the number of lines of each, in order;
        it reads every source once, so call it only to show a bar.
        """


class NoProgress:
    """Shows nothing."""

    def activity(self, _what: str, *, at_once: bool = False) -> AbstractContextManager[None]:  # noqa: ARG002 - named by the protocol
        return nullcontext()

    def bar(self, _what: str, _total: int, items: Iterable[_T]) -> Iterator[_T]:
        return iter(items)

    def rows(self, _what: str, _count_lines: Callable[[], Sequence[int]]) -> AbstractContextManager[RowWatch]:
        return nullcontext(iter)


NO_PROGRESS = NoProgress()
