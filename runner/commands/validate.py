"""`runner validate`: reads campaign files and reports everything that is wrong with them."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, Severity, render
from runner.campaign.loader import load_campaign
from runner.campaign.silence import Silenced, in_a_line, part, with_reasons
from runner.commands.checks import all_closed, check_holidays
from runner.errors import ExitStatus, UsageError
from runner.reports.diagnostic_json import diagnostic_json


def validate(paths: Sequence[Path], *, output: str) -> int:
    """Needs no credentials and reads no contacts. `output` is text, json, github or sarif."""
    files = [file for path in paths for file in campaign_files(path)]
    silenced: list[Silenced] = []
    findings = [finding for file in files for finding in check(file, silenced)]
    match output:
        case "json":
            found = [diagnostic_json(finding) for finding in findings]
            sys.stdout.write(f"{json.dumps(found, ensure_ascii=False, indent=1)}\n")
        case "github":
            _report_to_github(findings, _verdict(findings, len(files)))
        case "sarif":
            _write_sarif(findings)
        case _:
            for finding in findings:
                sys.stdout.write(f"{render(finding)}\n\n")
            if silenced:
                sys.stdout.write(f"{in_a_line(silenced)}\n")
            sys.stdout.write(f"{_verdict(findings, len(files))}\n")
    return ExitStatus.CAMPAIGN_INVALID if _errors(findings) else ExitStatus.DONE


def campaign_files(path: Path) -> list[Path]:
    """The file itself, or every YAML file of a folder and below, in order, dot-folders left out."""
    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for pattern in ("*.yaml", "*.yml")
        for file in path.rglob(pattern)
        if not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise UsageError(f"there is no YAML file in {path}")
    return found


def check(file: Path, silenced: list[Silenced]) -> list[Diagnostic]:
    """Everything there is to say about one campaign file. What it silences is added to `silenced`."""
    try:
        loaded = load_campaign(file)
        check_holidays(loaded)
    except CampaignInvalidError as error:
        return list(error.diagnostics)
    silence = loaded.campaign.silence
    told, untold = part((*loaded.warnings, *loaded.silenced, *all_closed(loaded)), silence)
    silenced += with_reasons(untold, silence)
    return list(told)


def _errors(findings: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _verdict(findings: Sequence[Diagnostic], files: int) -> str:
    errors = _errors(findings)
    checked = f"{files} campaign file{'' if files == 1 else 's'}"
    if not errors:
        return f"{checked}: valid"
    broken = len({finding.file for finding in errors})
    return f"{len(errors)} error{'' if len(errors) == 1 else 's'} in {broken} of {checked}"


# A file is checked on every save: what only some forms need is imported with them.


def _write_sarif(findings: Sequence[Diagnostic]) -> None:
    from importlib.metadata import version  # noqa: PLC0415 - see above

    from runner.reports.sarif import sarif  # noqa: PLC0415 - see above

    sys.stdout.write(sarif(findings, Path.cwd(), version("plum-runner")))


def _report_to_github(findings: Sequence[Diagnostic], verdict: str) -> None:
    from runner.reports import github  # noqa: PLC0415 - see above
    from runner.settings import job_summary  # noqa: PLC0415 - see above

    sys.stdout.write(f"{github.annotations(findings)}{verdict}\n")
    summary = job_summary()
    if summary is not None:
        github.append_job_summary(summary, github.findings_table(findings, f"runner validate: {verdict}"))
