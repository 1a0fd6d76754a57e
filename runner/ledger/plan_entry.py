"""Writes a plan over what the ledger holds of its campaign, inside the caller's transaction."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    Select,
    Text,
    TextClause,
    cast,
    func,
    insert,
    literal,
    select,
    update,
)

from runner.calls import NO_REASON, CallState, ReasonCode, ResultStatus, StateReason
from runner.errors import CampaignHeldError, LedgerChangedError
from runner.ledger.reached import skip_all_finished
from runner.ledger.revision import has_imports_since
from runner.ledger.rows import bulk_load, call_request, some_at_a_time, write_many
from runner.ledger.tables import LIVE, calls, results, runs, transitions
from runner.ledger.transitions import Transition, move_calls, record_transitions
from runner.planning.plan import Change, Plan, PlannedCall, Withdrawal

_STORED = PlannedCall._fields.index("change_name")
"""So many fields of a call are written, as they are; the others say how it differs."""
_NAMED_OTHERWISE = {"key": "contact", "zones": "timezones"}
_COLUMNS = tuple(_NAMED_OTHERWISE.get(name, name) for name in PlannedCall._fields[:_STORED])
_IDENTITY = PlannedCall._fields.index("phone")
"""So many of these fields say which call it is."""

_SAME_NUMBER = frozenset({Change.UNCHANGED, Change.MOVED})
_REPLACEABLE = frozenset({CallState.PLANNED, CallState.REFUSED, CallState.SKIPPED})
"""States of calls that a plan may write over."""
_PLACE_AND_TIME = select(
    calls.c.id,
    calls.c.contact,
    calls.c.round,
    calls.c.phone,
    calls.c.state,
    calls.c.queue_at,
    calls.c.earliest,
    calls.c.latest,
    calls.c.home,
    calls.c.states,
)
_WHOSE = select(calls.c.id, calls.c.contact, calls.c.round, calls.c.state, calls.c.run, calls.c.updated_at)

Watch = Callable[[Sequence[PlannedCall]], Iterator[PlannedCall]]
"""Passes on the calls of a plan, for a progress bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a campaign is tied to from its first apply on: another survey, account or API is refused.

    `account` is a keyed hash of the user name, never the name itself.
    """

    campaign: str
    survey_id: str
    instance_id: str
    account: str
    origin: str
    inputs: str = ""
    """Fingerprint of the campaign file: runs at the same time must have the same."""
    repository: Mapping[str, str] = field(default_factory=dict)
    """Where the campaign file comes from, as keyed hashes; the newest counts, and none is refused for it."""


class PlanEntry:
    """Writes one plan over what the ledger holds: withdrawals first, so that their numbers are free."""

    def __init__(self, connection: Connection, binding: Binding, run: int, now: float, watch: Watch) -> None:
        self._connection = connection
        self._binding = binding
        self._run = run
        self._now = now
        self._watch = watch

    def enter(self, plan: Plan) -> None:
        newest = self._connection.scalar(select(func.max(calls.c.id))) or 0
        self._withdraw(plan.withdrawals)
        if self._holds_any():
            self._free_phones(plan.calls)
            for some in some_at_a_time(self._watch(plan.calls)):
                self._write_over(some)
            self._record_new_calls(newest)
            skip_all_finished(self._connection, self._binding.campaign, self._now)
        else:
            with bulk_load(self._connection, calls, transitions):
                self._insert(self._watch(plan.calls))
                self._record_new_calls(newest)

    def join(self, plan: Plan, others: str) -> None:
        """Takes away what this plan no longer wants; the rest must be what the `others` carry out already.

        What the ledger held before they began and they leave alone, as a run with `--limit` does, becomes
        this run's. Raises CampaignHeldError when this plan has a call that the ledger does not hold, or
        another request or time for one: then contacts, lists or settings differ between the two machines.
        """
        self._withdraw(plan.withdrawals, joins=True)
        together = self._session()
        different = 0
        for some in some_at_a_time(self._watch(plan.calls)):
            rows = self._rows(some)
            planned = [call for call in some if not _is_added(call, rows.get((call.key, call.round)))]
            different += sum(_differs(call, rows.get((call.key, call.round)), plan.as_of) for call in planned)
            if not different:
                self._adopt_calls(
                    [call for call in planned if _is_left(rows[call.key, call.round], together)], rows
                )
        if different:
            raise CampaignHeldError(
                f"{different:,} calls of this plan differ from what is being carried out by {others}",
                hint="give both machines the same contacts, lists and settings, or stop the other run first; "
                "if the other run has --limit, wait until it ends",
            )
        for some in some_at_a_time(further_rounds(plan)):
            self.extend(some, plan.ledger_revision)

    def extend(self, planned: Sequence[PlannedCall], revision: str, *, only_own: bool = False) -> int:
        """Adds calls of further rounds, or to new contacts, to what is being carried out; returns how many.

        Their plan was made while calls went out, from this `revision` of the campaign. So each call is added
        only where the calls before it are still as its round requires, and none that was skipped since. With
        `only_own`, only contacts that this run called are tried again.

        Raises LedgerChangedError when contacts were imported since: the import withdrew only calls that were
        in the ledger then.
        """
        if has_imports_since(self._connection, self._binding.campaign, revision):
            raise LedgerChangedError(
                "contacts were imported while the plan was made", hint="run the command again"
            )
        newest = self._connection.scalar(select(func.max(calls.c.id))) or 0
        rows = self._found(_WHOSE.where(calls.c.contact.in_([call.key for call in planned])))
        held, busy = self._held_and_busy(planned)
        free = [
            call for call in planned if (busy if call.round > 1 else held).isdisjoint((call.key, call.phone))
        ]
        if only_own:
            free = [call for call in free if self._is_own(rows.get((call.key, call.round - 1)))]
        fresh = [call for call in free if (call.key, call.round) not in rows]
        again = [call for call in free if _is_skipped(rows.get((call.key, call.round)), before=self._now)]
        self._insert(fresh)
        self._update(again, rows)
        self._record_new_calls(newest)
        return len(fresh) + len(again)

    def _rows(self, planned: Sequence[PlannedCall]) -> Mapping[tuple[str, int], RowMapping]:
        """The calls to these contacts, in whatever state."""
        return self._found(select(calls).where(calls.c.contact.in_([call.key for call in planned])))

    def _is_own(self, row: RowMapping | None) -> bool:
        return row is not None and row["run"] == self._run

    def _held_and_busy(self, planned: Sequence[PlannedCall]) -> tuple[frozenset[str], frozenset[str]]:
        """Of these contacts and numbers, those with a call, and those with one that is open or completed."""
        held = (
            select(calls.c.contact, calls.c.phone, results.c.status)
            .outerjoin(results, results.c.call == calls.c.id)
            .where(calls.c.campaign == self._binding.campaign, LIVE)
        )
        # Asked for both at once, SQLite would look through all calls of the campaign.
        by_contact = held.where(calls.c.contact.in_([call.key for call in planned]))
        by_phone = held.where(calls.c.phone.in_([call.phone for call in planned]))
        rows = [row for query in (by_contact, by_phone) for row in self._connection.execute(query)]
        busy = [row for row in rows if row.status in {None, ResultStatus.COMPLETED}]
        return _contacts_and_numbers(rows), _contacts_and_numbers(busy)

    def _session(self) -> Collection[int]:
        """The runs that may send each other's calls, this one among them."""
        mine = select(runs.c.session).where(runs.c.id == self._run).scalar_subquery()
        return set(self._connection.scalars(select(runs.c.id).where(runs.c.session == mine)))

    def _holds_any(self) -> bool:
        query = select(calls.c.id).where(calls.c.campaign == self._binding.campaign).limit(1)
        return self._connection.scalar(query) is not None

    def _replaceable(self, *which: ColumnElement[bool] | TextClause) -> Mapping[tuple[str, int], RowMapping]:
        """Calls that a plan may write over, less what it says itself."""
        found = self._found(_PLACE_AND_TIME.where(*which))
        # Chosen here: SQLite would take the state for more telling than the contact, and read all calls.
        return {place: row for place, row in found.items() if row["state"] in _REPLACEABLE}

    def _found(self, query: Select[Any]) -> Mapping[tuple[str, int], RowMapping]:
        """The newest row of each contact and round that the query finds."""
        mine = query.where(calls.c.campaign == self._binding.campaign)
        # Sorted here: to have them in this order, SQLite would look through the whole table each time.
        rows = sorted(self._connection.execute(mine).mappings(), key=itemgetter("id"))
        return {(row["contact"], row["round"]): row for row in rows}

    def _withdraw(self, withdrawals: Iterable[Withdrawal], *, joins: bool = False) -> None:
        """Where the run `joins` others, they may have sent a call meanwhile."""
        for some in some_at_a_time(withdrawals):
            rows = self._replaceable(calls.c.contact.in_([withdrawal.key for withdrawal in some]))
            for withdrawal in some:
                row = rows.get((withdrawal.key, withdrawal.round))
                if row is not None and row["state"] == CallState.PLANNED:
                    self._skip(row, _why_withdrawn(withdrawal))
                elif not joins:
                    raise changed_meanwhile()

    def _free_phones(self, planned: Iterable[PlannedCall]) -> None:
        """A number may be that of a call which this plan leaves alone: refused, or beyond --limit. And two
        contacts may swap their numbers in one edit: both numbers must be free before either moves.
        """
        others: dict[tuple[str, int], RowMapping] = {}
        for some in some_at_a_time(call for call in planned if call.change not in _SAME_NUMBER):
            rows = self._replaceable(calls.c.contact.in_([call.key for call in some]))
            moving = [
                row["id"]
                for call in some
                if (row := rows.get((call.key, call.round))) is not None and row["phone"] != call.phone
            ]
            if moving:
                changing = literal("changing:") + cast(calls.c.id, Text)
                self._connection.execute(update(calls).where(calls.c.id.in_(moving)).values(phone=changing))
            others |= self._others_with_a_number_of(some)
        if others:
            for call in planned:
                others.pop((call.key, call.round), None)
        for row in others.values():
            self._skip(row, StateReason(ReasonCode.NUMBER_TAKEN))

    def _others_with_a_number_of(
        self, planned: Sequence[PlannedCall]
    ) -> Mapping[tuple[str, int], RowMapping]:
        """Rows of other contacts that have one of these numbers and are not given up."""
        wanted = {(call.phone, call.round): call.key for call in planned}
        phones = [call.phone for call in planned]
        rows = self._replaceable(calls.c.phone.in_(phones), LIVE)
        return {
            place: row
            for place, row in rows.items()
            if wanted.get((row["phone"], row["round"]), row["contact"]) != row["contact"]
        }

    def _write_over(self, planned: Sequence[PlannedCall]) -> None:
        rows = self._replaceable(calls.c.contact.in_([call.key for call in planned]))
        fresh: list[PlannedCall] = []
        kept: list[PlannedCall] = []
        changed: list[PlannedCall] = []
        for call in planned:
            row = rows.get((call.key, call.round))
            as_held = row is not None and _is_as_held(call, row, self._now)
            (kept if as_held else fresh if row is None else changed).append(call)
        self._insert(fresh)
        self._adopt_calls(kept, rows)
        self._update(changed, rows)

    def _insert(self, planned: Iterable[PlannedCall]) -> None:
        in_common = (self._binding.campaign, CallState.PLANNED.value, *self._of_run())
        write_many(
            self._connection,
            f"INSERT INTO calls (campaign, state, run, reason, account, updated_at, {', '.join(_COLUMNS)}) "  # noqa: S608 - names
            f"VALUES (?, ?, ?, ?, ?, ?, {', '.join('?' * len(_COLUMNS))})",
            (in_common + call[:_STORED] for call in planned),
        )

    def _record_new_calls(self, newest: int) -> None:
        """Of every call that was written after the one with the id `newest`."""
        new = select(
            calls.c.id, calls.c.run, calls.c.updated_at, literal(CallState.PLANNED.value), literal("")
        ).where(calls.c.id > newest, calls.c.run == self._run)
        columns = ["call", "run", "at", "after", "reason"]
        self._connection.execute(insert(transitions).from_select(columns, new))

    def _adopt_calls(
        self, planned: Sequence[PlannedCall], rows: Mapping[tuple[str, int], RowMapping]
    ) -> None:
        """Calls that stay as they are become those of this run."""
        # One statement for all: PostgreSQL takes longer to be told of each than to write it.
        held = [rows[call.key, call.round]["id"] for call in planned]
        adopted = self._connection.execute(
            update(calls)
            .where(calls.c.id.in_(held), calls.c.state == CallState.PLANNED)
            .values(run=self._run, reason=NO_REASON, updated_at=self._now)
        )
        if adopted.rowcount != len(planned):
            raise changed_meanwhile()

    def _update(self, planned: Sequence[PlannedCall], rows: Mapping[tuple[str, int], RowMapping]) -> None:
        replaced = [(call, rows[call.key, call.round]) for call in planned]
        moves = [
            Transition(row["id"], CallState(row["state"]), CallState.PLANNED, reason)
            for call, row in replaced
            if (reason := _why_again(call, row))
        ]
        record_transitions(self._connection, moves, run=self._run, at=self._now)
        changed = write_many(
            self._connection,
            "UPDATE calls SET state = ?, run = ?, reason = ?, account = ?, updated_at = ?, "  # noqa: S608 - names
            f"{', '.join(f'{name} = ?' for name in _COLUMNS[_IDENTITY:])} WHERE id = ? AND state = ?",
            (
                (
                    CallState.PLANNED.value,
                    *self._of_run(),
                    *call[_IDENTITY:_STORED],
                    row["id"],
                    row["state"],
                )
                for call, row in replaced
            ),
        )
        if changed != len(planned):
            raise changed_meanwhile()

    def _of_run(self) -> tuple[object, ...]:
        """run, reason, account, updated_at."""
        return self._run, "", self._binding.account, self._now

    def _skip(self, row: RowMapping, reason: StateReason) -> None:
        move = Transition(row["id"], CallState(row["state"]), CallState.SKIPPED, reason)
        of_run = {"run": self._run}
        if not move_calls(self._connection, [move], run=self._run, at=self._now, also=of_run):
            raise changed_meanwhile()


