"""Warnings about the weekly windows that need only the campaign file. Pure."""

from collections.abc import Iterator
from datetime import date

from runner.campaign.diagnostics import Diagnostic
from runner.campaign.document import Document, Location
from runner.campaign.hours import (
    MINUTES_A_DAY,
    Stretches,
    WeeklyEntry,
    day_names,
    weekdays_left,
    weekly_entries,
)
from runner.campaign.model import SHORTEST_SLOT, CallingWindows, Campaign
from runner.campaign.warning_codes import WarningCode

_MOST_NAMED = 5
"""Windows that a message names one by one."""

_LONGEST_PAST_MIDNIGHT = 12 * 60
"""Minutes. A longer window past midnight is probably one with its times in the wrong order."""

WEEKLY: Location = ("calling_windows", "weekly")


def of(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """Every warning about the windows of a valid campaign."""
    windows = campaign.calling_windows
    yield from _on_the_hour(document, windows)
    yield from _possibly_reversed(document, windows)
    yield from _attempts_that_do_not_fit(document, campaign)
    for entry, why in unreachable(windows).items():
        yield document.warning(
            WarningCode.UNREACHABLE_WINDOW,
            f"nobody can be called in this window: {why}",
            (*WEEKLY, *entry.location),
            "widen `dates`, lengthen the window, or remove it",
        )


def unreachable(windows: CallingWindows) -> dict[WeeklyEntry, str]:
    """The windows in which nobody can be called according to the file alone, and why."""
    needed = windows.close_margin + SHORTEST_SLOT
    too_short = f"a call needs the {_duration(windows.close_margin)} of close_margin, and 5 minutes before it"
    why = {entry: too_short for entry, seconds in _longest_stretches(windows).items() if seconds < needed}
    if windows.dates.from_ is None or windows.dates.to is None:
        return why
    first, last = date.fromisoformat(windows.dates.from_), date.fromisoformat(windows.dates.to)
    in_dates = weekdays_left(first, last, ())
    still_open = weekdays_left(first, last, windows.closed_ranges)
    for entry in weekly_entries(windows.weekly):
        days = f"{day_names(entry.days)} between {first} and {last}"
        if not in_dates.intersection(entry.days):
            why.setdefault(entry, f"there is no {days}")
        elif not still_open.intersection(entry.days):
            why.setdefault(entry, f"`blackout` closes every {days}")
    return why


def _on_the_hour(document: Document, windows: CallingWindows) -> Iterator[Diagnostic]:
    """Where a window only goes on from the one before, as whole days do, nothing starts."""
    stretches = Stretches(windows.weekly_hours)
    for entry in weekly_entries(windows.weekly):
        if entry.start % 60 == 0 and any(
            stretches.around(day, entry.start)[0] == entry.start for day in entry.days
        ):
            yield document.warning(
                WarningCode.ON_THE_HOUR,
                "this window starts on the full hour, when most other calls start too",
                (*WEEKLY, *entry.location),
                f"Plum advises to start at :15, :30 or :45, for example at {entry.start // 60}:15",
            )


def _possibly_reversed(document: Document, windows: CallingWindows) -> Iterator[Diagnostic]:
    for entry in weekly_entries(windows.weekly):
        start, end = (time.strip() for time in entry.text.split("-"))
        length = entry.end - entry.start
        if entry.end >= MINUTES_A_DAY and end != "24:00" and length > _LONGEST_PAST_MIDNIGHT:
            yield document.warning(
                WarningCode.REVERSED_WINDOW,
                f"this window runs into the next day and lasts {length // 60} h {length % 60:02} min: are "
                "its times in the wrong order?",
                (*WEEKLY, *entry.location),
                f"write `{end}-{start}` if you mean those hours of one day",
            )


def _attempts_that_do_not_fit(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """Measured from the first moment of a window: later in it there is room for fewer."""
    attempts, wait = campaign.retry_policy.max_attempts, campaign.retry_policy.reattempt_wait
    if attempts == 1 or wait is None:
        return
    margin = campaign.calling_windows.close_margin
    room = {
        entry: min(attempts, 1 + (seconds - margin) // wait)
        for entry, seconds in _longest_stretches(campaign.calling_windows).items()
        if seconds - margin >= SHORTEST_SLOT
    }
    short = [(entry, fitting) for entry, fitting in room.items() if fitting < attempts]
    if not short:
        return
    named = [f"{entry.name} has room for {fitting}" for entry, fitting in short[:_MOST_NAMED]]
    if len(short) > _MOST_NAMED:
        named.append(f"{len(short) - _MOST_NAMED} more have room for fewer too")
    which = "any window" if len(short) == len(room) else f"{len(short)} of {len(room)} windows"
    yield document.warning(
        WarningCode.ATTEMPTS_DO_NOT_FIT,
        f"{attempts} attempts, {_duration(wait)} apart, do not fit into {which}: {', '.join(named)}",
        ("retry_policy", "max_attempts"),
        "make fewer attempts, wait less between them, or lengthen the window",
    )


def _longest_stretches(windows: CallingWindows) -> dict[WeeklyEntry, int]:
    """Seconds for which each window, joined with those it touches, is open on the best of its days."""
    stretches = Stretches(windows.weekly_hours)
    return {
        entry: 60
        * max(end - start for start, end in (stretches.around(day, entry.start) for day in entry.days))
        for entry in weekly_entries(windows.weekly)
    }


def _duration(seconds: int) -> str:
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
