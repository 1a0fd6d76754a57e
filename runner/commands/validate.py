"""`runner validate`: reads campaign files and reports everything that is wrong with them."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, Severity, render
from runner.campaign.loader import LoadedCampaign
from runner.campaign.warning_codes import SuppressedWarning, WarningCode, in_a_line, part
from runner.commands import campaign_file
from runner.commands.campaign_files import campaign_files
from runner.errors import ExitStatus
from runner.reports.json_text import diagnostic_json, json_text
from runner.reports.streams import write_commands
from runner.services.campaign_checks import all_closed, check_holidays, source_places


@dataclass(frozen=True, slots=True)
class Checked:
    """A campaign file and all that there is to say about it. `loaded` is None where it is invalid."""

    file: Path
    loaded: LoadedCampaign | None
    findings: tuple[Diagnostic, ...]
    silenced: tuple[SuppressedWarning, ...] = ()


def validate(paths: Sequence[Path], *, output: str, contacts: bool = False) -> int:
    """Needs no credentials; reads `contacts` only where asked to. `output` is text, json, github or sarif."""
    files = dict.fromkeys(file for path in paths for file in campaign_files(path))
    checked = [check(file, contacts=contacts) for file in files]
    of_folder = any(path.is_dir() for path in paths)
    if of_folder:
        checked = list(_with_same_names(checked))
    findings = [finding for each in checked for finding in each.findings]
    match output:
        case "json":
            found = [diagnostic_json(finding) for finding in findings]
            sys.stdout.write(f"{json_text(found, indented=True)}\n")
        case "github":
            _report_to_github(findings, _verdict(findings, len(files)))
        case "sarif":
            _write_sarif(findings)
        case _:
            _write_text(checked, findings, a_line_each=of_folder)
    return ExitStatus.CAMPAIGN_INVALID if _errors(findings) else ExitStatus.DONE


def check(file: Path, *, contacts: bool = False) -> Checked:
    """Everything there is to say about one campaign file and, where asked to, its `contacts`."""
    try:
        loaded = campaign_file.load(file)
        check_holidays(loaded)
    except CampaignInvalidError as error:
        return Checked(file, None, error.diagnostics)
    places = tuple(source_places(loaded, campaign_file.data_roots))
    found = (*loaded.warnings, *all_closed(loaded), *places)
    if contacts and not places:
        # It plans, which nothing else here needs.
        from runner.commands.check_contacts import check_contacts  # noqa: PLC0415

        found = (*found, *check_contacts(loaded, found))
    return _checked(file, loaded, found)


def _checked(file: Path, loaded: LoadedCampaign, found: Sequence[Diagnostic]) -> Checked:
    shown, silenced = part(found, loaded.campaign.silence)
    return Checked(file, loaded, shown, silenced)


def _with_same_names(checked: Sequence[Checked]) -> Iterator[Checked]:
    """Adds a warning where two files have one name: to the ledger they are one campaign."""
    first: dict[str, Path] = {}
    for each in checked:
        if each.loaded is None:
            yield each
            continue
        file = first.setdefault(each.loaded.campaign.name, each.file)
        yield each if file is each.file else _with_same_name(each, each.loaded, file)


def _with_same_name(each: Checked, loaded: LoadedCampaign, other: Path) -> Checked:
    warning = loaded.diagnostic(
        Severity.WARNING,
        WarningCode.SAME_NAME,
        f"{other} has the same name: to the ledger both are one campaign, and each apply withdraws the "
        "other's calls",
        ("name",),
        "give each campaign a name of its own",
    )
    more = _checked(each.file, loaded, [warning])
    return replace(each, findings=(*each.findings, *more.findings), silenced=(*each.silenced, *more.silenced))


def _write_text(checked: Sequence[Checked], findings: Sequence[Diagnostic], *, a_line_each: bool) -> None:
    for finding in findings:
        sys.stdout.write(f"{render(finding)}\n\n")
    silenced = [silenced for each in checked for silenced in each.silenced]
    if silenced:
        sys.stdout.write(f"{in_a_line(silenced)}\n")
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
