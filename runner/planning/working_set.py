"""Where a plan stands while it is made: there may be more contacts than fit into memory. Pure.

The planner says what it needs; `runner.working_file` keeps it. Rows are known by their number, counted from 0
in the order in which they were read.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from runner.contacts.contact import Exclusion
from runner.planning.candidate import Assignment, Candidate
from runner.planning.plan import KnownCall, PlannedCall


class NeedsCheck(NamedTuple):
    """A candidate who perhaps is not called."""

    number: int
    candidate: Candidate
    shares: bool
    """Another has the same key or number."""
    earlier: KnownCall | None
    """The newest call for this contact."""
    taken: KnownCall | None
    """The newest call to this number that was sent or may have been."""


class WorkingSet(Protocol):
    """What becomes of each row, step by step. Whatever was told before a question is in its answer."""

    def remember(self, calls: Iterable[KnownCall]) -> None:
        """All that the ledger holds of the campaign, oldest first."""

    def add_candidate(self, number: int, candidate: Candidate, *, needing_check: bool) -> None:
        """A row that may be called; `doubtful` where something about the row itself speaks against it."""

    def exclude(self, number: int, exclusion: Exclusion) -> None:
        """A row that is not called; it is no candidate any more."""

    def assign(self, number: int, assignment: Assignment) -> None:
        """A candidate that is called. To be told in the order of precedence."""

    def earlier(self, key: str) -> KnownCall | None:
        """The newest call for this contact that is remembered."""

    def taken_starts(self) -> Iterator[int]:
        """When the calls that were sent, or may have been, start: UTC Unix seconds."""

    def shared_numbers(self) -> Iterator[tuple[str, str]]:
        """Key and number of each row, called or not, and of each call that the ledger holds, whose number a
        candidate of another row has, too.
        """

    def needing_check(self) -> Sequence[NeedsCheck]:
        """The candidates who perhaps are not called, in the order of the rows: those enlisted so, those who
        share a key or a number, those whose number a row has that was excluded before, and those for whom or
        to whose number a call was sent, may have been, or was refused. To be asked once.
        """

    def candidates(self) -> Iterator[tuple[int, Candidate, KnownCall | None]]:
        """The candidates that were not excluded when this was first asked, in the order of precedence: by
        priority, then by row. Each with the newest call for this contact.
        """

    def with_history(self) -> Iterator[tuple[Candidate, KnownCall]]:
        """The candidates for whom a call is remembered, each with the newest one."""

    def excluded_now(self) -> Iterator[tuple[KnownCall, Exclusion | None]]:
        """The newest call of each contact that nothing is assigned to, where it is planned and not sent; with
        the exclusion of that contact.
        """

    def calls(self, round_: int, max_attempts: int, reattempt_wait: int | None) -> Sequence[PlannedCall]:
        """What was assigned, in the order in which it starts, equal starts in the order of precedence. All
        are of this round, with so many attempts.
        """

    def exclusions(self) -> Sequence[Exclusion]:
        """In the order of the rows."""
