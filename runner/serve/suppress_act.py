"""Suppressing a person, as pages and the API offer it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from runner.ledger.suppressions import SuppressionActs, Target
from runner.reports.notices import late_words
from runner.reports.times import machine_time
from runner.serve.acting import Acting, Done, Field, FieldKind, Given, Question
from runner.services.operators import guard_checked, identity_of
from runner.services.suppression import SuppressionDesk, reason_of, targets_of, until_of

_SUPPRESS_FIELDS = (
    Field(
        name="target",
        label="Phone number or contact key",
        hint="A number with + and its country code, such as +1 617 555 0100, or name its country below.",
        is_required=True,
    ),
    Field(
        name="kind",
        label="Treat it as",
        kind=FieldKind.CHOICE,
        value="auto",
        choices={
            "auto": "A number where it looks like one, else a key",
            "key": "A key, whatever it looks like",
        },
    ),
    Field(name="region", label="Country of a number without +", hint="Optional. Two letters, such as US."),
    Field(
        name="until",
        label="Until the end of this day",
        kind=FieldKind.DATE,
        hint="Optional. Without a day, it has no end.",
    ),
    Field(name="reason", label="Reason", hint="Optional. Plans and the history show it: name nobody in it."),
)


def suppress_question(acting: Acting, _given: Given) -> Question:
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


def suppress(acting: Acting, given: Given) -> Done:
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
