"""The plan: every planned call, and every excluded contact with the reason. Values only.

Types with millions of instances are named tuples: Python creates those four times as fast.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum, auto
from typing import NamedTuple

from runner.calls import CallRequest, Cause, Metadata, Reason
from runner.campaign.diagnostics import Diagnostic
from runner.campaign.rules.rule_set import RuleSet
from runner.campaign.warning_codes import SuppressedWarning
from runner.contacts.contact import Exclusion
from runner.planning.candidate import split_zones


class Change(StrEnum):
    """How a planned call differs from what the ledger holds."""

    NEW = "new"
    MOVED = "moved"
    """The same request at another time."""
    CHANGED = "changed"
    """Another request, number or zone."""
    UNCHANGED = "unchanged"


class ChangeReason(StrEnum):
    """Why a planned call is new, moved, changed or unchanged."""

    FIRST_CALL = auto()
    """The ledger holds no call to this contact."""
    REFUSED_REQUEST_CHANGED = auto()
    """Insight refused the earlier request, and the request has changed since."""
    SKIPPED_BEFORE = auto()
    """An earlier call was skipped, and now it can be made."""
    FURTHER_ROUND = auto()
    """Nobody was reached in the earlier round."""
    FIELDS_CHANGED = auto()
    """The call names them: `changed`."""
    START_PASSED = auto()
    RETRIED = auto()
    """`runner retry` planned it again after Insight had refused it."""
    RESOLVED = auto()
    """An operator resolved it as not queued."""
    WINDOW_CLOSED = auto()
    """No calling window contains the earlier start any more."""
    WINDOW_END_CHANGED = auto()
    TOO_CLOSE_TO_WINDOW_END = auto()
    DAY_FULL = auto()
    """The policy allows fewer calls on the day of its earlier start."""
    SLOT_KEPT = auto()


class PlannedCall(NamedTuple):
    """One request for one contact: plain values, as in tables. All times are UTC Unix seconds.

    The request leaves at `queue_at` or later; Insight dials between `start_timestamp` and
    `end_timestamp`, an interval that lies inside one calling window in every zone of `timezones`.
    """

    key: str
    ref: str
    round: int
    phone: str
    queue_at: int
    start_timestamp: int
    end_timestamp: int
    earliest: int | None
    """The contact's own `not_before`, or when the gap after the earlier round is over; a late call gets no
    slot before it.
    """
    latest: int | None
    """The contact's own `not_after`, as an exclusive instant."""
    zones: str
    """As `join_zones` writes them."""
    home: str
    """This and the next one are those of its candidate: where the rules hold that it obeys."""
    states: str
    phone_number: str
    """This and the next four are those of its `request`; the metadata is a JSON object."""
    max_attempts: int
    reattempt_wait: int | None
    metadata: str
    result_url: str
    change_name: str
    """The value of its `change`."""
    change_reason: str
    """The value of its `reason`."""
    changed_fields: str
    """As a JSON list; empty for none."""
    start_before: int | None
    """The start that the ledger holds; None for a new call."""
    source: str
    line: int

    @property
    def timezones(self) -> tuple[str, ...]:
        return split_zones(self.zones)

    @property
    def request(self) -> CallRequest:
        return CallRequest(
            phone_number=self.phone_number,
            max_attempts=self.max_attempts,
            reattempt_wait=self.reattempt_wait,
            metadata=Metadata(self.metadata),
            result_url=self.result_url,
        )

    @property
    def change(self) -> Change:
        return Change(self.change_name)

    @property
    def reason(self) -> ChangeReason:
        return ChangeReason(self.change_reason)

    @property
    def changed(self) -> tuple[str, ...]:
        """The fields that changed, by their names in the campaign file, such as `metadata[site]`."""
        return tuple(json.loads(self.changed_fields)) if self.changed_fields else ()

    @property
    def attempts_that_fit(self) -> int:
        return attempts_that_fit(
            self.start_timestamp, self.end_timestamp, self.max_attempts, self.reattempt_wait
        )


