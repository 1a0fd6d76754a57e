"""`runner apply`: shows the plan, asks, and queues every call at its time."""

import asyncio
import shlex
import sys
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from runner.calls import Guard
from runner.campaign.loader import LoadedCampaign
from runner.campaign.variables import Variables
from runner.commands.event_log import EventLog, event_log
from runner.commands.line_file import STANDARD_OUTPUT
from runner.commands.terminal import (
    TERMINAL_PROGRESS,
    answer_to,
    note,
    note_comparison,
    note_receiver,
    rehearsed,
    signals_restored,
    stop_on_signals,
)
from runner.dispatch.events import Event, RunBegan, RunEnd
from runner.errors import DeclinedError, ExitStatus, LedgerError, RunnerError, UsageError
from runner.ledger.overview import Overview, overview, round_starts
from runner.reports.console import standard_console
from runner.reports.live import LogOptions, live
from runner.reports.notices import late_words
from runner.reports.plan_facts import FIRST_PLAN
from runner.reports.plan_text import print_plan
from runner.reports.summary import print_summary
from runner.services import saved_plans
from runner.services.apply import Apply
from runner.services.binding import api_name
from runner.services.campaigns import load
from runner.services.environment import Environment, insight
from runner.services.planning import PreparedPlan
from runner.settings import load_settings

_PROBLEMS_SHOWN = 5


class SandboxOptions(NamedTuple):
    """How the sandbox of a rehearsal behaves; None: as usual."""

    outcomes: str | None
    callbacks: str | None
    seed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """The options of the command line."""

    yes: bool
    sandbox: SandboxOptions | None
    """None for real calls."""
    limit: int | None
    variables: Variables
    allowed: Collection[Guard]
    until_idle: bool
    wait: bool
    show_contacts: bool
    events: str | None
    """The file that gets the events as JSON lines; `-` is standard output."""

    @property
    def console(self) -> Console:
        """Standard output belongs to the events where they are written there."""
        return standard_console(stderr=self.events == STANDARD_OUTPUT)


def apply(path: Path, options: ApplyOptions) -> int:
    """Carries out a campaign file or a saved plan. Returns the exit status.

    Raises RunnerError before and during the run.
    """
    if options.wait and options.until_idle:
        raise UsageError("--wait and --until-idle exclude each other", hint="choose one of them")
    saved = saved_plans.load_if_saved(path, TERMINAL_PROGRESS)
    if saved is not None:
        _refuse_rehearsal(saved, options)
        limit, variables = saved.own_limit(options.limit), saved.own_variables(options.variables)
        options = replace(options, limit=limit, variables=variables)
    loaded = load(path if saved is None else saved.campaign, options.variables)
    if not options.yes and not sys.stdin.isatty():
        raise UsageError(
            "apply asks before it queues calls, and there is no terminal to ask on",
            hint="review the plan, then run apply with --yes",
        )
    with event_log(options.events, loaded.campaign.name) as log:
        return _carry_out(path, loaded, saved, options, log)


def _carry_out(
    path: Path,
    loaded: LoadedCampaign,
    saved: saved_plans.PlanFile | None,
    options: ApplyOptions,
    log: EventLog,
) -> int:
    found = insight(load_settings()) if options.sandbox is None else rehearsed(*options.sandbox)
    with found as environment, environment.ledger.hold(loaded.campaign.name):
        log.now = environment.clock.now
        work = Apply(
            loaded,
            environment,
            saved=saved,
            limit=options.limit,
            until_idle=options.until_idle,
            wait=options.wait,
            allowed=options.allowed,
            progress=TERMINAL_PROGRESS,
        )
        prepared = _shown_plan(work, path, environment, options, log)
        is_needed = work.is_needed(prepared)
        if prepared.has_changes and not options.yes:
            _ask(prepared, stderr=options.events == STANDARD_OUTPUT)
        finish = RunEnd.DONE
        try:
            if is_needed:
                finish = _run(work, prepared, environment, log)
        except RunnerError:
            # The ledger may be what failed, or the output is closed; the error is shown in any case.
            with suppress(LedgerError, OSError):
                log.saw(_summarize(work, environment, path, None, options.console), work.queued)
            raise
        seen = _summarize(work, environment, path, finish, options.console)
    log.saw(seen, work.queued)
    status = _status(finish, seen)
    log.ended(finish.value if is_needed else "nothing_to_do", status)
    return status


