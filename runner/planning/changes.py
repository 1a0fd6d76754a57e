"""How a planned call differs from the one in the ledger, and why. Pure."""

from collections.abc import Iterator, Mapping

from runner.calls import CallRequest, ReasonCode, StateReason
from runner.campaign.model import Survey
from runner.planning.plan import Change, ChangeReason, EarlierCall, KnownCall, Slot
from runner.planning.windows import Window

_BY_OPERATOR: Mapping[str, ChangeReason] = {
    ReasonCode.RETRIED: ChangeReason.RETRIED,
    ReasonCode.RESOLVED: ChangeReason.RESOLVED,
}
"""A call that an operator had planned again waits at its old start, which has usually passed."""


def changed_fields(
    known: KnownCall, phone: str, zones: tuple[str, ...], request: CallRequest
) -> tuple[str, ...]:
    """The fields that differ from the ledger, by their names in the campaign file."""
    return tuple(_changed(known, phone, zones, request))


def changed_survey(before: tuple[str, str] | None, now: Survey) -> tuple[str, ...]:
    """Which of survey_id and instance_id differ from those that the waiting calls were planned for."""
    if before is None:
        return ()
    names, after = ("survey_id", "instance_id"), (now.survey_id, now.instance_id)
    return tuple(name for name, one, other in zip(names, before, after, strict=True) if one != other)


def change_of(
    earlier: EarlierCall,
    fields: tuple[str, ...],
    slot: Slot,
    *,
    windows: tuple[Window, ...],
    now: float,
) -> tuple[Change, ChangeReason]:
    """What the plan does with a call, given the `earlier` one for this contact that waits in the ledger, and
    why. `fields` are those in which the two differ.

    `windows` are those in which the contact may be called now, at `now` (UTC Unix seconds).
    """
    if fields:
        return Change.CHANGED, ChangeReason.FIELDS_CHANGED
    if (earlier.start_timestamp, earlier.end_timestamp) == (slot.start_timestamp, slot.end_timestamp):
        return Change.UNCHANGED, ChangeReason.SLOT_KEPT
    return Change.MOVED, _why_moved(earlier, windows, slot, now)


def _why_moved(earlier: EarlierCall, windows: tuple[Window, ...], slot: Slot, now: float) -> ChangeReason:
    if earlier.start_timestamp < now:
        return _BY_OPERATOR.get(StateReason.parse(earlier.state_reason).code, ChangeReason.START_PASSED)
    if not any(window.start <= earlier.start_timestamp < window.end for window in windows):
        return ChangeReason.WINDOW_CLOSED
    if earlier.end_timestamp != slot.end_timestamp:
        return ChangeReason.WINDOW_END_CHANGED
    return ChangeReason.TOO_CLOSE_TO_WINDOW_END


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
