"""`runner apply`: plans, asks, and queues every call at its time."""

import asyncio
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from runner.calls import CallState
from runner.campaign.loader import LoadedCampaign
from runner.campaign.warning_codes import WarningCode
from runner.commands import campaign_file, saved_plans
from runner.commands.signals import signals_restored, stop_on_signals
from runner.commands.terminal_progress import TERMINAL_PROGRESS
from runner.contacts.identity import Identity
from runner.dispatch.events import CallEnded, Event, RunEnd
from runner.errors import ExitStatus, LedgerError, RunnerError, SourceContentError, UsageError
from runner.ledger.overview import Overview, overview
from runner.ledger.plan_entry import Binding
from runner.ledger.rollback_guard import RollbackGuard
from runner.planning.plan import Plan
from runner.reports.console import standard_console
from runner.reports.live import Listen, LogOptions, live
from runner.reports.notices import late_words
from runner.reports.plan_facts import FIRST_PLAN
from runner.reports.plan_text import print_plan
from runner.reports.summary import print_summary
from runner.services.binding import api_name, binding_of
from runner.services.environment import Environment, insight, rehearsal
from runner.services.execution import Execution
from runner.services.planned_run import PlannedRun
from runner.services.planning import prepare_plan, privacy_key
from runner.settings import ledger_states_folder, load_settings

_PROBLEMS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """The options of the command line."""

    yes: bool
    sandbox: bool
    limit: int | None
    until_idle: bool
    show_contacts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """One apply: what it carries out, where, and the options of the command line."""

    loaded: LoadedCampaign
    saved: saved_plans.PlanFile | None
    target: Environment
    binding: Binding
    options: ApplyOptions


class DeclinedError(RunnerError):
    """The person who was asked did not agree."""


def apply(path: Path, options: ApplyOptions) -> int:
    """Carries out a campaign file or a saved plan. Returns the exit status.

    Raises RunnerError before and during the run.
    """
    saved = saved_plans.load(path) if path.suffix == saved_plans.SUFFIX else None
    if saved is not None:
        options = _as_saved(saved, options)
    loaded = campaign_file.load(path if saved is None else saved.campaign)
    if not options.yes and not sys.stdin.isatty():
        raise UsageError(
            "apply asks before it queues calls, and there is no terminal to ask on",
            hint="add --yes after the plan was reviewed",
        )
    with _target(options) as target, target.ledger.hold(loaded.campaign.name):
        return _apply(loaded, saved, target, options)


def _as_saved(saved: saved_plans.PlanFile, options: ApplyOptions) -> ApplyOptions:
    """A saved plan says itself how many calls it has. Raises UsageError for options that do not fit it."""
    if options.sandbox:
        raise UsageError(
            "a saved plan is for the ledger it was made with, and a rehearsal has its own",
            hint=f"rehearse its campaign: runner apply {saved.campaign} --sandbox",
        )
    return replace(options, limit=saved.limit_beside(options.limit))


def _target(options: ApplyOptions) -> AbstractContextManager[Environment]:
    settings = load_settings()
    return rehearsal(settings) if options.sandbox else insight(settings)


def _apply(
    loaded: LoadedCampaign, saved: saved_plans.PlanFile | None, target: Environment, options: ApplyOptions
) -> int:
    name, ledger = loaded.campaign.name, target.ledger
    identity = Identity(privacy_key(target.settings, ledger))
    binding = binding_of(loaded, target.settings, identity)
    # A rehearsal leaves no trace.
    states = ledger.path.parent if target.is_rehearsal and ledger.path is not None else ledger_states_folder()
    guard = RollbackGuard(ledger, states)
    guard.check()
    ledger.check_binding(binding)
    ledger.check_not_canceled(name)
    recovered = ledger.mark_orphaned_calls(name)
    if recovered:
        sys.stderr.write(
            f"{recovered} calls were being sent when the last run died: "
            "they are uncertain, and not sent again\n"
        )
    console = standard_console()
    order = _Order(loaded=loaded, saved=saved, target=target, binding=binding, options=options)
    work = _planned(order, guard, console)
    if work.has_changes:
        _ask(work, options)
    finish, queued = RunEnd.DONE, _QueuedCalls()
    try:
        # Calls that another run is sending may come back unsent, or become uncertain with it.
        if work.has_changes or ledger.is_sending(name):
            finish = _execute(order, work, guard, queued)
    except RunnerError:
        # The ledger may be what failed, or the output is closed; the error is shown in any case.
        with suppress(LedgerError, OSError):
            _summarize(console, order, identity, queued, None)
        raise
    seen = _summarize(console, order, identity, queued, finish)
    if finish is RunEnd.INTERRUPTED:
        return ExitStatus.INTERRUPTED
    return ExitStatus.FINISHED_WITH_PROBLEMS if seen.unacknowledged else ExitStatus.DONE


