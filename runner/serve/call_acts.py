"""Deciding on uncertain and refused calls, and showing numbers, as pages and the API offer it."""

import hashlib
import time
from collections.abc import Sequence

from runner.calls import CallState, Resolution
from runner.errors import RunnerError, UsageError
from runner.insight.answers import read_call_id
from runner.ledger.contact_numbers import numbers_to_show
from runner.ledger.operators import Decided, SeenCall
from runner.reports.plan_facts import count
from runner.reports.times import machine_time
from runner.serve.acting import Acting, Done, Field, FieldKind, Given, Question
from runner.services.operators import Desk

_MEANS = {
    Resolution.QUEUED: "Queued: Insight has the call. It is never sent again.",
    Resolution.NOT_QUEUED: "Not queued: the call is sent again. If Insight did queue it after all, "
    "this person is called twice.",
    Resolution.ABANDONED: "Abandoned: it stays unknown. It is not sent again, and no longer reported.",
    Resolution.COMPLETED: "Completed: this person completed the survey, and is not called again.",
    Resolution.FAILED: "Failed: nobody was reached. Further rounds of the campaign call this person.",
}


def resolve_question(acting: Acting, given: Given) -> Question:
    contact = given.get("contact", "").strip()
    fields = [
        Field(
            name="as",
            label="What did you find out?",
            kind=FieldKind.CHOICE,
            choices={resolution.value: means for resolution, means in _MEANS.items()},
            is_required=True,
        )
    ]
    look = "First check at Insight whether the call is there."
    if given.get("all") == "yes":
        found = _seen(acting, None)
        everybody = Field(name="all", kind=FieldKind.HIDDEN, value="yes")
        lines = [
            f"This decides on {count(len(found), 'uncertain call')} of {acting.campaign} at once. {look}"
        ]
        return Question(lines=lines, fields=[*fields, everybody, _which_field(found)])
    call_id = Field(
        name="call_id", label="Call id at Insight", hint="Optional, and only where Insight queued the call."
    )
    call = f"the call to {contact}" if contact else "this call"
    which = [_which_field(_seen(acting, contact))] if contact else []
    return Question(
        lines=[f"Insight may or may not have queued {call}, so it is not sent again by itself. {look}"],
        fields=[_contact_field(contact), *fields, call_id, *which],
    )


def resolve(acting: Acting, given: Given) -> Done:
    resolution = _resolution(given)
    call_id = _call_id(given, resolution)
    with acting.desk() as desk:
        desk.mark_orphaned_calls()
        named = _resolved(desk, given)
        decided = desk.operators.resolve(desk.campaign, named, resolution, call_id, time.time())
        return Done(lines=_decided_lines(desk, decided))


def resolve_seen(acting: Acting, seen: Sequence[SeenCall], given: Given) -> Done:
    resolution = _resolution(given)
    call_id = _call_id({**given, "all": "yes" if len(seen) > 1 else ""}, resolution)
    with acting.desk() as desk:
        desk.mark_orphaned_calls()
        decided = desk.operators.resolve(desk.campaign, seen, resolution, call_id, time.time())
        return Done(lines=_decided_lines(desk, decided))


def _resolution(given: Given) -> Resolution:
    try:
        return Resolution(given.get("as", ""))
    except ValueError:
        known = ", ".join(Resolution)
        raise UsageError("the resolution is missing or unknown", hint=f"choose one of: {known}") from None


def _call_id(given: Given, resolution: Resolution) -> str | None:
    call_id = given.get("call_id", "").strip()
    if not call_id:
        return None
    if resolution is not Resolution.QUEUED or given.get("all") == "yes":
        raise UsageError(
            "a call id needs one contact and the resolution queued", hint="leave the call id out"
        )
    if read_call_id(call_id) != call_id:
        raise UsageError(
            f"invalid call id {call_id}: Insight's call ids are numbers, such as 155761",
            hint="copy it from Insight, or leave it out",
        )
    return call_id


def _resolved(desk: Desk, given: Given) -> Sequence[str | SeenCall]:
    """Raises RunnerError where calls were sent or decided on since the person was asked about them: a form
    that is sent once more must not decide on an attempt that nobody looked at.
    """
    contact = None if given.get("all") == "yes" else _contact(given)
    found = desk.operators.seen(desk.campaign, contact)
    asked = given.get("which", "")
    if contact and not asked:
        # A person who types a contact means its call as it is now.
        return [contact]
    if _which(found) != asked:
        raise RunnerError(
            "calls were sent or decided on since you were asked: nothing was changed",
            hint="load the page again, then decide",
        )
    # By what was seen: another process may send a call until it is decided on.
    if contact is None:
        return found
    return [call._replace(contact=contact) for call in found[-1:]] or [contact]


