"""Warnings about a valid campaign that is probably not as intended, from the file alone. Pure."""

import re
from collections.abc import Iterator
from datetime import date

from runner.campaign.diagnostics import Diagnostic, did_you_mean
from runner.campaign.document import Document, Location, Scalar, scalars
from runner.campaign.hours import (
    MINUTES_A_DAY,
    Stretches,
    WeeklyEntry,
    day_names,
    weekdays_left,
    weekly_entries,
)
from runner.campaign.model import SHORTEST_SLOT, CallingWindows, Campaign
from runner.campaign.source_models import InlineRows, Source, SourceFields, SuppressionFields
from runner.campaign.templates import Template, compile_condition, compile_template
from runner.campaign.values import duration_text
from runner.campaign.warning_codes import WarningCode

LONGEST_SAFE_QUEUE_AHEAD = 15 * 60
"""Seconds. A single call cannot be withdrawn from Insight, so people who opt out after their request was sent
are still called. 15 minutes are enough to catch up after a lost connection or a restart, even at 5 requests a
second (4,500 of them); more time only adds people who are called after they opted out.
"""

WEEKLY: Location = ("calling_windows", "weekly")
WHERE: Location = ("contacts", "where")
_RENDERED_FIELDS = SourceFields.model_fields.keys() | SuppressionFields.model_fields.keys() | {"parameters"}

_MOST_NAMED = 5
"""Windows that a message names one by one."""

_LONGEST_PAST_MIDNIGHT = 12 * 60
"""Minutes. A longer window past midnight is probably one with its times in the wrong order."""

_IN_THE_CLEAR = re.compile(r"http://(?!(localhost|127\.0\.0\.1|\[::1\])([:/?#]|$))", re.IGNORECASE)
"""An address without TLS, except on this machine, where a rehearsal may listen."""


def of(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """Every warning about a valid campaign."""
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
    yield from _same_for_every_row(document, campaign)
    yield from _unknown_constants(document, campaign)
    # Insight's documentation: since 2019 carriers block calls that show no number.
    if not (campaign.caller_id or "").strip():
        yield document.warning(
            WarningCode.NO_CALLER_ID,
            "there is no caller_id: people cannot see who calls, and carriers may block such calls",
            ("name",) if campaign.caller_id is None else ("caller_id",),
            'add a number of your Insight account: caller_id: "+16175550100"',
        )
    if campaign.pacing.queue_ahead > LONGEST_SAFE_QUEUE_AHEAD:
        yield document.warning(
            WarningCode.LONG_QUEUE_AHEAD,
            "a call that waits at Insight cannot be withdrawn: people who opt out after their request was "
            "sent are still called",
            ("pacing", "queue_ahead"),
            f"{LONGEST_SAFE_QUEUE_AHEAD // 60}m is enough to catch up after a short failure",
        )
    if _IN_THE_CLEAR.match((campaign.result_url or "").strip()):
        yield document.warning(
            WarningCode.INSECURE_RESULT_URL,
            "results would be sent unencrypted, so others could read or forge them",
            ("result_url",),
            "write https://",
        )


# --- windows ---------------------------------------------------------------------------------------------


def unreachable(windows: CallingWindows) -> dict[WeeklyEntry, str]:
    """The windows in which nobody can be called according to the file alone, and why."""
    needed = windows.close_margin + SHORTEST_SLOT
    too_short = (
        "it is shorter than the 5 minutes that a call needs plus the close_margin of "
        f"{duration_text(windows.close_margin)}"
    )
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
                f"Plum advises starting at :15, :30 or :45, for example at {entry.start // 60}:15",
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
        named.append(f"{len(short) - _MOST_NAMED} more windows have too little room too")
    which = "any window" if len(short) == len(room) else f"{len(short)} of {len(room)} windows"
    yield document.warning(
        WarningCode.ATTEMPTS_DO_NOT_FIT,
        f"{attempts} attempts, {duration_text(wait)} apart, do not fit into {which}: {', '.join(named)}",
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


# --- templates -------------------------------------------------------------------------------------------


def templates(document: Document) -> Iterator[tuple[Location, Template]]:
    """Every text that is filled in for each row, with its place, in file order."""
    for location, scalar in scalars(document.root):
        if _is_template(location, scalar):
            compiled = (
                compile_condition if location == WHERE or location[3:] == ("where",) else compile_template
            )
            yield location, compiled(scalar.written)


def _is_template(location: Location, scalar: Scalar) -> bool:
    """Whether the text is rendered for each row: not a description, a path, a constant or a row's content."""
    if location[0] == "contacts":
        # What a source says about its type, such as `path` or `rows`, is never filled in.
        is_of_type = location[1] in {"sources", "suppress"} and location[3] not in _RENDERED_FIELDS
        return isinstance(scalar.value, str) and not is_of_type
    return location[0] in {"caller_id", "post_dial", "metadata", "result_url"}


def _same_for_every_row(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    """A phone or key without {{ }} is fine for a single inline row only."""
    contacts = campaign.contacts
    for field in ("phone", "key"):
        inheriting = [source for source in contacts.sources if getattr(source, field) is None]
        declared: list[tuple[Location, str | list[str] | None, list[Source]]] = [
            (("contacts", field), getattr(contacts, field), inheriting),
            *(
                (("contacts", "sources", position, field), getattr(source, field), [source])
                for position, source in enumerate(contacts.sources)
            ),
        ]
        for location, template, sources in declared:
            if template is not None and _is_constant(template) and not _one_row(sources):
                yield document.warning(
                    WarningCode.CONSTANT_PHONE if field == "phone" else WarningCode.CONSTANT_KEY,
                    f"every row has the same {field}, so only the first row is called",
                    location,
                    f'a column is written "{{{{ row.{field} }}}}"',
                )


def _is_constant(declared: str | list[str]) -> bool:
    texts = [declared] if isinstance(declared, str) else declared
    return all(compile_template(text).is_constant for text in texts)


def _one_row(sources: list[Source]) -> bool:
    return not sources or (
        len(sources) == 1 and isinstance(sources[0], InlineRows) and len(sources[0].rows) == 1
    )


def _unknown_constants(document: Document, campaign: Campaign) -> Iterator[Diagnostic]:
    for location, template in templates(document):
        for name in sorted(template.constants_used - campaign.vars.keys()):
            yield document.warning(
                WarningCode.UNKNOWN_CONSTANT,
                f"`{name}` is not defined under `vars`, so this fails for every row",
                location,
                did_you_mean(name, campaign.vars) or f"add it: vars: {{{name}: …}}",
            )
