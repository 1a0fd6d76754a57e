"""What happens while a campaign is applied: a progress bar on a terminal, log lines elsewhere."""

import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from runner.calls import PROBLEMS, CallState
from runner.contacts.identity import Identity
from runner.dispatch import events
from runner.dispatch.events import AskFailure, Event
from runner.reports.console import standard_console
from runner.reports.notices import late_words, pause_text
from runner.reports.plan_facts import count
from runner.reports.state_reasons import reason_text
from runner.reports.times import Moment, clock_time, machine_time, rfc3339

Listen = Callable[[Event], None]

_LOGGER = logging.getLogger("runner.run")
_SUM_UP_SECONDS = 60
_WARNINGS = (
    events.AnswersUnrecorded,
    events.BackingOff,
    events.CallsLost,
    events.ClockIsOff,
    events.ListUnreadable,
    events.OptedOutTooLate,
    events.ResultsUnavailable,
    events.RoundsNotPlanned,
)


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How a run is logged where there is no terminal."""

    campaign: str
    """Named in each line as JSON; as text, only where `names_campaign`."""
    form: Literal["text", "json"] = "text"
    level: str = "info"
    """The lowest level that is written: debug, info, warning or error."""
    rehearsal: bool = False
    """Its clock leaps over waiting times: nobody needs to know of them."""
    names_campaign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsSoFar:
    """The calls of a run whose requests have ended, counted by state."""

    states: Mapping[CallState, int]


@contextmanager
def live(total: int, identity: Identity, now: Callable[[], float], log: LogOptions) -> Iterator[Listen]:
    """A listener for the events of one run, on stderr: of `total` calls, and those that it adds later.

    A bar appears when the run begins.
    """
    console = standard_console(stderr=True)
    if console.is_terminal:
        progress = _bar(console)
        task = progress.add_task("queueing", total=total)
        try:
            yield lambda event: _show(progress, task, event, identity)
        finally:
            progress.stop()
    else:
        with log_lines(log.level):
            lines = RunLog(total, identity, now, log)
            try:
                yield lines.write
            finally:
                lines.sum_up()


@contextmanager
def log_lines(level: str) -> Iterator[None]:
    """Inside the block, lines of this level and above are written to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(level.upper())
    _LOGGER.propagate = False
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)


def json_line(now: float, level: int, event: str, more: Mapping[str, object], words: str) -> str:
    """`service_log.LogLine` describes its keys; those of `more` stand between the common ones."""
    campaign = {"campaign": more["campaign"]} if "campaign" in more else {}
    line = {"time": rfc3339(now), "level": logging.getLevelName(level).lower(), **campaign, "event": event}
    return json.dumps({**line, **more, "message": words})


