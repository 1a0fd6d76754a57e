"""What is known after a queue request or the push of a record: done, refused, not sent, or uncertain. Pure.

The trace of the request decides, not the class of an exception: a reset looks the same whether the server
never read the request or queued the call. Only a request of which no byte was sent counts as not sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from runner.insight.answers import (
    QueueAnswer,
    UnreadableError,
    call_ids_in,
    error_text,
    excerpt,
    read_queue_answer,
)

OK = 200
BAD_REQUEST = 400

_ADVICE: Mapping[int, str] = {
    401: "check RUNNER_INSIGHT_USERNAME and RUNNER_INSIGHT_DEVELOPER_KEY, and that the account is active",
    403: "this account may not queue calls for this survey: ask its owner for the permission",
    404: "check survey_id and instance_id in the campaign file, and RUNNER_INSIGHT_BASE_URL: Insight finds "
    "no such survey or instance there",
    405: "a proxy may change the request: check RUNNER_INSIGHT_BASE_URL",
    409: "check the survey in Insight: it may be deleted or expired, have no voice or no metadatabase, have "
    "a newer instance_id, or have reached its limit of responses",
    415: "a proxy may change the content type: check RUNNER_INSIGHT_BASE_URL",
}
"""The statuses after which no call of the campaign can succeed until a person acts, and what that is."""
_ADVICE_ON_RECORDS: Mapping[int, str] = {
    **_ADVICE,
    403: "this account may not add records to the metadatabase: ask its owner for the permission",
    404: "check `metadatabase` in the campaign file, and RUNNER_INSIGHT_BASE_URL: Insight finds none of this "
    "name there",
    409: "look at the metadatabase in Insight: it does not take this record",
}
"""The same after the push of a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request as the wire saw it. `sent` is False only when no byte of it can have left.

    `status` is None when no whole answer came; `date` is the API's clock, UTC Unix seconds.
    """

    sent: bool
    prevented: bool = False
    """The caller's last check stopped it."""
    problem: str = ""
    """What went wrong, for people to read; empty when an answer came."""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    date: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Insight queued the call."""

    call_id: str
    link: str


@dataclass(frozen=True, slots=True)
class RecordAdded:
    """Insight added the record of a call to the metadatabase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """400: the data was wrong, and what was asked for is documented as not done."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignBlocked:
    """Nothing in this campaign can succeed until a person acts; what was asked for was not done."""

    status: int
    error: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Provably, no byte of the request left."""

    reason: str
    prevented: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """It may or may not have been done. `call_ids` are all that the answer holds, whatever its status."""

    reason: str
    status: int | None
    body: str
    call_ids: tuple[str, ...] = ()
    advice: str = ""
    """What a person must do before any call of the campaign can succeed; empty where calls still can."""


Failure = Refused | CampaignBlocked | NotSent | Uncertain
Outcome = Accepted | Failure
"""Of a queue request."""
PushOutcome = RecordAdded | Failure
"""Of the push of a record."""


_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked(Generic[_Done]):
    """What a request asks for, in words of its being done; how a 200 says so; advice for other statuses."""

    done: str
    read_success: Callable[[Exchange], _Done | Uncertain]
    advice: Mapping[int, str]


def classify(exchange: Exchange) -> Outcome:
    """The one meaning of an exchange; what is not documented is uncertain, and so is what contradicts itself.

    An answer that holds a call_id never counts as "not queued", whatever its status.
    """
    return _classify(exchange, _QUEUE)


def classify_push(exchange: Exchange) -> PushOutcome:
    """The same of the push of a record, which Insight acknowledges by `success` alone."""
    return _classify(exchange, _PUSH)


def _classify(exchange: Exchange, asked: _Asked[_Done]) -> _Done | Failure:
    if not exchange.sent:
        return NotSent(reason=exchange.problem, prevented=exchange.prevented)
    outcome = _classify_answer(exchange, asked)
    if isinstance(outcome, Uncertain):
        return replace(outcome, call_ids=_call_ids(exchange))
    if isinstance(outcome, Refused | CampaignBlocked) and (call_ids := _call_ids(exchange)):
        return Uncertain(
            reason=f"Insight answered {exchange.status} with a call_id, as if the call were queued",
            status=exchange.status,
            body=error_text(exchange.headers, exchange.body),
            call_ids=call_ids,
            advice=outcome.advice if isinstance(outcome, CampaignBlocked) else "",
        )
    return outcome


def _classify_answer(exchange: Exchange, asked: _Asked[_Done]) -> _Done | Failure:
    """What the status and the form of the answer say."""
    if exchange.status is None:
        return Uncertain(reason=exchange.problem, status=None, body=excerpt(exchange.body))
    if exchange.status == OK:
        return asked.read_success(exchange)
    error = error_text(exchange.headers, exchange.body)
    if exchange.status == BAD_REQUEST:
        return Refused(error=error or "Insight gave no reason")
    if exchange.status in asked.advice:
        return CampaignBlocked(
            status=exchange.status,
            error=error or "Insight gave no reason",
            advice=asked.advice[exchange.status],
        )
    return Uncertain(
        reason=f"Insight answered {exchange.status}, which does not say whether {asked.done}",
        status=exchange.status,
        body=error,
    )


def _call_ids(exchange: Exchange) -> tuple[str, ...]:
    return call_ids_in(exchange.headers, exchange.body, is_whole=exchange.status is not None)


def _read_accepted(exchange: Exchange) -> Accepted | Uncertain:
    answer = _read_success(exchange)
    if isinstance(answer, Uncertain):
        return answer
    if not answer.call_id:
        return _unclear_success(exchange, "Insight answered 200 without a call_id", answer.error)
    if len(_call_ids(exchange)) > 1:
        return _unclear_success(exchange, "Insight answered 200 with several call_ids", answer.error)
    return Accepted(call_id=answer.call_id, link=answer.link)


def _read_added(exchange: Exchange) -> RecordAdded | Uncertain:
    answer = _read_success(exchange)
    return answer if isinstance(answer, Uncertain) else RecordAdded()


def _read_success(exchange: Exchange) -> QueueAnswer | Uncertain:
    try:
        answer = read_queue_answer(exchange.headers, exchange.body)
    except UnreadableError as error:
        return _unclear_success(exchange, f"Insight answered 200, but the answer cannot be read: {error}")
    if not answer.success:
        return _unclear_success(exchange, "Insight answered 200, but without success", answer.error)
    return answer


def _unclear_success(exchange: Exchange, reason: str, error: str = "") -> Uncertain:
    return Uncertain(reason=reason, status=OK, body=error or excerpt(exchange.body))


_QUEUE = _Asked(done="the call was queued", read_success=_read_accepted, advice=_ADVICE)
_PUSH = _Asked(done="the record was added", read_success=_read_added, advice=_ADVICE_ON_RECORDS)
