"""What is known after a queue request: queued, refused, not sent, or uncertain. Pure.

The trace of the request decides, not the class of an exception: a reset looks the same whether the server
never read the request or queued the call. Only a request of which no byte was sent counts as not sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runner.insight.answers import UnreadableError, call_ids_in, error_text, excerpt, read_queue_answer

OK = 200
BAD_REQUEST = 400

_ADVICE: Mapping[int, str] = {
    401: "check RUNNER_INSIGHT_USERNAME and RUNNER_INSIGHT_DEVELOPER_KEY, and that the account is active",
    403: "this account may not queue calls for this survey: ask its owner for the permission",
    404: "check survey_id and instance_id in the campaign file: Insight finds no such survey or instance",
    405: "a proxy may change the request: check RUNNER_INSIGHT_BASE_URL",
    409: "check the survey in Insight: it may be deleted or expired, have no voice or no metadatabase, have "
    "a newer instance_id, or have reached its limit of responses",
    415: "a proxy may change the content type: check RUNNER_INSIGHT_BASE_URL",
}
"""The statuses after which no call of the campaign can succeed until a person acts, and what that is."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """400: the data was wrong, and the call is documented as not queued."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignBlocked:
    """Nothing in this campaign can succeed until a person acts; this call was not queued."""

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
    """The call may or may not be queued. `call_ids` are all that the answer holds, whatever its status."""

    reason: str
    status: int | None
    body: str
    call_ids: tuple[str, ...] = ()
    advice: str = ""
    """What a person must do before any call of the campaign can succeed; empty where calls still can."""


Outcome = Accepted | Refused | CampaignBlocked | NotSent | Uncertain


def classify(exchange: Exchange) -> Outcome:
    """The one meaning of an exchange; what is not documented is uncertain, and so is what contradicts itself.

    An answer that holds a call_id never counts as "not queued", whatever its status.
    """
    if not exchange.sent:
        return NotSent(reason=exchange.problem, prevented=exchange.prevented)
    call_ids = call_ids_in(exchange.headers, exchange.body, is_whole=exchange.status is not None)
    outcome = _classify_answer(exchange)
    match outcome:
        case Accepted() if len(call_ids) == 1:
            return outcome
        case Uncertain():
            return replace(outcome, call_ids=call_ids)
        case Refused() | CampaignBlocked() if not call_ids:
            return outcome
    what = "several call_ids" if isinstance(outcome, Accepted) else "a call_id, as if the call were queued"
    return Uncertain(
        reason=f"Insight answered {exchange.status} with {what}",
        status=exchange.status,
        body=error_text(exchange.headers, exchange.body),
        call_ids=call_ids,
        advice=outcome.advice if isinstance(outcome, CampaignBlocked) else "",
    )


def _classify_answer(exchange: Exchange) -> Outcome:
    """What the status and the form of the answer say."""
    if exchange.status is None:
        return Uncertain(reason=exchange.problem, status=None, body=excerpt(exchange.body))
    if exchange.status == OK:
        return _classify_success(exchange)
    error = error_text(exchange.headers, exchange.body)
    if exchange.status == BAD_REQUEST:
        return Refused(error=error or "Insight gave no reason")
    if exchange.status in _ADVICE:
        return CampaignBlocked(
            status=exchange.status,
            error=error or "Insight gave no reason",
            advice=_ADVICE[exchange.status],
        )
    return Uncertain(
        reason=f"Insight answered {exchange.status}, which does not say whether the call was queued",
        status=exchange.status,
        body=error,
    )


def _classify_success(exchange: Exchange) -> Accepted | Uncertain:
    try:
        answer = read_queue_answer(exchange.headers, exchange.body)
    except UnreadableError as error:
        reason = f"Insight answered 200, but the answer cannot be read: {error}"
        return Uncertain(reason=reason, status=OK, body=excerpt(exchange.body))
    if answer.success and answer.call_id:
        return Accepted(call_id=answer.call_id, link=answer.link)
    reason = (
        "Insight answered 200 without a call_id"
        if answer.success
        else "Insight answered 200, but without success"
    )
    return Uncertain(reason=reason, status=OK, body=answer.error or excerpt(exchange.body))
