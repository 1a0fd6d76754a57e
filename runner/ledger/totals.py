"""Counts of the calls of campaigns: a few queries, however many campaigns there are."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, literal, null, select, true, union_all

from runner.calls import PROBLEMS, CallState
from runner.ledger.operators import PROBLEM_ATTEMPT, CampaignState
from runner.ledger.rows import reading
from runner.ledger.tables import IS_LATER, attempts, calls, campaigns, imports, runs

_ALL_ROUNDS = 0
_MOST_A_MINUTE = 60_000
"""Requests, at the highest rate that can be set."""
Rounds = Mapping[int, Mapping[CallState, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Of one campaign. Times are UTC Unix seconds."""

    state: CampaignState = CampaignState.ACTIVE
    """What operators allow."""
    rounds: Rounds = field(default_factory=dict)
    """How many calls of each round are in each state; empty without calls."""
    next_due: int | None = None
    """When the next planned call is to be sent."""
    awaited: int = 0
    """Queued calls whose results are awaited; of the other queued ones, none came in time."""
    next_ask: int | None = None
    """When Insight is to be asked for the next of these, unless the campaign does not ask."""
    oldest_awaited: int | None = None
    """The `end_timestamp` of the one that has waited longest."""
    unacknowledged: int = 0
    """Refused and uncertain calls that no operator has acknowledged."""
    queued_last_minute: int = 0
    imported: int = 0
    """Contacts that another tool queued; none of the counts of calls has them."""

    @property
    def states(self) -> Mapping[CallState, int]:
        """Of all rounds together; each state is in it."""
        return {state: sum(counted.get(state, 0) for counted in self.rounds.values()) for state in CallState}


_AWAITED = (
    select(calls.c.campaign, func.count(), func.min(calls.c.ask_at), func.min(calls.c.end_timestamp))
    .where(calls.c.ask_at.is_not(None))
    .group_by(calls.c.campaign)
)
_UNACKNOWLEDGED = (
    select(calls.c.campaign, func.count())
    .join(attempts, PROBLEM_ATTEMPT)
    .where(calls.c.state.in_(PROBLEMS), attempts.c.acknowledged_at.is_(None))
    .group_by(calls.c.campaign)
)
_QUEUED = (
    select(runs.c.campaign, func.count())
    .select_from(attempts.join(runs, attempts.c.run == runs.c.id))
    .where(
        attempts.c.id > select(func.max(attempts.c.id)).scalar_subquery() - _MOST_A_MINUTE,
        attempts.c.outcome == CallState.QUEUED,
    )
    .group_by(runs.c.campaign)
)
_IMPORTED = select(imports.c.campaign, func.count()).group_by(imports.c.campaign)


def totals(engine: Engine, now: float) -> Mapping[str, Totals]:
    """Of every campaign that the ledger knows, as of `now`."""
    with reading(engine) as connection:
        return read_totals(connection, now)


def read_totals(connection: Connection, now: float, campaign: str | None = None) -> Mapping[str, Totals]:
    """Of this campaign, if the ledger knows it; of all for None."""
    mine = true() if campaign is None else calls.c.campaign == campaign
    rounds, due = _counted(connection, mine)
    awaited = {name: values for name, *values in connection.execute(_AWAITED.where(mine))}
    unacknowledged = _by_name(connection, _UNACKNOWLEDGED.where(mine))
    queued = _by_name(connection, _QUEUED.where(attempts.c.finished_at > now - 60))
    is_wanted = true() if campaign is None else imports.c.campaign == campaign
    imported = _by_name(connection, _IMPORTED.where(is_wanted))
    known = select(campaigns.c.name, campaigns.c.state)
    if campaign is not None:
        known = known.where(campaigns.c.name == campaign)
    found = {}
    for name, state in connection.execute(known):
        waiting, next_ask, oldest = awaited.get(name, (0, None, None))
        found[name] = Totals(
            state=CampaignState(state),
            rounds=rounds.get(name, {}),
            next_due=due.get(name),
            awaited=waiting,
            next_ask=next_ask,
            oldest_awaited=oldest,
            unacknowledged=unacknowledged.get(name, 0),
            queued_last_minute=queued.get(name, 0),
            imported=imported.get(name, 0),
        )
    return found


def unacknowledged(engine: Engine, names: Collection[str]) -> Mapping[str, int]:
    """Refused and uncertain calls that no operator has acknowledged, of those of these campaigns that have
    some.
    """
    with reading(engine) as connection:
        return _by_name(connection, _UNACKNOWLEDGED.where(calls.c.campaign.in_(names)))


def _by_name(connection: Connection, query: Any) -> Mapping[str, int]:  # noqa: ANN401 - a select of two columns
    return dict(map(tuple, connection.execute(query)))


def _counted(
    connection: Connection, mine: ColumnElement[bool]
) -> tuple[Mapping[str, Rounds], Mapping[str, int]]:
    """For each campaign its calls by round and state, and when the first planned one is to be sent.

    In the order of an index: to sort a million calls by their rounds, too, takes five times as long.
    """
    number = func.count()
    of_all = select(
        calls.c.campaign, literal(_ALL_ROUNDS), calls.c.state, number, func.min(calls.c.queue_at)
    ).where(mine)
    later = select(calls.c.campaign, calls.c.round, calls.c.state, number, null()).where(mine, IS_LATER)
    # In one statement, so that both parts see the same.
    query = union_all(
        of_all.group_by(calls.c.campaign, calls.c.state),
        later.group_by(calls.c.campaign, calls.c.state, calls.c.round),
    )
    found: defaultdict[str, defaultdict[int, Counter[CallState]]] = defaultdict(lambda: defaultdict(Counter))
    due = {}
    for name, of_round, state, calls_of_group, first in connection.execute(query):
        found[name][of_round][CallState(state)] = calls_of_group
        if of_round == _ALL_ROUNDS and state == CallState.PLANNED:
            due[name] = first
    return {name: _with_first_round(rounds) for name, rounds in found.items()}, due


def _with_first_round(rounds: defaultdict[int, Counter[CallState]]) -> Rounds:
    """In place of all rounds together, what the later ones leave of them."""
    of_all = rounds.pop(_ALL_ROUNDS)
    rounds[1] = of_all - sum(rounds.values(), Counter[CallState]())
    return {number: dict(counted) for number, counted in sorted(rounds.items()) if counted}
