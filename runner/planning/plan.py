"""The plan: every call that is to be made, every contact that gets none and why. Values only.

What there may be millions of is a named tuple: Python makes those four times as fast as other values.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from runner.campaign.diagnostics import Diagnostic
from runner.campaign.silence import Silenced
from runner.contacts.contact import Exclusion, Reason


class Change(StrEnum):
    """How a planned call differs from what the ledger holds."""

    NEW = "new"
    MOVED = "moved"
    """The same request at another time."""
    CHANGED = "changed"
    """Another request, number or zone."""
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a plan changes about one call, and why. Times are UTC Unix seconds."""

    change: Change
    reason: str
    """For people; holds nothing of the row."""
    fields: tuple[str, ...] = ()
    """What changed, by the names of the campaign file, such as `metadata[site]`."""
    start_before: int | None = None
    """The start that the ledger holds; None for a new call."""


class Metadata(Mapping[str, str]):
    """The metadata of one call, read from its JSON when somebody looks: of a million, few are looked at."""

    __slots__ = ("_values", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        """The JSON object."""
        self._values: Mapping[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Metadata) and other.text == self.text:
            return True
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]  # as of any mapping that compares by content

    def __repr__(self) -> str:
        return repr(dict(self))

    def _read(self) -> Mapping[str, str]:
        if self._values is None:
            self._values = json.loads(self.text)
        return self._values


def metadata_json(metadata: Mapping[str, str]) -> str:
    """As one text, to be stored."""
    return metadata.text if isinstance(metadata, Metadata) else json.dumps(dict(metadata))


class CallRequest(NamedTuple):
    """What Insight is asked to do, less the two timestamps. Names and units are the API's own.

    `phone_number` is the canonical dial string, `tel:+E164[;ani=…][;postd=…]`. `reattempt_wait` is in
    seconds, and None with a single attempt. `result_url` is empty when no callback is wanted.
    """

    phone_number: str
    max_attempts: int
    reattempt_wait: int | None
    metadata: Mapping[str, str]
    result_url: str


class PlannedCall(NamedTuple):
    """One request for one contact. All times are UTC Unix seconds.

    The request leaves at `queue_at` or later; Insight dials between `start_timestamp` and
    `end_timestamp`, an interval that lies inside one calling window in every zone of `timezones`.
    """

    key: str
    ref: str
    round: int
    phone: str
    timezones: tuple[str, ...]
    queue_at: int
    start_timestamp: int
    end_timestamp: int
    earliest: int | None
    """The contact's own `not_before`, as an instant; a new slot for a late call honours it too."""
    latest: int | None
    """The contact's own `not_after`, as an exclusive instant."""
    attempts_that_fit: int
    request: CallRequest
    difference: Difference
    source: str
    line: int

    @property
    def change(self) -> Change:
        return self.difference.change


class Slot(NamedTuple):
    """When one call goes out and may be dialled. UTC Unix seconds."""

    queue_at: int
    start_timestamp: int
    end_timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCall:
    """A planned call that needs a new slot. `id` is whatever the ledger knows it by."""

    id: int
    timezones: tuple[str, ...]
    earliest: int | None
    latest: int | None


class Standing(StrEnum):
    """What the ledger's memory of a contact means for a new plan."""

    PLANNED = "planned"
    """Not sent yet: keeps its slot while nothing about it changes."""
    TAKEN = "taken"
    """Being sent, sent, or perhaps sent: never planned again."""
    REFUSED = "refused"
    """Insight refused it (400): planned again only when its request changed."""
    OPEN = "open"
    """Skipped earlier: may be planned as if new."""


class KnownCall(NamedTuple):
    """A call the ledger remembers. Times are UTC Unix seconds."""

    key: str
    phone: str
    round: int
    standing: Standing
    timezones: tuple[str, ...]
    start_timestamp: int
    end_timestamp: int
    request: CallRequest
    state: str
    """The ledger's own word for it, for people to read."""


@dataclass(frozen=True, slots=True)
class History:
    """All that earlier runs did for this campaign. Empty for a new ledger."""

    calls: Iterable[KnownCall] = ()
    """Oldest first; may be read several times."""
    stamp: str = ""
    """Differs when anything of it differs: a plan is only entered into the ledger that it was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A call that is planned in the ledger but no longer wanted, with the reason.

    `start_timestamp` is when it would have started, in UTC Unix seconds.
    """

    key: str
    round: int
    reason: str
    start_timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVersions:
    """The releases of the data that decided zones, numbers and holidays."""

    tzdata: str
    phonenumbers: str
    holidays: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a plan comes to. Instants are UTC Unix seconds."""

    changes: Mapping[tuple[Change, str], int]
    """Calls by what the plan does with them, and why."""
    starts: Mapping[date, Mapping[int, int]]
    """How many calls start in each hour of each local day of the contacts, in order."""
    first_start: int | None
    last_start: int | None
    short: int
    """Calls that have time for fewer attempts than they may have."""
    fewest_attempts: int
    """That one of these has time for."""
    excluded: Mapping[Reason, int]


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
    tally: Tally
    history_stamp: str
    """Of the history that it was made from."""
    diagnostics: tuple[Diagnostic, ...] = ()
    silenced: tuple[Silenced, ...] = ()
    """Warnings that the campaign silences: not among `diagnostics`."""
    versions: DataVersions
