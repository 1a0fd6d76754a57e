"""What runner remembers of each campaign: read before planning, written before anything is done."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
    func,
    insert,
    or_,
    select,
    update,
)

from runner.calls import CallState
from runner.errors import LedgerError
from runner.ledger import store
from runner.ledger.asking import awaits_results
from runner.ledger.holder import hold, holder
from runner.ledger.known_calls import LedgerCalls
from runner.ledger.lease import (
    LEASE_SECONDS,
    Lease,
    check_same_campaign,
    database_now,
    declared_dead,
    describe_runs,
    live_runs,
    mark_orphaned_calls,
    wait_for_renewals,
)
from runner.ledger.operators import PauseInfo, pause_info, refuse_if_canceled
from runner.ledger.plan_entry import Binding, PlanEntry, Watch, changed_meanwhile, further_rounds, new_calls
from runner.ledger.results import ResultsSoFar, results_learned_at, results_so_far
from runner.ledger.revision import campaign_revision
from runner.ledger.rows import insert_once, reading, some_at_a_time, stored_fact
from runner.ledger.source_counts import counts_of, record_counts, record_joined_counts
from runner.ledger.suppressions import LiveList
from runner.ledger.tables import actions, calls, campaigns, runs
from runner.planning.guards import Counts, Known
from runner.planning.plan import Plan
from runner.planning.plan_input import History

_DAY = 86_400
_ADDED_AT_ONCE = 100
"""Calls of further rounds in one transaction: calls that are due wait for its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProcess:
    """The process that sends."""

    host: str
    pid: int
    pid_space: str = ""
    """Where the pid counts; empty where unknown."""
    git_commit: str = ""
    limited: bool = False
    """Whether it sends the calls of its own plan alone (`--limit`)."""


