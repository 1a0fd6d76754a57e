"""What the sandbox received and what becomes of it, for tests and people to look at."""

import heapq
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from runner.insight.php_form import PhpForm
from runner.insight.sandbox.behavior import EVERYBODY_ANSWERS, Behavior, Delivery, dialled_number
from runner.insight.sandbox.simulation import Life, SimulatedCall, life_of

_FIRST_CALL_IDS = 10**8


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCallback:
    """One POST to result_url and what came of it."""

    sent_at: float
    answer: str


@dataclass(slots=True, kw_only=True)
class QueuedCall:
    """A call the sandbox accepted, with every field as it came."""

    call_id: int
    received_at: float
    survey_id: str
    instance_id: str
    username: str
    form: PhpForm
    simulated: SimulatedCall
    delivery: Delivery
    callbacks_after: tuple[int, ...]
    """When its callbacks are sent, in seconds after its end."""
    callbacks: list[SentCallback] = field(default_factory=list)
    life: Life = field(init=False)

    def __post_init__(self) -> None:
        self.life = life_of(self.simulated)

    def cancel(self, now: float) -> None:
        self.simulated = replace(self.simulated, canceled_at=int(now))
        self.life = life_of(self.simulated)

    def details(self, now: float) -> dict[str, Any]:
        """`call_details` of the API, with every field the documentation names."""
        call, progress = self.simulated, self.life.until(now)
        return {
            "status": progress.status,
            "attempts": progress.attempts,
            "max_attempts": len(call.dials),
            "queued_timestamp": call.queued_at,
            "last_attempt_timestamp": progress.last_attempt_timestamp,
            "start_timestamp": call.start_timestamp,
            "end_timestamp": call.end_timestamp,
            "reattempt_wait": call.reattempt_wait,
            "events": [{"event": name, "timestamp": at} for name, at in progress.events],
        }

    def received(self) -> dict[str, Any]:
        """The call as `GET /_sandbox/calls` shows it."""
        dialled_at = self.life.dialled_at
        return {
            "call_id": self.call_id,
            "received_at": self.received_at,
            "survey_id": self.survey_id,
            "instance_id": self.instance_id,
            "username": self.username,
            "status": self.life.status,
            "ends_at": self.life.ends_at,
            "dialled_at": list(dialled_at),
            "dials": list(self.simulated.dials[: len(dialled_at)]),
            "delivery": self.delivery,
            "callbacks": [asdict(callback) for callback in self.callbacks],
            **self.form,
        }

    @property
    def result_url(self) -> str:
        return _text(self.form, "result_url", "")


@dataclass(slots=True)
class CallStore:
    """All that came in. `now` is the sandbox's clock, UTC Unix seconds."""

    now: Callable[[], float]
    behavior: Behavior = EVERYBODY_ANSWERS
    calls: list[QueuedCall] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """The status of every answer to a queue request, 0 where a fault kept it from being answered."""
    records: list[dict[str, Any]] = field(default_factory=list)
    """Every record pushed to a metadatabase, as `GET /_sandbox/records` shows them."""
    on_earlier_callback: list[Callable[[], None]] = field(default_factory=list)
    """All are called when a callback becomes due before all others."""
    # A ledger outlives a sandbox, and in it a call_id must stand for one call only.
    next_call_id: int = field(default_factory=lambda: random.randrange(1, 9) * _FIRST_CALL_IDS * 10)  # noqa: S311
    _queued: Counter[str] = field(default_factory=Counter)
    # (when it is due, call_id, the end that it tells of): of a call that was canceled, the end has changed.
    _callbacks: list[tuple[int, int, int]] = field(default_factory=list)

    def queue(self, *, survey_id: str, instance_id: str, username: str, form: PhpForm) -> QueuedCall:
        received_at, number = self.now(), dialled_number(_text(form, "phone_number", ""))
        self._queued[number] += 1
        delivery, callbacks_after = self.behavior.delivery(number, self._queued[number])
        attempts = int(_text(form, "max_attempts", "1"))
        call = QueuedCall(
            call_id=self.next_call_id,
            received_at=received_at,
            survey_id=survey_id,
            instance_id=instance_id,
            username=username,
            form=form,
            simulated=SimulatedCall(
                dials=self.behavior.dials(number, self._queued[number], attempts),
                queued_at=int(received_at),
                start_timestamp=int(_text(form, "start_timestamp", str(int(received_at)))),
                end_timestamp=int(end) if (end := _text(form, "end_timestamp", "")) else None,
                reattempt_wait=int(_text(form, "reattempt_wait", "0")),
            ),
            delivery=delivery,
            callbacks_after=callbacks_after,
        )
        self.next_call_id += 1
        self.calls.append(call)
        self._expect_callbacks(call)
        return call

    def add_record(self, form: PhpForm) -> None:
        """Of a form without errors."""
        record = json.loads(_text(form, "record", ""))
        self.records.append({**form, "record": record, "received_at": self.now()})

    def find(self, call_id: str) -> QueuedCall | None:
        first = self.calls[0].call_id if self.calls else 0
        index = int(call_id) - first if call_id.isdecimal() else -1
        return self.calls[index] if 0 <= index < len(self.calls) else None

    def cancel_pending(self, survey_id: str, instance_id: str) -> None:
        now = self.now()
        for call in self._of_instance(survey_id, instance_id):
            end = call.life.ends_at
            if call.simulated.canceled_at is None and now < end:
                call.cancel(now)
                if call.life.ends_at != end:
                    self._expect_callbacks(call)

    def take_due_callbacks(self) -> list[QueuedCall]:
        """The calls with a callback that is due, one for each POST."""
        now, due = self.now(), []
        while self._callbacks and self._callbacks[0][0] <= now:
            _, call_id, end = heapq.heappop(self._callbacks)
            call = self.find(str(call_id))
            if call is not None and call.life.ends_at == end:
                due.append(call)
        return due

    def next_callback_at(self) -> int | None:
        return self._callbacks[0][0] if self._callbacks else None

    def responses(self, survey_id: str, instance_id: str) -> int:
        now = self.now()
        calls = self._of_instance(survey_id, instance_id)
        return sum(call.life.until(now).status == "completed" for call in calls)

    def _of_instance(self, survey_id: str, instance_id: str) -> list[QueuedCall]:
        return [call for call in self.calls if (call.survey_id, call.instance_id) == (survey_id, instance_id)]

    def _expect_callbacks(self, call: QueuedCall) -> None:
        if not call.result_url:
            return
        before, end = self.next_callback_at(), call.life.ends_at
        for after in call.callbacks_after:
            heapq.heappush(self._callbacks, (end + after, call.call_id, end))
        if self.next_callback_at() != before:
            for hear in tuple(self.on_earlier_callback):
                hear()


def _text(form: PhpForm, name: str, default: str) -> str:
    value = form.get(name, default)
    return value if isinstance(value, str) else default
