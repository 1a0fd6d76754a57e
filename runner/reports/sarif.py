"""Findings as SARIF 2.1.0, for code-scanning services.

The sections named here are those of the OASIS standard "SARIF Version 2.1.0".
"""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from runner.campaign.diagnostics import Diagnostic, Severity

MAX_RESULTS = 25_000
"""GitHub refuses a run with more results ("About code scanning limits on SARIF results")."""

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LINE_BREAKS = ["\r\n", "\n", "\r"]
"""Those of YAML 1.2: they decide what a line number means."""


def sarif(findings: Sequence[Diagnostic], folder: Path, version: str) -> str:
    """One run with all findings. Files below `folder` (absolute) are named relative to it.

    The text is ASCII, so that it is valid UTF-8 whatever the encoding of the stream it is written to.
    """
    shown = _worst_first(findings)[:MAX_RESULTS] if len(findings) > MAX_RESULTS else findings
    rules = _rules(shown)
    places = {rule["id"]: place for place, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "runner", "version": version, "rules": rules}},
        # Our columns count characters; the usual UTF-16 units would count an emoji twice (3.14.17).
        "columnKind": "unicodeCodePoints",
        "newlineSequences": _LINE_BREAKS,
        "results": [
            _result(finding, places[finding.code], fingerprint, folder)
            for finding, fingerprint in zip(shown, _fingerprints(shown), strict=True)
        ],
    }
    if left_out := len(findings) - len(shown):
        run["invocations"] = [_incomplete(left_out)]
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _worst_first(findings: Sequence[Diagnostic]) -> list[Diagnostic]:
    return sorted(findings, key=lambda finding: finding.severity is not Severity.ERROR)


def _rules(findings: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    """Each code once, in the order of its first result, with its worst level."""
    levels: dict[str, Severity] = {}
    for finding in findings:
        if finding.severity is Severity.ERROR or finding.code not in levels:
            levels[finding.code] = finding.severity
    return [
        {
            "id": code,
            "shortDescription": {"text": code.replace("_", " ")},
            "help": {"text": "Each result says what is wrong in the campaign file and what to do about it."},
            "defaultConfiguration": {"level": level},
        }
        for code, level in levels.items()
    ]


def _result(finding: Diagnostic, rule: int, fingerprint: str, folder: Path) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.file, folder)}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "startColumn": max(finding.col, 1)}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": _message(finding)},
        "locations": [{"physicalLocation": place}],
        # GitHub's own `primaryLocationLineHash` is left to its upload action, which has the lines.
        "partialFingerprints": {"runnerFinding/v1": fingerprint},
    }


def _message(finding: Diagnostic) -> str:
    text = f"{finding.message}\nhint: {finding.hint}" if finding.hint else finding.message
    # `[…](…)` would be a link (3.11.6), and a message repeats what an untrusted file says.
    return text.replace("](", "] (")


def _uri(file: str, folder: Path) -> str:
    """A relative reference below `folder`; elsewhere an absolute one, as `..` might lead anywhere (3.4.4)."""
    path = Path(os.path.normpath(folder / file))
    if path.is_relative_to(folder):
        # With nothing before it, a colon would end the scheme of a URI: `quote` encodes it.
        return quote_from_bytes(os.fsencode(path.relative_to(folder).as_posix()), safe="/")
    return path.as_uri()


def _fingerprints(findings: Sequence[Diagnostic]) -> list[str]:
    """The same finding has the same fingerprint when its line moves.

    What a message says about lines does not count. Equal findings of a file differ by their order.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    found = []
    for finding in findings:
        same = (finding.file, finding.code, re.sub(r"\bline \d+", "line", finding.message))
        seen[same] += 1
        identity = json.dumps([*same[1:], seen[same]])
        found.append(hashlib.sha256(identity.encode()).hexdigest()[:32])
    return found


def _incomplete(left_out: int) -> dict[str, Any]:
    text = f"{left_out:,} more findings are left out: GitHub takes at most {MAX_RESULTS:,}"
    return {
        "executionSuccessful": True,
        "toolExecutionNotifications": [{"level": "warning", "message": {"text": text}}],
    }
