"""Warnings that need the contacts, the calls and the time of a plan. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from runner.campaign.diagnostics import Diagnostic
from runner.campaign.model import Campaign
from runner.campaign.warning_codes import WarningCode
from runner.campaign.window_lint import WEEKLY
from runner.planning.candidate import split_zones
from runner.planning.forecast import FASTEST, Demand, sufficient_pace
from runner.planning.pacing import request_rate_pace
from runner.planning.placement import effective_pace
from runner.planning.statistics import StatisticsBuilder
from runner.planning.unused_windows import (
    ALL_CLOSED,
    ALL_CLOSED_HINT,
    closed_windows,
    unused_windows,
)
from runner.planning.waking_hours import lateness, latest_at_night
from runner.planning.zones import CONTACT

_NAMED = 5
"""The most contacts that a warning names."""

Diagnose = Callable[[WarningCode, str, tuple[str | int, ...], str], Diagnostic]
"""(code, message, path in the campaign file, hint) → a warning at its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The results of planning that warnings depend on. `now` is UTC Unix seconds."""

    campaign: Campaign
    now: float
    requests_per_second: float
    demand: Demand
    zone_sets: Sequence[tuple[str, ...]]
    """Of all candidates, each set once."""
    misses: int
    """Candidates for which the pace left no slot."""
    crowded: int
    """Calls planned or sent earlier whose starts exceed the pace."""
    statistics: StatisticsBuilder
    still_dialled: Sequence[tuple[str, int]]
    """Excluded contacts with an earlier call that may still be dialled: label, and until when."""
    survey_before: tuple[str, str] | None = None
    """The survey_id and instance_id that calls wait for, where the campaign now names others."""
    rows: int
    filtered: int
    """Rows that `contacts.where` excludes."""
    unclear: int
    """Those of them for which it is neither yes nor no."""
    dates_over: int
    """Contacts who get no call because the campaign's dates are over."""


