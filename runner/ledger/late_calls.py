"""New slots for calls whose start has passed, given inside the caller's transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, bindparam, insert, or_, select, update

from runner.calls import CallState, ReasonCode, StateReason
from runner.ledger.tables import calls, transitions
from runner.ledger.transitions import skip_calls
from runner.planning.plan import Slot, WaitingCall

Reschedule = Callable[[Sequence[WaitingCall], Sequence[int], float], Mapping[int, Slot | None]]
"""(late calls, starts that are taken, now) → a new slot for each call's id, or None where none is left."""


class LateCalls:
    """The late calls of one campaign as one run sees them at `now` (UTC Unix seconds)."""

    def __init__(self, connection: Connection, campaign: str, run: int, now: float) -> None:
        self._connection = connection
        self._campaign = campaign
        self._run = run
        self._now = now

    def reschedule(
        self,
        which: tuple[ColumnElement[bool], ...],
        most: int,
        reschedule: Reschedule,
        not_before: Mapping[int, int],
    ) -> tuple[int, int]:
        """How many of up to `most` of these calls were moved, and how many skipped. `not_before` gives the
        earliest new start for some of them, which holds where their windows last as long.
        """
        late = self._late(which, most)
        if not late:
            return 0, 0
        taken = self._occupied_starts({call.id for call in late})
        slots = reschedule([_from(call, not_before.get(call.id)) for call in late], taken, self._now)
        again = [call for call in late if slots[call.id] is None and call.id in not_before]
        if again:
            found = [slot.start_timestamp for slot in slots.values() if slot is not None]
            slots = {**slots, **reschedule(again, [*taken, *found], self._now)}
        moved = {call: slot for call, slot in slots.items() if slot is not None}
        lost = [call for call, slot in slots.items() if slot is None]
        self._move(moved)
        reasons = dict.fromkeys(lost, StateReason(ReasonCode.NO_TIME_LEFT))
        skip_calls(self._connection, run=self._run, reasons=reasons, at=self._now)
        return len(moved), len(lost)

    def _late(self, which: tuple[ColumnElement[bool], ...], most: int) -> list[WaitingCall]:
        query = (
            select(calls.c.id, calls.c.timezones, calls.c.earliest, calls.c.latest)
            .where(*which)
            .order_by(calls.c.start_timestamp, calls.c.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        return [
            WaitingCall(id=row.id, timezones=tuple(row.timezones), earliest=row.earliest, latest=row.latest)
            for row in self._connection.execute(query)
        ]

    def _occupied_starts(self, without: Collection[int]) -> list[int]:
        """The starts that count against the pace: of the other calls from now on, sent or not, and of those
        that were sent for the last minute.
        """
        query = select(calls.c.id, calls.c.start_timestamp).where(
            calls.c.campaign == self._campaign,
            calls.c.state != CallState.SKIPPED,
            calls.c.start_timestamp > self._now - 60,
            or_(calls.c.start_timestamp >= self._now, calls.c.state != CallState.PLANNED),
        )
        return [row.start_timestamp for row in self._connection.execute(query) if row.id not in without]

    def _move(self, slots: Mapping[int, Slot]) -> None:
        if not slots:
            return
        self._connection.execute(
            update(calls)
            .where(calls.c.id == bindparam("call"))
            .values(
                queue_at=bindparam("new_queue_at"),
                start_timestamp=bindparam("new_start"),
                end_timestamp=bindparam("new_end"),
                updated_at=self._now,
            ),
            [
                {
                    "call": call,
                    "new_queue_at": slot.queue_at,
                    "new_start": slot.start_timestamp,
                    "new_end": slot.end_timestamp,
                }
                for call, slot in slots.items()
            ],
        )
        self._connection.execute(
            insert(transitions),
            [
                {
                    "call": call,
                    "run": self._run,
                    "at": self._now,
                    "before": CallState.PLANNED,
                    "after": CallState.PLANNED,
                    "reason": StateReason(ReasonCode.LATE),
                }
                for call in slots
            ],
        )


def _from(call: WaitingCall, not_before: int | None) -> WaitingCall:
    if not_before is None:
        return call
    return replace(call, earliest=max(call.earliest or not_before, not_before))
