"""What the sandbox received and what became of it, for tests and people to inspect."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runner.insight.sandbox.forms import PlanFormat
from runner.insight.sandbox.simulation import Progress, SimulatedCall, ends_at, progress

_FIRST_CALL_IDS = 10**8


@dataclass(slots=True, kw_only=True)
class QueuedCall:
    """A call the sandbox accepted, with every field as it came."""

    call_id: int
    received_at: float
    survey_id: str
    instance_id: str
    username: str
    form: PlanFormat
    canceled_at: int | None = None
    reported: str = ""
    """The result of the report to result_url; empty while there is none."""

    def progress(self, now: float) -> Progress:
        return progress(self._simulated(), now)

    def ends_at(self) -> int:
        return ends_at(self._simulated())

    def details(self, now: float) -> dict[str, Any]:
        """`call_details` of the API, with every field the documentation names."""
        call, state = self._simulated(), self.progress(now)
        return {
            "status": state.status,
            "attempts": state.attempts,
            "max_attempts": call.max_attempts,
            "queued_timestamp": call.queued_at,
            "last_attempt_timestamp": state.last_attempt_timestamp,
            "start_timestamp": call.start_timestamp,
            "end_timestamp": call.end_timestamp,
            "reattempt_wait": call.reattempt_wait,
            "events": [{"event": name, "timestamp": at} for name, at in state.events],
        }

    def received(self) -> dict[str, Any]:
        """The call as `GET /_sandbox/calls` shows it."""
        return {
            "call_id": self.call_id,
            "received_at": self.received_at,
            "survey_id": self.survey_id,
            "instance_id": self.instance_id,
            "username": self.username,
            "reported": self.reported,
            **self.form,
        }

    @property
    def result_url(self) -> str:
        return self._text("result_url", "")

    def _simulated(self) -> SimulatedCall:
        end = self._text("end_timestamp", "")
        return SimulatedCall(
            call_id=self.call_id,
            queued_at=int(self.received_at),
            start_timestamp=int(self._text("start_timestamp", str(int(self.received_at)))),
            end_timestamp=int(end) if end else None,
            max_attempts=int(self._text("max_attempts", "1")),
            reattempt_wait=int(self._text("reattempt_wait", "0")),
            canceled_at=self.canceled_at,
        )

    def _text(self, name: str, default: str) -> str:
        value = self.form.get(name, default)
        return value if isinstance(value, str) else default


@dataclass(slots=True)
class CallStore:
    """All that came in. `now` is the sandbox's clock, UTC Unix seconds."""

    now: Callable[[], float]
    calls: list[QueuedCall] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """The status of every answer to a queue request, 0 where a fault kept it from being answered."""
    # Calls to report by the time of their end, so that a check costs nothing while none has ended.
    _to_report: list[tuple[int, int]] = field(default_factory=list)
    # A ledger outlives a sandbox, and in it a call_id must stand for one call only.
    next_call_id: int = field(default_factory=lambda: random.randrange(1, 9) * _FIRST_CALL_IDS * 10)  # noqa: S311

    def queue(self, *, survey_id: str, instance_id: str, username: str, form: PlanFormat) -> QueuedCall:
        call = QueuedCall(
            call_id=self.next_call_id,
            received_at=self.now(),
            survey_id=survey_id,
            instance_id=instance_id,
            username=username,
            form=form,
        )
        self.next_call_id += 1
        self.calls.append(call)
        self._expect_report(call)
        return call

    def find(self, call_id: str) -> QueuedCall | None:
        first = self.calls[0].call_id if self.calls else 0
        index = int(call_id) - first if call_id.isdecimal() else -1
        return self.calls[index] if 0 <= index < len(self.calls) else None

    def cancel_pending(self, survey_id: str, instance_id: str) -> None:
        now = self.now()
        for call in self.calls:
            is_meant = (call.survey_id, call.instance_id) == (survey_id, instance_id)
            if is_meant and call.canceled_at is None and call.progress(now).ended_at is None:
                call.canceled_at = int(now)
                self._expect_report(call)

    def unreported(self) -> list[QueuedCall]:
        """Takes out the calls with a result_url that have ended since the last check."""
        now = self.now()
        # By call_id, since a cancelled call is waited for twice.
        ended: dict[int, QueuedCall] = {}
        while self._to_report and self._to_report[0][0] <= now:
            call = self.find(str(heapq.heappop(self._to_report)[1]))
            if call is not None and not call.reported:
                ended[call.call_id] = call
        return list(ended.values())

    def responses(self, survey_id: str, instance_id: str) -> int:
        now = self.now()
        return sum(
            call.progress(now).status == "completed"
            for call in self.calls
            if (call.survey_id, call.instance_id) == (survey_id, instance_id)
        )

    def clear(self) -> None:
        self.calls.clear()
        self.statuses.clear()
        self._to_report.clear()

    def _expect_report(self, call: QueuedCall) -> None:
        if call.result_url:
            heapq.heappush(self._to_report, (call.ends_at(), call.call_id))
