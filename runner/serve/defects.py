"""Errors in runner itself, as people see them."""

import traceback
from pathlib import Path

from runner.errors import RunnerError


def unexpected(error: Exception, kind: type[RunnerError] = RunnerError) -> RunnerError:
    """Without its text, which may hold what was in a row."""
    *_, last = traceback.extract_tb(error.__traceback__) or [None]
    place = "" if last is None else f" in {Path(last.filename).name}:{last.lineno}"
    return kind(
        f"unexpected error {type(error).__name__}{place}",
        hint="this is an error in runner: please report it",
    )
