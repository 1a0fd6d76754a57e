"""`runner plan`: shows what apply would do, and changes nothing."""

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from runner.campaign.variables import Variables
from runner.commands.show import write_plan
from runner.commands.terminal import TERMINAL_PROGRESS, note, note_comparison, note_receiver
from runner.errors import ExitStatus, RunnerError, UsageError
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.options import PlanFormat
from runner.planning.plan_view import PlanView
from runner.reports.plan_facts import FIRST_PLAN, count, refusal, totals
from runner.services import saved_plans
from runner.services.campaigns import campaign_files, load
from runner.services.planning import PreparedPlan, prepare_plan
from runner.settings import Settings, ledger_states_folder, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """The options of the command line. `as_of` is UTC Unix seconds; None for now."""

    as_of: float | None = None
    form: PlanFormat = PlanFormat.TEXT
    limit: int | None = None
    variables: Variables = field(default_factory=dict)
    show_contacts: bool = False
    save_to: Path | None = None
    detailed_exitcode: bool = False
    most_bytes: int | None = None
    """Bounds the Markdown form."""
    every_row: bool = False
    """Cuts no list of the text form."""
    explain: str | None = None
    """The one contact to explain, in place of the whole plan."""


def plan(path: Path, options: PlanOptions) -> int:
    """Plans a campaign file, or each of a folder; of a saved plan, shows what apply would make of it now.
    Needs no credentials.

    Raises RunnerError for all that keeps a plan from being made, and PlanStaleError.
    """
    if path.is_dir():
        return _plan_folder(path, options)
    if options.save_to is not None:
        saved_plans.check_name(options.save_to)
    if options.explain is not None and (options.form is not PlanFormat.TEXT or options.save_to is not None):
        raise UsageError("--explain writes text about one contact", hint="leave out --output and -o")
    settings = load_settings()
    prepared = _prepared(path, options, settings)
    if options.explain is not None:
        # A plan is made far more often than explained.
        from runner.commands.explain import print_explanations  # noqa: PLC0415

        print_explanations(options.explain, prepared, settings, show_contacts=options.show_contacts)
        return ExitStatus.DONE
    _write(prepared, options)
    return _detailed(prepared) if options.detailed_exitcode else ExitStatus.DONE


def _detailed(prepared: PreparedPlan) -> ExitStatus:
    if prepared.beyond:
        return ExitStatus.GUARDED
    # Of a plan that apply refuses, nothing waits to be done.
    pending = prepared.has_changes and not refusal(prepared.plan.diagnostics)
    return ExitStatus.CHANGES_PENDING if pending else ExitStatus.DONE


def _prepared(path: Path, options: PlanOptions, settings: Settings) -> PreparedPlan:
    saved = saved_plans.load_if_saved(path, TERMINAL_PROGRESS)
    if saved is not None:
        limit, variables = saved.own_limit(options.limit), saved.own_variables(options.variables)
        options = replace(options, limit=limit, variables=variables)
    loaded = load(path if saved is None else saved.campaign, options.variables)
    now = _now(options)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        guard = RollbackGuard(ledger, ledger_states_folder())
        guard.verify()
        prepared = prepare_plan(
            loaded, settings, ledger, now=now, limit=options.limit, progress=TERMINAL_PROGRESS
        )
        if saved is not None:
            prepared = saved_plans.confirm(saved, prepared, ledger, guard, TERMINAL_PROGRESS)
    note_comparison(prepared, path)
    note_receiver(prepared, settings)
    return prepared


def _now(options: PlanOptions) -> float:
    return float(int(time.time())) if options.as_of is None else options.as_of


def _write(prepared: PreparedPlan, options: PlanOptions) -> None:
    if prepared.is_first:
        sys.stderr.write(FIRST_PLAN)
    if options.save_to is not None:
        saved_plans.save(options.save_to, prepared, TERMINAL_PROGRESS)
    write_plan(
        prepared.view(show_contacts=options.show_contacts),
        options.form,
        list_all=f"runner plan {shlex.quote(str(prepared.loaded.path))} --all",
        private=options.show_contacts,
        most_bytes=options.most_bytes,
        every_row=options.every_row,
    )
    if options.save_to is not None:
        note(f"saved; after the review: runner apply {options.save_to}")


def _plan_folder(folder: Path, options: PlanOptions) -> int:
    """Writes a line for each campaign, and returns the worst status.

    A campaign that cannot be planned keeps no other from being planned.
    """
    if options.explain is not None or options.save_to is not None or options.form is not PlanFormat.TEXT:
        raise UsageError(
            f"{folder} is a folder: plan writes one line for each campaign in it",
            hint="name one campaign file with --explain, --output or -o",
        )
    worst, detailed = ExitStatus.DONE, ExitStatus.DONE
    settings, now = load_settings(), _now(options)
    files = campaign_files(folder)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        RollbackGuard(ledger, ledger_states_folder()).verify()
        for file in files:
            try:
                loaded = load(file, options.variables)
                prepared = prepare_plan(
                    loaded, settings, ledger, now=now, limit=options.limit, progress=TERMINAL_PROGRESS
                )
            except RunnerError as error:
                worst = max(worst, error.exit_status)
                sys.stdout.write(f"{file}: error: {_in_a_line(error)}\n")
            else:
                view = prepared.view(show_contacts=False)
                detailed = max(detailed, _detailed(prepared))
                sys.stdout.write(f"{file}: {', '.join(_summary(view))}\n")
    return detailed if worst is ExitStatus.DONE and options.detailed_exitcode else worst


def _summary(plan: PlanView) -> Iterator[str]:
    yield f"{plan.campaign}: {totals(plan)}"
    if plan.diagnostics:
        yield count(len(plan.diagnostics), "warning")
    if refusal(plan.diagnostics):
        yield "apply will refuse it"


def _in_a_line(error: RunnerError) -> str:
    first, *more = error.message.splitlines()
    return f"{first} (and {count(len(more), 'more line')})" if more else first
