"""What the ledger knows of a campaign, for people: how far it is, what happened, who shares its survey."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from heapq import merge
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from runner.calls import NO_REASON, PROBLEMS, CallState, ReasonCode, StateReason
from runner.ledger import late_opt_outs
from runner.ledger.evidence import Verdict
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.operators import PROBLEM_ATTEMPT, CampaignState, PauseInfo, pause_info
from runner.ledger.results import results_learned_at
from runner.ledger.rows import reading
from runner.ledger.tables import (
    actions,
    attempts,
    calls,
    campaigns,
    evidence,
    imports,
    results,
    runs,
    transitions,
)
from runner.ledger.totals import Totals, read_totals

RECENT_SECONDS = 30 * 86_400
"""What was sent within this time may still be waiting at Insight, or be fresh in people's minds."""

_NEVER_SENT = (CallState.PLANNED, CallState.SKIPPED, CallState.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedInstance:
    """Another campaign, with how many of its calls are to be sent and how many were sent lately."""

    campaign: str
    waiting: int
    sent: int


def shared_instances(
    engine: Engine, campaign: str, survey_id: str, instance_id: str, origin: str, now: float
) -> list[SharedInstance]:
    """The other campaigns of this ledger, applied at the API at `origin`, that have such calls; by name.

    `now` is UTC Unix seconds. A planned call whose window is over no longer counts: it will not be sent.
    """
    waiting = or_(
        calls.c.state == CallState.SENDING,
        and_(calls.c.state == CallState.PLANNED, calls.c.end_timestamp > now),
    )
    sent = and_(
        calls.c.state.not_in([*_NEVER_SENT, CallState.SENDING]), calls.c.updated_at > now - RECENT_SECONDS
    )
    query = (
        select(
            campaigns.c.name.label("campaign"),
            func.sum(case((waiting, 1), else_=0)).label("waiting"),
            func.sum(case((sent, 1), else_=0)).label("sent"),
        )
        .select_from(campaigns.join(calls, calls.c.campaign == campaigns.c.name))
        .where(
            campaigns.c.name != campaign,
            campaigns.c.survey_id == survey_id,
            campaigns.c.instance_id == instance_id,
            campaigns.c.origin == origin,
            or_(waiting, sent),
        )
        .group_by(campaigns.c.name)
        .order_by(campaigns.c.name)
    )
    with reading(engine) as connection:
        return [SharedInstance(**row) for row in connection.execute(query).mappings()]


class Ended(NamedTuple):
    """What Insight said of a call that ended; None for what it did not say."""

    dials: int | None
    last_dial: int | None
    """UTC Unix seconds."""


class EntryKind(StrEnum):
    CHANGE = "change"
    """A call came into a state."""
    EVIDENCE = "evidence"
    """Something was said of a call, and was not simply applied."""
    IMPORT = "import"
    """Another tool has queued the contact."""
    ACT = "act"
    """A person did something to the whole campaign, or to all of the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened, at `at` (UTC Unix seconds).

    `key` and `ref` are empty for acts on the whole campaign.
    """

    at: float
    kind: EntryKind
    key: str = ""
    ref: str = ""
    round: int | None = None
    before: str | None = None
    """Of a change: the state before it; None where the call is new."""
    after: str | None = None
    source: str | None = None
    """Of evidence: where it came from, and how it says that the call ended."""
    status: str | None = None
    verb: str | None = None
    """Of an act: pause, resume …"""
    reason: StateReason = NO_REASON
    detail: str = ""
    """What an operator's act was about; of what cannot be read, the beginning."""
    ended: Ended | None = None
    """Of the change to the result that the call has now."""
    who: str
    """The process or person that did it, with the git commit of the campaign file where there is one."""

    @property
    def what(self) -> str:
        match self.kind:
            case EntryKind.CHANGE:
                return f"{self.before or 'new'} → {self.after}"
            case EntryKind.EVIDENCE:
                return f"{self.source}: {self.status or '?'}"
            case EntryKind.IMPORT:
                return "imported"
            case EntryKind.ACT:
                return self.verb or ""


_AT_ONCE = 5_000
_when = attrgetter("at")
_MOVES = select(
    transitions.c.at,
    calls.c.campaign,
    calls.c.contact,
    calls.c.ref,
    calls.c.round,
    transitions.c.before,
    transitions.c.after,
    transitions.c.reason,
    transitions.c.actor,
    runs.c.host,
    runs.c.pid,
    runs.c.git_commit,
    results.c.status,
    results.c.attempts,
    results.c.last_attempt_timestamp,
).select_from(
    transitions.join(calls, transitions.c.call == calls.c.id)
    .join(runs, transitions.c.run == runs.c.id)
    .outerjoin(results, and_(results.c.call == transitions.c.call, results.c.status == transitions.c.after))
)

_SAID = select(
    evidence.c.received_at,
    calls.c.campaign,
    calls.c.contact,
    calls.c.ref,
    calls.c.round,
    evidence.c.source,
    evidence.c.status,
    evidence.c.verdict,
    evidence.c.excerpt,
).select_from(evidence.join(calls, evidence.c.call == calls.c.id))


def _process(row: Row[*tuple[Any, ...]]) -> str:
    commit = f" at {row.git_commit[:12]}" if row.git_commit else ""
    return f"{row.host} process {row.pid}{commit}"


def read_history(engine: Engine, campaign: str, contact: str | None) -> Iterator[Entry]:
    """Everything that happened, oldest first; for one contact (key or ref) only what concerns it."""
    if contact is not None:
        its_own = _MOVES.where(
            calls.c.campaign == campaign, or_(calls.c.contact == contact, calls.c.ref == contact)
        )
        # Sorting is stable: what happened in one transaction stays in its order.
        said = _SAID.where(
            calls.c.campaign == campaign, or_(calls.c.contact == contact, calls.c.ref == contact)
        )
        entries = [
            *_moves(engine, campaign, its_own),
            *_evidence(engine, campaign, said),
            *_imports(engine, campaign, contact),
        ]
        return iter(sorted(entries, key=_when))
    moves = _all(engine, transitions, lambda some: _moves(engine, campaign, _MOVES.where(some)))
    said_of_all = _all(engine, evidence, lambda some: _evidence(engine, campaign, _SAID.where(some)))
    return merge(moves, said_of_all, acts(engine, campaign), key=_when)


def _all(engine: Engine, table: Table, read: Callable[[ColumnElement[bool]], list[Entry]]) -> Iterator[Entry]:
    """In the order in which they were written, read some at a time, each in a transaction of its own: there
    may be millions, and a run that sends calls meanwhile must be able to write.
    """
    with reading(engine) as connection:
        newest = connection.scalar(select(func.max(table.c.id))) or 0
    for first in range(1, newest + 1, _AT_ONCE):
        yield from read(table.c.id.between(first, first + _AT_ONCE - 1))


def _moves(engine: Engine, campaign: str, wanted: Select[Any]) -> list[Entry]:
    with reading(engine) as connection:
        return [
            Entry(
                at=row.at,
                kind=EntryKind.CHANGE,
                key=row.contact,
                ref=row.ref,
                round=row.round,
                before=row.before,
                after=row.after,
                reason=row.reason,
                ended=Ended(row.attempts, row.last_attempt_timestamp) if row.status else None,
                who=row.actor or _process(row),
            )
            for row in connection.execute(wanted.order_by(transitions.c.id))
            # Chosen here: asked for the campaign too, SQLite would go through all its calls each time.
            if row.campaign == campaign
        ]


def _evidence(engine: Engine, campaign: str, wanted: Select[Any]) -> list[Entry]:
    """What Insight or a stranger said of calls, and what became of it."""
    with reading(engine) as connection:
        return [
            Entry(
                at=row.received_at,
                kind=EntryKind.EVIDENCE,
                key=row.contact,
                ref=row.ref,
                round=row.round,
                source=row.source,
                status=row.status,
                reason=StateReason.of(ReasonCode.EVIDENCE, verdict=row.verdict),
                detail=row.excerpt if row.verdict == Verdict.UNREADABLE else "",
                who="Insight",
            )
            for row in connection.execute(wanted.order_by(evidence.c.id))
            # Chosen here, as above.
            if row.campaign == campaign
        ]


def _imports(engine: Engine, campaign: str, contact: str) -> list[Entry]:
    """That this contact was imported; of all contacts, the act is shown."""
    query = select(imports).where(
        imports.c.campaign == campaign, or_(imports.c.contact == contact, imports.c.ref == contact)
    )
    with reading(engine) as connection:
        return [
            Entry(
                at=row.imported_at,
                kind=EntryKind.IMPORT,
                key=row.contact,
                ref=row.ref,
                detail=f"call_id {row.call_id}" if row.call_id else "",
                who=row.imported_by,
            )
            for row in connection.execute(query)
        ]


def acts(engine: Engine, campaign: str, newest: int | None = None) -> list[Entry]:
    """What people did to the whole campaign, or to all campaigns of the ledger, oldest first; all of it, or
    the `newest` ones.
    """
    concerns = or_(actions.c.campaign == campaign, actions.c.campaign.is_(None))
    wanted = select(actions).where(concerns).order_by(actions.c.id.desc()).limit(newest)
    with reading(engine) as connection:
        return [
            Entry(
                at=row.at,
                kind=EntryKind.ACT,
                verb=row.verb,
                detail=row.detail,
                who=row.actor,
            )
            for row in reversed(connection.execute(wanted).all())
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refused or uncertain call, and what is known of its last request. Times are UTC Unix seconds."""

    key: str
    ref: str
    round: int
    state: CallState
    reason: StateReason
    """How far the exchange came, and what Insight answered, if it did."""
    at: float
    sent_at: float
    """When the intent to send was committed; the bytes left right after, if they did."""
    attempt: int
    """How often the call was sent, and may have been."""
    http_status: int | None
    call_id: str | None
    """Of an uncertain call: the one that its contradictory answer held."""
    sender: str
    """The process that sent it."""
    acknowledged: bool
    """Whether an operator has seen to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(Totals):
    """Counts of calls, when the next call is due, and what needs a person. UTC Unix seconds."""

    campaign: str
    as_of: float
    learned_at: float | None
    """When the newest result was learned."""
    problems: tuple[Problem, ...]
    pause_info: PauseInfo | None
    """Whether an operator paused or canceled it."""
    origin: str
    """The API it was first applied at; empty where the ledger does not know the campaign."""
    account: str
    """Keyed hash of the user name it was first applied with; empty for the same reason."""
    repository: Mapping[str, str] = field(default_factory=dict)
    """Where its file came from at the last apply, as keyed hashes; empty where unknown."""
    late_opt_outs: Sequence[LateOptOut]
    """Calls to people on a list that Insight may dial yet, as the last apply found them."""

    @property
    def unknown(self) -> int:
        """Queued calls whose result did not come in time: it counts as unknown."""
        return self.states[CallState.QUEUED] - self.awaited

    @property
    def problems_left(self) -> int:
        """Those that `problems` does not hold."""
        return max(0, sum(self.states[state] for state in PROBLEMS) - len(self.problems))


_PROBLEM = (
    calls.c.contact.label("key"),
    calls.c.ref,
    calls.c.round,
    calls.c.state,
    calls.c.reason,
    calls.c.updated_at.label("at"),
    attempts.c.intended_at.label("sent_at"),
    attempts.c.fence.label("attempt"),
    attempts.c.http_status,
    calls.c.call_id,
    (literal("process ") + cast(runs.c.pid, Text) + " on " + runs.c.host).label("sender"),
    attempts.c.acknowledged_at.is_not(None).label("acknowledged"),
)
"""The fields of Problem."""


def round_starts(engine: Engine, campaign: str) -> Mapping[int, tuple[int, int]]:
    """The first and the last `start_timestamp` of each round's calls that were sent."""
    first, last = func.min(calls.c.start_timestamp), func.max(calls.c.start_timestamp)
    query = (
        select(calls.c.round, first, last)
        .where(calls.c.campaign == campaign, calls.c.state.not_in(_NEVER_SENT))
        .group_by(calls.c.round)
    )
    with reading(engine) as connection:
        return {number: (first, last) for number, first, last in connection.execute(query)}


def overview(
    engine: Engine, campaign: str, now: float, most_problems: int, counted: Totals | None = None
) -> Overview:
    """The state of `campaign` as of `now`, with up to `most_problems` problems: those that nobody has
    acknowledged first, then the newest. Its calls are counted, unless they were `counted` before.
    """
    bound = select(campaigns.c.origin, campaigns.c.account, campaigns.c.repository).where(
        campaigns.c.name == campaign
    )
    problems = (
        select(*_PROBLEM)
        .select_from(calls.join(attempts, PROBLEM_ATTEMPT).join(runs, attempts.c.run == runs.c.id))
        .where(calls.c.campaign == campaign, calls.c.state.in_(PROBLEMS))
        .order_by(attempts.c.acknowledged_at.is_not(None), calls.c.updated_at.desc(), calls.c.id)
        .limit(most_problems)
    )
    with reading(engine) as connection:
        row = connection.execute(bound).mappings().one_or_none()
        counted = counted or read_totals(connection, now, campaign).get(campaign, Totals())
        paused = pause_info(connection, campaign)
        return Overview(
            **asdict(replace(counted, state=CampaignState.ACTIVE if paused is None else paused.state)),
            campaign=campaign,
            as_of=now,
            learned_at=results_learned_at(connection, campaign),
            problems=tuple(
                Problem(**{**each, "state": CallState(each["state"])})
                for each in connection.execute(problems).mappings()
            ),
            late_opt_outs=late_opt_outs.noted(connection, campaign, now),
            pause_info=paused,
            **(row or {"origin": "", "account": "", "repository": {}}),
        )
