"""How a queued call proceeds: a pure function of the call and the time, so nothing has to wait.

By the last digit of its call_id a call is answered at the first dial (0 to 6), at the second (7, 8) or never
(9). A dial takes 30 seconds to be given up, a conversation 60.
"""

from dataclasses import dataclass

GIVE_UP_SECONDS = 30
TALK_SECONDS = 60
_SECOND_DIAL = (7, 8)
_NEVER = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCall:
    """What the simulation needs to know of a call. Times are UTC Unix seconds."""

    call_id: int
    queued_at: int
    start_timestamp: int
    end_timestamp: int | None
    max_attempts: int
    reattempt_wait: int
    canceled_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a call has come. `ended_at` is None while it goes on."""

    status: str
    attempts: int
    last_attempt_timestamp: int | None
    events: tuple[tuple[str, int], ...]
    ended_at: int | None


def progress(call: SimulatedCall, now: float) -> Progress:
    """The state of the call at `now`."""
    events = [(name, at) for name, at in _life(call) if at <= now]
    dials = [at for name, at in events if name == "dialing"]
    last_name, last_at = events[-1]
    final = last_name in {"completed", "failed", "canceled"}
    return Progress(
        status=last_name,
        attempts=len(dials),
        last_attempt_timestamp=dials[-1] if dials else None,
        events=tuple(event for event in events if event[0] not in {"completed", "failed"}),
        ended_at=last_at if final else None,
    )


def ends_at(call: SimulatedCall) -> int:
    """When the call will have ended, UTC Unix seconds, unless it is cancelled before."""
    return _life(call)[-1][1]


def _life(call: SimulatedCall) -> list[tuple[str, int]]:
    """Everything that will happen to the call, in order."""
    happens = [("queued", call.queued_at)]
    dial_at = max(call.start_timestamp, call.queued_at)
    for attempt in range(1, call.max_attempts + 1):
        if call.end_timestamp is not None and dial_at > call.end_timestamp:
            break
        if call.canceled_at is not None and dial_at >= call.canceled_at:
            return [*happens, ("canceled", max(call.canceled_at, happens[-1][1]))]
        happens.append(("dialing", dial_at))
        if _is_answered(call.call_id, attempt):
            talk_at = dial_at + GIVE_UP_SECONDS // 3
            hang_up = talk_at + TALK_SECONDS
            return [*happens, ("connected", talk_at), ("disconnected", hang_up), ("completed", hang_up)]
        happens.append(("disconnected", dial_at + GIVE_UP_SECONDS))
        dial_at += GIVE_UP_SECONDS + call.reattempt_wait
    return [*happens, ("failed", happens[-1][1])]


def _is_answered(call_id: int, attempt: int) -> bool:
    digit = call_id % 10
    return digit != _NEVER and attempt >= (2 if digit in _SECOND_DIAL else 1)
