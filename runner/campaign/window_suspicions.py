"""What is suspicious about the weekly windows, as far as the campaign file alone can tell. Pure."""

from collections.abc import Iterator
from datetime import date

from runner.campaign.diagnostics import Diagnostic, Severity
from runner.campaign.document import Document, Location
from runner.campaign.hours import WeeklyEntry, day_names, stretch_around, weekdays_left, weekly_entries
from runner.campaign.model import SHORTEST_SLOT, CallingWindows, Campaign
from runner.campaign.warning_codes import WarningCode

_MOST_NAMED = 5
"""Windows that a message names one by one."""

WEEKLY: Location = ("calling_windows", "weekly")


def of(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """Every warning about the windows of a valid campaign."""
    windows = campaign.calling_windows
    unreachable = {
        entry.location: why for entry in _entries(windows) if (why := why_unreachable(windows, entry))
    }
    yield from _on_the_hour(document, windows)
    yield from _attempts_that_do_not_fit(document, campaign)
    for location, why in unreachable.items():
        yield document.diagnostic(
            Severity.WARNING,
            WarningCode.UNREACHABLE_WINDOW,
            f"nobody can ever be called in this window: {why}",
            (*WEEKLY, *location),
            "widen `dates`, lengthen the window, or take it out",
        )


def _entries(windows: CallingWindows) -> list[WeeklyEntry]:
    return weekly_entries(windows.weekly)


def _on_the_hour(document: Document, windows: CallingWindows) -> Iterator[Diagnostic]:
    """Where a window only goes on from the one before, as whole days do, nothing starts."""
    for entry in _entries(windows):
        if entry.start % 60 == 0 and any(
            stretch_around(windows.weekly_hours, day, entry.start)[0] == entry.start for day in entry.days
        ):
            yield document.diagnostic(
                Severity.WARNING,
                WarningCode.ON_THE_HOUR,
                "this window starts on the full hour, when most other calls start too",
                (*WEEKLY, *entry.location),
                f"Plum advises to start at :15, :30 or :45, for example at {entry.start // 60}:15",
            )


def _attempts_that_do_not_fit(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """Measured from the first moment of a window: whoever is called later in it has room for fewer yet."""
    attempts, wait = campaign.retry_policy.max_attempts, campaign.retry_policy.reattempt_wait
    if attempts == 1 or wait is None:
        return
    windows = campaign.calling_windows
    room = {
        f"{entry.spec} {entry.text.strip()}": min(attempts, 1 + dialling // wait)
        for entry in _entries(windows)
        if (dialling := _longest_stretch(windows, entry) - windows.close_margin) >= SHORTEST_SLOT
    }
    short = [(name, fitting) for name, fitting in room.items() if fitting < attempts]
    if not short:
        return
    named = [f"{name} has room for {fitting}" for name, fitting in short[:_MOST_NAMED]]
    if len(short) > _MOST_NAMED:
        named.append(f"{len(short) - _MOST_NAMED} more have room for fewer too")
    which = "any window" if len(short) == len(room) else f"{len(short)} of {len(room)} windows"
    yield document.diagnostic(
        Severity.WARNING,
        WarningCode.ATTEMPTS_DO_NOT_FIT,
        f"{attempts} attempts, {_duration(wait)} apart, do not fit into {which}: {', '.join(named)}",
        ("retry_policy", "max_attempts"),
        "make fewer attempts, wait less between them, or lengthen the window",
    )


def why_unreachable(windows: CallingWindows, entry: WeeklyEntry) -> str:
    """Why nobody can ever be called in this window; empty when somebody might."""
    needed = windows.close_margin + SHORTEST_SLOT
    if _longest_stretch(windows, entry) < needed:
        return f"a call needs the {_duration(windows.close_margin)} of close_margin, and 5 minutes before it"
    if windows.dates.from_ is None or windows.dates.to is None:
        return ""
    first, last = date.fromisoformat(windows.dates.from_), date.fromisoformat(windows.dates.to)
    if not weekdays_left(first, last, ()).intersection(entry.days):
        return f"there is no {day_names(entry.days)} between {first} and {last}"
    if not weekdays_left(first, last, windows.closed_ranges).intersection(entry.days):
        return f"`blackout` closes every {day_names(entry.days)} between {first} and {last}"
    return ""


def _longest_stretch(windows: CallingWindows, entry: WeeklyEntry) -> int:
    """Seconds for which the window, joined with those it touches, is open on the best of its days."""
    return 60 * max(
        end - start
        for start, end in (stretch_around(windows.weekly_hours, day, entry.start) for day in entry.days)
    )


def _duration(seconds: int) -> str:
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
