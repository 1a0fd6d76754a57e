"""`runner plan`: shows what apply would do, and changes nothing."""

import shlex
import sys
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from runner.campaign.loader import LoadedCampaign
from runner.commands import campaign_file, saved_plans
from runner.commands.plan_formats import PlanFormat, write_plan
from runner.commands.terminal_progress import TERMINAL_PROGRESS
from runner.errors import ExitStatus, UsageError
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.reports.plan_facts import FIRST_PLAN, refusal
from runner.services.planning import PreparedPlan, prepare_plan
from runner.settings import ledger_states_folder, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What the command line says beside the campaign. `as_of` is UTC Unix seconds; None for now."""

    as_of: float | None = None
    form: PlanFormat = PlanFormat.TEXT
    limit: int | None = None
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
        raise UsageError("--explain tells of one contact, as text", hint="leave out --output and -o")
    saved = saved_plans.load(path) if path.suffix == saved_plans.SUFFIX else None
    if saved is not None:
        options = replace(options, limit=saved.limit_beside(options.limit))
    loaded = campaign_file.load(path if saved is None else saved.campaign)
    settings = load_settings()
    now = _now(options)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        guard = RollbackGuard(ledger, ledger_states_folder())
        guard.verify()
        prepared = prepare_plan(
            loaded, settings, ledger, now=now, limit=options.limit, progress=TERMINAL_PROGRESS
        )
        if saved is not None:
            prepared = saved_plans.confirmed(saved, loaded, prepared, ledger)
            saved_plans.refuse_if_applied_elsewhere(saved, guard)
    if options.explain is not None:
        # A plan is made far more often than explained.
        from runner.commands.explain import print_explanations  # noqa: PLC0415

        print_explanations(options.explain, loaded, prepared, settings, show_contacts=options.show_contacts)
        return ExitStatus.DONE
    _write(loaded, prepared, options)
    # Of a plan that apply refuses, nothing waits to be done.
    pending = bool(prepared.plan.calls or prepared.plan.withdrawals) and not refusal(
        prepared.plan.diagnostics
    )
    return ExitStatus.CHANGES_PENDING if options.detailed_exitcode and pending else ExitStatus.DONE


def _plan_folder(folder: Path, options: PlanOptions) -> int:
    if options.explain is not None or options.save_to is not None or options.form is not PlanFormat.TEXT:
        raise UsageError(
            f"{folder} is a folder, of which plan writes a line for each campaign",
            hint="name one campaign file with --explain, --output or -o",
        )
    # Most plans are of one file.
    from runner.commands.plan_folder import plan_folder  # noqa: PLC0415

    worst, pending = plan_folder(folder, now=_now(options), limit=options.limit)
    if worst is ExitStatus.DONE and options.detailed_exitcode and pending:
        return ExitStatus.CHANGES_PENDING
    return worst


def _now(options: PlanOptions) -> float:
    return float(int(time.time())) if options.as_of is None else options.as_of


def _write(loaded: LoadedCampaign, prepared: PreparedPlan, options: PlanOptions) -> None:
    if prepared.is_first:
        sys.stderr.write(FIRST_PLAN)
    if options.save_to is not None:
        saved_plans.save(options.save_to, loaded, prepared)
    shown = prepared.view(show_contacts=options.show_contacts)
    write_plan(
        shown,
        options.form,
        list_all=f"runner plan {shlex.quote(str(loaded.path))} --all",
        private=options.show_contacts,
        most_bytes=options.most_bytes,
        every_row=options.every_row,
    )
    if options.save_to is not None:
        sys.stderr.write(f"saved; when it was reviewed: runner apply {options.save_to}\n")
