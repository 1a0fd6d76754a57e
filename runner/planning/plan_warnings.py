"""Warnings that need the contacts, the calls and the time of a plan. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from runner.campaign.diagnostics import Diagnostic
from runner.campaign.lint import WEEKLY
from runner.campaign.model import CONTACT
from runner.campaign.timezones import zone
from runner.campaign.warning_codes import WarningCode
from runner.planning.candidate import split_zones
from runner.planning.contact_limits import period
from runner.planning.eligibility import RowCounts
from runner.planning.placement import Placement, effective_pace, fastest_pace, requests_per_call
from runner.planning.plan_input import PlanInput
from runner.planning.rule_cuts import OUTSIDE_HINT, outside_of, windows_outside
from runner.planning.statistics import StatisticsBuilder
from runner.planning.unused_windows import (
    ALL_CLOSED,
    ALL_CLOSED_HINT,
    closed_windows,
    unused_windows,
)
from runner.planning.windows import Window

FASTEST = 60_000
"""Starts a minute: the highest value that `calls_per_minute` and RUNNER_REQUESTS_PER_SECOND take."""
WAKES, SLEEPS = time(8), time(21)
"""47 CFR 64.1200(c)(1) allows telephone solicitation between these local times."""

_DAY = 24 * 60
_NAMED = 5
"""The most contacts that a warning names."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Starts that are taken (UTC Unix seconds), and the windows of each new call, in order of precedence."""

    taken: Sequence[int]
    kept: Sequence[int]
    """Those of `taken` that are not sent: a day limit does not count them yet."""
    waiting: Callable[[], Iterator[tuple[Window, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The results of planning that warnings depend on."""

    given: PlanInput
    demand: Demand
    zone_sets: Sequence[tuple[str, ...]]
    """Of all candidates, each set once."""
    misses: int
    """Candidates for which the pace left no slot."""
    crowded: int
    """Calls planned or sent earlier whose starts exceed the pace."""
    statistics: StatisticsBuilder
    rows: RowCounts
    survey_before: tuple[str, str] | None = None
    """The survey_id and instance_id that calls wait for, where the campaign now names others."""


def of(found: Findings) -> Iterator[Diagnostic]:
    """Every warning about a plan."""
    yield from _survey_changed(found)
    yield from _still_dialled(found)
    yield from _filtered(found)
    yield from _unknown_places(found)
    yield from _dates_over(found)
    yield from _pace_above_request_rate(found)
    yield from _pace_too_slow(found)
    yield from _pace_lowered(found)
    yield from _asleep(found)
    yield from _attempts_above_cap(found)
    yield from _windows(found)


def _survey_changed(found: Findings) -> Iterator[Diagnostic]:
    if found.survey_before is not None:
        survey_id, instance_id = found.survey_before
        now = found.given.campaign.survey
        yield found.given.diagnose(
            WarningCode.SURVEY_CHANGED,
            f"the waiting calls were planned for survey {survey_id}, instance {instance_id}: apply sends all "
            f"of them to survey {now.survey_id}, instance {now.instance_id}",
            ("survey", "survey_id" if survey_id != now.survey_id else "instance_id"),
            "restore the ID, unless this is a correction; for a new wave of calls, use a new `name`",
        )


def _still_dialled(found: Findings) -> Iterator[Diagnostic]:
    """Insight's API cannot withdraw a single call, so the reader of the plan has to."""
    number = len(found.rows.still_dialled)
    if number:
        first = ", ".join(
            f"{label} until {datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}"
            for label, until in found.rows.still_dialled[:_NAMED]
        )
        more = f" and {number - _NAMED:,} more" if number > _NAMED else ""
        have = (
            "1 contact who is excluded now, or has another number, has"
            if number == 1
            else (f"{number:,} contacts who are excluded now, or have another number, have")
        )
        yield found.given.diagnose(
            WarningCode.STILL_DIALLED,
            f"{have} an earlier call that Insight may still dial: {first}{more}",
            ("contacts", "suppress"),
            "cancel it at Insight by hand; `runner cancel --pending-at-insight` cancels all waiting calls",
        )


def _filtered(found: Findings) -> Iterator[Diagnostic]:
    where = ("contacts", "where")
    if found.rows.unclear:
        rows = "1 row is" if found.rows.unclear == 1 else f"{found.rows.unclear:,} rows are"
        yield found.given.diagnose(
            WarningCode.UNCLEAR_WHERE,
            f"{rows} not called because the result of `where` is neither yes nor no",
            where,
            "compare the column with the value that means yes: \"{{ row.consent == 'Y' }}\"",
        )
    if 0 < found.rows.read == found.rows.filtered:
        rows = "the only row" if found.rows.read == 1 else f"all {found.rows.read:,} rows"
        yield found.given.diagnose(
            WarningCode.NOBODY_KEPT,
            f"`where` excludes {rows}, so nobody is called",
            where,
            "check the spelling in the source: upper and lower case differ, `| upper` makes them equal",
        )


def _unknown_places(found: Findings) -> Iterator[Diagnostic]:
    number = found.rows.unread_places
    if number:
        source, line, keys = found.rows.first_unread
        rows = "1 row has" if number == 1 else f"{number:,} rows have"
        first, *_ = keys.split()
        yield found.given.diagnose(
            WarningCode.UNKNOWN_PLACE,
            f"{rows} a postal_code or state that is not known in the US or Canada and says nothing about "
            f"time zones and rules; the first is the {first} of {source}:{line}",
            ("contacts", first),
            "check the column: 02139, 02139-4307 or M5V 2T6; MA or Massachusetts",
        )


def _dates_over(found: Findings) -> Iterator[Diagnostic]:
    if found.rows.dates_over:
        get = "1 contact gets" if found.rows.dates_over == 1 else f"{found.rows.dates_over:,} contacts get"
        yield found.given.diagnose(
            WarningCode.DATES_OVER,
            f"{get} no call: the campaign's last calling window is over, its dates end on "
            f"{found.given.campaign.calling_windows.dates.to}",
            ("calling_windows", "dates", "to"),
            "set a later `to`; for a new wave of calls, use a new campaign with a new `name`",
        )


def _pace_above_request_rate(found: Findings) -> Iterator[Diagnostic]:
    wanted = found.given.campaign.pacing.calls_per_minute
    pace = effective_pace(found.given.campaign, found.given.requests_per_second)
    if wanted is not None and wanted > pace:
        yield found.given.diagnose(
            WarningCode.PACE_ABOVE_REQUEST_RATE,
            f"calls_per_minute {wanted} exceeds the request rate: the plan uses {pace}",
            ("pacing", "calls_per_minute"),
            "lower it, or raise RUNNER_REQUESTS_PER_SECOND if Plum agrees",
        )


def _pace_too_slow(found: Findings) -> Iterator[Diagnostic]:
    if not found.misses:
        return
    if found.given.days is not None and not _suffices(found.given, found.demand, FASTEST):
        yield _days_full(found, found.given.days.most)
        return
    campaign = found.given.campaign
    pace = effective_pace(campaign, found.given.requests_per_second)
    enough = _sufficient_pace(found.given, found.demand, too_slow=pace)
    if enough is None:
        hint = f"no pace up to {FASTEST:,} calls a minute is enough: lengthen the windows or the dates"
    elif enough <= fastest_pace(campaign, found.given.requests_per_second):
        hint = f"`calls_per_minute: {enough}` is enough; so are longer windows or dates"
    else:
        rate = -(-enough * requests_per_call(campaign) // 60)
        hint = (
            f"`calls_per_minute: {enough}` with RUNNER_REQUESTS_PER_SECOND={rate} is enough, if "
            "Plum agrees; so are longer windows or dates"
        )
    set_here = campaign.pacing.calls_per_minute is not None
    yield found.given.diagnose(
        WarningCode.PACE_TOO_SLOW,
        f"{_uncalled(found)}: at a pace of {pace} a minute the last window closes before their turn",
        ("pacing", "calls_per_minute") if set_here else ("calling_windows", "weekly"),
        hint,
    )


def _days_full(found: Findings, most: int) -> Diagnostic:
    """No pace helps where the policy leaves too few calls on the days of the campaign."""
    return found.given.diagnose(
        WarningCode.PACE_TOO_SLOW,
        f"{_uncalled(found)}: the policy's max_calls_per_day, {most:,} over all campaigns, leaves no free "
        "start before the last window closes",
        ("calling_windows", "dates", "to"),
        "set a later `to`, or raise max_calls_per_day in the policy (RUNNER_POLICY_FILE); another pace does "
        "not help",
    )


def _uncalled(found: Findings) -> str:
    total = sum(span.calls for span in found.statistics.dial_spans()) + found.misses
    return f"{found.misses:,} of {total:,} contacts get no call"


def _sufficient_pace(given: PlanInput, demand: Demand, *, too_slow: int) -> int | None:
    """The least `calls_per_minute` above `too_slow` at which every call finds a slot; None when none does.

    Each pace is tried with the placement that plans are made with, so the one returned is known to do. It is
    searched for by doubling and halving, as if a faster pace never placed fewer calls.
    """

    def suffices(pace: int) -> bool:
        return _suffices(given, demand, pace)

    slow = fast = too_slow
    while fast < FASTEST:
        slow, fast = fast, min(2 * fast, FASTEST)
        if suffices(fast):
            return bisect_left(range(fast), x=True, lo=slow + 1, key=suffices)
    return None


def _suffices(given: PlanInput, demand: Demand, pace: int) -> bool:
    campaign = given.campaign
    pacing = campaign.pacing.model_copy(update={"calls_per_minute": pace})
    trial = Placement(
        campaign.model_copy(update={"pacing": pacing}),
        now=given.now,
        requests_per_second=FASTEST / 60 * requests_per_call(campaign),
        rules=given.rules,
        days=given.days,
    )
    for start in demand.taken:
        trial.occupy(start)
    trial.count_days(demand.kept)
    trial.expect(demand.waiting())
    return None not in map(trial.next_slot, demand.waiting())


def _pace_lowered(found: Findings) -> Iterator[Diagnostic]:
    """Planned calls keep their reviewed starts: a slower pace applies only to new starts."""
    wanted = found.given.campaign.pacing.calls_per_minute
    if found.crowded and wanted == effective_pace(found.given.campaign, found.given.requests_per_second):
        keep = "1 call keeps a start" if found.crowded == 1 else f"{found.crowded:,} calls keep starts"
        yield found.given.diagnose(
            WarningCode.PACE_LOWERED,
            f"{keep} from an earlier plan, so some minutes exceed calls_per_minute, now {wanted}",
            ("pacing", "calls_per_minute"),
            f"to slow them down: `runner pause {found.given.campaign.name}` until these starts have passed, "
            "then `resume`; late calls get new starts at this pace",
        )


def _asleep(found: Findings) -> Iterator[Diagnostic]:
    """Checks every attempt: Insight redials on its own, without regard to waking hours."""
    fixed = found.given.campaign.calling_windows.timezone != CONTACT
    spans = [
        (span.calls, latest_at_night(span.first, span.last, zones), zones[0])
        for span in found.statistics.dial_spans()
        for zones in [split_zones(span.home if fixed else span.zones)]
    ]
    nights = [(calls, night, name) for calls, night, name in spans if night is not None]
    if nights:
        asleep, calls = (sum(number for number, *_ in some) for some in (nights, spans))
        _, latest, where = max(nights, key=lambda found: lateness(found[1]))
        yield found.given.diagnose(
            WarningCode.ASLEEP,
            f"{asleep:,} of {calls:,} calls may be dialled outside 8:00 to 21:00 where the contact is, the "
            f"latest at {latest:%H:%M} in {where}",
            ("calling_windows", "timezone" if fixed else "weekly"),
            "write `timezone: contact` to use each contact's own time"
            if fixed
            else "check these hours: they are local, on a 24-hour clock, so 5 pm is 17:00; with "
            "several attempts Insight may dial until the window closes, less close_margin",
        )


def _attempts_above_cap(found: Findings) -> Iterator[Diagnostic]:
    attempts = found.given.campaign.retry_policy.max_attempts
    caps = dict.fromkeys(cap for rule in found.given.rules for cap in rule.caps if attempts > cap.calls)
    if caps:
        named = [f"{cap.name} {cap.calls} in {period(cap)}" for cap in caps]
        yield found.given.diagnose(
            WarningCode.ATTEMPTS_ABOVE_CAP,
            f"Insight may dial a number {attempts} times in one window, which is more than rules allow: "
            f"{', '.join(named)}",
            ("retry_policy", "max_attempts"),
            f"`max_attempts: {min(cap.calls for cap in caps)}` is the most that all of them allow",
        )


def _windows(found: Findings) -> Iterator[Diagnostic]:
    if not found.zone_sets:
        return
    declared = found.given.campaign.calling_windows
    for entry in closed_windows(declared, found.given.now):
        yield found.given.diagnose(
            WarningCode.UNREACHABLE_WINDOW, ALL_CLOSED, (*WEEKLY, *entry.location), ALL_CLOSED_HINT
        )
    for entry, names in windows_outside(declared, found.given.rules):
        yield found.given.diagnose(
            WarningCode.UNREACHABLE_WINDOW, outside_of(names), (*WEEKLY, *entry.location), OUTSIDE_HINT
        )
    for entry in unused_windows(declared, found.zone_sets, found.given.now):
        yield found.given.diagnose(
            WarningCode.UNUSED_WINDOW,
            "no contact of this plan can be called in this window: it is never open in all zones in which "
            "a contact may be",
            (*WEEKLY, *entry.location),
            "set contacts.timezone for numbers that may be in several zones, or remove the window",
        )


def latest_at_night(first: int, last: int, zones: Sequence[str]) -> time | None:
    """The latest local time outside waking hours between two instants (UTC Unix seconds, both inclusive), in
    any of the zones; None if every instant lies inside waking hours.
    """
    nights = [found for name in zones if (found := _latest_in(first, last, name)) is not None]
    return max(nights, key=lateness, default=None)


def lateness(local: time) -> int:
    """Minutes since 8:00: half past midnight is later than 22:00."""
    return (local.hour * 60 + local.minute - WAKES.hour * 60) % _DAY


# Calls of one window share its end, and many share their quarter of an hour too.
@lru_cache(maxsize=8192)
def _latest_in(first: int, last: int, name: str) -> time | None:
    ends = datetime.fromtimestamp(last, zone(name))
    woke = ends.replace(hour=WAKES.hour, minute=0, second=0)
    if ends < woke:
        woke -= timedelta(days=1)
    if first < woke.timestamp():
        return time(7, 59)
    # An interval that ends at 21:00 lies inside waking hours, unless it is a single instant.
    closes_in_time = first < last and ends.time() == SLEEPS
    is_waking = WAKES <= ends.time() < SLEEPS or closes_in_time
    return None if is_waking else ends.time().replace(second=0)
