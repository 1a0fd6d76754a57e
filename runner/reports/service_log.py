"""What `serve` writes to stderr: its own lines, and those of the libraries in it. As JSON, every line is one
object.
"""

import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NotRequired

from runner.reports.forms import Form
from runner.reports.live import json_line, log_lines
from runner.reports.times import clock_time


class LogLine(Form):
    """One line for each thing that happens, on standard error, with `RUNNER_LOG=json`.

    `apply` writes the same lines for its run where there is no terminal. No line holds a number or metadata.
    """

    time: str
    """RFC 3339, UTC."""
    level: Literal["debug", "info", "warning", "error"]
    campaign: NotRequired[str]
    """Its name, or the path of its file where that never was valid. Left out where it concerns all."""
    event: str
    """An event of a run, such as `CallEnded`; or of `serve`: `StatusChanged`, `NotificationFailed`, `Notice`,
    `Problem`, `Failed` (the last line), `Library` (what a library reports)."""
    contact: NotRequired[str]
    """The ref of the contact."""
    state: NotRequired[str]
    """Of the call now."""
    states: NotRequired[dict[str, int]]
    """Of `CallsSoFar`: calls by state."""
    status: NotRequired[str]
    """Of `StatusChanged`: what `serve` does with the campaign now."""
    library: NotRequired[str]
    """Of `Library`: its name."""
    message: str
    """The same for people."""


class ServiceLog:
    """Of one `serve`."""

    def __init__(self, form: Literal["text", "json"], level: str) -> None:
        self._form = form
        self._level = level

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Inside the block, what libraries report and Python warns of is written here, too."""
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Libraries(self._form))
        root = logging.getLogger()
        root.addHandler(handler)
        logging.captureWarnings(True)
        try:
            with log_lines(self._level):
                yield
        finally:
            logging.captureWarnings(False)
            root.removeHandler(handler)

    def note(self, words: str) -> None:
        """Something that people should know, whatever the level."""
        self._write(logging.INFO, "Notice", words, words)

    def caution(self, words: str) -> None:
        self._write(logging.WARNING, "Notice", words, f"warning: {words}")

    def failed(self, words: str) -> None:
        """Why `serve` ends."""
        self._write(logging.ERROR, "Failed", words, f"error: {words}")

    def status(self, campaign: str, status: str, words: str, *, is_problem: bool) -> None:
        """The status of a campaign changed."""
        level = logging.WARNING if is_problem else logging.INFO
        self._log(level, "StatusChanged", words, campaign=campaign, status=status)

    def failed_post(self, campaign: str, words: str) -> None:
        """A notification could not be posted."""
        self._log(logging.WARNING, "NotificationFailed", words, campaign=campaign)

    def problem(self, words: str) -> None:
        """Something that concerns all campaigns."""
        self._log(logging.WARNING, "Problem", words)

    def _log(self, level: int, event: str, words: str, **more: str) -> None:
        if level >= logging.getLevelNamesMapping()[self._level.upper()]:
            name = more.get("campaign", "serve")
            self._write(level, event, words, f"{clock_time(time.time())} {name}: {words}", **more)

    def _write(self, level: int, event: str, words: str, text: str, **more: str) -> None:
        line = json_line(time.time(), level, event, more, words) if self._form == "json" else text
        sys.stderr.write(f"{line}\n")


class _Libraries(logging.Formatter):
    def __init__(self, form: Literal["text", "json"]) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        words = " ".join([*record.getMessage().split(), *_place(record)])
        if self._form == "json":
            return json_line(time.time(), record.levelno, "Library", {"library": record.name}, words)
        return f"{clock_time(time.time())} {record.name}: {words}"


def _place(record: logging.LogRecord) -> Iterator[str]:
    """Of an error that was raised: without its text, which may hold what was in a row."""
    if record.exc_info and (error := record.exc_info[1]) is not None:
        yield f"({error_words(error)})"


def error_words(error: BaseException) -> str:
    """`ValueError at csv.py:12, reader.py:40`: what was raised, and the lines that led there, last first."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places}" if places else type(error).__name__
