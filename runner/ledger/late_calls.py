"""New slots for calls whose start has passed, given inside the caller's transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, bindparam, or_, select, update

from runner.calls import CallState, ReasonCode, StateReason
from runner.ledger.claim import HeldBack
from runner.ledger.tables import calls
from runner.ledger.transitions import Transition, record_transitions, skip_calls
from runner.planning.pacing import day_of
from runner.planning.plan import Slot, WaitingCall

Reschedule = Callable[[Sequence[WaitingCall], Sequence[int], float], Mapping[int, Slot | None]]
"""(late calls, starts that are taken, now) → a new slot for each call's id, or None where none is left."""

_MOVE = (
    update(calls)
    .where(calls.c.id == bindparam("call"))
    .values(
        queue_at=bindparam("new_queue_at"),
        start_timestamp=bindparam("new_start"),
        end_timestamp=bindparam("new_end"),
        updated_at=bindparam("moment"),
    )
)


def reschedule_calls(
    connection: Connection,
    campaign: str,
    late: Sequence[WaitingCall],
    reschedule: Reschedule,
    not_before: Mapping[int, int],
    held_back: Mapping[int, HeldBack],
    *,
    run: int,
    now: float,
) -> tuple[int, int]:
    """How many of these calls of a campaign were moved, and how many skipped; `now` is UTC Unix seconds.

    `not_before` gives the earliest new start for some of them, which holds where their windows last as long.
    That of a call that is held back always holds.
    """
    if not late:
        return 0, 0
    taken = _occupied_starts(connection, campaign, {call.id for call in late}, now)
    bounds = {**not_before, **{call: held.not_before for call, held in held_back.items()}}
    movable = [call for call in late if bounds.get(call.id, now) is not None]
    slots = reschedule([_from(call, bounds.get(call.id)) for call in movable], taken, now)
    again = [call for call in late if call.id in not_before and slots[call.id] is None]
    if again:
        found = [slot.start_timestamp for slot in slots.values() if slot is not None]
        slots = {**slots, **reschedule(again, [*taken, *found], now)}
    moved = {call: slot for call, slot in slots.items() if slot is not None}
    lost = [call.id for call in late if call.id not in moved]
    names = ("call", "new_queue_at", "new_start", "new_end", "moment")
    if moved:
        connection.execute(
            _MOVE, [dict(zip(names, (call, *slot, now), strict=True)) for call, slot in moved.items()]
        )
    late_move = (CallState.PLANNED, CallState.PLANNED, StateReason(ReasonCode.LATE))
    record_transitions(connection, [Transition(call, *late_move) for call in moved], run=run, at=now)
    reasons = {call: _why_lost(held_back.get(call)) for call in lost}
    skip_calls(connection, run=run, reasons=reasons, at=now)
    return len(moved), len(lost)


def _why_lost(held: HeldBack | None) -> StateReason:
    if held is None:
        return StateReason(ReasonCode.NO_TIME_LEFT)
    return StateReason.of(ReasonCode.CONTACT_LIMIT, cap=held.cap)


def late_calls(
    connection: Connection, which: tuple[ColumnElement[bool], ...], most: int
) -> list[WaitingCall]:
    """Up to `most` of these calls, locked."""
    query = (
        select(calls.c.id, calls.c.timezones, calls.c.earliest, calls.c.latest, calls.c.home, calls.c.states)
        .where(*which)
        .order_by(calls.c.start_timestamp, calls.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(query).mappings()
    return [WaitingCall(**{**row, "timezones": tuple(row["timezones"])}) for row in rows]


def _occupied_starts(
    connection: Connection, campaign: str, without: Collection[int], now: float
) -> list[int]:
    """The starts that count against the pace and the limit of a day: of the other calls from now on, sent or
    not, and of those that were sent for the last minute or today.
    """
    since = min(int(now) - 60, day_of(int(now)) - 1)
    query = select(calls.c.id, calls.c.start_timestamp).where(
        calls.c.campaign == campaign,
        calls.c.state != CallState.SKIPPED,
        calls.c.start_timestamp > since,
        or_(calls.c.start_timestamp >= now, calls.c.state != CallState.PLANNED),
    )
    return [row.start_timestamp for row in connection.execute(query) if row.id not in without]


def _from(call: WaitingCall, not_before: int | None) -> WaitingCall:
    if not_before is None:
        return call
    return replace(call, earliest=max(call.earliest or not_before, not_before))
