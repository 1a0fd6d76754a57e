"""How a planned call differs from what the ledger remembers, and why. Pure."""

from collections.abc import Iterator

from runner.calls import CallRequest
from runner.campaign.model import Survey
from runner.planning.plan import Availability, Change, Difference, KnownCall, Slot
from runner.planning.windows import Window


def changed_fields(
    known: KnownCall, phone: str, zones: tuple[str, ...], request: CallRequest
) -> tuple[str, ...]:
    """The fields that differ from the ledger, by their names in the campaign file."""
    if (known.phone, known.timezones, known.request) == (phone, zones, request):
        return ()
    return tuple(_changed(known, phone, zones, request))


def changed_survey(before: tuple[str, str] | None, now: Survey) -> tuple[str, ...]:
    """Which of survey_id and instance_id differ from those that the waiting calls were planned for."""
    if before is None:
        return ()
    names, after = ("survey_id", "instance_id"), (now.survey_id, now.instance_id)
    return tuple(name for name, one, other in zip(names, before, after, strict=True) if one != other)


def first_time() -> Difference:
    """For a contact without a call in the ledger."""
    return Difference(change=Change.NEW, reason="the ledger holds no such call yet")


def difference(
    earlier: KnownCall,
    fields: tuple[str, ...],
    slot: Slot,
    *,
    windows: tuple[Window, ...],
    now: float,
) -> Difference:
    """What the plan does with a call, given the `earlier` one for this contact; `fields` are those in which
    they differ.

    `windows` are those in which the contact may be called now, at `now` (UTC Unix seconds).
    """
    if earlier.availability is not Availability.PLANNED:
        return Difference(change=Change.NEW, reason=_why_new(earlier))
    before = earlier.start_timestamp
    if fields:
        reason = f"{', '.join(fields)} changed"
        return Difference(change=Change.CHANGED, reason=reason, fields=fields, start_before=before)
    if (before, earlier.end_timestamp) == (slot.start_timestamp, slot.end_timestamp):
        return Difference(change=Change.UNCHANGED, reason="it keeps its slot", start_before=before)
    return Difference(
        change=Change.MOVED, reason=_why_moved(earlier, windows, slot, now), start_before=before
    )


def _why_new(earlier: KnownCall) -> str:
    if earlier.availability is Availability.REFUSED:
        return "Insight refused the earlier request, which has changed since"
    return "an earlier plan gave it up, and now it can be called"


def _why_moved(known: KnownCall, windows: tuple[Window, ...], slot: Slot, now: float) -> str:
    if known.start_timestamp < now:
        return "its earlier start has passed"
    if not any(window.start <= known.start_timestamp < window.end for window in windows):
        return "its earlier start lies in no calling window any more"
    if known.end_timestamp != slot.end_timestamp:
        return "its calling window closes at another time now"
    return "its earlier start lies too close to the end of its window"


def _changed(known: KnownCall, phone: str, zones: tuple[str, ...], request: CallRequest) -> Iterator[str]:
    before = known.request
    if known.phone != phone:
        yield "phone"
    if known.timezones != zones:
        yield "timezone"
    for suffix, field in ((";ani=", "caller_id"), (";postd=", "post_dial")):
        if _suffix(before.phone_number, suffix) != _suffix(request.phone_number, suffix):
            yield field
    for field in ("max_attempts", "reattempt_wait", "result_url"):
        if getattr(before, field) != getattr(request, field):
            yield field
    for name in dict.fromkeys((*before.metadata, *request.metadata)):
        if before.metadata.get(name) != request.metadata.get(name):
            yield f"metadata[{name}]"


def _suffix(dial_string: str, name: str) -> str:
    return next((part for part in dial_string.split(";") if f";{part}".startswith(name)), "")
