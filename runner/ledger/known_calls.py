"""What the ledger knows of a campaign's calls, as the planner reads it: there may be millions."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, Row, Text, cast, select

from runner.ledger.states import CallState, standing
from runner.ledger.tables import calls
from runner.planning.plan import CallRequest, KnownCall, Metadata

_ROWS_AT_ONCE = 1_000
_COLUMNS = (
    calls.c.id,
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
)


class KnownCalls(Iterable[KnownCall]):
    """The calls of one campaign, oldest first, read anew each time.

    They are read a thousand at a time, each in a transaction of its own: whoever stops half-way keeps nobody
    from writing. What others write meanwhile changes the stamp of the history.
    """

    def __init__(self, engine: Engine, campaign: str) -> None:
        self._engine = engine
        self._query = (
            select(*_COLUMNS).where(calls.c.campaign == campaign).order_by(calls.c.id).limit(_ROWS_AT_ONCE)
        )

    def __iter__(self) -> Iterator[KnownCall]:
        newest = -1
        while rows := self._after(newest):
            newest = rows[-1][0]
            yield from map(_known_call, rows)

    def _after(self, newest: int) -> Sequence[Row[Any]]:
        with self._engine.begin() as connection:
            return connection.execute(self._query.where(calls.c.id > newest)).all()


def _known_call(
    row: Sequence[Any],
) -> KnownCall:
    _, contact, phone, round_, state, zones, start, end, dial_string, attempts, wait, metadata, url = row
    return KnownCall(
        key=contact,
        phone=phone,
        round=round_,
        standing=standing(CallState(state)),
        timezones=_zones(zones),
        start_timestamp=start,
        end_timestamp=end,
        request=CallRequest(
            phone_number=dial_string,
            max_attempts=attempts,
            reattempt_wait=wait,
            metadata=Metadata(metadata),
            result_url=url,
        ),
        state=state,
    )


@lru_cache(maxsize=4096)
def _zones(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))