class Ledger:
    """The memory of one or several campaigns. Every method is one transaction; none waits for the network."""

    def __init__(self, engine: Engine, path: Path | None, place: str) -> None:
        self.engine = engine
        self.path = path
        self.place = place
        """Where it is, for people."""
        self._suppressions: dict[str, LiveList] = {}

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens or makes the ledger. Raises SettingsError and LedgerError as `store.open_engine` does."""
        return cls(store.open_engine(url), store.sqlite_path(url), store.place(url))

    @property
    def alone(self) -> bool:
        """Whether a campaign of this ledger can only have one run at a time."""
        return self.path is not None

    def close(self) -> None:
        self.engine.dispose()

    def suppressions(self, campaign: str) -> LiveList:
        """The ledger's own suppression list, as far as it concerns this campaign; one for all who ask."""
        return self._suppressions.setdefault(campaign, LiveList(self.engine, campaign))

    def findings(self) -> Iterator[str]:
        """What `runner doctor` says of the database. Raises LedgerError at the first problem."""
        return store.findings(self.engine, self.path)

    def privacy_key(self) -> bytes:
        """The key of this ledger's hashes, made at first use."""
        return bytes.fromhex(stored_fact(self.engine, "privacy_key", secrets.token_hex(32)))

    def knows(self, campaign: str) -> bool:
        # PostgreSQL takes no NUL, which a request may hold.
        if "\0" in campaign:
            return False
        with reading(self.engine) as connection:
            return connection.scalar(select(campaigns.c.name).where(campaigns.c.name == campaign)) is not None

    def survey(self, campaign: str) -> tuple[str, str]:
        """The survey_id and instance_id of a campaign that the ledger knows."""
        with reading(self.engine) as connection:
            bound = self._bound(connection, campaign)
        if bound is None:
            raise LedgerError(f"this ledger has no campaign {campaign}")
        return bound["survey_id"], bound["instance_id"]

    def campaigns(self) -> list[str]:
        with reading(self.engine) as connection:
            return list(connection.scalars(select(campaigns.c.name).order_by(campaigns.c.name)))

    def check_survey(self, campaign: str, survey_id: str, instance_id: str) -> None:
        """Raises LedgerError when calls of this campaign went out for another survey.

        Before the first call has left, a wrong survey_id may still be corrected.
        """
        with reading(self.engine) as connection:
            bound = self._bound(connection, campaign)
            if bound is None or (bound["survey_id"], bound["instance_id"]) == (survey_id, instance_id):
                return
            sent = calls.c.state.not_in([CallState.PLANNED, CallState.SKIPPED])
            if connection.scalar(select(calls.c.id).where(calls.c.campaign == campaign, sent).limit(1)):
                raise LedgerError(
                    f"campaign {campaign} already called people for survey {bound['survey_id']}, "
                    f"instance {bound['instance_id']}; the file now says survey {survey_id}, "
                    f"instance {instance_id}",
                    hint="for a new wave of calls, give the campaign a new `name`",
                )

    def pause_info(self, campaign: str) -> PauseInfo | None:
        """What holds the campaign up; None where nothing does, or the ledger does not know it."""
        with reading(self.engine) as connection:
            return pause_info(connection, campaign)

    def has_acts(self, campaign: str) -> bool:
        """Whether an operator did something to this campaign, which may be before its first apply."""
        acts = select(actions.c.id).where(actions.c.campaign == campaign).limit(1)
        with reading(self.engine) as connection:
            return connection.scalar(acts) is not None

    def check_not_canceled(self, campaign: str) -> None:
        """Raises LedgerError when an operator canceled the campaign: that is final."""
        with reading(self.engine) as connection:
            refuse_if_canceled(connection, campaign)

    def check_binding(self, binding: Binding) -> None:
        """Raises LedgerError when the campaign belongs to another account or another API."""
        with reading(self.engine) as connection:
            bound = self._bound(connection, binding.campaign)
        if bound is not None:
            self._check_binding(bound, binding)

    def history(self, campaign: str) -> History:
        """Everything earlier runs planned or did for this campaign, read when it is gone through."""
        with reading(self.engine) as connection:
            # Before the calls: what changes from here on gives the campaign another revision.
            revision = campaign_revision(connection, campaign)
            bound = self._bound(connection, campaign)
        survey = None if bound is None else (bound["survey_id"], bound["instance_id"])
        return History(LedgerCalls(self.engine, campaign), revision, survey)

    def begin_run(
        self,
        binding: Binding,
        plan: Plan,
        runner: RunProcess,
        now: float,
        *,
        watch: Watch = iter,
        entered: Callable[[], None] = lambda: None,
        counts: Counts = MappingProxyType({}),
    ) -> int:
        """Writes the plan into the ledger, in one transaction, and returns the id of the run that holds it.

        The calls pass through `watch` on their way; `entered` is called when all are written, just before the
        commit. `counts` are those of the sources and lists that the plan was made from. Where other runs are
        active on the campaign, the new one joins them: its plan may take calls away, and takes over what they
        leave alone.

        Raises LedgerError when the campaign is bound elsewhere, or the ledger changed since it was read,
        CampaignHeldError when the others carry out something else.
        """
        with self.engine.begin() as connection:
            self._bind(connection, binding, now)
            before = campaign_revision(connection, binding.campaign)
            wait_for_renewals(connection, binding.campaign)
            mark_orphaned_calls(connection, binding.campaign, alone=self.alone)
            others = [] if self.alone else live_runs(connection, binding.campaign)
            if others:
                check_same_campaign(others, binding.inputs, limited=runner.limited)
            elif before != plan.ledger_revision:
                raise changed_meanwhile()
            session = others[0].session if others else None
            run = _insert_run(connection, binding, plan.plan_id, runner, now, session)
            entry = PlanEntry(connection, binding, run, now, watch)
            if others:
                entry.join(plan, describe_runs(others) or "")
            else:
                entry.enter(plan)
            record_counts(connection, binding.campaign, counts)
            entered()
        return run

    def known_to_guards(self, campaign: str) -> Known:
        """What a plan of this campaign is compared with."""
        planned = select(func.count()).where(calls.c.campaign == campaign, calls.c.state == CallState.PLANNED)
        with reading(self.engine) as connection:
            return Known(planned=int(connection.scalar(planned) or 0), counts=counts_of(connection, campaign))

    def starts_by_day(self, campaign: str, since: int, *, only_others: bool = False) -> Mapping[int, int]:
        """How many calls start on each day of UTC from this second on, by the day's first second: those of
        other campaigns, planned or sent, and, unless `only_others`, those that this one has sent.
        """
        day = calls.c.start_timestamp - calls.c.start_timestamp % _DAY
        is_others = calls.c.campaign != campaign
        which = is_others if only_others else or_(is_others, calls.c.state != CallState.PLANNED)
        query = (
            select(day, func.count())
            .where(
                calls.c.start_timestamp >= since,
                calls.c.state.not_in([CallState.SKIPPED, CallState.REFUSED]),
                which,
            )
            .group_by(day)
        )
        # Also asked while a transaction of a run is open.
        with reading(self.engine) as connection:
            return dict(map(tuple, connection.execute(query)))

    def extend_run(
        self,
        binding: Binding,
        run: int,
        plan: Plan,
        now: float,
        *,
        only_own: bool = False,
        counts: Counts | None = None,
    ) -> Iterator[int]:
        """Adds the further rounds of a plan to a run that goes on; yields how many calls each step added.
        With `only_own`, only those of contacts that the run called itself. With `counts`, those of the
        sources and lists that the plan was made from, it adds the plan's new contacts, too, unless other runs
        share the campaign: to their plans these would be people whom no source has any more.

        Each step is a short transaction, so that calls that are due are sent in between. What a crash leaves
        out, the next plan has again: it depends on the results and the contacts alone.

        Raises CampaignHeldError when the run was declared dead, LedgerChangedError when contacts were
        imported since the plan was made, LedgerError when the campaign was canceled.
        """
        added = further_rounds(plan) if counts is None else new_calls(plan)
        for some in some_at_a_time(added, _ADDED_AT_ONCE):
            with self._extending(binding.campaign, run) as connection:
                if counts is not None and len(live_runs(connection, binding.campaign)) > 1:
                    return
                entry = PlanEntry(connection, binding, run, now, iter)
                entered = entry.extend(some, plan.ledger_revision, only_own=only_own)
                if entered and counts is not None:
                    record_joined_counts(connection, binding.campaign, counts)
            yield entered

    @contextmanager
    def _extending(self, campaign: str, run: int) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            # Runs that share the campaign take turns, so that none adds what another is adding.
            mine = campaigns.c.name == campaign
            connection.execute(select(campaigns.c.name).where(mine).with_for_update())
            refuse_if_canceled(connection, campaign)
            if connection.scalar(select(runs.c.ended_at).where(runs.c.id == run)) is not None:
                raise declared_dead()
            yield connection

    def awaits_results(self, campaign: str, now: float) -> bool:
        """Whether a call may still bring a result: one that Insight has, or may have and may still dial."""
        with reading(self.engine) as connection:
            return awaits_results(connection, campaign, now)

    def results_learned_at(self, campaign: str) -> float | None:
        """When the newest result of this campaign was learned."""
        with reading(self.engine) as connection:
            return results_learned_at(connection, campaign)

    def results_so_far(self, campaign: str) -> ResultsSoFar:
        with reading(self.engine) as connection:
            return results_so_far(connection, campaign)

    def entered(self, campaign: str, plan_id: str) -> float | None:
        """When this very plan was first entered (UTC Unix seconds); None when it never was."""
        query = select(func.min(runs.c.started_at)).where(
            runs.c.campaign == campaign, runs.c.plan_id == plan_id
        )
        with reading(self.engine) as connection:
            entered_at: float | None = connection.scalar(query)
        return entered_at

    def end_run(self, run: int, ending: str, now: float) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.id == run, runs.c.ended_at.is_(None))
                .values(ended_at=now, ending=ending)
            )

    def mark_orphaned_calls(self, campaign: str) -> int:
        """Marks as uncertain every call that a run was sending when it died; returns how many.

        With an SQLite ledger only for the one who holds the campaign: no other process may be sending.
        """
        with self.engine.begin() as connection:
            return mark_orphaned_calls(connection, campaign, alone=self.alone)

    def is_sending(self, campaign: str) -> bool:
        """Whether calls are under way whose end is not known yet."""
        sending = select(calls.c.id).where(calls.c.campaign == campaign, calls.c.state == CallState.SENDING)
        with reading(self.engine) as connection:
            return connection.scalar(sending.limit(1)) is not None

    def lease(self, campaign: str, run: int) -> Lease:
        """The lease of a run that has begun."""
        return Lease(self.engine, campaign, run, alone=self.alone)

    @contextmanager
    def hold(self, campaign: str) -> Iterator[None]:
        """Keeps other runs of `campaign` out, where the ledger is a file; elsewhere they share it.

        Raises CampaignHeldError, naming the holder, when another process has it.
        """
        with hold(self.path, campaign, time.time()) if self.path is not None else nullcontext():
            yield

    def holder(self, campaign: str) -> str | None:
        """Who applies `campaign` now, for people; None when nobody does."""
        if self.path is not None:
            return holder(self.path, campaign)
        with reading(self.engine) as connection:
            return describe_runs(live_runs(connection, campaign))

    @staticmethod
    def _bound(connection: Connection, campaign: str) -> RowMapping | None:
        return (
            connection.execute(select(campaigns).where(campaigns.c.name == campaign)).mappings().one_or_none()
        )

    @staticmethod
    def _check_binding(bound: RowMapping, binding: Binding) -> None:
        if bound["origin"] != binding.origin:
            raise LedgerError(
                f"campaign {binding.campaign} was applied at {bound['origin']}, not at {binding.origin}",
                hint="restore RUNNER_INSIGHT_BASE_URL, or give the campaign a new `name`",
            )
        if bound["account"] != binding.account:
            raise LedgerError(
                f"campaign {binding.campaign} was applied with another Insight account",
                hint="restore RUNNER_INSIGHT_USERNAME, or give the campaign a new `name`",
            )

    def _bind(self, connection: Connection, binding: Binding, now: float) -> None:
        latest: dict[str, object] = {
            "survey_id": binding.survey_id,
            "instance_id": binding.instance_id,
            "repository": dict(binding.repository),
        }
        insert_once(
            connection,
            campaigns,
            name=binding.campaign,
            account=binding.account,
            origin=binding.origin,
            bound_at=now,
            **latest,
        )
        mine = campaigns.c.name == binding.campaign
        # A run that begins at the same moment waits here until the first has entered its plan.
        bound = connection.execute(select(campaigns).where(mine).with_for_update()).mappings().one()
        self._check_binding(bound, binding)
        connection.execute(update(campaigns).where(mine).values(**latest))


def _insert_run(
    connection: Connection,
    binding: Binding,
    plan_id: str,
    runner: RunProcess,
    now: float,
    session: int | None,
) -> int:
    """Without a session that it joins, the run begins one of its own."""
    run: int = connection.execute(
        insert(runs)
        .values(
            campaign=binding.campaign,
            plan_id=plan_id,
            host=runner.host,
            pid=runner.pid,
            pid_space=runner.pid_space,
            git_commit=runner.git_commit,
            inputs=binding.inputs,
            started_at=now,
            lease_until=database_now(connection) + LEASE_SECONDS,
        )
        .returning(runs.c.id)
    ).scalar_one()
    connection.execute(
        update(runs).where(runs.c.id == run).values(session=run if session is None else session)
    )
    return run
