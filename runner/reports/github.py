"""Findings for GitHub Actions: annotations at their lines, and the summary of a job.

Messages and file names repeat what untrusted files say. None of it may become a workflow command, HTML or
Markdown of its own.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from runner.campaign.diagnostics import Diagnostic, Severity
from runner.characters import visible
from runner.errors import RunnerError
from runner.reports.markdown import plain, table

MAX_ANNOTATIONS = 10
"""GitHub shows this many errors and this many warnings of a step, and silently drops the others."""

MAX_SUMMARY_BYTES = 1024 * 1024 - 1
"""A step's summary of 1 MiB or more is refused as a whole."""


def annotations(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands, one a line: ten errors, ten warnings, and how many more there are.

    The first ones are shown, so `diagnostics` come in file order. Empty without diagnostics.
    """
    findings = list(diagnostics)
    shown = [
        finding
        for severity in (Severity.ERROR, Severity.WARNING)
        for finding in [found for found in findings if found.severity is severity][:MAX_ANNOTATIONS]
    ]
    lines = [_annotation(finding) for finding in shown]
    if more := len(findings) - len(shown):
        how = "the job summary lists all of them, as does the command without --output github"
        lines.append(f"::notice::+{more:,} more: {how}")
    return "".join(f"{line}\n" for line in lines)


def findings_table(diagnostics: Iterable[Diagnostic], heading: str) -> str:
    """The Markdown of a job summary: a heading, and a table with a line for each finding, errors first."""
    findings = sorted(diagnostics, key=lambda finding: finding.severity is not Severity.ERROR)
    lines = [f"### {plain(heading)}", ""]
    if findings:
        lines += table(("", "Where", "What", "What to do"), (_row(finding) for finding in findings))
    return "".join(f"{line}\n" for line in lines)


def append_job_summary(path: Path, markdown: str) -> None:
    """Appends to the file that GITHUB_STEP_SUMMARY names, within the size that GitHub accepts.

    What does not fit is cut at the end of a line, and a last line gives the number of lines cut: so each line
    of `markdown` must be readable alone, as the rows of a table are.

    Raises RunnerError when the file cannot be written.
    """
    try:
        with path.open("ab") as file:
            held = file.seek(0, os.SEEK_END)
            # Whatever came before ends here; else our first line might become part of its last.
            gap = b"\n\n" if held else b""
            file.write(_fitting(gap, markdown, MAX_SUMMARY_BYTES - held))
    except OSError as error:
        raise RunnerError(
            f"the job summary cannot be written: {error.strerror}",
            hint="GITHUB_STEP_SUMMARY names its file; GitHub sets it",
        ) from None


def _annotation(finding: Diagnostic) -> str:
    place = {"file": os.path.normpath(finding.file)}
    if finding.line:
        place |= {"line": str(finding.line), "col": str(max(finding.col, 1))}
    place["title"] = f"runner: {finding.code}"
    properties = ",".join(f"{name}={_property(value)}" for name, value in place.items())
    message = f"{finding.message}\nhint: {finding.hint}" if finding.hint else finding.message
    return f"::{finding.severity} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return "%0D".join(visible(part).replace("%", "%25").replace("\n", "%0A") for part in text.split("\r"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _row(finding: Diagnostic) -> list[str]:
    place = f"{finding.file}:{finding.line}:{finding.col}" if finding.line else finding.file
    what = f"{finding.code}: {finding.message}"
    return [plain(cell) for cell in (finding.severity, place, what, finding.hint)]


def _fitting(gap: bytes, markdown: str, room: int) -> bytes:
    whole = gap + markdown.encode()
    if len(whole) <= room:
        return whole
    lines = markdown.encode().splitlines(keepends=True)
    left = room - len(gap) - len(_cut_notice(len(lines)))
    kept = 0
    while left >= len(lines[kept]):
        left -= len(lines[kept])
        kept += 1
    shortened = gap + b"".join(lines[:kept]) + _cut_notice(len(lines) - kept)
    return shortened if len(shortened) <= room else b""


def _cut_notice(lines: int) -> bytes:
    return (
        f"\n{lines:,} more line{'' if lines == 1 else 's'} did not fit: a job summary holds less than 1 MiB. "
        "The command without --output shows everything.\n"
    ).encode()
