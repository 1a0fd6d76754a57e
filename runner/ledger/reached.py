"""Gives up calls that are not sent yet to people whom another call reached, or may have reached."""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, exists, select, text

from runner.calls import CallState, ReasonCode, StateReason
from runner.ledger.rows import some_at_a_time
from runner.ledger.tables import LIVE, calls
from runner.ledger.transitions import Transition, move_calls

CallRow = Row[*tuple[Any, ...]]
_NOT_SENT = frozenset({CallState.PLANNED, CallState.REFUSED})
_CALLS = select(
    calls.c.id,
    calls.c.campaign,
    calls.c.contact,
    calls.c.phone,
    calls.c.round,
    calls.c.run,
    calls.c.state,
)
_EARLIER = calls.alias("earlier")
_FINISHED = StateReason(ReasonCode.COMPLETED_BEFORE)
_of_campaign = attrgetter("campaign")


def make_room(connection: Connection, call: CallRow, now: float) -> bool:
    """Whether a skipped call may count again: calls to the same person or number that were not sent are
    given up for it; one that was sent stays.
    """
    same = [
        other for other in _calls_to(connection, [call]) if other.round == call.round and other.id != call.id
    ]
    if any(other.state not in _NOT_SENT for other in same):
        return False
    _skip(connection, same, StateReason(ReasonCode.QUEUED_BEFORE), now)
    return True


def skip_later_rounds(connection: Connection, completed: Sequence[CallRow], now: float) -> None:
    """Nobody who completed is called again, whatever was planned meanwhile."""
    is_finished = _finished(completed)
    later = [call for call in _calls_to(connection, completed) if is_finished(call)]
    _skip(connection, later, _FINISHED, now)


def skip_finished(connection: Connection, of_calls: Collection[int], now: float) -> None:
    """Skips those of these calls that are planned again for people who completed an earlier round."""
    for some in some_at_a_time(of_calls):
        found = connection.execute(_CALLS.where(calls.c.id.in_(some), calls.c.round > 1)).all()
        is_finished = _finished(
            [call for call in _calls_to(connection, found) if call.state == CallState.COMPLETED]
        )
        again = [call for call in found if call.state == CallState.PLANNED and is_finished(call)]
        _skip(connection, again, _FINISHED, now)


def skip_all_finished(connection: Connection, campaign: str, now: float) -> None:
    """The same for every planned call of the campaign: an answer may come while a plan is made."""
    for who in ("contact", "phone"):
        found = connection.execute(
            _CALLS.where(
                calls.c.campaign == campaign,
                calls.c.state == CallState.PLANNED,
                calls.c.round > 1,
                exists().where(
                    _EARLIER.c.campaign == calls.c.campaign,
                    _EARLIER.c[who] == calls.c[who],
                    _EARLIER.c.round < calls.c.round,
                    _EARLIER.c.state == CallState.COMPLETED,
                    # As the indexes say it: SQLite would not know them again.
                    text(f"earlier.state <> '{CallState.SKIPPED}'"),
                ),
            )
        ).all()
        _skip(connection, found, _FINISHED, now)


def _finished(completed: Sequence[CallRow]) -> Callable[[CallRow], bool]:
    """Whether a call is of a later round than a completed one to the same person or number."""
    rounds: dict[tuple[str, str], int] = {}
    for call in completed:
        for who in (call.contact, call.phone):
            rounds[call.campaign, who] = min(call.round, rounds.get((call.campaign, who), call.round))

    def is_finished(call: CallRow) -> bool:
        last: int = call.round
        return any(rounds.get((call.campaign, who), last) < last for who in (call.contact, call.phone))

    return is_finished


def _calls_to(connection: Connection, people: Sequence[CallRow]) -> Iterator[CallRow]:
    """Every call of the same campaigns to the contacts or numbers of these calls that is not given up."""
    for campaign, group in groupby(sorted(people, key=_of_campaign), _of_campaign):
        for some in some_at_a_time(group):
            # Asked for both at once, or for a state, SQLite would read all calls of the campaign.
            by_contact = calls.c.contact.in_([call.contact for call in some])
            by_phone = calls.c.phone.in_([call.phone for call in some])
            found = {
                row.id: row
                for is_of_them in (by_contact, by_phone)
                for row in connection.execute(_CALLS.where(calls.c.campaign == campaign, is_of_them, LIVE))
            }
            yield from found.values()


def _skip(connection: Connection, rows: Sequence[CallRow], reason: StateReason, now: float) -> None:
    """Gives up those of these calls that are not sent yet; another run may have claimed one meanwhile."""
    for row in rows:
        if row.state in _NOT_SENT:
            move = Transition(row.id, CallState(row.state), CallState.SKIPPED, reason)
            move_calls(connection, [move], run=row.run, at=now)