def _seen(acting: Acting, contact: str | None) -> Sequence[SeenCall]:
    with acting.desk() as desk:
        return desk.operators.seen(desk.campaign, contact)


def _which_field(found: Sequence[SeenCall]) -> Field:
    return Field(name="which", kind=FieldKind.HIDDEN, value=_which(found))


def _which(found: Sequence[SeenCall]) -> str:
    named = (f"{call.contact}:{call.round}:{call.attempt}" for call in found)
    return hashlib.sha256(" ".join(named).encode()).hexdigest()


def retry_question(acting: Acting, given: Given) -> Question:
    again = "although nothing changed. First correct what Insight reports as wrong."
    if given.get("all") == "yes":
        refused = acting.overview().states[CallState.REFUSED]
        return Question(
            lines=[f"This plans {count(refused, 'refused call')} of {acting.campaign} again, {again}"],
            fields=[Field(name="all", kind=FieldKind.HIDDEN, value="yes")],
        )
    contact = given.get("contact", "").strip()
    call = f"the refused call to {contact}" if contact else "a refused call"
    return Question(lines=[f"This plans {call} again, {again}"], fields=[_contact_field(contact)])


def retry(acting: Acting, given: Given) -> Done:
    named = None if given.get("all") == "yes" else [_contact(given)]
    with acting.desk() as desk:
        decided = desk.operators.retry(desk.campaign, named, time.time())
        return Done(lines=_decided_lines(desk, decided) or ["No call is refused: nothing was changed."])


def acknowledge_question(acting: Acting, _given: Given) -> Question:
    unseen = acting.overview().unacknowledged
    return Question(
        lines=[
            (
                f"Alerts and notifications no longer count {count(unseen, 'refused or uncertain call')} of "
                f"{acting.campaign}. Nothing is sent, and each call can still be decided on."
            )
        ]
    )


def acknowledge(acting: Acting, _given: Given) -> Done:
    with acting.desk() as desk:
        seen = desk.operators.acknowledge(desk.campaign, time.time())
        said = (
            f"{count(seen, 'refused or uncertain call')} of {desk.campaign} acknowledged."
            if seen
            else "No refused or uncertain call was left to acknowledge."
        )
    return Done(lines=[said])


def show_question(acting: Acting, given: Given) -> Question:
    contact = given.get("contact", "").strip()
    whose = "this contact" if contact else "the people who need a decision"
    hidden = [Field(name="contact", kind=FieldKind.HIDDEN, value=contact)] if contact else []
    return Question(
        lines=[
            (
                f"The next page shows the phone numbers of {whose} in full. "
                f"The history of {acting.campaign} keeps that you saw them, and when."
            )
        ],
        fields=hidden,
    )


def show(acting: Acting, given: Given) -> Done:
    contact = given.get("contact", "").strip()
    with acting.desk() as desk:
        found = numbers_to_show(desk.ledger.engine, desk.campaign, contact or None, time.time())
        if not found:
            return Done(lines=["Nobody was found whose number could be shown."])
        # Kept before it is shown.
        named = found[0].ref if len(found) == 1 else count(len(found), "contact")
        desk.operators.note(desk.campaign, "show-numbers", named, time.time())
    return Done(lines=[f"Shown once, on this page only: {count(len(found), 'number')}."], numbers=found)


def _contact_field(contact: str) -> Field:
    """Fixed where the person chose somebody."""
    if contact:
        return Field(name="contact", kind=FieldKind.HIDDEN, value=contact)
    return Field(name="contact", label="Contact", hint="Its key or its ref.", is_required=True)


def _contact(given: Given) -> str:
    contact = given.get("contact", "").strip()
    if not contact:
        raise UsageError("no contact is named", hint="give its key or its ref")
    return contact


def _decided_lines(desk: Desk, decided: Sequence[Decided]) -> list[str]:
    named = [
        f"{desk.identity.label(call.key)} [{call.ref}], sent {machine_time(call.intended_at)}: {call.after}"
        for call in decided[:_MOST_NAMED]
    ]
    more = len(decided) - len(named)
    return [*named, f"And {count(more, 'more call')}."] if more else named


_MOST_NAMED = 50