def of(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    """Every warning about a plan."""
    yield from _survey_changed(found, diagnose)
    yield from _still_dialled(found, diagnose)
    yield from _filtered(found, diagnose)
    yield from _dates_over(found, diagnose)
    yield from _pace_above_request_rate(found, diagnose)
    yield from _pace_too_slow(found, diagnose)
    yield from _pace_lowered(found, diagnose)
    yield from _asleep(found, diagnose)
    yield from _windows(found, diagnose)


def _survey_changed(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    if found.survey_before is not None:
        survey_id, instance_id = found.survey_before
        now = found.campaign.survey
        yield diagnose(
            WarningCode.SURVEY_CHANGED,
            f"the waiting calls were planned for survey {survey_id}, instance {instance_id}: apply sends all "
            f"of them to survey {now.survey_id}, instance {now.instance_id}",
            ("survey", "survey_id" if survey_id != now.survey_id else "instance_id"),
            "put the ID back, unless this corrects it; a new wave of calls is a new `name`",
        )


def _still_dialled(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    """Insight's API cannot withdraw a single call, so the reader of the plan has to."""
    number = len(found.still_dialled)
    if number:
        first = ", ".join(
            f"{label} until {datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}"
            for label, until in found.still_dialled[:_NAMED]
        )
        more = f" and {number - _NAMED:,} more" if number > _NAMED else ""
        have = (
            "1 contact who is left out now, or has another number, has"
            if number == 1
            else (f"{number:,} contacts who are left out now, or have another number, have")
        )
        yield diagnose(
            WarningCode.STILL_DIALLED,
            f"{have} a call from before that Insight may still dial: {first}{more}",
            ("contacts", "suppress"),
            "cancel it at Insight by hand; `runner cancel --pending-at-insight` cancels all that wait",
        )


def _filtered(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    where = ("contacts", "where")
    if found.unclear:
        rows = "1 row is" if found.unclear == 1 else f"{found.unclear:,} rows are"
        yield diagnose(
            WarningCode.UNCLEAR_WHERE,
            f"{rows} not called because `where` gives neither yes nor no for them",
            where,
            "compare the column with the value that means yes: \"{{ row.consent == 'Y' }}\"",
        )
    if 0 < found.rows == found.filtered:
        rows = "the only row" if found.rows == 1 else f"all {found.rows:,} rows"
        yield diagnose(
            WarningCode.NOBODY_KEPT,
            f"`where` leaves out {rows}, so nobody is called",
            where,
            "is the value written as in the source? Upper and lower case differ; `| upper` evens them out",
        )


def _dates_over(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    if found.dates_over:
        get = "1 contact gets" if found.dates_over == 1 else f"{found.dates_over:,} contacts get"
        yield diagnose(
            WarningCode.DATES_OVER,
            f"{get} no call: the campaign's last calling window is over, its dates end on "
            f"{found.campaign.calling_windows.dates.to}",
            ("calling_windows", "dates", "to"),
            "set a later `to`; a new wave of the survey is a new campaign with a new `name`",
        )


def _pace_above_request_rate(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    wanted = found.campaign.pacing.calls_per_minute
    pace = effective_pace(found.campaign, found.requests_per_second)
    if wanted is not None and wanted > pace:
        yield diagnose(
            WarningCode.PACE_ABOVE_REQUEST_RATE,
            f"calls_per_minute {wanted} is more than requests may go out: the plan uses {pace}",
            ("pacing", "calls_per_minute"),
            "lower it, or raise RUNNER_REQUESTS_PER_SECOND if Plum agrees",
        )


def _pace_too_slow(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    if not found.misses:
        return
    campaign = found.campaign
    pace = effective_pace(campaign, found.requests_per_second)
    enough = sufficient_pace(campaign, found.demand, too_slow=pace, now=found.now)
    if enough is None:
        hint = f"no pace up to {FASTEST:,} calls a minute would do: lengthen the windows or the dates"
    elif enough <= request_rate_pace(found.requests_per_second):
        hint = f"`calls_per_minute: {enough}` would do; so would longer windows or dates"
    else:
        hint = (
            f"`calls_per_minute: {enough}` with RUNNER_REQUESTS_PER_SECOND={-(-enough // 60)} would do, if "
            "Plum agrees; so would longer windows or dates"
        )
    set_here = campaign.pacing.calls_per_minute is not None
    total = sum(span.calls for span in found.statistics.dial_spans()) + found.misses
    yield diagnose(
        WarningCode.PACE_TOO_SLOW,
        f"{found.misses:,} of {total:,} contacts get no call: at a pace of {pace} a minute the last "
        "window ends before their turn",
        ("pacing", "calls_per_minute") if set_here else ("calling_windows", "weekly"),
        hint,
    )


def _pace_lowered(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    """Planned calls keep their reviewed starts: a slower pace applies only to new starts."""
    wanted = found.campaign.pacing.calls_per_minute
    if found.crowded and wanted == effective_pace(found.campaign, found.requests_per_second):
        keep = "1 call keeps a start" if found.crowded == 1 else f"{found.crowded:,} calls keep starts"
        yield diagnose(
            WarningCode.PACE_LOWERED,
            f"{keep} from before for which calls_per_minute {wanted} has no room: more start in some minutes",
            ("pacing", "calls_per_minute"),
            f"to slow them down: `runner pause {found.campaign.name}` until these starts have passed, then "
            "`resume`; what is late gets new starts at this pace",
        )


def _asleep(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    """Checks every attempt: Insight redials on its own, without regard to waking hours."""
    fixed = found.campaign.calling_windows.timezone != CONTACT
    spans = [
        (span.calls, latest_at_night(span.first, span.last, zones), zones[0])
        for span in found.statistics.dial_spans()
        for zones in [split_zones(span.home if fixed else span.zones)]
    ]
    nights = [(calls, night, zone) for calls, night, zone in spans if night is not None]
    if nights:
        asleep, calls = (sum(number for number, *_ in some) for some in (nights, spans))
        _, latest, zone = max(nights, key=lambda found: lateness(found[1]))
        yield diagnose(
            WarningCode.ASLEEP,
            f"{asleep:,} of {calls:,} calls may be dialled outside 8:00 to 21:00 where the contact is, the "
            f"latest at {latest:%H:%M} in {zone}",
            ("calling_windows", "timezone" if fixed else "weekly"),
            "write `timezone: contact` to use each contact's own time"
            if fixed
            else "are these the hours you mean? They are local, on a 24-hour clock: 5 pm is 17:00; with "
            "several attempts Insight may dial until the window closes, less close_margin",
        )


def _windows(found: Findings, diagnose: Diagnose) -> Iterator[Diagnostic]:
    if not found.zone_sets:
        return
    declared = found.campaign.calling_windows
    for entry in closed_windows(declared, found.now):
        yield diagnose(
            WarningCode.UNREACHABLE_WINDOW, ALL_CLOSED, (*WEEKLY, *entry.location), ALL_CLOSED_HINT
        )
    for entry in unused_windows(declared, found.zone_sets, found.now):
        yield diagnose(
            WarningCode.UNUSED_WINDOW,
            "no contact of this plan can be called in this window: it is never open in every zone in which "
            "one of them may be",
            (*WEEKLY, *entry.location),
            "give contacts.timezone where numbers leave several zones, or remove the window",
        )
