"""`runner plan` of a folder: a line for each campaign in it."""

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from runner.commands import campaign_file
from runner.commands.campaign_files import campaign_files
from runner.commands.terminal_progress import TERMINAL_PROGRESS
from runner.errors import ExitStatus, RunnerError
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.planning.plan_view import PlanView
from runner.reports.plan_facts import count, refusal, totals
from runner.services.planning import prepare_plan
from runner.settings import Settings, ledger_states_folder, load_settings


def plan_folder(folder: Path, *, now: float, limit: int | None) -> tuple[ExitStatus, bool]:
    """Writes what each campaign comes to. Returns the worst status, and whether any has something to do.

    A campaign that cannot be planned keeps no other from being planned.
    """
    worst, pending = ExitStatus.DONE, False
    settings = load_settings()
    files = campaign_files(folder)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        RollbackGuard(ledger, ledger_states_folder()).verify()
        for file in files:
            try:
                view = _view(file, settings, ledger, now, limit)
            except RunnerError as error:
                worst = max(worst, error.exit_status)
                sys.stdout.write(f"{file}: error: {_in_a_line(error)}\n")
            else:
                pending = pending or (bool(view.calls or view.withdrawals) and not refusal(view.diagnostics))
                sys.stdout.write(f"{file}: {', '.join(_summary(view))}\n")
    return worst, pending


def _view(file: Path, settings: Settings, ledger: Ledger, now: float, limit: int | None) -> PlanView:
    prepared = prepare_plan(
        campaign_file.load(file), settings, ledger, now=now, limit=limit, progress=TERMINAL_PROGRESS
    )
    return prepared.view(show_contacts=False)


def _summary(plan: PlanView) -> Iterator[str]:
    yield f"{plan.campaign}: {totals(plan)}"
    if plan.diagnostics:
        yield count(len(plan.diagnostics), "warning")
    if refusal(plan.diagnostics):
        yield "apply will refuse it"


def _in_a_line(error: RunnerError) -> str:
    first, *more = error.message.splitlines()
    return f"{first} (and {count(len(more), 'more line')})" if more else first
