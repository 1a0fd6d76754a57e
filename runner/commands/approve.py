"""`runner approve`: a person approves what a campaign file says, so that `serve` carries it out."""

import shlex
import time
from pathlib import Path

from runner.commands.terminal import (
    TERMINAL_PROGRESS,
    actor,
    ask_to_type,
    note,
    note_comparison,
    require_terminal,
    say,
)
from runner.errors import ExitStatus, UsageError
from runner.ledger.approvals import short
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.reports.console import standard_console
from runner.reports.plan_text import print_plan
from runner.services import saved_plans
from runner.services.approvals import approve_content, reviewed_file
from runner.services.operators import guarded_ledger
from runner.services.planning import PreparedPlan, prepare_plan
from runner.settings import Settings, ledger_states_folder, load_settings


def approve(path: Path, *, plan: Path | None, yes: bool) -> int:
    """Shows what would change, asks, and keeps the approval of exactly this content.

    Raises RunnerError, and PlanStaleError where a saved `plan` is not what would be done now.
    """
    if not yes:
        require_terminal("approve")
    settings = load_settings()
    with guarded_ledger(settings) as ledger:
        loaded, content = reviewed_file(path)
        prepared = prepare_plan(
            loaded, settings, ledger, now=float(int(time.time())), limit=None, progress=TERMINAL_PROGRESS
        )
        if plan is not None:
            prepared = _confirmed(plan, path, prepared, ledger)
        _show(prepared, path, settings)
        if not yes:
            ask_to_type("approve", "approve")
        approve_content(ledger, loaded.campaign.name, path, content, actor())
    say(f"{loaded.campaign.name} is approved as it is now (content {short(content)}): serve carries it out")
    return ExitStatus.DONE


def _confirmed(plan: Path, path: Path, prepared: PreparedPlan, ledger: Ledger) -> PreparedPlan:
    saved = saved_plans.load(plan, TERMINAL_PROGRESS)
    if saved.campaign.resolve() != path.resolve():
        raise UsageError(f"{plan} is the plan of {saved.campaign}, not of {path}")
    if saved.saved.inputs.limit is not None or saved.saved.inputs.variables:
        raise UsageError(
            f"{plan} was made with --limit or --var, and serve has neither",
            hint=f"make it again: runner plan {shlex.quote(str(path))} -o {plan}",
        )
    guard = RollbackGuard(ledger, ledger_states_folder())
    confirmed = saved_plans.confirm(saved, prepared, ledger, guard, TERMINAL_PROGRESS)
    note_comparison(confirmed, plan)
    return confirmed


def _show(prepared: PreparedPlan, path: Path, settings: Settings) -> None:
    list_all = f"runner plan {shlex.quote(str(path))}"
    print_plan(standard_console(), prepared.view(show_contacts=False), brief=True, list_all=list_all)
    if settings.approval == "merge":
        note("RUNNER_APPROVAL is merge here: serve carries out every content, approved or not")
