"""`runner show`: a saved plan in any form. Needs neither campaign, contacts nor ledger."""

from pathlib import Path

from runner.commands import saved_plans
from runner.commands.forms import Form, write_plan
from runner.errors import ExitStatus


def show(path: Path, form: Form) -> int:
    """Raises RunnerError when there is no saved plan at `path`."""
    write_plan(saved_plans.load(path).saved.view, form, private=False)
    return ExitStatus.DONE
