"""The plan as text for the people who decide on it: totals first, then when, who not, and what is sent."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.console import Console
from rich.text import Text

from runner.campaign import diagnostics
from runner.campaign.silence import in_a_line
from runner.campaign.timezones import zone
from runner.contacts.contact import Exclusion, Reason
from runner.contacts.identity import Identity
from runner.contacts.phone import mask
from runner.planning.plan import Change, Plan, PlannedCall
from runner.reports.lines import columns, indented, tell
from runner.reports.plan_json import MASKED, masked_dial_string, summary
from runner.reports.times import duration, rfc3339

FIRST_ROWS = 3
"""How many rows of each reason, and how many requests, are shown."""
_MOST_DAYS = 14
_BAR = 24
"""Width of the longest bar, in characters."""

_REASONS: Mapping[Reason, str] = {
    Reason.INVALID_PHONE: "the number cannot be called",
    Reason.DUPLICATE_KEY: "an earlier row is the same contact",
    Reason.DUPLICATE_PHONE: "an earlier row has the same number",
    Reason.SUPPRESSED: "on a list of people never to call",
    Reason.FILTERED: "the campaign's `where` leaves them out",
    Reason.UNKNOWN_TIMEZONE: "nobody knows what time it is there",
    Reason.NO_WINDOW: "never inside a calling window",
    Reason.TEMPLATE_ERROR: "a template cannot be filled in",
    Reason.ALREADY_QUEUED: "queued at Insight before, or perhaps",
    Reason.CALL_LIMIT: "beyond --limit",
}


def print_plan(console: Console, plan: Plan, identity: Identity, *, show_contacts: bool) -> None:
    tell(
        console,
        [
            *_headline(plan),
            *_section("Warnings", _warnings(plan)),
            *([Text(), Text(in_a_line(plan.silenced), style="dim")] if plan.silenced else []),
            *_section("When the calls may start", _hours(plan.calls)),
            *_section("Not called", _exclusions(plan, identity, show_contacts=show_contacts)),
            *_section("Withdrawn", _withdrawn(plan, identity, show_contacts=show_contacts)),
            *_section("The first requests", _requests(plan, identity, show_contacts=show_contacts)),
            Text(),
            Text(
                f"as of {rfc3339(plan.as_of)} · tzdata {plan.versions.tzdata} · phonenumbers "
                f"{plan.versions.phonenumbers} · holidays {plan.versions.holidays}",
                style="dim",
            ),
            Text(f"plan {plan.plan_id}", style="dim"),
        ],
    )


def headline(plan: Plan) -> str:
    """`Plan: 1,204 to call, 87 excluded, 903 already queued`."""
    counts = summary(plan)
    parts = [f"{counts['planned']:,} to call"]
    parts += [
        f"{counts[name]:,} {words}"
        for name, words in (
            ("changed", "of them changed"),
            ("excluded", "excluded"),
            ("no_window", "without a window"),
            ("withdrawn", "withdrawn"),
            ("already_queued", "already queued"),
        )
        if counts[name]
    ]
    return f"Plan: {', '.join(parts)}"


def _headline(plan: Plan) -> list[Text]:
    lines = [Text(headline(plan), style="bold")]
    lines.append(Text(f"{plan.campaign}: {plan.rows:,} row{'' if plan.rows == 1 else 's'} read"))
    if plan.calls:
        first = min(call.start_timestamp for call in plan.calls)
        last = max(call.start_timestamp for call in plan.calls)
        lines.append(
            Text(f"calls may start from {rfc3339(first)} to {rfc3339(last)}, over {duration(last - first)}")
        )
        lines.extend(_attempts(plan.calls))
    else:
        lines.append(Text("Nothing to do: there is nobody to call."))
    return lines


def _attempts(calls: Iterable[PlannedCall]) -> list[Text]:
    short = [call for call in calls if call.attempts_that_fit < call.request.max_attempts]
    if not short:
        return []
    fewest = min(call.attempts_that_fit for call in short)
    return [
        Text(
            f"{len(short):,} of them have time for fewer than {short[0].request.max_attempts} attempts "
            f"before their window closes (the fewest: {fewest})",
            style="yellow",
        )
    ]


def _section(title: str, body: list[Text]) -> list[Text]:
    if not body:
        return []
    return [Text(), Text(title, style="bold"), *indented(body)]


def _hours(calls: tuple[PlannedCall, ...]) -> list[Text]:
    """Calls for each local day and hour: a contact with several zones counts in the westernmost one."""
    if not calls:
        return []
    counted: Counter[tuple[str, int]] = Counter()
    for call in calls:
        local = _westernmost(call)
        counted[f"{local:%a %Y-%m-%d}|{local:%Y-%m-%d}", local.hour] += 1
    days = sorted({day for day, _ in counted}, key=lambda day: day.split("|")[1])
    longest = max(counted.values())
    rows = []
    for day in days[:_MOST_DAYS]:
        hours = sorted(hour for counted_day, hour in counted if counted_day == day)
        for index, hour in enumerate(hours):
            count = counted[day, hour]
            bar = "▇" * max(1, round(count / longest * _BAR))
            rows.append(
                (
                    day.split("|")[0] if index == 0 else "",
                    f"{hour:02}:00",
                    f"{count:,}",
                    Text(bar, style="cyan"),
                )
            )
    parts: list[Text] = [Text("local time of the contact", style="dim"), *columns(rows, right=[2])]
    if len(days) > _MOST_DAYS:
        rest = sum(count for (day, _), count in counted.items() if day in days[_MOST_DAYS:])
        parts.append(Text(f"and {rest:,} calls on {len(days) - _MOST_DAYS} later days", style="dim"))
    return parts


def _westernmost(call: PlannedCall) -> datetime:
    return min(
        (datetime.fromtimestamp(call.start_timestamp, zone(name)) for name in call.timezones),
        key=lambda local: local.replace(tzinfo=None),
    )


def _exclusions(plan: Plan, identity: Identity, *, show_contacts: bool) -> list[Text]:
    parts: list[Text] = []
    by_reason: dict[Reason, list[Exclusion]] = {}
    for exclusion in plan.exclusions:
        by_reason.setdefault(exclusion.reason, []).append(exclusion)
    for reason, found in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        parts.append(Text.assemble(f"{len(found):,} ", (reason.value, "yellow"), f"  {_REASONS[reason]}"))
        rows = []
        told = ""
        for exclusion in found[:FIRST_ROWS]:
            key = exclusion.key
            who = (key if show_contacts else identity.label(key)) if key else "-"
            detail = "likewise" if exclusion.detail == told else exclusion.detail
            told = exclusion.detail
            rows.append((f"  {exclusion.source}:{exclusion.line}", who, Text(detail, style="dim")))
        parts += columns(rows)
        if len(found) > FIRST_ROWS:
            parts.append(Text(f"  and {len(found) - FIRST_ROWS:,} more", style="dim"))
    return parts


def _withdrawn(plan: Plan, identity: Identity, *, show_contacts: bool) -> list[Text]:
    rows = []
    for withdrawal in plan.withdrawals[:FIRST_ROWS]:
        who = withdrawal.key if show_contacts else identity.label(withdrawal.key)
        rows.append((who, Text(withdrawal.reason, style="dim")))
    parts = columns(rows)
    if len(plan.withdrawals) > FIRST_ROWS:
        parts.append(Text(f"and {len(plan.withdrawals) - FIRST_ROWS:,} more", style="dim"))
    return parts


def _warnings(plan: Plan) -> list[Text]:
    return [
        Text(line) for diagnostic in plan.diagnostics for line in diagnostics.render(diagnostic).split("\n")
    ]


def _requests(plan: Plan, identity: Identity, *, show_contacts: bool) -> list[Text]:
    parts: list[Text] = []
    for call in plan.calls[:FIRST_ROWS]:
        fields = [
            (Text(f"  {name}", style="dim"), value)
            for name, value in _fields(call, show_contacts=show_contacts)
        ]
        who = call.key if show_contacts else identity.label(call.key)
        change = "" if call.change is Change.NEW else f" ({call.change.value})"
        number = call.phone if show_contacts else mask(call.phone)
        parts += [Text(f"{who} {number} in {_zones(call.timezones)}{change}"), *columns(fields)]
    return parts


def _zones(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= FIRST_ROWS else f"{names[0]} and {len(names) - 1} more zones"


def _fields(call: PlannedCall, *, show_contacts: bool) -> Iterable[tuple[str, str]]:
    request = call.request
    yield "leaves at", rfc3339(call.queue_at)
    yield "phone_number", request.phone_number if show_contacts else masked_dial_string(call)
    yield "start_timestamp", f"{call.start_timestamp}  {rfc3339(call.start_timestamp)}"
    yield "end_timestamp", f"{call.end_timestamp}  {rfc3339(call.end_timestamp)}"
    fit = call.attempts_that_fit
    short = "" if fit == request.max_attempts else f"  (time for {fit})"
    yield "max_attempts", f"{request.max_attempts}{short}"
    if request.max_attempts > 1:
        yield "reattempt_wait", str(request.reattempt_wait)
    for name, value in request.metadata.items():
        yield f"metadata[{name}]", value if show_contacts or not value else MASKED
    if request.result_url:
        yield "result_url", request.result_url if show_contacts else MASKED
