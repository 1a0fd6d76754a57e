"""What runner remembers of each campaign: read before planning, written before anything is done."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from runner.errors import LedgerError
from runner.ledger import store
from runner.ledger.operators import refuse_if_canceled
from runner.ledger.plan_entry import Binding, PlanEntry
from runner.ledger.rows import call_request
from runner.ledger.states import CallState, standing
from runner.ledger.tables import attempts, calls, campaigns, facts, runs
from runner.ledger.trail import record_transition
from runner.planning.plan import History, KnownCall, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The process that sends."""

    host: str
    pid: int
    git_commit: str = ""


class Ledger:
    """The memory of one or several campaigns. Every method is one transaction; none waits for the network."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self.engine = engine
        self.path = path

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens or makes the ledger. Raises SettingsError and LedgerError as `store.open_engine` does."""
        return cls(store.open_engine(url), store.sqlite_path(url))

    def close(self) -> None:
        self.engine.dispose()

    def privacy_key(self) -> bytes:
        """The key of this ledger's hashes, made at first use."""
        with self.engine.begin() as connection:
            found = connection.scalar(select(facts.c.value).where(facts.c.name == "privacy_key"))
            if found is None:
                found = secrets.token_hex(32)
                connection.execute(insert(facts).values(name="privacy_key", value=found))
        return bytes.fromhex(found)

    def knows(self, campaign: str) -> bool:
        with self.engine.begin() as connection:
            return connection.scalar(select(campaigns.c.name).where(campaigns.c.name == campaign)) is not None

    def survey(self, campaign: str) -> tuple[str, str]:
        """The survey_id and instance_id of a campaign that the ledger knows."""
        with self.engine.begin() as connection:
            bound = self._bound(connection, campaign)
        if bound is None:
            raise LedgerError(f"this ledger has no campaign {campaign}")
        return bound["survey_id"], bound["instance_id"]

    def campaigns(self) -> list[str]:
        with self.engine.begin() as connection:
            return list(connection.scalars(select(campaigns.c.name).order_by(campaigns.c.name)))

    def check_survey(self, campaign: str, survey_id: str, instance_id: str) -> None:
        """Raises LedgerError when calls of this campaign went out for another survey.

        Before the first call has left, a wrong survey_id may still be corrected.
        """
        with self.engine.begin() as connection:
            bound = self._bound(connection, campaign)
            if bound is None or (bound["survey_id"], bound["instance_id"]) == (survey_id, instance_id):
                return
            if self._has_sent(connection, campaign):
                raise LedgerError(
                    f"campaign {campaign} already called people for survey {bound['survey_id']}, "
                    f"instance {bound['instance_id']}; the file now says survey {survey_id}, "
                    f"instance {instance_id}",
                    hint="a new wave is a new campaign: give the file a new name",
                )

    def check_not_canceled(self, campaign: str) -> None:
        """Raises LedgerError when an operator canceled the campaign: that is final."""
        with self.engine.begin() as connection:
            refuse_if_canceled(connection, campaign)

    def check_binding(self, binding: Binding) -> None:
        """Raises LedgerError when the campaign belongs to another account or another API."""
        with self.engine.begin() as connection:
            self._check_binding(connection, binding)

    def history(self, campaign: str) -> History:
        """Everything earlier runs planned or did for this campaign."""
        with self.engine.begin() as connection:
            rows = connection.execute(select(calls).where(calls.c.campaign == campaign).order_by(calls.c.id))
            return History(tuple(_known_call(row) for row in rows.mappings()))

    def begin_run(self, binding: Binding, plan: Plan, runner: Runner, now: float) -> int:
        """Writes the plan into the ledger, in one transaction, and returns the id of the run that holds it.

        Raises LedgerError when the campaign is bound elsewhere, or the ledger changed since it was read.
        """
        with self.engine.begin() as connection:
            self._bind(connection, binding, now)
            run: int = connection.execute(
                insert(runs)
                .values(
                    campaign=binding.campaign,
                    plan_id=plan.plan_id,
                    host=runner.host,
                    pid=runner.pid,
                    git_commit=runner.git_commit,
                    started_at=now,
                )
                .returning(runs.c.id)
            ).scalar_one()
            PlanEntry(connection, binding, run, now).enter(plan)
        return run

    def end_run(self, run: int, ending: str, now: float) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(runs).where(runs.c.id == run).values(ended_at=now, ending=ending))

    def recover(self, campaign: str, now: float) -> int:
        """Marks as uncertain every call that a process was sending when it died; returns how many.

        Only for the one who holds the campaign: nobody else may be sending.
        """
        reason = "the process that was sending it died before the answer was recorded"
        with self.engine.begin() as connection:
            stuck = connection.execute(
                select(calls.c.id, calls.c.run).where(
                    calls.c.campaign == campaign, calls.c.state == CallState.SENDING
                )
            ).all()
            if not stuck:
                return 0
            ids = [row.id for row in stuck]
            for row in stuck:
                record_transition(
                    connection,
                    call=row.id,
                    run=row.run,
                    at=now,
                    before=CallState.SENDING,
                    after=CallState.UNCERTAIN,
                    reason=reason,
                )
            connection.execute(
                update(calls)
                .where(calls.c.id.in_(ids))
                .values(state=CallState.UNCERTAIN, reason=reason, updated_at=now)
            )
            connection.execute(
                update(attempts)
                .where(attempts.c.call.in_(ids), attempts.c.finished_at.is_(None))
                .values(finished_at=now, outcome=CallState.UNCERTAIN, detail=reason)
            )
        return len(stuck)

    @staticmethod
    def _bound(connection: Connection, campaign: str) -> RowMapping | None:
        return (
            connection.execute(select(campaigns).where(campaigns.c.name == campaign)).mappings().one_or_none()
        )

    @staticmethod
    def _has_sent(connection: Connection, campaign: str) -> bool:
        sent = (
            select(func.count())
            .select_from(calls)
            .where(calls.c.campaign == campaign, calls.c.state.not_in([CallState.PLANNED, CallState.SKIPPED]))
        )
        return connection.scalar(sent) != 0

    @classmethod
    def _check_binding(cls, connection: Connection, binding: Binding) -> RowMapping | None:
        bound = cls._bound(connection, binding.campaign)
        if bound is not None and bound["origin"] != binding.origin:
            raise LedgerError(
                f"campaign {binding.campaign} was applied at {bound['origin']}, not at {binding.origin}",
                hint="set RUNNER_INSIGHT_BASE_URL back, or give the campaign a new name",
            )
        if bound is not None and bound["account"] != binding.account:
            raise LedgerError(
                f"campaign {binding.campaign} was applied with another Insight account",
                hint="set RUNNER_INSIGHT_USERNAME back, or give the campaign a new name",
            )
        return bound

    def _bind(self, connection: Connection, binding: Binding, now: float) -> None:
        values = {
            "survey_id": binding.survey_id,
            "instance_id": binding.instance_id,
            "account": binding.account,
            "origin": binding.origin,
        }
        if self._check_binding(connection, binding) is None:
            connection.execute(insert(campaigns).values(name=binding.campaign, bound_at=now, **values))
        else:
            connection.execute(update(campaigns).where(campaigns.c.name == binding.campaign).values(**values))


def _known_call(row: RowMapping) -> KnownCall:
    return KnownCall(
        key=row["contact"],
        phone=row["phone"],
        round=row["round"],
        standing=standing(CallState(row["state"])),
        timezones=tuple(row["timezones"]),
        start_timestamp=row["start_timestamp"],
        end_timestamp=row["end_timestamp"],
        request=call_request(row),
        state=row["state"],
    )
