"""`runner show`: a saved plan in any form. Needs neither campaign, contacts nor ledger."""

from pathlib import Path

from runner.commands import saved_plans
from runner.commands.forms import Form, write_plan
from runner.errors import ExitStatus


def show(path: Path, form: Form, *, most_bytes: int | None) -> int:
    """`most_bytes` bounds the Markdown form. Raises RunnerError when there is no saved plan at `path`."""
    write_plan(saved_plans.load(path).saved.view, form, private=False, most_bytes=most_bytes)
    return ExitStatus.DONE
