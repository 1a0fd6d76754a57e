"""The plan as text, for those who decide on it: totals and changes, calls by hour, exclusions, requests."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from runner.campaign import diagnostics
from runner.campaign.warning_codes import in_a_line
from runner.planning.plan_view import CallView, ExclusionView, PlanView, statistics_of
from runner.reports import plan_facts as facts
from runner.reports.console import columns, indented, print_lines
from runner.reports.rule_words import effect_words, origin_words
from runner.reports.times import local_time, machine_time, rfc3339

FIRST_ROWS = 3
"""How many rows of each reason, and how many requests, are shown."""
_MOST_DAYS = 14
_BAR = 40
"""Width of the longest bar, in characters: a line then fits into 80 columns."""
_COLOURS = {"+": "green", "~": "yellow", "-": "red", " ": "dim"}


def print_plan(
    console: Console,
    plan: PlanView,
    *,
    every_row: bool = False,
    brief: bool = False,
    list_all: str = "runner plan --all",
) -> None:
    """With `every_row`, nobody who is left out or changed is left to a count; `list_all` is the command
    for that. A `brief` plan only counts who is left out, and shows no request. It still names whose call is
    moved, changed or withdrawn: the log of an apply must show who opted out since.
    """
    plan = facts.for_readers(plan)
    rows = sys.maxsize if every_row else FIRST_ROWS
    print_lines(
        console,
        [
            *_headline(plan),
            *_section("Changes", _changes(plan, rows, list_all)),
            *_section("Warnings", _warnings(plan)),
            *_suppressed(plan),
            *_section("Rules, which are not legal advice", _rules(plan)),
            *_section("Calls an hour, by the contacts' own clocks", hours_chart(plan)),
            *_section("Not called", _exclusions(plan, 0 if brief else rows, list_all)),
            *([] if brief else _section(_requests_title(plan), _requests(plan.calls))),
            *([Text(f"To see each of them: {list_all}")] if brief else []),
            Text(),
            *([Text(facts.read_words(plan), style="dim")] if plan.sources else []),
            Text(
                f"as of {machine_time(plan.as_of)} ({rfc3339(plan.as_of)}) · tzdata {plan.versions.tzdata} "
                f"· phonenumbers {plan.versions.phonenumbers} · holidays {plan.versions.holidays}",
                style="dim",
            ),
            Text(f"plan {plan.plan_id}", style="dim"),
        ],
    )


def _headline(plan: PlanView) -> list[Text]:
    lines = [Text(facts.headline(plan), style="bold")]
    lines += [Text(f"Warning: {words}", style="bold red") for words in facts.urgent(plan)]
    lines.append(Text(f"{plan.campaign}: {facts.count(plan.summary['rows'], 'row')} read"))
    lines.append(Text(facts.verdict(plan)))
    lines += [Text(words) for words in facts.notes(plan)]
    short = facts.short_of_attempts(plan)
    if short:
        lines.append(Text(short, style="yellow"))
    return lines


def _section(title: str, body: list[Text]) -> list[Text]:
    if not body:
        return []
    return [Text(), Text(title, style="bold"), *indented(body)]


def _changes(plan: PlanView, rows: int, list_all: str) -> list[Text]:
    groups = facts.change_groups(plan, rows)
    if not groups:
        return []
    width = max(len(f"{group.count:,}") for group in groups)
    lines = []
    for group in groups:
        sign = facts.SIGNS[group.kind]
        lines.append(
            Text.assemble(
                (f"{sign} {group.count:>{width},} {group.kind:<9}", _COLOURS[sign]), f"  {group.reason}"
            )
        )
        lines += indented(_changed_calls(group, list_all), by=4)
    return lines


def _changed_calls(group: facts.ChangeGroup, list_all: str) -> list[Text]:
    rows = [(who, Text(what, style="dim")) for who, what in group.rows]
    return columns(rows) + _more(group.count - len(rows), list_all) if rows else []


def _warnings(plan: PlanView) -> list[Text]:
    return [
        Text(line) for diagnostic in plan.diagnostics for line in diagnostics.render(diagnostic).split("\n")
    ]


def _rules(plan: PlanView) -> list[Text]:
    """What each does to the windows, and below it where it comes from."""
    rows: list[tuple[str, Text]] = []
    for rule in plan.rules:
        rows.append((rule.name, Text(effect_words(rule, plan.hours.timezone))))
        origin = origin_words(rule)
        if origin:
            rows.append(("", Text(origin, style="dim")))
    return columns(rows)


def _suppressed(plan: PlanView) -> list[Text]:
    line = in_a_line(plan.suppressed_warnings)
    return [Text(), Text(line, style="dim")] if line else []


def hours_chart(plan: PlanView) -> list[Text]:
    """A line for each hour of each local day in which calls start; at most 80 columns wide."""
    days = statistics_of(plan).starts
    if not days:
        return []
    longest = max(number for hours in days.values() for number in hours.values())
    rows = []
    for day, hours in list(days.items())[:_MOST_DAYS]:
        for index, (hour, number) in enumerate(hours.items()):
            bar = "▇" * max(1, round(number / longest * _BAR))
            rows.append(
                (
                    f"{day:%a %Y-%m-%d}" if index == 0 else "",
                    f"{hour:02}-{hour + 1:02}",
                    f"{number:,}",
                    Text(bar, style="cyan"),
                )
            )
    lines = columns(rows, right=[2])
    later = list(days.values())[_MOST_DAYS:]
    if later:
        rest = sum(number for hours in later for number in hours.values())
        calls, on = facts.count(rest, "call"), facts.count(len(later), "later day")
        more = f"and {calls} on {on} (all: --output json)"
        lines.append(Text(more, style="dim"))
    return lines


def _exclusions(plan: PlanView, rows: int, list_all: str) -> list[Text]:
    lines: list[Text] = []
    for reason, number, found in facts.exclusion_groups(plan, rows):
        lines.append(
            Text.assemble(f"{number:,} ", (reason.value, "yellow"), f"  {facts.reason_words(plan, reason)}")
        )
        if found:
            lines += indented(_excluded_rows(found) + _more(number - len(found), list_all))
    return lines


def _excluded_rows(found: Sequence[ExclusionView]) -> list[Text]:
    rows = []
    shown_before = ""
    for exclusion in found:
        words = facts.exclusion_words(exclusion)
        detail = "same reason" if words == shown_before else words
        shown_before = words
        place = f"{exclusion.source}:{exclusion.row}"
        rows.append((place, exclusion.contact or "-", Text(detail, style="dim")))
    return columns(rows)


def _more(number: int, list_all: str) -> list[Text]:
    """That the list was cut, and where the rest is."""
    return [Text(f"and {number:,} more: `{list_all}` lists them", style="dim")] if number else []


def _requests_title(plan: PlanView) -> str:
    if len(plan.calls) <= FIRST_ROWS:
        return "Requests"
    return f"The first {FIRST_ROWS} of {len(plan.calls):,} requests (all: --output json)"


def _requests(calls: Sequence[CallView]) -> list[Text]:
    lines: list[Text] = []
    for call in calls[:FIRST_ROWS]:
        fields = [(Text(f"  {name}", style="dim"), value) for name, value in request_fields(call)]
        lines += [Text(f"{call.contact} {call.phone} in {zone_names(call.timezones)}"), *columns(fields)]
    return lines


def zone_names(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= FIRST_ROWS else f"{names[0]} and {len(names) - 1} more zones"


def request_fields(call: CallView) -> Iterable[tuple[str, str]]:
    """The parameters of the request, and when it leaves, as people read them."""
    if call.round > 1:
        yield "round", str(call.round)
    yield "leaves at", local_time(call.queue_at, call.timezones)
    yield "phone_number", call.phone_number
    yield "start_timestamp", f"{call.start_timestamp}  {local_time(call.start_timestamp, call.timezones)}"
    yield "end_timestamp", f"{call.end_timestamp}  {local_time(call.end_timestamp, call.timezones)}"
    fit = call.attempts_that_fit
    short = "" if fit == call.max_attempts else f"  (time for {fit})"
    yield "max_attempts", f"{call.max_attempts}{short}"
    if call.max_attempts > 1:
        yield "reattempt_wait", str(call.reattempt_wait)
    for name, value in call.metadata.items():
        yield f"metadata[{name}]", value
    if call.result_url:
        yield "result_url", call.result_url
