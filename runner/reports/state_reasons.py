"""Why a call is in its state, in words."""

from collections.abc import Mapping
from functools import lru_cache

from runner.calls import CallState, ReasonCode, StateReason
from runner.ledger.evidence import Verdict
from runner.planning.plan import ChangeReason
from runner.reports.plan_facts import change_words

_SENTENCES = {
    ReasonCode.NONE: "",
    ReasonCode.CLAIMED: "claimed",
    ReasonCode.PACE: "it starts at the next moment that the pace leaves free",
    ReasonCode.LATE: "its start had passed: new slot",
    ReasonCode.NO_TIME_LEFT: "its start had passed, and no time is left in its windows",
    ReasonCode.CONTACT_LIMIT: "other calls to its number leave no time for it (limit: {cap})",
    ReasonCode.SENDER_DIED: "the process that was sending it died before the answer was recorded",
    ReasonCode.CALL_ID_TAKEN: "Insight answered with call_id {call_id}, which another call already has",
    ReasonCode.NUMBER_TAKEN: "its number is now planned for another contact",
    ReasonCode.PLANNED_AGAIN: "planned again",
    ReasonCode.RESOLVED: "resolved as {resolution} by {by}",
    ReasonCode.RETRIED: "retried by {by}",
    ReasonCode.REFUSED: "{error}",
    ReasonCode.NOT_SENT: "{problem}",
    ReasonCode.UNCERTAIN: "{answer}",
    ReasonCode.RECORD_UNCERTAIN: "the call was not sent: its record may be in the metadatabase or not: "
    "{answer}; look there, and `runner retry` sends the call without pushing the record again",
    ReasonCode.RECORD_REFUSED: "Insight refused its record, so the call was not sent: {error}",
    ReasonCode.TIME_PASSED: "its time passed before it could be sent",
    ReasonCode.SUSPENDED: "this process was suspended, and another run may have taken the call",
    ReasonCode.RUN_STOPPED: "the run was stopped before it could be sent",
    ReasonCode.CAMPAIGN_PAUSED: "an operator paused or canceled the campaign before it could be sent",
    ReasonCode.LIST_UNREADABLE: "a suppression list cannot be read",
    ReasonCode.RESULT: "{learned}",
    ReasonCode.EVIDENCE: "{decided}",
    ReasonCode.NO_RESULT: "no result came in time: it counts as unknown",
    ReasonCode.COMPLETED_BEFORE: "an earlier round turned out to be completed",
    ReasonCode.QUEUED_BEFORE: "a result shows that an earlier call to this number or contact was queued",
    ReasonCode.IMPORTED: "imported by {by}: another tool has queued the contact",
    ReasonCode.EXCLUDED: "the contact must no longer be called: {why}",
}

_LEARNED = {
    "callback": "Insight posted it",
    "asked": "Insight said it when asked",
    "report": "the survey's report has it",
}

_DECIDED: Mapping[str, str] = {
    Verdict.APPLIED: "it came before it was known whether the request reached Insight, and was applied then",
    Verdict.REPEATED: "the call had this result already",
    Verdict.CONTRADICTION: "nothing changed: the call has another result, or its number another call",
    Verdict.EARLIER_ATTEMPT: "nothing changed: it is about an earlier request, and the later one counts",
    Verdict.NOT_FINAL: "nothing changed: it does not say how the call ended",
    Verdict.UNREADABLE: "nothing changed: it cannot be read",
    Verdict.HELD: "it waits until it is known whether the request reached Insight",
}


# Of a million calls, most share a few reasons.
@lru_cache(maxsize=1024)
def reason_text(reason: StateReason) -> str:
    """Empty for no reason."""
    values = dict(reason.values)
    match reason.code:
        case ReasonCode.SENT_FOR_ANOTHER:
            verb = "was" if values["state"] == CallState.QUEUED else "may have been"
            return f"a late answer shows that this number {verb} queued before, for another contact"
        case ReasonCode.WITHDRAWN:
            return ": ".join(filter(None, (values["exclusion"], values["detail"])))
        case ReasonCode.REPLANNED:
            why = change_words(ChangeReason(values["why"]), list(filter(None, [values["fields"]])))
            return f"{values['change']} by a new plan: {why}"
        case ReasonCode.CANCELED:
            return f"canceled by {values.get('by', 'an operator')}"
        case ReasonCode.UNCERTAIN | ReasonCode.RECORD_UNCERTAIN as code:
            return _SENTENCES[code].format(answer=_uncertain(values))
        case code:
            learned = _LEARNED.get(values.get("source", ""), "")
            decided = _DECIDED.get(values.get("verdict", ""), "")
            return _SENTENCES[code].format_map({**values, "learned": learned, "decided": decided})


def _uncertain(values: Mapping[str, str]) -> str:
    """The call_ids come first: an operator looks for them at Insight, and an answer may be long."""
    ids, body = values.get("call_ids", ""), values.get("body", "")
    named = f" ({'call_ids' if ',' in ids else 'call_id'} {ids})" if ids else ""
    return f"{values['problem']}{named}{f': {body}' if body else ''}"