class _QueuedCalls:
    """Counts the calls that one run queued."""

    def __init__(self) -> None:
        self.number = 0

    def counted(self, listen: Listen) -> Listen:
        """Passes events on to `listen`, and counts them."""

        def count(event: Event) -> None:
            self.number += isinstance(event, CallEnded) and event.state is CallState.QUEUED
            listen(event)

        return count


def _summarize(
    console: Console, order: _Order, identity: Identity, queued: _QueuedCalls, finish: RunEnd | None
) -> Overview:
    """Says how the run ended and what is left, as the ledger has it."""
    target, saved = order.target, order.saved
    seen = overview(target.ledger.engine, order.loaded.campaign.name, target.clock.now(), _PROBLEMS_SHOWN)
    print_summary(
        console,
        seen,
        finish,
        identity,
        queued_now=queued.number,
        rehearsal=target.is_rehearsal,
        where="the sandbox" if target.is_rehearsal else api_name(target.settings),
        path=order.loaded.path if saved is None else saved.path,
    )
    return seen


def _planned(order: _Order, guard: RollbackGuard, console: Console) -> PlannedRun:
    """A new plan, shown."""
    loaded, saved, target, options = order.loaded, order.saved, order.target, order.options
    ledger, now = target.ledger, float(int(target.clock.now()))
    prepared = prepare_plan(
        loaded, target.settings, ledger, now=now, limit=options.limit, progress=TERMINAL_PROGRESS
    )
    if saved is not None:
        prepared = saved_plans.confirmed(saved, loaded, prepared, ledger)
        saved_plans.refuse_if_applied_elsewhere(saved, guard)
    if prepared.is_first and not target.is_rehearsal:
        sys.stderr.write(FIRST_PLAN)
    list_all = f"runner plan {shlex.quote(str(loaded.path))} --all"
    print_plan(console, prepared.view(show_contacts=options.show_contacts), list_all=list_all)
    late = ledger.note_late_opt_outs(loaded.campaign.name, prepared.suppressed.match, now)
    if late:
        sys.stderr.write(f"{late_words(late, prepared.identity)}\n")
    _refuse_empty_sources(prepared.plan)
    # A plan counts as used once it is entered, not before: Insight may be unreachable.
    note = (lambda: None) if saved is None else partial(guard.note_plan, saved.saved.view.plan_id)
    return PlannedRun(loaded=loaded, prepared=prepared, binding=order.binding, entered=note)


def _refuse_empty_sources(plan: Plan) -> None:
    """Raises SourceContentError: an export that broke must not withdraw everybody."""
    empty = [found for found in plan.diagnostics if found.code == WarningCode.EMPTY_SOURCE]
    if empty:
        raise SourceContentError(
            "\n".join(f"{found.file}:{found.line}: {found.message}; nothing was changed" for found in empty),
            hint=empty[0].hint,
        )


def _ask(work: PlannedRun, options: ApplyOptions) -> None:
    """Asks for the number of calls, which is not typed by accident. Raises DeclinedError."""
    if options.yes:
        return
    sys.stdout.write(f"\nType the number of calls ({work.calls}) to queue them, anything else to leave: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().replace(",", "") != str(work.calls):
        raise DeclinedError("nothing was queued")


def _execute(order: _Order, planned: PlannedRun, guard: RollbackGuard, queued: _QueuedCalls) -> RunEnd:
    environment, settings = order.target, order.target.settings
    log = LogOptions(planned.campaign, settings.log, settings.log_level)
    now = environment.clock.now
    with signals_restored(), live(planned.calls, planned.prepared.identity, now, log) as listen:
        return asyncio.run(_run(order, planned, guard, queued.counted(listen)))


async def _run(
    order: _Order, planned: PlannedRun, guard: RollbackGuard, on_event: Callable[[Event], None]
) -> RunEnd:
    async with order.target.client() as client:
        execution = Execution(
            planned, order.target, client, guard, on_event, until_idle=order.options.until_idle
        )
        # Until the run has begun, a signal cancels it: nothing is entered.
        await execution.begin(TERMINAL_PROGRESS)
        stop_on_signals(execution.stop)
        return await execution.dispatch()
