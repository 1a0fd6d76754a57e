"""What would make an excluded contact callable. Pure; `reports` has the sentences."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto

from runner.calls import CallState, Cause, Reason
from runner.campaign.document import Location
from runner.campaign.model import Campaign
from runner.contacts.contact import Exclusion
from runner.planning.plan import KnownCall

Place = Callable[[Location], str]
"""`campaign.yaml:12` for a value of the campaign file."""


class Remedy(StrEnum):
    """An action that would make the contact callable."""

    FIX_NUMBER = auto()
    FIX_NUMBER_OR_SET_REGION = auto()
    USE_OTHER_KEY = auto()
    USE_OTHER_NUMBER = auto()
    GET_CONSENT = auto()
    PASS_FILTER = auto()
    NAME_ZONE = auto()
    FIX_TEMPLATE = auto()
    EXTEND_DATES = auto()
    OPEN_HOURS = auto()
    GIVE_TIMEZONE = auto()
    CHANGE_OWN_DATES = auto()
    RAISE_PACE = auto()
    RAISE_LIMIT = auto()
    RESOLVE = auto()
    CHANGE_REQUEST_OR_RETRY = auto()
    START_NEW_CAMPAIGN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """`place` is where to do it, such as `campaign.yaml:12`; `contact` is shown as the plan shows it."""

    remedy: Remedy
    place: str = ""
    campaign: str
    contact: str


_BY_REASON: Mapping[Reason, Remedy] = {
    Reason.DUPLICATE_KEY: Remedy.USE_OTHER_KEY,
    Reason.DUPLICATE_PHONE: Remedy.USE_OTHER_NUMBER,
    Reason.SUPPRESSED: Remedy.GET_CONSENT,
    Reason.FILTERED: Remedy.PASS_FILTER,
    Reason.UNKNOWN_TIMEZONE: Remedy.NAME_ZONE,
    Reason.TEMPLATE_ERROR: Remedy.FIX_TEMPLATE,
    Reason.CALL_LIMIT: Remedy.RAISE_LIMIT,
}
_BY_CAUSE: Mapping[Cause, Remedy] = {
    Cause.DATES_OVER: Remedy.EXTEND_DATES,
    Cause.CLOSED: Remedy.OPEN_HOURS,
    Cause.NO_COMMON_HOUR: Remedy.GIVE_TIMEZONE,
    Cause.OWN_DATES: Remedy.CHANGE_OWN_DATES,
    Cause.PACE: Remedy.RAISE_PACE,
}
_BY_STATE: Mapping[CallState, Remedy] = {
    CallState.UNCERTAIN: Remedy.RESOLVE,
    CallState.REFUSED: Remedy.CHANGE_REQUEST_OR_RETRY,
}
"""By the state of the earlier call."""


def advice(
    exclusion: Exclusion,
    known: KnownCall | None,
    campaign: Campaign,
    place: Place,
    label: Callable[[str], str],
) -> Advice:
    """`known` is the contact's newest call in the ledger; `label` masks a key."""
    remedy = _remedy(exclusion, known, campaign)
    key = exclusion.key if known is None else known.key
    return Advice(
        remedy=remedy,
        place=_place(remedy, exclusion, place),
        campaign=campaign.name,
        contact=label(key) if key else "",
    )


def _remedy(exclusion: Exclusion, known: KnownCall | None, campaign: Campaign) -> Remedy:
    match exclusion.reason:
        case Reason.INVALID_PHONE:
            return Remedy.FIX_NUMBER if campaign.contacts.region else Remedy.FIX_NUMBER_OR_SET_REGION
        case Reason.NO_WINDOW:
            return _BY_CAUSE[exclusion.cause]
        case Reason.ALREADY_QUEUED | Reason.REFUSED:
            by_default = Remedy.START_NEW_CAMPAIGN
            return _BY_STATE.get(known.state, by_default) if known else by_default
    return _BY_REASON[exclusion.reason]


def _place(remedy: Remedy, exclusion: Exclusion, place: Place) -> str:
    match remedy:
        case Remedy.FIX_NUMBER | Remedy.FIX_NUMBER_OR_SET_REGION:
            return f"{exclusion.source}:{exclusion.line}"
        case Remedy.PASS_FILTER:
            return place(("contacts", "where"))
        case Remedy.FIX_TEMPLATE:
            return place(exclusion.template) if exclusion.template else ""
        case Remedy.EXTEND_DATES:
            return place(("calling_windows", "dates", "to"))
    return ""
