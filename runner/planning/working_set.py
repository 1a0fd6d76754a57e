"""The planner's storage for intermediate results: there may be more contacts than fit into memory. Pure.

This is the interface; `runner.working_file` implements it. Rows are identified by their number, counted from
0 in the order in which they were read.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from runner.contacts.contact import Exclusion
from runner.planning.candidate import Assignment, Candidate
from runner.planning.plan import KnownCall, PlannedCall


class NeedsCheck(NamedTuple):
    """A candidate that may have to be excluded."""

    number: int
    candidate: Candidate
    shares: bool
    """Another has the same key or number."""
    earlier: KnownCall | None
    """The newest call for this contact."""
    taken: KnownCall | None
    """The newest call to this number that was sent or may have been."""


class WorkingSet(Protocol):
    """The result for each row, step by step. Reads include all earlier writes."""

    def remember(self, calls: Iterable[KnownCall]) -> None:
        """Stores the campaign's calls in the ledger, oldest first."""

    def add_candidate(self, number: int, candidate: Candidate, *, needing_check: bool) -> None:
        """A row that may be called; `needing_check` if its own values may exclude it."""

    def exclude(self, number: int, exclusion: Exclusion) -> None:
        """A row that is not called, and no longer a candidate."""

    def assign(self, number: int, assignment: Assignment) -> None:
        """A candidate that is called. Calls come in the order of precedence."""

    def earlier(self, key: str) -> KnownCall | None:
        """The newest stored call for this contact."""

    def taken_starts(self) -> Iterator[int]:
        """When the calls that were sent, or may have been, start: UTC Unix seconds."""

    def shared_numbers(self) -> Iterator[tuple[str, str]]:
        """Key and number of each row, called or not, and of each call that the ledger holds, whose number a
        candidate of another row has, too.
        """

    def needing_check(self) -> Sequence[NeedsCheck]:
        """The candidates that may have to be excluded, in the order of the rows: those added as such, those
        that share a key or a number with another, those whose number an excluded row has, and those with a
        call (to the contact or the number) that was sent, possibly sent, or refused. Can be called once.
        """

    def candidates(self) -> Iterator[tuple[int, Candidate, KnownCall | None]]:
        """The candidates that were not excluded at the first call of this, in the order of precedence: by
        priority, then by row. Each with the newest call for this contact.
        """

    def with_history(self) -> Iterator[tuple[Candidate, KnownCall]]:
        """The candidates with stored calls, each with the newest one."""

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
