"""Why one contact is called when it is, or not at all, as text."""

from collections.abc import Iterable
from datetime import date, timedelta

from rich.console import Console
from rich.text import Text

from runner.planning.calendar import Rule, RuleKind
from runner.planning.explanation import Explanation, ZoneDays
from runner.reports.advice_text import advice_text
from runner.reports.lines import columns, indented, print_lines
from runner.reports.times import local_time

_MOST_OPENINGS = 5


def print_explanation(console: Console, explained: Explanation) -> None:
    ref = f" (ref {explained.ref})" if explained.ref not in {"", explained.contact} else ""
    cause = f" [{explained.cause}]" if explained.cause else ""
    lines = [Text(f"{explained.contact}{ref}: {explained.verdict}{cause}", style="bold"), Text()]
    lines += indented(_steps(explained))
    for there in explained.hours:
        lines += [
            Text(),
            Text(f"Hours in {there.zone}", style="bold"),
            *indented(columns(list(_days(there)))),
        ]
    lines += _openings(explained)
    if explained.advice:
        advice = advice_text(explained.advice)
        lines += [Text(), Text(f"What would make it callable: {advice}.", style="yellow")]
    print_lines(console, lines)


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
        opened = [(interval, place) for interval, place in intervals if interval.is_open]
        # If a day has open hours, the time between them needs no line of its own.
        for index, (interval, place) in enumerate(opened or intervals[:1]):
            yield (
                f"{day:%a %Y-%m-%d}" if index == 0 else "",
                Text("open", style="green") if interval.is_open else Text("closed", style="red"),
                f"{_clock(interval.start)}-{_clock(interval.end)}" if interval.is_open else "",
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
    }[rule.kind]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


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
