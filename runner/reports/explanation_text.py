"""Why one contact is called when it is, or not at all, as text."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from rich.console import Console
from rich.text import Text

from runner.calls import CallState, Cause, Reason
from runner.campaign.hours import span_text
from runner.planning.calendar import Rule, RuleKind
from runner.planning.explanation import Explanation, ZoneDays
from runner.planning.plan_view import CallView, ExclusionView
from runner.reports.console import columns, indented, print_lines
from runner.reports.plan_facts import change_words, exclusion_words
from runner.reports.times import local_time

_MOST_OPENINGS = 5
_WAIT = "a later apply, when earlier dials no longer count; or a lower retry_policy.max_attempts"
_BY_REASON: Mapping[Reason, str] = {
    Reason.INVALID_PHONE: "fix the number in {place}; a national number also needs contacts.region",
    Reason.COUNTRY: "another number in {place}, or its country in contacts.countries",
    Reason.PREMIUM_RATE: "another number in {place}; contacts.premium_rate allows such numbers for all rows",
    Reason.DUPLICATE_KEY: "give the two rows different keys, if they are different people",
    Reason.DUPLICATE_PHONE: "give this row another number: a campaign calls each number once",
    Reason.SUPPRESSED: "only its removal from the list, if the person has agreed to be called again",
    Reason.FILTERED: "make contacts.where true for this row ({place})",
    Reason.UNKNOWN_TIMEZONE: (
        "set contacts.timezone to an IANA name for this row; if it is empty, contacts.unknown_timezone counts"
    ),
    Reason.TEMPLATE_ERROR: "fix {place}, or the columns of the row that it uses",
    Reason.CONTACT_LIMIT: _WAIT,
    Reason.CALL_LIMIT: "a higher --limit, or a later apply",
}
_BY_CAUSE: Mapping[Cause, str] = {
    Cause.DATES_OVER: "set a later last date ({place})",
    Cause.CLOSED: "open more hours or days, or set a later calling_windows.dates.to",
    Cause.NO_COMMON_HOUR: (
        "set contacts.timezone for this row (or its postal_code or state), or open hours that all its zones "
        "share"
    ),
    Cause.RULES: "open hours that the rules allow, or set contacts.timezone or the contact's state",
    Cause.OWN_DATES: "change the row's own dates, or the campaign's",
    Cause.FINISHED: "nothing: the contact was reached",
    Cause.WAITING_FOR_RESULT: "the result of its last call; to ask Insight now: runner refresh {campaign}",
    Cause.ROUNDS_USED: "a higher retry_policy.rounds",
    Cause.CAPPED: _WAIT,
    Cause.NOT_RETRIED: "name this result in retry_policy.retry_on",
    Cause.RECORD_UNCERTAIN: (
        "look in the metadatabase for its record, then run: runner retry {campaign} {contact} "
        "(which sends the call, and does not push the record again)"
    ),
    Cause.IMPORTED: "nothing: an imported contact is never called by this campaign",
    Cause.PACE: "raise pacing.calls_per_minute, or open more hours or days",
}
_BY_STATE: Mapping[str, str] = {
    CallState.UNCERTAIN: "check at Insight, then run: runner resolve {campaign} {contact} --as not-queued",
    CallState.REFUSED: (
        "change what Insight refused; if the problem was at Insight, run: runner retry {campaign} {contact}"
    ),
}
"""By the state of the earlier call."""
_ONE_CALL = "nothing: a campaign calls each contact once; for a new wave, use a new campaign name"


def print_explanation(console: Console, explained: Explanation) -> None:
    lines = [Text(_verdict(explained.result), style="bold"), Text()]
    lines += indented(_steps(explained))
    for there in explained.hours:
        lines += [
            Text(),
            Text(f"Hours in {there.zone}", style="bold"),
            *indented(columns(list(_days(there)))),
        ]
    lines += _openings(explained)
    if isinstance(explained.result, ExclusionView):
        lines += [Text(), Text(f"What would make it callable: {remedy(explained)}.", style="yellow")]
    print_lines(console, lines)


def _verdict(result: CallView | ExclusionView) -> str:
    contact = result.contact or f"{result.source}:{result.row}"
    who = contact if result.ref in {"", contact} else f"{contact} (ref {result.ref})"
    if isinstance(result, CallView):
        return f"{who}: to be called ({result.change}): {change_words(result.reason, result.changed)}"
    cause = f" [{result.cause}]" if result.cause else ""
    return f"{who}: not called, {result.reason}: {exclusion_words(result)}{cause}"


def remedy(explained: Explanation) -> str:
    """What would make an excluded contact callable, without its full stop."""
    result = explained.result
    if isinstance(result, CallView):
        return ""
    what = _BY_CAUSE.get(result.cause) or _BY_REASON.get(result.reason)
    return (what or _BY_STATE.get(explained.known_state, _ONE_CALL)).format(
        place=explained.remedy_place or "the template", campaign=explained.campaign, contact=result.contact
    )


def _steps(explained: Explanation) -> list[Text]:
    """Each value, and below it where it comes from: side by side they would not fit into 80 columns."""
    rows: list[tuple[str, Text]] = []
    for step in explained.steps:
        rows.append((step.name, Text(step.value)))
        because = _joined(step.because, step.place)
        if because:
            rows.append(("", Text(because, style="dim")))
    return columns(rows)


def _joined(because: str, place: str) -> str:
    return " · ".join(part for part in (because, place) if part)


def _days(there: ZoneDays) -> Iterable[tuple[str, Text, str, Text]]:
    for day, intervals in there.days:
        shown = [(each, place) for each, place in intervals if each.is_open or each.rule.preset]
        # If a day has hours, the time between them needs no line of its own.
        for index, (interval, place) in enumerate(shown or intervals[:1]):
            yield (
                f"{day:%a %Y-%m-%d}" if index == 0 else "",
                Text("open", style="green") if interval.is_open else Text("closed", style="red"),
                span_text(interval.start, interval.end) if shown else "",
                Text(_joined(_rule(interval.rule, day), place), style="dim"),
            )


def _rule(rule: Rule, day: date) -> str:
    return {
        RuleKind.HOURS: "",
        RuleKind.OVERNIGHT: f"since {day - timedelta(days=1):%a}",
        RuleKind.OUTSIDE_HOURS: "outside the hours",
        RuleKind.NO_HOURS: "no hours on this weekday",
        RuleKind.BEFORE_DATES: f"the campaign begins on {rule.name}",
        RuleKind.AFTER_DATES: f"the campaign ends on {rule.name}",
        RuleKind.PAST: "in the past",
        RuleKind.BLACKOUT: "blackout",
        RuleKind.HOLIDAY: rule.name,
        RuleKind.NOT_BEFORE: "before the contact's not_before",
        RuleKind.NOT_AFTER: "after the contact's not_after",
        RuleKind.PRESET_HOURS: f"cut by {rule.preset}",
        RuleKind.PRESET_HOLIDAY: f"cut by {rule.preset} on {rule.name}",
    }[rule.kind]


def _openings(explained: Explanation) -> list[Text]:
    if not explained.zones:
        return []
    title = "Opening hours that all its zones share, less close_margin"
    lines = [Text(), Text(title, style="bold")]
    for start, end in explained.callable_in[:_MOST_OPENINGS]:
        span = f"{local_time(start, explained.zones[:1])} to {local_time(end, explained.zones[:1])}"
        lines.append(Text(f"  {span}"))
    more = len(explained.callable_in) - _MOST_OPENINGS
    if more > 0:
        lines.append(Text(f"  and {more} later", style="dim"))
    return [*lines] if explained.callable_in else [*lines, Text("  never, within the campaign's dates")]
