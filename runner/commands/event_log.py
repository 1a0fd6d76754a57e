"""`apply --events`: what one apply does, as JSON lines for programs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

from runner.commands.line_file import Write, line_file
from runner.contacts.identity import Identity
from runner.dispatch.events import Event
from runner.errors import DeclinedError, ExitStatus, GuardError, RunnerError, StoppedError
from runner.ledger.overview import Overview
from runner.planning.plan_view import PlanView
from runner.reports.event_forms import (
    AnyEventLine,
    EndedLine,
    EndReason,
    EventLine,
    EventsLostLine,
    PlanMadeLine,
    VersionLine,
)
from runner.reports.event_json import event_line
from runner.reports.forms import FORMAT_VERSION
from runner.reports.json_text import json_text

_FIRST = '{"type": "version"'


class EventLog:
    """The lines of one apply. `now` gives their times: the clock of its environment, once there is one."""

    def __init__(self, campaign: str, write: Write | None) -> None:
        """Without `write`, nobody wants them."""
        self.now: Callable[[], float] = time.time
        self._queued = 0
        self._seen: Overview | None = None
        self._campaign = campaign
        self._write_line = write

    def version(self) -> None:
        self._write(
            VersionLine(
                type="version",
                **self._line(),
                format_version=FORMAT_VERSION,
                runner=version("plum-runner"),
            )
        )

    def plan_made(self, plan: PlanView) -> None:
        summary = dict(plan.summary)
        self._write(PlanMadeLine(type="plan_made", **self._line(), plan_id=plan.plan_id, summary=summary))

    def event(self, event: Event, identity: Identity) -> None:
        if self._write_line is not None:
            self._write(event_line(event, self._line(), identity))

    def saw(self, seen: Overview, queued: int) -> None:
        """How the campaign is at the end, and how many calls the apply queued."""
        self._seen, self._queued = seen, queued

    def ended(self, reason: EndReason, status: ExitStatus, problem: str | None = None) -> None:
        seen = self._seen
        self._write(
            EndedLine(
                type="ended",
                **self._line(),
                reason=reason,
                exit_status=int(status),
                problem=problem,
                queued=self._queued,
                states=None if seen is None else {state.value: calls for state, calls in seen.states.items()},
                next_due=None if seen is None else seen.next_due,
                unacknowledged=None if seen is None else seen.unacknowledged,
            )
        )

    def _line(self) -> EventLine:
        return EventLine(at=int(self.now()), campaign=self._campaign)

    def _write(self, line: AnyEventLine) -> None:
        if self._write_line is None:
            return
        common = EventLine(at=line["at"], campaign=line["campaign"])

        def lost(events: int) -> str:
            return json_text(EventsLostLine(type="events_lost", **common, events=events))

        self._write_line(json_text(line), lost)


@contextmanager
def event_log(name: str | None, campaign: str) -> Iterator[EventLog]:
    """Writes to the file of this name, where one is given: first the version, and last how the apply ended if
    an exception ended it. Raises RunnerError where the file cannot be written.
    """
    if name is None:
        yield EventLog(campaign, None)
        return
    with line_file(name, _FIRST) as write:
        log = EventLog(campaign, write)
        log.version()
        try:
            yield log
        except KeyboardInterrupt:
            log.ended("interrupted", ExitStatus.INTERRUPTED)
            raise
        except RunnerError as error:
            log.ended(_reason(error), error.exit_status, error.message)
            raise
        except Exception:
            log.ended("failed", ExitStatus.FAILED)
            raise


def _reason(error: RunnerError) -> EndReason:
    match error:
        case DeclinedError():
            return "declined"
        case GuardError():
            return "guarded"
        case StoppedError():
            return "stopped"
        case _:
            return "failed"
