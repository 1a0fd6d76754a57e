"""`runner validate`: reads campaign files and reports everything that is wrong with them."""

import sys
from collections.abc import Sequence
from pathlib import Path

from runner.campaign.diagnostics import Diagnostic, Severity, render
from runner.campaign.variables import NO_VARIABLES, Variables
from runner.campaign.warning_codes import in_a_line
from runner.errors import ExitStatus
from runner.reports.forms import FORMAT_VERSION, Validation
from runner.reports.json_text import diagnostic_json, json_text
from runner.reports.streams import write_commands
from runner.services.campaign_checks import CheckedFile, check_files
from runner.services.campaigns import campaign_files, without_bases
from runner.services.progress import NO_PROGRESS, Progress


def validate(
    paths: Sequence[Path], *, output: str, contacts: bool = False, variables: Variables = NO_VARIABLES
) -> int:
    """Needs no credentials; reads `contacts` only where asked to. `output` is text, json, github or sarif."""
    files = without_bases(dict.fromkeys(file for path in paths for file in campaign_files(path)))
    progress = _progress() if contacts else NO_PROGRESS
    checked = check_files(files, contacts=contacts, variables=variables, progress=progress)
    of_folder = any(path.is_dir() for path in paths)
    findings = [finding for each in checked for finding in each.findings]
    match output:
        case "json":
            diagnostics = [diagnostic_json(finding) for finding in findings]
            found = Validation(format_version=FORMAT_VERSION, diagnostics=diagnostics)
            sys.stdout.write(f"{json_text(found, indented=True)}\n")
        case "github":
            _report_to_github(findings, _verdict(findings, len(files)))
        case "sarif":
            _write_sarif(findings)
        case _:
            _write_text(checked, findings, a_line_each=of_folder)
    return ExitStatus.CAMPAIGN_INVALID if _errors(findings) else ExitStatus.DONE


def _write_text(checked: Sequence[CheckedFile], findings: Sequence[Diagnostic], *, a_line_each: bool) -> None:
    for finding in findings:
        sys.stdout.write(f"{render(finding)}\n\n")
    suppressed = [warning for each in checked for warning in each.suppressed]
    if suppressed:
        sys.stdout.write(f"{in_a_line(suppressed)}\n")
    if any(each.loaded is not None and each.loaded.campaign.notify for each in checked):
        sys.stdout.write("`notify`: runner serve sends notifications, runner apply does not\n")
    if a_line_each and len(checked) > 1:
        for each in checked:
            sys.stdout.write(f"{each.file}: {_in_short(each.findings)}\n")
    sys.stdout.write(f"{_verdict(findings, len(checked))}\n")


def _in_short(findings: Sequence[Diagnostic]) -> str:
    """`valid`, `valid, 1 warning` or `2 errors, 1 warning`."""
    errors = len(_errors(findings))
    warnings = len(findings) - errors
    parts = [_count(errors, "error") if errors else "valid"]
    return ", ".join([*parts, *([_count(warnings, "warning")] if warnings else [])])


def _errors(findings: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _verdict(findings: Sequence[Diagnostic], files: int) -> str:
    errors = _errors(findings)
    if not errors:
        return f"{_count(files, 'campaign file')}: valid"
    broken = len({finding.file for finding in errors})
    return f"{_count(len(errors), 'error')} in {broken} of {_count(files, 'campaign file')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# A file is checked on every save: what only some forms need is imported with them.


def _progress() -> Progress:
    from runner.commands.terminal import TERMINAL_PROGRESS  # noqa: PLC0415 - see above

    return TERMINAL_PROGRESS


def _write_sarif(findings: Sequence[Diagnostic]) -> None:
    from importlib.metadata import version  # noqa: PLC0415 - see above

    from runner.reports.sarif import sarif  # noqa: PLC0415 - see above

    sys.stdout.write(sarif(findings, Path.cwd(), version("plum-runner")))


def _report_to_github(findings: Sequence[Diagnostic], verdict: str) -> None:
    from runner.reports import github  # noqa: PLC0415 - see above
    from runner.settings import job_summary  # noqa: PLC0415 - see above

    write_commands(github.annotations(findings))
    sys.stdout.write(f"{verdict}\n")
    summary = job_summary()
    if summary is not None:
        github.append_job_summary(summary, github.findings_table(findings, f"runner validate: {verdict}"))
