"""`runner show`: a saved plan in any form. Needs neither campaign, contacts nor ledger."""

import shlex
import sys
from pathlib import Path

from runner.commands.plan_formats import write_plan
from runner.errors import ExitStatus
from runner.options import PlanFormat
from runner.services import saved_plans
from runner.services.progress import NO_PROGRESS

_UNPROVEN = (
    "note: {path} agrees with its checksum, but this machine lacks the privacy key it was made with: an edit "
    "that also corrected the checksum is only noticed by `runner apply`\n"
)


def show(path: Path, form: PlanFormat, *, most_bytes: int | None, every_row: bool = False) -> int:
    """`most_bytes` bounds the Markdown form; with `every_row` the text form cuts no list.

    Raises RunnerError when there is no saved plan at `path`, and PlanStaleError when it was edited.
    """
    file = saved_plans.load(path, NO_PROGRESS)
    if not saved_plans.check_unedited(file, saved_plans.identity_here()):
        sys.stderr.write(_UNPROVEN.format(path=path))
    write_plan(
        file.saved.view,
        form,
        list_all=f"runner show {shlex.quote(str(path))} --all",
        private=False,
        most_bytes=most_bytes,
        every_row=every_row,
    )
    return ExitStatus.DONE
