"""What happens while a campaign is applied: a progress bar on a terminal, plain log lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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

from runner.calls import CallState
from runner.contacts.identity import Identity
from runner.dispatch.events import (
    AnswersUnrecorded,
    BackingOff,
    CallEnded,
    CallsLost,
    CallsMoved,
    CallsWithdrawn,
    ClockIsOff,
    Event,
    ListsReadAgain,
    ListUnreadable,
    OptedOutTooLate,
    Paused,
    Resumed,
    RunBegan,
    RunsShare,
    Waiting,
)
from runner.reports.console import standard_console
from runner.reports.late_opt_outs import late_words
from runner.reports.pause_text import pause_text
from runner.reports.plan_facts import count
from runner.reports.run_log import LogForm, Write, run_log
from runner.reports.times import Moment, machine_time, rfc3339

Listen = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How a run is logged where there is no terminal."""

    campaign: str
    form: LogForm = "text"
    level: str = "info"


@contextmanager
def live(total: int, identity: Identity, now: Callable[[], float], log: LogOptions) -> Iterator[Listen]:
    """A listener for the events of one run of `total` calls, on stderr. A bar appears when the run begins."""
    console = standard_console(stderr=True)
    if console.is_terminal:
        progress = _bar(console)
        task = progress.add_task("queueing", total=total)
        try:
            yield lambda event: _show(progress, task, event, identity)
        finally:
            progress.stop()
    else:
        with run_log(log.campaign, log.form, log.level) as write:
            moment = rfc3339 if log.form == "json" else machine_time
            yield _Log(total, identity, now, write, moment).log


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
    if isinstance(event, RunBegan):
        progress.start()
    elif isinstance(event, CallEnded) and event.state is CallState.QUEUED:
        progress.update(task, advance=1, description="queueing")
    elif isinstance(event, Waiting):
        progress.update(task, description=f"next call leaves {machine_time(event.until)}")
    else:
        if isinstance(event, Paused | Resumed):
            progress.update(task, description="paused" if isinstance(event, Paused) else "queueing")
        if isinstance(event, CallEnded) and event.state is not CallState.PLANNED:
            progress.update(task, advance=1)
        progress.console.print(_words(event, identity, machine_time), soft_wrap=True)


class _Log:
    """One line for each event, each with its time, fit for a file or a pipeline."""

    def __init__(
        self, total: int, identity: Identity, now: Callable[[], float], write: Write, moment: Moment
    ) -> None:
        self._total = total
        self._identity = identity
        self._now = now
        self._write = write
        self._moment = moment
        self._ended = 0

    def log(self, event: Event) -> None:
        if isinstance(event, RunBegan):
            return
        count = ""
        if isinstance(event, CallEnded) and event.state is not CallState.PLANNED:
            self._ended += 1
            count = f" ({self._ended} of {self._total})"
        self._write(event, f"{_words(event, self._identity, self._moment)}{count}", self._now())


def _words(  # noqa: C901, PLR0911, PLR0912 - one for each kind of event
    event: Event, identity: Identity, moment: Moment
) -> str:
    match event:
        case RunBegan():
            return ""
        case CallEnded():
            return _ended(event, identity, moment)
        case CallsMoved():
            lost = f", {event.skipped:,} skipped: no time is left in their windows" if event.skipped else ""
            return f"{count(event.moved, 'late call')} moved to later slots{lost}"
        case CallsWithdrawn():
            return f"{count(event.count, 'call')} withdrawn: a suppression list now names them"
        case ListUnreadable():
            problem = event.problem.replace("\n", "; ")
            return f"sending is on hold until every suppression list can be read: {problem}"
        case ListsReadAgain():
            return "every suppression list can be read again: sending goes on"
        case OptedOutTooLate():
            return late_words(event.found, identity, moment)
        case BackingOff():
            again = f"trying again in {event.seconds:.0f} s"
            return f"cannot reach Insight ({event.reason}); nothing was sent; {again}"
        case ClockIsOff():
            side = "ahead of" if event.seconds > 0 else "behind"
            return f"warning: this machine's clock is {abs(event.seconds):.0f} s {side} Insight's"
        case Paused():
            return f"{pause_text(event.pause_info, moment)}; this apply waits, Ctrl-C ends it"
        case Resumed():
            return "resumed: calls are sent again"
        case RunsShare():
            return (
                "this run has the request rate to itself again"
                if event.runs == 1
                else f"{event.runs} runs of this account share the request rate"
            )
        case AnswersUnrecorded():
            return (
                f"{count(event.count, 'call')} may have been queued, and the ledger cannot be reached "
                "to record it: uncertain from the next apply on, and not sent again"
            )
        case CallsLost():
            are = "is" if event.count == 1 else "are"
            return f"{count(event.count, 'call')} {are} uncertain: the run that was sending died"
        case Waiting():
            return f"waiting: the next call leaves {moment(event.until)}"


def _ended(event: CallEnded, identity: Identity, moment: Moment) -> str:
    who = f"{identity.label(event.key)} [{event.ref}]"
    match event.state:
        case CallState.QUEUED:
            return f"queued {who} as call {event.call_id}, from {moment(event.start_timestamp)}"
        case CallState.PLANNED:
            return f"not sent {who}: {event.reason}"
        case _:
            return f"{event.state} {who}: {event.reason}"
