"""What the ledger knows of a campaign's calls, as the planner reads it: there may be millions."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Engine, Row, Text, cast, func, select

from runner.calls import CallState
from runner.ledger.states import availability
from runner.ledger.tables import calls
from runner.planning.plan import KnownCall

_ROWS_AT_ONCE = 900
"""Old releases of SQLite take 999 values in a statement."""
_COLUMNS = (
    calls.c.contact,
    calls.c.phone,
    calls.c.round,
    calls.c.state,
    cast(calls.c.timezones, Text),
    calls.c.start_timestamp,
    calls.c.end_timestamp,
    calls.c.phone_number,
    calls.c.max_attempts,
    calls.c.reattempt_wait,
    # As text: of a million, few are looked at.
    cast(calls.c.metadata, Text),
    calls.c.result_url,
    cast(calls.c.reason, Text),
)


class LedgerCalls:
    """The calls of one campaign, oldest first, read again each time.

    They are read some at a time, each in a transaction of its own: a reader that stops half-way does not
    block writers. What others write meanwhile changes the campaign's revision.
    """

    def __init__(self, engine: Engine, campaign: str) -> None:
        self._engine = engine
        self._campaign = campaign

    def __len__(self) -> int:
        mine = select(func.count()).select_from(calls).where(calls.c.campaign == self._campaign)
        with self._engine.begin() as connection:
            return int(connection.scalar(mine) or 0)

    def __iter__(self) -> Iterator[KnownCall]:
        # Numbers alone first: asked for the next of them each time, SQLite would look through all each time.
        numbers = self._numbers()
        for first in range(0, len(numbers), _ROWS_AT_ONCE):
            yield from map(_known_call, self._rows(numbers[first : first + _ROWS_AT_ONCE]))

    def _numbers(self) -> Sequence[int]:
        mine = select(calls.c.id).where(calls.c.campaign == self._campaign).order_by(calls.c.id)
        with self._engine.begin() as connection:
            return array("q", connection.scalars(mine))

    def _rows(self, numbers: Sequence[int]) -> Sequence[Row[Any]]:
        some = select(*_COLUMNS).where(calls.c.id.in_(numbers)).order_by(calls.c.id)
        with self._engine.begin() as connection:
            return connection.execute(some).all()


def _known_call(row: Sequence[Any]) -> KnownCall:
    contact, phone, round_, state, *others = row
    zones, start, end, dial_string, attempts, wait, metadata, url, reason = others
    return KnownCall(
        key=contact,
        phone=phone,
        round=round_,
        availability=availability(CallState(state)).value,
        zones=zones,
        start_timestamp=start,
        end_timestamp=end,
        phone_number=dial_string,
        max_attempts=attempts,
        reattempt_wait=wait,
        metadata=metadata,
        result_url=url,
        state=state,
        # The code of a reason comes before its values.
        state_reason=reason.partition(" ")[0],
    )
