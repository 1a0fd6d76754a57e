"""What people do from pages and by the API: what each act says first, what it does, and what it says after.

These are the acts of the commands, by the same services. They read and write the ledger, so call them in a
thread.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from runner.calls import CallState, Resolution
from runner.errors import RunnerError, UnknownCampaignError, UsageError
from runner.insight.answers import read_call_id
from runner.ledger.contact_numbers import ShownNumber, numbers_to_show
from runner.ledger.operators import CampaignState, Decided
from runner.ledger.overview import Overview, overview
from runner.ledger.suppressions import SuppressionActs, Target
from runner.reports.notices import late_words, pause_text
from runner.reports.plan_facts import count
from runner.reports.times import machine_time
from runner.services.environment import Environment
from runner.services.operators import Desk, environment_desk, guard_checked, identity_of
from runner.services.suppression import SuppressionDesk, reason_of, targets_of, until_of

Given = Mapping[str, str]
"""The fields that somebody filled in, by name. A field that is left out counts as empty."""


class FieldKind(StrEnum):
    TEXT = "text"
    DATE = "date"
    CHOICE = "choice"
    """One of `choices`."""
    CHECK = "check"
    """`yes`, or empty."""
    HIDDEN = "hidden"
    """Filled in already: it says what the person was asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that an act needs to know."""

    name: str
    label: str = ""
    kind: FieldKind = FieldKind.TEXT
    value: str = ""
    hint: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    """What may be given, with its meaning."""
    is_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What people read before they act, and what they fill in."""

    lines: Sequence[str]
    fields: Sequence[Field] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an act did. `warnings` are what somebody may have to do now."""

    lines: Sequence[str]
    warnings: Sequence[str] = ()
    numbers: Sequence[ShownNumber] = ()
    """Only ever of the act that shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """One person who acts on one campaign; on all of the ledger where `campaign` is None."""

    environment: Environment
    person: str
    """As the history shows it."""
    campaign: str | None

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Raises UnknownCampaignError for a campaign that the ledger does not know."""
        if self.campaign is None:
            raise UnknownCampaignError("no campaign is named", hint="open the campaign, and act there")
        with environment_desk(self.environment, self.campaign, self.person) as desk:
            yield desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """`asks` and `does` raise RunnerError, UsageError where something that was filled in cannot be used."""

    name: str
    """In addresses."""
    label: str
    """On its button."""
    asks: Callable[[Acting, Given], Question]
    does: Callable[[Acting, Given], Done]
    is_final: bool = False
    """Whether nothing takes it back."""
    on_all: bool = False
    """Whether it needs no campaign."""


def _pause_question(acting: Acting, _given: Given) -> Question:
    seen = _seen(acting)
    return Question(
        lines=[
            (
                f"Nothing more of {acting.campaign} is sent until somebody resumes it. "
                f"{count(seen.states[CallState.PLANNED], 'call')} that are not sent yet stay planned."
            ),
            f"Insight may still dial {count(seen.awaited, 'call')} whose result is not known yet.",
        ]
    )


def _pause(acting: Acting, _given: Given) -> Done:
    with acting.desk() as desk:
        earlier = desk.operators.pause(desk.campaign, time.time())
        said = (
            f"{desk.campaign} was paused already, since {machine_time(earlier.at)} by {earlier.by}."
            if earlier
            else f"{desk.campaign} is paused: nothing is sent until somebody resumes it."
        )
    return Done(lines=[said])


def _resume_question(acting: Acting, _given: Given) -> Question:
    planned = _seen(acting).states[CallState.PLANNED]
    return Question(
        lines=[
            (
                f"Calls of {acting.campaign} are sent again: {count(planned, 'call')} wait. "
                "Those whose start has passed get a new one, inside their windows and at the campaign's pace."
            )
        ]
    )


def _resume(acting: Acting, _given: Given) -> Done:
    with acting.desk() as desk:
        was_paused = desk.operators.resume(desk.campaign, time.time())
        said = "is resumed" if was_paused else "was not paused: nothing was changed"
        return Done(lines=[f"{desk.campaign} {said}."])


def _cancel_question(acting: Acting, _given: Given) -> Question:
    with acting.desk() as desk:
        survey_id, instance_id = desk.ledger.survey(desk.campaign)
    planned = _seen(acting).states[CallState.PLANNED]
    everything = f"Also cancel EVERY call waiting in instance {instance_id} of survey {survey_id}"
    return Question(
        lines=[
            (
                f"This withdraws what {acting.campaign} has not sent ({count(planned, 'call')}) for good: "
                "nothing is ever sent again under this name."
            ),
            "To stop for a while, pause it instead.",
        ],
        fields=[
            Field(
                name="pending_at_insight",
                label=everything,
                kind=FieldKind.CHECK,
                hint="These include calls that other people or programs queued there. Insight has no way to "
                "cancel fewer.",
            ),
            Field(name="confirm", label=f"To confirm, type the name: {acting.campaign}", is_required=True),
        ],
    )


def _cancel(acting: Acting, given: Given) -> Done:
    if given.get("confirm", "").strip() != acting.campaign:
        raise UsageError(
            "the name that you typed is not the name of this campaign: nothing was changed",
            hint=f"type {acting.campaign} to cancel it",
        )
    with acting.desk() as desk:
        earlier = _seen(acting).pause_info
        withdrawn = desk.operators.cancel(desk.campaign, time.time())
        lines = [f"{desk.campaign} is canceled for good: {count(withdrawn, 'call')} withdrawn unsent."]
        if earlier is not None and earlier.state is CampaignState.CANCELED:
            lines = [f"{desk.campaign} was canceled already: {pause_text(earlier)}."]
        warnings = []
        if given.get("pending_at_insight") == "yes":
            try:
                asyncio.run(desk.cancel_at_insight(acting.environment.settings))
                lines.append("Insight accepted the request to cancel every call that waits in the instance.")
            except RunnerError as error:
                # The campaign is canceled nevertheless.
                warnings.append(
                    f"Calls that wait at Insight were not canceled: {error.message}. {error.hint}"
                )
    return Done(lines=lines, warnings=warnings)


_SUPPRESS_FIELDS = (
    Field(
        name="target",
        label="Phone number or contact key",
        hint="A number with + and its country code, such as +1 617 555 0100, or name its country below.",
        is_required=True,
    ),
    Field(
        name="kind",
        label="Take it as",
        kind=FieldKind.CHOICE,
        value="auto",
        choices={
            "auto": "A number where it looks like one, else a key",
            "key": "A key, whatever it looks like",
        },
    ),
    Field(
        name="region", label="Country of a number without +", hint="Two letters, such as US. May be empty."
    ),
    Field(name="until", label="Until the end of this day", kind=FieldKind.DATE, hint="Empty: for ever."),
    Field(
        name="reason", label="Reason", hint="May be empty. Plans and the history show it: name nobody in it."
    ),
)


def _suppress_question(acting: Acting, _given: Given) -> Question:
    fields = list(_SUPPRESS_FIELDS)
    if acting.campaign is not None:
        choices = {"all": "All campaigns of this ledger", "campaign": f"{acting.campaign} alone"}
        scope = Field(name="scope", label="Suppress for", kind=FieldKind.CHOICE, value="all", choices=choices)
        fields.append(scope)
    return Question(
        lines=[
            (
                "This person is not called any more: within two seconds, calls that are not sent "
                "yet are withdrawn. A call that Insight has already cannot be taken back one by one."
            )
        ],
        fields=fields,
    )


def _suppress(acting: Acting, given: Given) -> Done:
    region = given.get("region", "").strip().upper() or None
    targets = targets_of([given.get("target", "")], region, are_keys=given.get("kind") == "key")
    until = until_of(given["until"], time.time()) if given.get("until") else None
    reason = reason_of(given.get("reason", ""))
    campaign = acting.campaign if given.get("scope") == "campaign" else None
    with suppression_desk(acting, campaign) as desk:
        added = desk.add(targets, until, reason)
        said = [
            _suppressed_words(desk, target, until, is_new=is_new)
            for target, is_new in zip(targets, added, strict=True)
        ]
        return Done(lines=said, warnings=list(_late_warnings(desk, targets)))


@contextmanager
def suppression_desk(acting: Acting, campaign: str | None) -> Iterator[SuppressionDesk]:
    environment = acting.environment
    with guard_checked(environment):
        acts = SuppressionActs(environment.ledger.engine, acting.person)
        yield SuppressionDesk(environment.ledger, identity_of(environment), acts, campaign)


def _suppressed_words(desk: SuppressionDesk, target: Target, until: float | None, *, is_new: bool) -> str:
    where = "all campaigns of this ledger" if desk.campaign is None else f"campaign {desk.campaign}"
    kind = "number" if target.phone else "key"
    if not is_new:
        return f"The {kind} {desk.label(target)} was suppressed already for {where}: nothing was changed."
    lasts = "" if until is None else f", until {machine_time(until)}"
    return f"The {kind} {desk.label(target)} is suppressed for {where}{lasts}."


def _late_warnings(desk: SuppressionDesk, targets: Sequence[Target]) -> Iterator[str]:
    for campaign, late in desk.too_late(targets):
        yield (
            f"{campaign}: {late_words(late, desk.identity)}. Insight cannot cancel a single call. To cancel "
            "every call that waits in the instance, and end the campaign, cancel the campaign."
        )
    if desk.may_miss_calls(targets):
        yield (
            "Only calls to the given number were searched for: the ledger does not know a contact's other "
            "numbers. Where contacts have several, the plan lists the calls that Insight may still dial."
        )


_MEANS = {
    Resolution.QUEUED: "Queued: Insight has the call. It is never sent again.",
    Resolution.NOT_QUEUED: "Not queued: the call is sent again. If Insight did queue it after all, "
    "this person is called twice.",
    Resolution.ABANDONED: "Abandoned: it stays unknown. It is not sent again, and no longer reported.",
    Resolution.COMPLETED: "Completed: this person completed the survey, and is not called again.",
    Resolution.FAILED: "Failed: nobody was reached. Further rounds of the campaign call this person.",
}


def _resolve_question(acting: Acting, given: Given) -> Question:
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
    look = "Look at Insight first whether the call is there."
    if given.get("all") == "yes":
        with acting.desk() as desk:
            refs = desk.operators.uncertain(desk.campaign)
        which = Field(name="which", kind=FieldKind.HIDDEN, value=_which(refs))
        everybody = Field(name="all", kind=FieldKind.HIDDEN, value="yes")
        lines = [f"This decides on {count(len(refs), 'uncertain call')} of {acting.campaign} at once. {look}"]
        return Question(lines=lines, fields=[*fields, everybody, which])
    call_id = Field(
        name="call_id", label="Call id at Insight", hint="Only where Insight queued it. May be empty."
    )
    call = f"the call to {contact}" if contact else "this call"
    return Question(
        lines=[f"Insight may or may not have queued {call}, so it is not sent again by itself. {look}"],
        fields=[_contact_field(contact), *fields, call_id],
    )


def _resolve(acting: Acting, given: Given) -> Done:
    resolution = _resolution(given)
    call_id = _call_id(given, resolution)
    with acting.desk() as desk:
        desk.mark_orphaned_calls()
        contacts = _resolved(desk, given)
        decided = desk.operators.resolve(desk.campaign, contacts, resolution, call_id, time.time())
        return Done(lines=_decided_lines(desk, decided))


def _resolution(given: Given) -> Resolution:
    try:
        return Resolution(given.get("as", ""))
    except ValueError:
        known = ", ".join(Resolution)
        raise UsageError("nothing says what you found out", hint=f"choose one of: {known}") from None


def _call_id(given: Given, resolution: Resolution) -> str | None:
    call_id = given.get("call_id", "").strip()
    if not call_id:
        return None
    if resolution is not Resolution.QUEUED or given.get("all") == "yes":
        raise UsageError("a call id goes with one contact whose call Insight queued")
    if read_call_id(call_id) != call_id:
        raise UsageError(
            f"invalid call id {call_id}: Insight's call ids are numbers, such as 155761",
            hint="copy it from Insight, or leave it out",
        )
    return call_id


def _resolved(desk: Desk, given: Given) -> Sequence[str]:
    """Raises RunnerError where other calls are uncertain than the person was asked about."""
    if given.get("all") != "yes":
        return [_contact(given)]
    refs = desk.operators.uncertain(desk.campaign)
    if _which(refs) != given.get("which"):
        raise RunnerError(
            "other calls are uncertain now than when you were asked: nothing was changed",
            hint="look at them again, and decide then",
        )
    return refs


def _which(refs: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(refs).encode()).hexdigest()


def _retry_question(acting: Acting, given: Given) -> Question:
    again = "though nothing of it changed. Correct first what Insight names as wrong."
    if given.get("all") == "yes":
        refused = _seen(acting).states[CallState.REFUSED]
        return Question(
            lines=[f"This plans {count(refused, 'refused call')} of {acting.campaign} again, {again}"],
            fields=[Field(name="all", kind=FieldKind.HIDDEN, value="yes")],
        )
    contact = given.get("contact", "").strip()
    call = f"the refused call to {contact}" if contact else "a refused call"
    return Question(lines=[f"This plans {call} again, {again}"], fields=[_contact_field(contact)])


def _retry(acting: Acting, given: Given) -> Done:
    named = None if given.get("all") == "yes" else [_contact(given)]
    with acting.desk() as desk:
        decided = desk.operators.retry(desk.campaign, named, time.time())
        return Done(lines=_decided_lines(desk, decided) or ["No call is refused: nothing was changed."])


def _acknowledge_question(acting: Acting, _given: Given) -> Question:
    unseen = _seen(acting).unacknowledged
    return Question(
        lines=[
            (
                f"{count(unseen, 'refused or uncertain call')} of {acting.campaign} no longer count as "
                "problems that nobody has seen. Nothing is sent, and each may still be decided on later."
            )
        ]
    )


def _acknowledge(acting: Acting, _given: Given) -> Done:
    with acting.desk() as desk:
        seen = desk.operators.acknowledge(desk.campaign, time.time())
        said = (
            f"{count(seen, 'refused or uncertain call')} of {desk.campaign} acknowledged."
            if seen
            else "No refused or uncertain call was left to acknowledge."
        )
    return Done(lines=[said])


def _show_question(acting: Acting, given: Given) -> Question:
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


def _show(acting: Acting, given: Given) -> Done:
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


def _seen(acting: Acting) -> Overview:
    with acting.desk() as desk:
        return overview(desk.ledger.engine, desk.campaign, time.time(), 0)


_ALL = (
    Act(name="pause", label="Pause", asks=_pause_question, does=_pause),
    Act(name="resume", label="Resume", asks=_resume_question, does=_resume),
    Act(name="cancel", label="Cancel the campaign", asks=_cancel_question, does=_cancel, is_final=True),
    Act(name="suppress", label="Suppress", asks=_suppress_question, does=_suppress, on_all=True),
    Act(name="resolve", label="Resolve", asks=_resolve_question, does=_resolve, is_final=True),
    Act(name="retry", label="Retry", asks=_retry_question, does=_retry),
    Act(name="acknowledge", label="Acknowledge", asks=_acknowledge_question, does=_acknowledge),
    Act(name="show-numbers", label="Show numbers", asks=_show_question, does=_show),
)
ACTS: Mapping[str, Act] = {act.name: act for act in _ALL}
