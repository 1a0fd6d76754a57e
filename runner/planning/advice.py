"""What would make a contact callable that the plan leaves out. Pure."""

from collections.abc import Callable, Mapping

from runner.campaign.model import Campaign
from runner.contacts.contact import Exclusion, Reason
from runner.planning.day_rules import Place
from runner.planning.plan import KnownCall

_ADVICE: Mapping[Reason, str] = {
    Reason.DUPLICATE_KEY: "give the two rows different keys, if they are different people",
    Reason.DUPLICATE_PHONE: "one call to a number is all a campaign makes: give this row another number",
    Reason.SUPPRESSED: "nothing, while the list holds it: take it off only if the person agreed again",
    Reason.UNKNOWN_TIMEZONE: "give contacts.timezone an IANA name for this row",
    Reason.CALL_LIMIT: "a higher --limit, or a later apply",
}


def advice(
    exclusion: Exclusion,
    known: KnownCall | None,
    campaign: Campaign,
    place: Place,
    label: Callable[[str], str],
) -> str:
    """For people. `known` is what the ledger remembers of the contact, `label` how a key is shown."""
    match exclusion.reason:
        case Reason.INVALID_PHONE:
            region = "" if campaign.contacts.region else ", or set contacts.region"
            return f"mend the number in {exclusion.source}:{exclusion.line}{region}"
        case Reason.FILTERED:
            return f"make contacts.where true for this row ({place(('contacts', 'where'))})"
        case Reason.TEMPLATE_ERROR:
            where = place(exclusion.template) if exclusion.template else "the template"
            return f"mend {where}, or the columns of the row that it uses"
        case Reason.NO_WINDOW:
            return _for_no_window(exclusion.detail)
        case Reason.ALREADY_QUEUED:
            return _for_queued(known, campaign, label)
    return _ADVICE[exclusion.reason]


def _for_no_window(detail: str) -> str:
    if "pace" in detail:
        return "raise pacing.calls_per_minute, or open more hours or days"
    if "not_before" in detail:
        return "change the row's own dates, or the campaign's"
    return "give contacts.timezone to say where it is, or open hours that all its zones share"


def _for_queued(known: KnownCall | None, campaign: Campaign, label: Callable[[str], str]) -> str:
    if known is not None and known.state == "uncertain":
        who = label(known.key)
        return f"find out at Insight, then: runner resolve {campaign.name} {who} --as not-queued"
    if known is not None and known.state == "refused":
        return "change the request that Insight refused; then it is sent again"
    return "nothing: one call to a contact is all a campaign makes; a new wave is a new campaign name"
