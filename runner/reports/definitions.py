"""What each word and figure of an export or report means: one definition for every form of it."""

from runner.calls import CallState, ResultStatus
from runner.results.dispositions import EDITION, CodingRules, CompletesFrom, Disposition

CASES = (
    "A contact counts once, however many rounds it was called in. Its final disposition is that of "
    "its complete or partial interview or break-off, else of its newest call that was dialled or may "
    "have been."
)
CODES = f"Codes and groups are those for telephone surveys of the {EDITION}."
REFUSALS = (
    "Insight does not say who refused. R holds break-offs only, so the refusal rates are too low and "
    "the cooperation rates too high."
)
NOT_REACHED = (
    "Insight's word failed may mean no answer, a busy line or a number out of service. All of them are "
    "coded 3.10, unknown eligibility. So no contact is known to be eligible and not reached, or not "
    "eligible: NC and NE are 0, and CON3 tells nothing."
)
LETTERS = (
    "I complete interviews, P partial interviews, R refusals and break-offs, NC non-contacts, O other"
    " eligible, UH unknown whether the number reaches anybody, UO unknown for another reason, e the "
    "share of UH and UO that is eligible."
)
DIALS = (
    "Contact rate by hour and weekday: dials that were answered, of all dials whose time is known, in"
    " calls that were completed, failed or canceled. Insight dials again only after a dial without an"
    " answer, so only the last dial of a completed call was answered. Hours are those of the "
    "contact's own clock; of several zones the westernmost counts."
)
CALLS = (
    "Contact rate by round and zone: calls that were answered (completed), of all calls that were "
    "completed, failed or canceled."
)
INTERVALS = "The interval is Wilson's score interval at 95% confidence."
UNTIL_ANSWERED = (
    "Dials of a contact up to the first that was answered, that one included, over all its rounds. "
    "The share is of the contacts that answered."
)
LAG = (
    "Whole minutes from a call's start_timestamp to its first dial, rounded down. Insight dials from "
    "one shared queue, so start_timestamp is the earliest time and not the exact one."
)
VISITS = (
    "Rows of the survey's saved report at Insight, joined to calls by number and time. A row belongs "
    "to the call to its number that was dialled nearest to it, at most 15 minutes away, or 12 hours "
    "where the report gives times without a zone. Unmatched rows are counted nowhere else."
)


def not_declared(campaign: str) -> str:
    return (
        f"Only the name {campaign} was given, so what results declares in the campaign file is not known. "
        "For a report that follows it, give the file."
    )


def completes(rules: CodingRules) -> str:
    if rules.completes_from is CompletesFrom.REPORT:
        return (
            "Complete interviews are those of the survey's saved report. A call that was answered and"
            " has no row in the report is coded 3.90."
        )
    return (
        "Complete interviews are counted from Insight's word completed: everybody who answered counts, a"
        " hang-up and a voicemail too. Response and cooperation rates are therefore upper bounds. To "
        "count interviews, set results.report_id in the campaign."
    )


def partials(rules: CodingRules) -> str:
    if rules.completes_from is CompletesFrom.INSIGHT:
        return "Insight does not tell partial interviews apart, so P is 0."
    if rules.partials_respond:
        return (
            "An interview that was begun and not completed counts as partial (1.2): results.partials is "
            "respondents."
        )
    return (
        "An interview that was begun and not completed counts as a break-off (2.12): results.partials"
        " is nonrespondents."
    )


def eligibility(rules: CodingRules, e: float) -> str:
    if rules.eligibility is not None:
        return f"e = {e:.3f}, as results.eligibility declares."
    return (
        f"e = {e:.3f}, estimated by proportional allocation (CASRO): of the contacts whose eligibility"
        " is known, the eligible share. To use another e, set results.eligibility."
    )


def all_of(rules: CodingRules, e: float) -> dict[str, str]:
    """By the name of what is defined, for programs."""
    return {
        "cases": CASES,
        "codes": CODES,
        "completes": completes(rules),
        "partials": partials(rules),
        "e": eligibility(rules, e),
        "letters": LETTERS,
        "refusals": REFUSALS,
        "not_reached": NOT_REACHED,
        "contact_rate_by_dial": DIALS,
        "contact_rate_by_call": CALLS,
        "interval": INTERVALS,
        "until_answered": UNTIL_ANSWERED,
        "lag_minutes": LAG,
        "survey_report": VISITS,
    }


_DISPOSITIONS = {
    Disposition.COMPLETE: "complete interview",
    Disposition.PARTIAL: "partial interview",
    Disposition.BREAK_OFF: "break-off",
    Disposition.NOT_REACHED: "dialled, not reached",
    Disposition.NOT_WORKED: "not attempted",
    Disposition.UNKNOWN: "unknown, other",
}

_WORDS = {
    ResultStatus.COMPLETED: "the call connected and ended: an interview, a hang-up or a voicemail",
    ResultStatus.FAILED: "no dial connected: no answer, busy, or a number out of service",
    ResultStatus.CANCELED: "canceled at Insight before it ended",
    ResultStatus.REJECTED: "Insight did not place the call and does not say why",
    ResultStatus.UNKNOWN: "Insight gave no final result in time",
    CallState.PLANNED: "has a slot; not sent yet",
    CallState.SENDING: "being sent now",
    CallState.QUEUED: "Insight has it; the result is not known yet",
    CallState.REFUSED: "Insight refused the request; nobody was dialled",
    CallState.UNCERTAIN: "Insight may or may not have queued it; a person must find out",
    CallState.SKIPPED: "not sent: no window was left, or the campaign no longer wants it",
    CallState.ABANDONED: "uncertain, and given up by an operator",
}


def meaning(word: str) -> str:
    """What a result or a state tells of a call."""
    return next(words for name, words in _WORDS.items() if name == word)


def disposition_words(code: Disposition, completes_from: CompletesFrom) -> str:
    """The words for a code, as this campaign's calls get it."""
    if code is Disposition.COMPLETE and completes_from is CompletesFrom.INSIGHT:
        return "answered, counted as a complete interview"
    return _DISPOSITIONS[code]
