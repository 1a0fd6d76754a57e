"""`runner show`: a saved plan in any form. Also how `runner plan` writes one. Only one form is imported."""
# ruff: noqa: PLC0415 - see above

import os
import shlex
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from runner.errors import ExitStatus, RunnerError
from runner.options import PlanFormat
from runner.planning.plan_view import PlanView
from runner.reports.progress import activity, progress
from runner.reports.streams import write_commands
from runner.services import saved_plans
from runner.services.progress import NO_PROGRESS
from runner.settings import job_summary

_SUMMARY_BYTES = 500_000
"""Half of what GitHub takes of a job: other steps write there too."""
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


def write_plan(
    plan: PlanView,
    form: PlanFormat,
    *,
    list_all: str,
    private: bool,
    most_bytes: int | None = None,
    every_row: bool = False,
) -> None:
    """`private`: the plan shows people's data. `most_bytes` bounds the Markdown form, and with `every_row`
    the text form cuts no list; `list_all` is the command for that.

    Raises RunnerError when people's data would lie open for others.
    """
    if private:
        check_private()
    match form:
        case PlanFormat.TEXT:
            from runner.reports.console import standard_console
            from runner.reports.plan_text import print_plan

            print_plan(standard_console(), plan, every_row=every_row, list_all=list_all)
        case PlanFormat.JSON:
            from runner.reports.plan_json import plan_json

            _write_lines(plan_json(plan), len(plan.calls) + len(plan.exclusions))
        case PlanFormat.MARKDOWN:
            from runner.reports.plan_markdown import DEFAULT_BYTES, plan_markdown

            sys.stdout.write(plan_markdown(plan, most_bytes or DEFAULT_BYTES))
        case PlanFormat.HTML:
            from runner.reports.plan_html import plan_html

            with activity("writing the page"):
                page = plan_html(plan)
            sys.stdout.write(page)
        case PlanFormat.GITHUB:
            _report_to_github(plan, most_bytes or _SUMMARY_BYTES)


def _write_lines(lines: Iterable[str], number: int) -> None:
    """With a bar, unless the terminal shows the lines themselves."""
    sys.stdout.writelines(lines if sys.stdout.isatty() else progress("writing the plan", number, lines))


def _report_to_github(plan: PlanView, most_bytes: int) -> None:
    from runner.reports import github
    from runner.reports.plan_facts import headline
    from runner.reports.plan_markdown import plan_markdown

    write_commands(github.annotations(plan.diagnostics))
    sys.stdout.write(f"{headline(plan)}\n")
    summary = job_summary()
    if summary is not None:
        github.append_job_summary(summary, plan_markdown(plan, most_bytes))


def check_private() -> None:
    """Where standard output is a file, nobody else may read it: its mode becomes 0600."""
    try:
        output = sys.stdout.fileno()
        mode = os.fstat(output).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode) or stat.S_IMODE(mode) == stat.S_IRUSR | stat.S_IWUSR:
        return
    try:
        os.fchmod(output, stat.S_IRUSR | stat.S_IWUSR)
    except OSError:
        raise RunnerError(
            "the output is a file that others can read, and --show-contacts puts people's data into it",
            hint="write to a file of your own: (umask 077; runner … --show-contacts > FILE)",
        ) from None
    sys.stderr.write("the output shows people's data: only you can read the file now (mode 0600)\n")
