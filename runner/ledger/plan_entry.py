"""Writes a plan over what the ledger holds of its campaign, inside the caller's transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from runner.errors import CampaignHeldError, LedgerError
from runner.ledger.rows import call_request
from runner.ledger.states import CallState
from runner.ledger.tables import calls, transitions
from runner.ledger.trail import record_transition
from runner.planning.plan import Change, Plan, PlannedCall, Withdrawal


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


class PlanEntry:
    """Writes one plan over what the ledger holds: withdrawals first, so that their numbers are free."""

    def __init__(self, connection: Connection, binding: Binding, run: int, now: float) -> None:
        self._connection = connection
        self._binding = binding
        self._run = run
        self._now = now

    def enter(self, plan: Plan) -> None:
        self._withdraw(plan.withdrawals, self._rows_by_contact())
        standing_rows = self._rows_by_contact()
        self._take_phones_from_others(plan.calls, standing_rows)
        self._free_phones(plan.calls, standing_rows)
        fresh = [call for call in plan.calls if (call.key, call.round) not in standing_rows]
        known = [call for call in plan.calls if (call.key, call.round) in standing_rows]
        self._insert(fresh)
        self._update(known, standing_rows)

    def join(self, plan: Plan, others: str) -> None:
        """Takes away what this plan no longer wants; the rest must be what the `others` carry out already.

        Raises CampaignHeldError when this plan would call somebody whom the others would not, or otherwise
        than they: then contacts, lists or settings differ between the two machines.
        """
        rows = self._all_rows_by_contact()
        for withdrawal in plan.withdrawals:
            row = rows.get((withdrawal.key, withdrawal.round))
            if row is not None and row["state"] == CallState.PLANNED:
                self._move(row["id"], CallState.PLANNED, CallState.SKIPPED, withdrawal.reason)
        different = sum(_differs(call, rows.get((call.key, call.round)), plan.as_of) for call in plan.calls)
        if different:
            raise CampaignHeldError(
                f"{different:,} calls of this plan differ from what is being carried out by {others}",
                hint="give both machines the same contacts, lists and settings, or stop the other run first",
            )

    def _all_rows_by_contact(self) -> Mapping[tuple[str, int], RowMapping]:
        """The newest row of each contact and round, in whatever state."""
        rows = self._connection.execute(
            select(calls).where(calls.c.campaign == self._binding.campaign).order_by(calls.c.id)
        )
        return {(row["contact"], row["round"]): row for row in rows.mappings()}

    def _rows_by_contact(self) -> Mapping[tuple[str, int], RowMapping]:
        rows = self._connection.execute(
            select(calls.c.id, calls.c.contact, calls.c.round, calls.c.phone, calls.c.state).where(
                calls.c.campaign == self._binding.campaign,
                calls.c.state.in_([CallState.PLANNED, CallState.REFUSED, CallState.SKIPPED]),
            )
        )
        return {(row["contact"], row["round"]): row for row in rows.mappings()}

    def _withdraw(
        self, withdrawals: Iterable[Withdrawal], rows: Mapping[tuple[str, int], RowMapping]
    ) -> None:
        for withdrawal in withdrawals:
            row = rows.get((withdrawal.key, withdrawal.round))
            if row is None or row["state"] != CallState.PLANNED:
                raise changed_meanwhile()
            self._move(row["id"], CallState.PLANNED, CallState.SKIPPED, withdrawal.reason)

    def _take_phones_from_others(
        self, planned: Iterable[PlannedCall], rows: Mapping[tuple[str, int], RowMapping]
    ) -> None:
        """A number may be that of a call which this plan leaves alone: refused, or beyond --limit."""
        phones = {(call.phone, call.round) for call in planned}
        contacts = {(call.key, call.round) for call in planned}
        for contact, row in rows.items():
            if contact in contacts or row["state"] == CallState.SKIPPED:
                continue
            if (row["phone"], row["round"]) in phones:
                reason = "its number is now planned for another contact"
                self._move(row["id"], CallState(row["state"]), CallState.SKIPPED, reason)

    def _free_phones(
        self, planned: Iterable[PlannedCall], rows: Mapping[tuple[str, int], RowMapping]
    ) -> None:
        """Two contacts may swap their numbers in one edit: both numbers must be free before either moves."""
        for call in planned:
            row = rows.get((call.key, call.round))
            if row is not None and row["phone"] != call.phone:
                self._connection.execute(
                    update(calls).where(calls.c.id == row["id"]).values(phone=f"changing:{row['id']}")
                )

    def _insert(self, planned: list[PlannedCall]) -> None:
        if not planned:
            return
        ids = self._connection.scalars(
            insert(calls).returning(calls.c.id, sort_by_parameter_order=True),
            [
                {
                    "campaign": self._binding.campaign,
                    "contact": call.key,
                    "ref": call.ref,
                    "round": call.round,
                    "state": CallState.PLANNED,
                    **self._values(call),
                }
                for call in planned
            ],
        ).all()
        self._connection.execute(
            insert(transitions),
            [
                {
                    "call": id_,
                    "run": self._run,
                    "at": self._now,
                    "before": None,
                    "after": CallState.PLANNED,
                    "reason": "planned",
                }
                for id_ in ids
            ],
        )

    def _update(self, planned: list[PlannedCall], rows: Mapping[tuple[str, int], RowMapping]) -> None:
        if not planned:
            return
        for call in planned:
            before = CallState(rows[call.key, call.round]["state"])
            if before is not CallState.PLANNED:
                self._move(rows[call.key, call.round]["id"], before, CallState.PLANNED, "planned again")
            elif call.change in {Change.CHANGED, Change.MOVED}:
                reason = f"{call.change} by a new plan: {call.difference.reason}"
                self._trace(rows[call.key, call.round]["id"], before, CallState.PLANNED, reason)
        names = list(self._values(planned[0]))
        changed = self._connection.execute(
            update(calls)
            .where(calls.c.id == bindparam("row_id"), calls.c.state == CallState.PLANNED)
            .values({name: bindparam(f"new_{name}") for name in names}),
            [
                {
                    "row_id": rows[call.key, call.round]["id"],
                    **{f"new_{name}": value for name, value in self._values(call).items()},
                }
                for call in planned
            ],
        )
        if changed.rowcount != len(planned):
            raise changed_meanwhile()

    def _values(self, call: PlannedCall) -> dict[str, Any]:
        return {
            "phone": call.phone,
            "run": self._run,
            "reason": "",
            "queue_at": call.queue_at,
            "start_timestamp": call.start_timestamp,
            "end_timestamp": call.end_timestamp,
            "earliest": call.earliest,
            "latest": call.latest,
            "timezones": list(call.timezones),
            "phone_number": call.request.phone_number,
            "max_attempts": call.request.max_attempts,
            "reattempt_wait": call.request.reattempt_wait,
            "metadata": dict(call.request.metadata),
            "result_url": call.request.result_url,
            "account": self._binding.account,
            "updated_at": self._now,
        }

    def _move(self, call: int, before: CallState, after: CallState, reason: str) -> None:
        changed = self._connection.execute(
            update(calls)
            .where(calls.c.id == call, calls.c.state == before)
            .values(state=after, reason=reason, run=self._run, updated_at=self._now)
        )
        if changed.rowcount != 1:
            raise changed_meanwhile()
        self._trace(call, before, after, reason)

    def _trace(self, call: int, before: CallState, after: CallState, reason: str) -> None:
        record_transition(
            self._connection,
            call=call,
            run=self._run,
            at=self._now,
            before=before,
            after=after,
            reason=reason,
        )


def _differs(call: PlannedCall, row: RowMapping | None, as_of: int) -> bool:
    """Whether a run that joins would do something with this call that the others would not."""
    if row is None or (row["phone"], call_request(row)) != (call.phone, call.request):
        return True
    when = (tuple(row["timezones"]), row["earliest"], row["latest"])
    if when != (call.timezones, call.earliest, call.latest):
        return True
    # Where the others have moved it meanwhile, or it is late, they give it a slot as this run would.
    held = row["state"] == CallState.PLANNED and row["start_timestamp"] == call.difference.start_before
    slot = (row["start_timestamp"], row["end_timestamp"])
    if held and row["start_timestamp"] >= as_of and slot != (call.start_timestamp, call.end_timestamp):
        return True
    # The others may have given a call up since this plan was made; it must not bring one back.
    return row["state"] == CallState.SKIPPED and call.change is Change.NEW


def changed_meanwhile() -> LedgerError:
    """What a plan meets that was made from another state of the ledger."""
    return LedgerError(
        "the ledger changed while the plan was made; nothing was written",
        hint="run the command again",
    )
