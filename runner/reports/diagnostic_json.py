"""A finding about a campaign file, for programs."""

from typing import Any

from runner.campaign.diagnostics import Diagnostic


def diagnostic_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """Without the line of the file: a reader who has the position has the file."""
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "file": diagnostic.file,
        "line": diagnostic.line,
        "col": diagnostic.col,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }
