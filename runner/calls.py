"""What every folder says of calls: the states of a call, why a contact gets none, and the request.

Values only. What a reason or a cause means for a reader is written by `runner.reports`.
"""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple


class CallState(StrEnum):
    PLANNED = "planned"
    """Has a slot; nothing was sent."""
    SENDING = "sending"
    """The intent to send is committed; the request may have been sent."""
    QUEUED = "queued"
    """Insight accepted it and gave a call_id."""
    REFUSED = "refused"
    """Insight refused it with 400, which is documented as not queued."""
    UNCERTAIN = "uncertain"
    """Insight may or may not have queued it. Never sent again automatically."""
    SKIPPED = "skipped"
    """Not sent: no window was left, or the campaign no longer wants it."""
    COMPLETED = "completed"
    FAILED = "failed"
    """Insight dialled as often as it was asked to; nobody answered."""
    CANCELED = "canceled"
    REJECTED = "rejected"
    ABANDONED = "abandoned"
    """Uncertain, and abandoned by an operator."""


MAY_BE_DIALLED = frozenset({CallState.SENDING, CallState.QUEUED, CallState.UNCERTAIN, CallState.ABANDONED})
"""States of calls that Insight has or may have, and that may not have ended."""

PROBLEMS = frozenset({CallState.REFUSED, CallState.UNCERTAIN})
"""States that a person should look at; they decide exit status 6."""


class Resolution(StrEnum):
    """What an operator found out about an uncertain call."""

    QUEUED = "queued"
    NOT_QUEUED = "not-queued"
    ABANDONED = "abandoned"


class Reason(StrEnum):
    """Why a contact gets no call in this plan. The codes are part of the contract."""

    INVALID_PHONE = "invalid_phone"
    DUPLICATE_KEY = "duplicate_key"
    DUPLICATE_PHONE = "duplicate_phone"
    SUPPRESSED = "suppressed"
    FILTERED = "filtered"
    UNKNOWN_TIMEZONE = "unknown_timezone"
    NO_WINDOW = "no_window"
    TEMPLATE_ERROR = "template_error"
    ALREADY_QUEUED = "already_queued"
    REFUSED = "refused"
    CALL_LIMIT = "call_limit"


class Cause(StrEnum):
    """What exactly led to a reason, where advice or a comparison depends on it."""

    NONE = ""
    DATES_OVER = "dates_over"
    """The campaign's last calling window has closed where the contact is."""
    CLOSED = "closed"
    """No calling window opens in one of the contact's zones."""
    NO_COMMON_HOUR = "no_common_hour"
    """Windows open in each of the contact's zones, but never in all at once."""
    OWN_DATES = "own_dates"
    """The contact's `not_before` and `not_after` leave no calling window."""
    PACE = "pace"
    """The pace leaves no free start."""
    EARLIER_CALL = "earlier_call"
    """A call was queued before the contact was left out, and may still be dialled."""
    UNCERTAIN = "uncertain"
    """Insight may have queued the earlier call: nobody has settled yet whether it did."""


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
