"""The log of a run where there is no terminal: a line for each event, as text or as JSON, through `logging`.

A line names contacts as everything else does, by key or ref, and holds no number and no metadata.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from runner.calls import PROBLEMS
from runner.dispatch.events import (
    AnswersUnrecorded,
    BackingOff,
    CallEnded,
    CallsLost,
    ClockIsOff,
    Event,
    ListUnreadable,
    OptedOutTooLate,
)
from runner.reports.times import clock_time, rfc3339

LogForm = Literal["text", "json"]

_LOGGER = logging.getLogger("runner.run")
_WARNINGS = (AnswersUnrecorded, BackingOff, CallsLost, ClockIsOff, ListUnreadable, OptedOutTooLate)

Write = Callable[[Event, str, float], None]
"""Writes an event of a run, in words, as of a time (UTC Unix seconds)."""


@contextmanager
def run_log(campaign: str, form: LogForm, level: str) -> Iterator[Write]:
    """Writes to stderr inside the block; `level` (debug, info, warning, error) is the lowest written."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(campaign) if form == "json" else _Text())
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(level.upper())
    _LOGGER.propagate = False
    try:
        yield _write
    finally:
        _LOGGER.removeHandler(handler)


def _write(event: Event, words: str, now: float) -> None:
    _LOGGER.log(_level(event), "%s", words, extra={"of_event": event, "at": now})


def _level(event: Event) -> int:
    is_problem = isinstance(event, CallEnded) and event.state in PROBLEMS
    return logging.WARNING if is_problem or isinstance(event, _WARNINGS) else logging.INFO


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{clock_time(vars(record)['at'])} {record.getMessage()}"


class _Json(logging.Formatter):
    """One object a line; programs may rely on its keys."""

    def __init__(self, campaign: str) -> None:
        super().__init__()
        self._campaign = campaign

    def format(self, record: logging.LogRecord) -> str:
        event: Event = vars(record)["of_event"]
        line = {
            "time": rfc3339(vars(record)["at"]),
            "level": record.levelname.lower(),
            "campaign": self._campaign,
            "event": type(event).__name__,
        }
        if isinstance(event, CallEnded):
            line |= {"contact": event.ref, "state": event.state.value}
        return json.dumps(line | {"message": record.getMessage()})
