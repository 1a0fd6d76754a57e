"""A row of a source, and its result: a contact to call, or an exclusion with its reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from runner.calls import Cause, Reason

Match = Callable[[str, str], str | None]
"""(key, E.164 number) → which suppression list names them, or None. Either may be empty."""


def numbers_of_listed_keys(match: Match, rows: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """The numbers of those rows (key, number) whose key is listed, each with the reason for people.

    Rows share numbers: who opted out by key is not called for another row with the same number.
    """
    found: dict[str, str] = {}
    for key, phone in rows:
        listed = match(key, "")
        if listed is not None:
            found.setdefault(phone, f"{listed}, with the key of another contact that has this number")
    return found


def numbers_of_listed_others(match: Match, rows: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """The numbers of those rows (number, other numbers with blanks between) of which another number is
    listed, each with the reason for people.
    """
    found: dict[str, str] = {}
    for phone, others in rows:
        listed = listed_other(match, others.split())
        if listed is not None:
            found.setdefault(phone, listed)
    return found


def listed_other(match: Match, others: Iterable[str]) -> str | None:
    """Why somebody is not called of whom one of these further numbers is listed; None where none is."""
    listed = next(filter(None, (match("", other) for other in others)), None)
    return None if listed is None else f"{listed}, with another number of the same row"


class Row(NamedTuple):
    """One record as a source gave it.

    `source` is the path as the campaign file writes it (`inline` for rows in the file itself), `line` the
    line on which the record starts, counting from 1 with the header as line 1; inline rows count from 1.
    """

    source: str
    line: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A row that gets no call. `key` is empty when the row did not get as far as having one.

    `detail` is for people and holds no number, name or other content of the row. `template` is the path in
    the campaign file of the template that failed, or whose result means neither yes nor no; else empty.
    """

    key: str
    reason: Reason
    source: str
    line: int
    detail: str
    template: tuple[str, ...] = ()
    cause: Cause = Cause.NONE
    phone: str = ""
    """Its number in E.164 form, where that is known: other rows may have the same."""
    others: str = ""
    """Its other numbers, with blanks between."""

    def plain(self) -> tuple[str | int | tuple[str, ...], ...]:
        """Bare values, in the order of its fields, without the numbers: they decide nothing here."""
        return (
            self.key,
            self.reason.value,
            self.source,
            self.line,
            self.detail,
            self.template,
            self.cause.value,
        )


class Contact(NamedTuple):
    """Somebody to call. `phone` is E.164; `key` is who this is, unique within the campaign.

    `others` are further numbers of the row, which are not called.
    `timezone` is the zone the row declares, or empty to find its zones by `postal_code`, `state` and number.
    `not_before` and `not_after` are as the row gives them: a local date, an RFC 3339 instant, or empty.
    """

    key: str
    phone: str
    others: tuple[str, ...]
    timezone: str
    postal_code: str
    state: str
    priority: float
    not_before: str
    not_after: str
    row: Row
