"""The survey's saved report at Insight: who completed the survey, joined to calls by number and time. Pure.

The report is a CSV with a row for each visit of the survey, and holds no call_id. A visit belongs to the call
to its number that was dialled nearest to it in time.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from runner.campaign.filters import truth
from runner.errors import RunnerError
from runner.ledger.result_rows import CallRow
from runner.results.dispositions import Answer

NEAR_SECONDS = 15 * 60
"""A visit begins at most so long before or after the dials of its call."""
NEAR_SECONDS_WITHOUT_ZONE = 12 * 3600
"""The same where the report does not say in which zone its times are."""

_NUMBERS = ("phone number", "caller id/ip address")
_START, _COMPLETED = "start", "completed"
_NATIONAL_DIGITS = 10
"""Of a North American number without its country code."""
_NOT_DIGITS = re.compile(r"[^0-9]")


class Visit(NamedTuple):
    """One row of the report. `numbers` are its numbers as digits, with country code."""

    row: int
    """Counting from 1, without the header."""
    numbers: tuple[str, ...]
    start: float
    near: int
    """How far from a call's dials it may begin."""
    answer: Answer


@dataclass(frozen=True, slots=True)
class UnreadableVisit:
    """A row of the report whose number, time or Completed column cannot be understood."""

    row: int


def read_visits(lines: Iterable[str], *, rows_before: int = 0) -> Iterator[Visit | UnreadableVisit]:
    """The rows of one page of the report, which begins with the header; `rows_before` were on earlier pages.

    Raises RunnerError for a report without the columns that the join needs.
    """
    rows = csv.reader(lines)
    names = [name.strip().lstrip("\ufeff").lower() for name in next(rows, [])]
    missing = [name for name in (_START, _COMPLETED) if name not in names]
    if missing or not any(name in names for name in _NUMBERS):
        raise RunnerError(
            "the survey's saved report lacks a column that runner needs to find the calls",
            hint="it needs the columns Phone Number (or Caller ID/IP Address), Start and Completed",
        )
    for number, row in enumerate(rows, start=rows_before + 1):
        yield _visit(number, dict(zip(names, row, strict=False)))


def _visit(number: int, row: Mapping[str, str]) -> Visit | UnreadableVisit:
    when = _instant(row.get(_START, ""))
    completed = truth(row.get(_COMPLETED, ""))
    numbers = tuple(filter(None, (_digits(row.get(name, "")) for name in _NUMBERS)))
    if when is None or completed is None or not numbers:
        return UnreadableVisit(number)
    start, near = when
    return Visit(number, numbers, start, near, Answer.COMPLETE if completed else Answer.PARTIAL)


def _digits(number: str) -> str:
    """`tel:+1 (617) 555-0100;ani=…` as `16175550100`."""
    digits = _NOT_DIGITS.sub("", number.partition(";")[0])
    return f"1{digits}" if len(digits) == _NATIONAL_DIGITS and "+" not in number else digits


def _instant(text: str) -> tuple[float, int] | None:
    """The instant, and how far from the call's dials it may lie; a time without its zone is read as UTC."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text), NEAR_SECONDS
    read = _iso_time(text) or _us_time(text)
    if read is None:
        return None
    if read.tzinfo is None:
        return read.replace(tzinfo=UTC).timestamp(), NEAR_SECONDS_WITHOUT_ZONE
    return read.timestamp(), NEAR_SECONDS


def _iso_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _us_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%m/%d/%Y %H:%M:%S")  # noqa: DTZ007 - it has no zone
    except ValueError:
        return None


class Visits:
    """The visits of a report, by number. Memory grows with the visits, not with the calls."""

    def __init__(self) -> None:
        self._by_number: dict[str, list[Visit]] = defaultdict(list)
        self._unmatched: dict[int, Visit] = {}
        self.unreadable = 0
        self.total = 0

    def add(self, read: Iterable[Visit | UnreadableVisit]) -> None:
        for visit in read:
            self.total += 1
            if isinstance(visit, UnreadableVisit):
                self.unreadable += 1
                continue
            self._unmatched[visit.row] = visit
            for number in visit.numbers:
                self._by_number[number].append(visit)

    def answers(self, calls: Sequence[CallRow]) -> list[Answer | None]:
        """What the report says of each of these calls, which are all calls of one contact."""
        found: list[Answer | None] = [None] * len(calls)
        for number in {_digits(call.phone) for call in calls}:
            for visit in self._by_number.get(number, ()):
                place = _nearest(visit, number, calls)
                if place is not None:
                    self._unmatched.pop(visit.row, None)
                    # Of several visits in one call the complete one counts.
                    if found[place] is not Answer.COMPLETE:
                        found[place] = visit.answer
        return found

    def unmatched(self) -> list[Visit]:
        """Visits that belong to no call asked about so far."""
        return list(self._unmatched.values())


def _nearest(visit: Visit, number: str, calls: Sequence[CallRow]) -> int | None:
    distances = [
        (_distance(visit.start, call), place)
        for place, call in enumerate(calls)
        if _digits(call.phone) == number and call.call_id is not None
    ]
    distance, place = min(distances, default=(visit.near + 1, 0))
    return place if distance <= visit.near else None


def _distance(instant: float, call: CallRow) -> float:
    """Seconds from the time in which the call was dialled, or may have been; 0 inside."""
    first, last = (call.dials[0], call.dials[-1]) if call.dials else (call.start, call.end)
    return max(first - instant, instant - last, 0)
