"""What all folders share about calls: their states, why a contact gets none, and the request.

Values only. What a reason or a cause means for a reader is written by `runner.reports`.
"""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class CallState(StrEnum):
    PLANNED = "planned"
    """Has a slot; nothing was sent."""
    SENDING = "sending"
    """The intent to send is committed; the request may have been sent."""
    QUEUED = "queued"
    """Insight accepted it and gave a call_id."""
    REFUSED = "refused"
    """Not queued: Insight refused it or its record with 400, or its record may have been added or not."""
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


class ResultStatus(StrEnum):
    """How a call ended, in Insight's own words; `unknown` when runner stopped asking."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


FINAL = frozenset({CallState.COMPLETED, CallState.FAILED, CallState.CANCELED, CallState.REJECTED})
"""States of calls whose result is known."""


class Role(StrEnum):
    """What a person may do on the private address of `serve`."""

    VIEWER = "viewer"
    """Reads; numbers are masked."""
    OPERATOR = "operator"
    """Acts too."""


class Guard(StrEnum):
    """A limit on what a plan may change, unless `--allow` permits it."""

    WITHDRAW = "withdraw"
    """Withdraw calls that are planned."""
    NEW_CALLS = "new_calls"
    LIST_DROP = "list_drop"
    """Use a source or suppression list that lost entries."""


class Resolution(StrEnum):
    """What an operator found out about a call: an uncertain one, or one without a result."""

    QUEUED = "queued"
    NOT_QUEUED = "not-queued"
    ABANDONED = "abandoned"
    COMPLETED = "completed"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a contact gets no call in this plan. The codes are part of the contract."""

    INVALID_PHONE = "invalid_phone"
    COUNTRY = "country"
    """The number is of a country that the campaign does not call."""
    PREMIUM_RATE = "premium_rate"
    """The number has a special tariff."""
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
    """Beyond `--limit`."""
    CONTACT_LIMIT = "contact_limit"
    """A cap, or a call of another campaign to the number, leaves no time for this one."""


class Cause(StrEnum):
    """What exactly led to a reason, where advice or a comparison depends on it."""

    NONE = ""
    DATES_OVER = "dates_over"
    """The campaign's last calling window has closed where the contact is."""
    CLOSED = "closed"
    """No calling window opens in one of the contact's zones."""
    NO_COMMON_HOUR = "no_common_hour"
    """Windows open in each of the contact's zones, but never in all at once."""
    RULES = "rules"
    """The campaign's windows lie outside the hours of the rules that the contact has."""
    OWN_DATES = "own_dates"
    """The contact's `not_before` and `not_after` leave no calling window."""
    PACE = "pace"
    """The pace leaves no free start."""
    EARLIER_CALL = "earlier_call"
    """A call was queued before the contact was left out, and may still be dialled."""
    FINISHED = "finished"
    """The contact was reached: its call is completed."""
    WAITING_FOR_RESULT = "waiting_for_result"
    """How the earlier call ended is not known yet."""
    ROUNDS_USED = "rounds_used"
    """The contact was tried in as many rounds as the campaign has."""
    NOT_RETRIED = "not_retried"
    """The campaign does not try again after such a result."""
    RECORD_UNCERTAIN = "record_uncertain"
    """The earlier call was not sent: its record may be in the metadatabase or not."""
    UNCERTAIN = "uncertain"
    """Insight may have queued the earlier call: nobody has settled yet whether it did."""
    CAPPED = "capped"
    """A further call would be more dials than a cap allows."""
    IMPORTED = "imported"
    """Another tool has queued the contact, as `runner import` says."""


class ReasonCode(StrEnum):
    """Why a call came to its state, or got another slot. In brackets: the values that come with it."""

    NONE = ""
    CLAIMED = "claimed"
    PACE = "pace"
    """It starts at the next moment that the pace leaves free."""
    LATE = "late"
    """Its start had passed: it got a new slot."""
    NO_TIME_LEFT = "no_time_left"
    """Its start had passed, and no time is left in its windows."""
    CONTACT_LIMIT = "contact_limit"
    """Its number would be dialled too often, and no time is left (`cap` that it would break)."""
    SENDER_DIED = "sender_died"
    """The process that was sending it died before the answer was recorded."""
    CALL_ID_TAKEN = "call_id_taken"
    """Insight answered with a call_id that another call has (`call_id`)."""
    SENT_FOR_ANOTHER = "sent_for_another"
    """A late answer shows that this number went out for another contact (`state` of that call)."""
    NUMBER_TAKEN = "number_taken"
    """A new plan has its number for another contact."""
    WITHDRAWN = "withdrawn"
    """A new plan leaves it out (`exclusion` for the reason code, `detail`)."""
    PLANNED_AGAIN = "planned_again"
    REPLANNED = "replanned"
    """A new plan changes it (`change`; `why` for the code of the planner; `fields` that differ)."""
    CANCELED = "canceled"
    """By an operator (`by`, where known)."""
    RESOLVED = "resolved"
    """By an operator (`resolution`, `by`)."""
    RETRIED = "retried"
    """By an operator (`by`)."""
    REFUSED = "refused"
    """Insight refused the request, or every request of the campaign (`error` in Insight's words)."""
    NOT_SENT = "not_sent"
    """No byte left (`problem` of the connection)."""
    UNCERTAIN = "uncertain"
    """(`problem`; of the answer: `call_ids` and `body`, where there are any.)"""
    RECORD_REFUSED = "record_refused"
    """Insight refused the record of the call, which was not sent (`error` in Insight's words)."""
    RECORD_UNCERTAIN = "record_uncertain"
    """Insight may or may not have added the record of the call, which was not sent (as of UNCERTAIN)."""
    TIME_PASSED = "time_passed"
    """This and those below stopped a request just before it was sent."""
    SUSPENDED = "suspended"
    """The process was suspended, and another run may have taken the call."""
    RUN_STOPPED = "run_stopped"
    CAMPAIGN_PAUSED = "campaign_paused"
    """An operator paused or canceled the campaign."""
    LIST_UNREADABLE = "list_unreadable"
    RESULT = "result"
    """Insight said how the call ended, or that it has it (`source` of that)."""
    EVIDENCE = "evidence"
    """What was said of the call, and was not simply applied (`verdict`)."""
    NO_RESULT = "no_result"
    """No result came in time: it counts as unknown."""
    COMPLETED_BEFORE = "completed_before"
    """An earlier round turned out to be completed."""
    QUEUED_BEFORE = "queued_before"
    """A result shows that an earlier call to this number or contact was queued."""
    IMPORTED = "imported"
    """An operator imported its contact: another tool has queued it (`by`)."""
    EXCLUDED = "excluded"
    """The plan or a suppression list leaves the contact out (`why`)."""


class StateReason(NamedTuple):
    """A code, and the values that a sentence about it needs. The ledger stores it as one text."""

    code: ReasonCode = ReasonCode.NONE
    values: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return self.code is not ReasonCode.NONE

    @classmethod
    def of(cls, code: ReasonCode, **values: str) -> "StateReason":
        return cls(code, tuple(values.items()))

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> "StateReason":
        """From what `stored` returned."""
        code, _, values = text.partition(" ")
        return cls(ReasonCode(code), tuple(json.loads(values).items()) if values else ())

    def stored(self) -> str:
        """The code, and after a blank the values as a JSON object where there are any."""
        return f"{self.code} {json.dumps(dict(self.values))}" if self.values else self.code.value


NO_REASON = StateReason()


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