def further_rounds(plan: Plan) -> Iterator[PlannedCall]:
    """The calls of a plan to contacts who were called before."""
    return (call for call in plan.calls if call.round > 1)


def new_calls(plan: Plan) -> Iterator[PlannedCall]:
    """The calls of a plan that the ledger did not hold as planned."""
    return (call for call in plan.calls if call.change_name == Change.NEW)


def _contacts_and_numbers(rows: Iterable[Row[*tuple[Any, ...]]]) -> frozenset[str]:
    return frozenset(value for row in rows for value in (row.contact, row.phone))


def _why_withdrawn(withdrawal: Withdrawal) -> StateReason:
    exclusion = withdrawal.reason.value if withdrawal.reason else ""
    return StateReason.of(ReasonCode.WITHDRAWN, exclusion=exclusion, detail=withdrawal.detail)


def _why_again(call: PlannedCall, row: RowMapping) -> StateReason | None:
    """The reason recorded for a call that this plan writes over; None where the call stays the same."""
    if row["state"] != CallState.PLANNED:
        return StateReason(ReasonCode.PLANNED_AGAIN)
    if call.change in {Change.CHANGED, Change.MOVED}:
        fields = ", ".join(call.changed)
        return StateReason.of(
            ReasonCode.REPLANNED, change=call.change.value, why=call.change_reason, fields=fields
        )
    return None