def _status(finish: RunEnd, seen: Overview) -> ExitStatus:
    if finish is RunEnd.INTERRUPTED:
        return ExitStatus.INTERRUPTED
    return ExitStatus.FINISHED_WITH_PROBLEMS if seen.unacknowledged else ExitStatus.DONE


def _refuse_rehearsal(saved: saved_plans.PlanFile, options: ApplyOptions) -> None:
    if options.sandbox is not None:
        raise UsageError(
            "a saved plan cannot be rehearsed: it belongs to the ledger it was made with",
            hint=f"rehearse its campaign: runner apply {saved.campaign} --sandbox",
        )


def sandbox_options(options: SandboxOptions, *, sandbox: bool) -> SandboxOptions | None:
    """None where nothing is rehearsed. Raises UsageError for an option that only a rehearsal has."""
    if sandbox:
        return options
    for name, value in options._asdict().items():
        if value is not None:
            raise UsageError(
                f"--{name} is for rehearsals, and this apply would call people",
                hint=f"add --sandbox, or leave out --{name}",
            )
    return None


def _shown_plan(
    work: Apply, path: Path, environment: Environment, options: ApplyOptions, log: EventLog
) -> PreparedPlan:
    orphaned = work.check()
    if orphaned:
        note(
            f"{orphaned} calls were being sent when the last run died: they are uncertain, and not sent again"
        )
    prepared = work.plan()
    note_comparison(prepared, path)
    if not environment.is_rehearsal:
        note_receiver(prepared, environment.settings)
        if prepared.loaded.campaign.notify:
            note("this apply sends no notifications: `notify` is for runner serve")
    if prepared.is_first and not environment.is_rehearsal:
        sys.stderr.write(FIRST_PLAN)
    list_all = f"runner plan {shlex.quote(str(prepared.loaded.path))} --all"
    console = options.console
    # Without a terminal nobody reviews the plan here: `runner plan` shows all of it.
    brief = not console.is_terminal
    view = prepared.view(show_contacts=options.show_contacts)
    log.plan_made(view)
    print_plan(console, view, brief=brief, list_all=list_all)
    if work.late_opt_outs:
        note(late_words(work.late_opt_outs, work.identity))
    return prepared


def _ask(prepared: PreparedPlan, *, stderr: bool) -> None:
    """Asks for the number of calls, which is not typed by accident. Raises DeclinedError."""
    number = str(len(prepared.plan.calls))
    question = f"\nType the number of calls ({number}) to queue them, anything else to cancel: "
    answer = answer_to(question, stderr=stderr)
    if answer.replace(",", "") != number:
        raise DeclinedError("nothing was queued")


def _run(work: Apply, prepared: PreparedPlan, environment: Environment, log: EventLog) -> RunEnd:
    settings = environment.settings
    shown = LogOptions(work.campaign, settings.log, settings.log_level, rehearsal=environment.is_rehearsal)
    total, now = len(prepared.plan.calls), environment.clock.now
    with signals_restored(), live(total, work.identity, now, shown) as listen:

        def hear(event: Event) -> None:
            # Until the run has begun, a signal cancels it: nothing is entered.
            if isinstance(event, RunBegan):
                stop_on_signals(work.stop)
            log.event(event, work.identity)
            listen(event)

        return asyncio.run(work.run(prepared, hear))


def _summarize(
    work: Apply, environment: Environment, path: Path, finish: RunEnd | None, console: Console
) -> Overview:
    """Says how the run ended and what is left, as the ledger has it."""
    seen = overview(environment.ledger.engine, work.campaign, environment.clock.now(), _PROBLEMS_SHOWN)
    print_summary(
        console,
        seen,
        finish,
        work.identity,
        starts=round_starts(environment.ledger.engine, work.campaign),
        queued_now=work.queued,
        rehearsal=environment.is_rehearsal,
        where="the sandbox" if environment.is_rehearsal else api_name(environment.settings),
        path=path,
    )
    return seen
