"""How a simulated call goes, second by second."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.insight.sandbox.simulation import Progress, SimulatedCall, progress

FIRST, SECOND, NEVER = 100, 107, 109


def call(
    call_id: int = FIRST,
    *,
    start: int = 1000,
    end: int | None = 5000,
    attempts: int = 1,
    wait: int = 0,
    canceled_at: int | None = None,
) -> SimulatedCall:
    return SimulatedCall(
        call_id=call_id,
        queued_at=500,
        start_timestamp=start,
        end_timestamp=end,
        max_attempts=attempts,
        reattempt_wait=wait,
        canceled_at=canceled_at,
    )


def names(state: Progress) -> list[str]:
    return [name for name, _ in state.events]


@pytest.mark.parametrize(
    ("now", "status", "attempts", "ended_at"),
    [
        (500, "queued", 0, None),
        (999, "queued", 0, None),
        (1000, "dialing", 1, None),
        (1010, "connected", 1, None),
        (1069, "connected", 1, None),
        (1070, "completed", 1, 1070),
        (9999, "completed", 1, 1070),
    ],
)
def test_a_call_that_is_answered_goes_from_queued_to_completed(
    now: int, status: str, attempts: int, ended_at: int | None
) -> None:
    state = progress(call(), now)
    assert (state.status, state.attempts, state.ended_at) == (status, attempts, ended_at)


def test_the_events_are_those_insight_names() -> None:
    state = progress(call(SECOND, attempts=2, wait=60), 9999)
    assert state.events == (
        ("queued", 500),
        ("dialing", 1000),
        ("disconnected", 1030),
        ("dialing", 1090),
        ("connected", 1100),
        ("disconnected", 1160),
    )
    assert (state.status, state.attempts, state.last_attempt_timestamp) == ("completed", 2, 1090)


@pytest.mark.parametrize("digit", range(10))
def test_the_last_digit_of_the_call_id_decides_which_dial_is_answered(digit: int) -> None:
    state = progress(call(100 + digit, attempts=3, wait=60), 9999)
    expected = ("completed", 1) if digit <= 6 else ("completed", 2) if digit <= 8 else ("failed", 3)
    assert (state.status, state.attempts) == expected


def test_a_call_that_nobody_answers_has_failed_when_the_last_dial_is_given_up() -> None:
    assert progress(call(NEVER), 1029).status == "dialing"
    state = progress(call(NEVER), 1030)
    assert (state.status, state.ended_at) == ("failed", 1030)


def test_between_two_dials_a_call_is_under_way() -> None:
    state = progress(call(NEVER, attempts=2, wait=60), 1050)
    assert (state.status, state.ended_at) == ("disconnected", None)


def test_nobody_is_dialled_after_the_end() -> None:
    state = progress(call(NEVER, end=1100, attempts=10, wait=60), 9999)
    assert (state.status, state.attempts) == ("failed", 2)


def test_a_call_with_a_start_in_the_past_goes_out_at_once() -> None:
    assert progress(call(start=1), 500).status == "dialing"


def test_a_call_canceled_before_its_dial_is_never_dialled() -> None:
    assert progress(call(canceled_at=800), 799).status == "queued"
    state = progress(call(canceled_at=800), 9999)
    assert (state.status, state.attempts, state.ended_at) == ("canceled", 0, 800)
    assert names(state) == ["queued", "canceled"]


def test_a_call_canceled_while_it_rings_ends_its_dial_and_is_not_dialled_again() -> None:
    ringing = call(NEVER, attempts=3, wait=60, canceled_at=1010)
    assert progress(ringing, 1010).status == "dialing"
    state = progress(ringing, 9999)
    assert names(state) == ["queued", "dialing", "disconnected", "canceled"]
    assert (state.status, state.attempts, state.ended_at) == ("canceled", 1, 1030)


CALLS = st.builds(
    SimulatedCall,
    call_id=st.integers(100, 109),
    queued_at=st.integers(0, 1000),
    start_timestamp=st.integers(0, 2000),
    end_timestamp=st.none() | st.integers(2001, 4000),
    max_attempts=st.integers(1, 10),
    reattempt_wait=st.integers(0, 600),
    canceled_at=st.none() | st.integers(1000, 4000),
)


@settings(deadline=None)
@given(CALLS, st.integers(1000, 9000), st.integers(0, 3000))
def test_time_only_adds_to_what_happened(simulated: SimulatedCall, now: int, later: int) -> None:
    before, after = progress(simulated, now), progress(simulated, now + later)
    times = [at for _, at in after.events]
    assert times == sorted(times)
    assert after.events[: len(before.events)] == before.events
    assert before.attempts <= after.attempts <= simulated.max_attempts
    if before.ended_at is not None:
        assert after == before


@settings(deadline=None)
@given(CALLS)
def test_every_call_ends_and_dials_between_start_and_end_only(simulated: SimulatedCall) -> None:
    state = progress(simulated, 10**6)
    assert state.status in {"completed", "failed", "canceled"}
    assert state.ended_at is not None
    dials = [at for name, at in state.events if name == "dialing"]
    assert all(at >= max(simulated.start_timestamp, simulated.queued_at) for at in dials)
    assert simulated.end_timestamp is None or all(at <= simulated.end_timestamp for at in dials)
    assert simulated.canceled_at is None or all(at < simulated.canceled_at for at in dials)
