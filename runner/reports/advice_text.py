"""What would make a contact callable, in a sentence."""

from collections.abc import Mapping

from runner.planning.hints import Advice, Remedy

_SENTENCES: Mapping[Remedy, str] = {
    Remedy.FIX_NUMBER: "fix the number in {place}",
    Remedy.FIX_NUMBER_OR_SET_REGION: "fix the number in {place}, or set contacts.region",
    Remedy.USE_OTHER_KEY: "give the two rows different keys, if they are different people",
    Remedy.USE_OTHER_NUMBER: ("one call to a number is all a campaign makes: give this row another number"),
    Remedy.GET_CONSENT: "nothing, while the list holds it: take it off only if the person agreed again",
    Remedy.PASS_FILTER: "make contacts.where true for this row ({place})",
    Remedy.NAME_ZONE: "give contacts.timezone an IANA name for this row",
    Remedy.FIX_TEMPLATE: "fix {place}, or the columns of the row that it uses",
    Remedy.EXTEND_DATES: "set a later last date ({place})",
    Remedy.OPEN_HOURS: "open more hours or days, or set a later calling_windows.dates.to",
    Remedy.GIVE_TIMEZONE: (
        "give contacts.timezone to say where it is, or open hours that all its zones share"
    ),
    Remedy.CHANGE_OWN_DATES: "change the row's own dates, or the campaign's",
    Remedy.RAISE_PACE: "raise pacing.calls_per_minute, or open more hours or days",
    Remedy.RAISE_LIMIT: "a higher --limit, or a later apply",
    Remedy.RESOLVE: "find out at Insight, then: runner resolve {campaign} {contact} --as not-queued",
    Remedy.CHANGE_REQUEST_OR_RETRY: (
        "change what Insight refused; if the cause was at Insight: runner retry {campaign} {contact}"
    ),
    Remedy.START_NEW_CAMPAIGN: (
        "nothing: one call to a contact is all a campaign makes; a new wave is a new campaign name"
    ),
}


def advice_text(advice: Advice) -> str:
    """Without its full stop."""
    return _SENTENCES[advice.remedy].format(
        place=advice.place or "the template", campaign=advice.campaign, contact=advice.contact
    )
