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
from runner.reports.plan_json import diagnostic_json


def validate(paths: Sequence[Path], *, as_json: bool) -> int:
    """Needs no credentials and reads no contacts."""
    files = [file for path in paths for file in campaign_files(path)]
    silenced: list[Silenced] = []
    findings = [finding for file in files for finding in check(file, silenced)]
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if as_json:
        sys.stdout.write(json.dumps([diagnostic_json(d) for d in findings], ensure_ascii=False, indent=1))
        sys.stdout.write("\n")
    else:
        for finding in findings:
            sys.stdout.write(f"{render(finding)}\n\n")
        if silenced:
            sys.stdout.write(f"{in_a_line(silenced)}\n")
        broken = len({finding.file for finding in errors})
        checked = f"{len(files)} campaign file{'' if len(files) == 1 else 's'}"
        verdict = (
            f"{len(errors)} error{'' if len(errors) == 1 else 's'} in {broken} of {checked}"
            if errors
            else f"{checked}: valid"
        )
        sys.stdout.write(f"{verdict}\n")
    return ExitStatus.CAMPAIGN_INVALID if errors else ExitStatus.DONE


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