def attempts_that_fit(start: int, end: int, max_attempts: int, reattempt_wait: int | None) -> int:
    """How many dials, `reattempt_wait` seconds apart, fit between start and end."""
    if reattempt_wait is None or max_attempts == 1:
        return 1
    return min(max_attempts, 1 + (end - start) // reattempt_wait)


class Slot(NamedTuple):
    """When one call goes out and may be dialled. UTC Unix seconds."""

    queue_at: int
    start_timestamp: int
    end_timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCall:
    """A planned call that needs a new slot. `id` is its id in the ledger."""

    id: int
    timezones: tuple[str, ...]
    earliest: int | None
    latest: int | None
    home: str = ""
    """This and the next one are as in a candidate."""
    states: str = ""


class Availability(StrEnum):
    """What an earlier call to a contact means for a new plan."""

    PLANNED = "planned"
    """Not sent: keeps its slot while nothing of it changes."""
    TAKEN = "taken"
    """Being sent, sent, or possibly sent: never planned again."""
    REFUSED = "refused"
    """Insight refused it (400): planned again only when its request changed."""
    OPEN = "open"
    """Skipped earlier: may be planned as if new."""


class KnownCall(NamedTuple):
    """A call in the ledger: plain values, as in tables. Times are UTC Unix seconds."""

    key: str
    phone: str
    round: int
    availability: str
    """The value of an Availability."""
    zones: str
    """As `join_zones` writes them."""
    start_timestamp: int
    end_timestamp: int
    phone_number: str
    """This and the next four are those of its `request`; the metadata is a JSON object."""
    max_attempts: int
    reattempt_wait: int | None
    metadata: str
    result_url: str
    state: str
    """The value of a CallState."""
    state_reason: str = ""
    """Why it is in that state, as `StateReason.stored` writes it."""
    result: str | None = None
    """The value of a ResultStatus; None while it is not known how the call ended."""
    last_dial: int | None = None
    """When it was dialled last; None where Insight did not say."""

    @property
    def timezones(self) -> tuple[str, ...]:
        return split_zones(self.zones)

    @property
    def request(self) -> CallRequest:
        return CallRequest(
            phone_number=self.phone_number,
            max_attempts=self.max_attempts,
            reattempt_wait=self.reattempt_wait,
            metadata=Metadata(self.metadata),
            result_url=self.result_url,
        )


class EarlierCall(NamedTuple):
    """The newest call to a candidate: what every plan needs of it. `WorkingFile.known` has the rest."""

    id: int
    phone: str
    availability: str
    state_reason: str
    is_all: bool
    """It was sent, or may have been, and there is no other call to the contact or its number."""
    is_same: bool
    """The plan has the same request for the same number and zones. If not, they may still mean the same."""
    round: int
    """This and the rest are as in a PastCall."""
    state: str
    result: str | None
    start_timestamp: int
    end_timestamp: int
    last_dial: int | None


class WaitingBefore(NamedTuple):
    """A candidate whose newest call waits in the ledger: what tells whether that call keeps its slot."""

    number: int
    id: int
    """This and the next four are as in its EarlierCall."""
    phone: str
    is_same: bool
    start_timestamp: int
    end_timestamp: int
    zones: str
    """This and the rest are as in the candidate."""
    home: str
    states: str
    earliest: int | None
    latest: int | None


GONE = "no source has this contact any more"
"""The detail of a call that is withdrawn, or not sent, if its contact has no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A call that is planned in the ledger but not in this plan, with the reason.

    `start_timestamp` is when it would have started, in UTC Unix seconds.
    """

    key: str
    round: int
    reason: Reason | None
    """Why its contact is excluded now; None where no row of the sources is this contact."""
    detail: str
    start_timestamp: int
    timezones: tuple[str, ...]
    """Those of the contact, as the call was planned."""

    def plain(self) -> tuple[str | int | tuple[str, ...], ...]:
        """Bare values, in the order of its fields."""
        reason = self.reason.value if self.reason else ""
        return self.key, self.round, reason, self.detail, self.start_timestamp, self.timezones


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVersions:
    """The versions of the data used for zones, numbers, holidays and rules."""

    tzdata: str
    phonenumbers: str
    holidays: str
    rules: str = ""
    """Of each rule preset; empty for a campaign without rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStatistics:
    """Counts of a plan. Instants are UTC Unix seconds."""

    changes: Mapping[tuple[Change, ChangeReason, tuple[str, ...]], int]
    """Calls by what the plan does with them, why, and the fields that changed."""
    starts: Mapping[date, Mapping[int, int]]
    """How many calls start in each hour of each local day of the contacts, in order."""
    first_start: int | None
    first_zones: tuple[str, ...]
    """The zones of a contact whose call starts first."""
    last_start: int | None
    last_zones: tuple[str, ...]
    short: int
    """Calls that have time for fewer attempts than they may have."""
    fewest_attempts: int
    """The fewest that one of these has time for."""
    excluded: Mapping[Reason, int]
    already_queued: Mapping[Cause, int]
    """Those already queued, by why no further round follows now."""
    rounds: Mapping[int, int]
    """Calls by their round, in order."""
    further_calls: int
    """The most calls of later rounds that may follow: after these, and after calls whose result is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `apply` will do, and why for everything it will not. `as_of` is UTC Unix seconds.

    `calls` are in the order in which they will be sent. `rows` = calls + exclusions, the latter including
    those that are already queued or have no window; both may be read from where the plan was made, one after
    the other, since there may be millions.
    """

    plan_id: str
    campaign: str
    as_of: int
    rows: int
    calls_per_minute: int
    """The pace: what the campaign asks for, or less where requests may not go out as fast."""
    calls: Sequence[PlannedCall]
    exclusions: Sequence[Exclusion]
    withdrawals: tuple[Withdrawal, ...]
    statistics: PlanStatistics
    ledger_revision: str
    """The revision of the history that it was made from."""
    diagnostics: tuple[Diagnostic, ...] = ()
    suppressed_warnings: tuple[SuppressedWarning, ...] = ()
    """Warnings that `silence` suppresses: not among `diagnostics`."""
    rules: tuple[RuleSet, ...] = ()
    calls_per_day: int | None = None
    """The most that the policy allows, over all campaigns."""
    """Those that it obeys."""
    versions: DataVersions