def _is_as_held(call: PlannedCall, row: RowMapping, now: float) -> bool:
    """Whether the ledger holds exactly this call already, as planned. What is due stays due: its request was
    to leave earlier.
    """
    leaves = row["queue_at"] == call.queue_at or row["queue_at"] < call.queue_at <= now
    return (
        call.change is Change.UNCHANGED
        and row["state"] == CallState.PLANNED
        and leaves
        and (row["earliest"], row["latest"]) == (call.earliest, call.latest)
        and _place(row) == (call.home, call.states)
    )


def _differs(call: PlannedCall, row: RowMapping | None, as_of: int) -> bool:
    """Whether a run that joins would do something with this call that the others would not."""
    if row is None or (row["phone"], call_request(row)) != (call.phone, call.request):
        return True
    when = (tuple(row["timezones"]), row["earliest"], row["latest"])
    if when != (call.timezones, call.earliest, call.latest) or _place(row) != (call.home, call.states):
        return True
    # Where the others have moved it meanwhile, or it is late, they give it a slot as this run would.
    held = row["state"] == CallState.PLANNED and row["start_timestamp"] == call.start_before
    slot = (row["start_timestamp"], row["end_timestamp"])
    if held and row["start_timestamp"] >= as_of and slot != (call.start_timestamp, call.end_timestamp):
        return True
    # The others may have given a call up since this plan was made; it must not bring one back.
    return row["state"] == CallState.SKIPPED and call.change is Change.NEW


def _place(row: RowMapping) -> tuple[str, str]:
    return row["home"], row["states"]


def _is_left(row: RowMapping, together: Collection[int]) -> bool:
    """Whether none of the runs that work together will send this call."""
    return row["state"] == CallState.PLANNED and row["run"] not in together


def _is_skipped(row: RowMapping | None, before: float = inf) -> bool:
    return row is not None and row["state"] == CallState.SKIPPED and row["updated_at"] < before


def _is_added(call: PlannedCall, row: RowMapping | None) -> bool:
    """Whether it is a further round that the others have not planned yet: results come in all the time."""
    return call.round > 1 and (row is None or _is_skipped(row))


def changed_meanwhile() -> LedgerChangedError:
    """What a plan meets that was made from another state of the ledger."""
    return LedgerChangedError(
        "the ledger changed while the plan was made; nothing was written",
        hint="run the command again",
    )