class _Rate(ProgressColumn):
    """Calls a second over the last half minute; empty until there is a second call."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.1f} calls/s")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )


def _show(progress: Progress, task: TaskID, event: Event, identity: Identity) -> None:
    if isinstance(event, events.ResultsLearned):
        return
    if isinstance(event, events.RunBegan):
        progress.start()
    elif isinstance(event, events.CallEnded) and event.state is CallState.QUEUED:
        progress.update(task, advance=1, description="queueing")
    elif isinstance(event, events.Waiting):
        progress.update(task, description=f"next call leaves {machine_time(event.until)}")
    else:
        if isinstance(event, events.Paused | events.Resumed):
            progress.update(task, description="paused" if isinstance(event, events.Paused) else "queueing")
        if isinstance(event, events.CallEnded) and event.state is not CallState.PLANNED:
            progress.update(task, advance=1)
        if isinstance(event, events.RoundsPlanned | events.CallsJoined):
            progress.update(task, total=(progress.tasks[task].total or 0) + event.calls)
        progress.console.print(event_words(event, identity, machine_time), soft_wrap=True)


class RunLog:
    """Lines for events, as text or as JSON, whose keys programs may rely on.

    Calls that were queued share a line a minute; at the level debug, each has its own. Contacts are named by
    key or ref; no line holds a number or metadata.
    """

    def __init__(self, total: int, identity: Identity, now: Callable[[], float], options: LogOptions) -> None:
        self._total = total
        self._identity = identity
        self._now = now
        self._options = options
        # A rehearsal lasts seconds, and its days pass between two lines.
        self._clock_time = machine_time if options.rehearsal else clock_time
        self._ended: Counter[CallState] = Counter()
        self._summed_up = 0
        self._sum_up_at = time.monotonic() + _SUM_UP_SECONDS

    def write(self, event: Event) -> None:
        if isinstance(event, events.RunBegan):
            return
        if isinstance(event, events.Waiting) and not self._options.rehearsal:
            self.sum_up()
        words = event_words(event, self._identity, rfc3339 if self._options.form == "json" else machine_time)
        if isinstance(event, events.CallEnded) and event.state is not CallState.PLANNED:
            self._ended[event.state] += 1
            words += self._progress()
        elif isinstance(event, events.RoundsPlanned | events.CallsJoined):
            self._total += event.calls
        self._log(event, words)
        if time.monotonic() >= self._sum_up_at:
            self.sum_up()

    def sum_up(self) -> None:
        """Writes how many calls have ended, if more were queued since the last time."""
        self._sum_up_at = time.monotonic() + _SUM_UP_SECONDS
        if self._ended[CallState.QUEUED] > self._summed_up:
            self._summed_up = self._ended[CallState.QUEUED]
            words = ", ".join(f"{number:,} {state}" for state, number in self._ended.items())
            self._log(CallsSoFar(states=dict(self._ended)), f"{words}{self._progress()}")

    def _progress(self) -> str:
        return f" ({self._ended.total()} of {self._total})"

    def _log(self, event: Event | CallsSoFar, words: str) -> None:
        level = _level(event, self._options)
        as_json = self._options.form == "json"
        name = f"{self._options.campaign}: " if self._options.names_campaign else ""
        text = f"{self._clock_time(self._now())} {name}{words}"
        line = self._json(event, level, words) if as_json else text
        _LOGGER.log(level, "%s", line)

    def _json(self, event: Event | CallsSoFar, level: int, words: str) -> str:
        more: dict[str, object] = {"campaign": self._options.campaign}
        if isinstance(event, events.CallEnded):
            more |= {"contact": event.ref, "state": event.state.value}
        if isinstance(event, CallsSoFar):
            more["states"] = dict(event.states)
        return json_line(self._now(), level, type(event).__name__, more, words)


def _level(event: Event | CallsSoFar, options: LogOptions) -> int:
    match event:
        case events.CallEnded(state=CallState.QUEUED) | events.ResultsLearned():
            return logging.DEBUG
        case events.CallEnded(state=state) if state in PROBLEMS:
            return logging.WARNING
        case events.Waiting() if options.rehearsal:
            return logging.DEBUG
    return logging.WARNING if isinstance(event, _WARNINGS) else logging.INFO


def event_words(  # noqa: C901, PLR0911, PLR0912 - one for each kind of event
    event: Event, identity: Identity, moment: Moment
) -> str:
    match event:
        case events.RunBegan():
            return ""
        case events.CallEnded():
            return _ended(event, identity, moment)
        case events.CallsMoved():
            lost = f", {event.skipped:,} skipped: no time is left in their windows" if event.skipped else ""
            return f"{count(event.moved, 'late call')} moved to later slots{lost}"
        case events.RoundsPlanned():
            return f"{count(event.calls, 'call')} of further rounds planned, from the results so far"
        case events.CallsJoined():
            return f"{count(event.calls, 'call')} added: the contacts were read again"
        case events.RoundsNotPlanned():
            return f"further rounds cannot be planned now, and are tried again later: {event.problem}"
        case events.CallsWithdrawn():
            return f"{count(event.count, 'call')} withdrawn: now on a suppression list"
        case events.ListUnreadable():
            problem = event.problem.replace("\n", "; ")
            return f"sending is on hold until every suppression list can be read: {problem}"
        case events.ListsReadAgain():
            return "every suppression list can be read again: sending continues"
        case events.OptedOutTooLate():
            return late_words(event.found, identity, moment)
        case events.BackingOff():
            again = f"trying again in {event.seconds:.0f} s"
            return f"cannot reach Insight ({event.reason}); nothing was sent; {again}"
        case events.ClockIsOff():
            side = "ahead of" if event.seconds > 0 else "behind"
            return f"warning: this machine's clock is {abs(event.seconds):.0f} s {side} Insight's"
        case events.Paused():
            return f"{pause_text(event.pause_info, moment)}; this apply waits, Ctrl-C ends it"
        case events.Resumed():
            return "resumed: calls are sent again"
        case events.RunsShare():
            return (
                "this run uses the whole request rate again"
                if event.runs == 1
                else f"{event.runs} runs of this account share the request rate"
            )
        case events.AnswersUnrecorded():
            return (
                f"{count(event.count, 'call')} may have been queued, but this cannot be recorded because the "
                "ledger cannot be reached: the next apply marks them uncertain and does not send them again"
            )
        case events.CallsLost():
            are = "is" if event.count == 1 else "are"
            return f"{count(event.count, 'call')} {are} uncertain, because the run that sent them died"
        case events.ResultsLearned():
            counts = ", ".join(f"{number:,} {status}" for status, number in sorted(event.counts.items()))
            return f"results from Insight: {counts}"
        case events.ResultsUnavailable():
            return (
                f"{_WITHOUT_RESULT[event.failure].format(calls=count(event.calls, 'call'))} ({event.problem})"
            )
        case events.Waiting():
            return f"waiting: the next call is sent {moment(event.until)}"


_WITHOUT_RESULT = {
    AskFailure.UNKNOWN_CALL: "Insight does not know {calls} whose results were asked for: asked again later",
    AskFailure.NOT_ALLOWED: "Insight refuses to give the results of {calls}: check the account's credentials "
    "and permissions; asked again later",
    AskFailure.SERVER_ERROR: "Insight could not give the results of {calls}: asked again later",
    AskFailure.UNREACHABLE: "cannot reach Insight for the results of {calls}: asked again later",
    AskFailure.UNREADABLE: "Insight's answers about {calls} cannot be read: asked again later",
}


def _ended(event: events.CallEnded, identity: Identity, moment: Moment) -> str:
    who = f"{identity.label(event.key)} [{event.ref}]"
    match event.state:
        case CallState.QUEUED:
            return f"queued {who} as call {event.call_id}, from {moment(event.start_timestamp)}"
        case CallState.PLANNED:
            return f"not sent {who}: {reason_text(event.reason)}"
        case _:
            return f"{event.state} {who}: {reason_text(event.reason)}"
