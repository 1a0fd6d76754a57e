"""How a simulated call goes, second by second."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.insight.sandbox.simulation import DialOutcome, Progress, SimulatedCall, life_of

ANSWERED, NO_ANSWER, BUSY = DialOutcome.ANSWERED, DialOutcome.NO_ANSWER, DialOutcome.BUSY
REJECTED, CANCELED = DialOutcome.REJECTED, DialOutcome.CANCELED


def call(
    *dials: DialOutcome,
    start: int = 1000,
    end: int | None = 5000,
    wait: int = 0,
    canceled_at: int | None = None,
) -> SimulatedCall:
    return SimulatedCall(
        dials=dials,
        queued_at=500,
        start_timestamp=start,
        end_timestamp=end,
        reattempt_wait=wait,
        canceled_at=canceled_at,
    )


def progress(simulated: SimulatedCall, now: float) -> Progress:
    return life_of(simulated).until(now)


@pytest.mark.parametrize(
    ("now", "status", "attempts"),
    [
        (500, "queued", 0),
        (999, "queued", 0),
        (1000, "dialing", 1),
        (1010, "connected", 1),
        (1069, "connected", 1),
        (1070, "completed", 1),
        (9999, "completed", 1),
    ],
)
def test_a_call_that_is_answered_goes_from_queued_to_completed(now: int, status: str, attempts: int) -> None:
    state = progress(call(ANSWERED), now)
    assert (state.status, state.attempts) == (status, attempts)


def test_the_events_are_those_insight_names() -> None:
    state = progress(call(NO_ANSWER, ANSWERED, wait=60), 9999)
    assert state.events == (
        ("queued", 500),
        ("dialing", 1000),
        ("disconnected", 1030),
        ("dialing", 1090),
        ("connected", 1100),
        ("disconnected", 1160),
    )
    assert (state.status, state.attempts, state.last_attempt_timestamp) == ("completed", 2, 1090)


@pytest.mark.parametrize(
    ("dials", "status", "attempts"),
    [
        ((ANSWERED, ANSWERED, ANSWERED), "completed", 1),
        ((BUSY, ANSWERED, NO_ANSWER), "completed", 2),
        ((NO_ANSWER, BUSY, NO_ANSWER), "failed", 3),
        ((REJECTED, ANSWERED, ANSWERED), "rejected", 1),
        ((BUSY, REJECTED, ANSWERED), "rejected", 2),
        ((CANCELED, ANSWERED, ANSWERED), "canceled", 0),
        ((NO_ANSWER, CANCELED, ANSWERED), "canceled", 1),
    ],
)
def test_each_dial_meets_what_it_is_to_and_some_end_the_call(
    dials: tuple[DialOutcome, ...], status: str, attempts: int
) -> None:
    state = progress(call(*dials, wait=60), 9999)
    assert (state.status, state.attempts) == (status, attempts)


def test_a_call_that_nobody_answers_has_failed_when_the_last_dial_is_given_up() -> None:
    assert progress(call(NO_ANSWER), 1029).status == "dialing"
    assert progress(call(NO_ANSWER), 1030).status == "failed"
    assert life_of(call(NO_ANSWER)).ends_at == 1030


def test_between_two_dials_a_call_is_under_way() -> None:
    assert progress(call(NO_ANSWER, BUSY, wait=60), 1050).status == "disconnected"


def test_nobody_is_dialled_after_the_end() -> None:
    state = progress(call(*[NO_ANSWER] * 10, end=1100, wait=60), 9999)
    assert (state.status, state.attempts) == ("failed", 2)


def test_a_call_with_a_start_in_the_past_goes_out_at_once() -> None:
    assert progress(call(ANSWERED, start=1), 500).status == "dialing"


def test_a_call_canceled_before_its_dial_is_never_dialled() -> None:
    assert progress(call(ANSWERED, canceled_at=800), 799).status == "queued"
    state = progress(call(ANSWERED, canceled_at=800), 9999)
    assert (state.status, state.attempts) == ("canceled", 0)
    assert state.events == (("queued", 500), ("canceled", 800))


def test_a_call_canceled_while_it_rings_ends_its_dial_and_is_not_dialled_again() -> None:
    ringing = call(*[NO_ANSWER] * 3, wait=60, canceled_at=1010)
    assert progress(ringing, 1010).status == "dialing"
    state = progress(ringing, 9999)
    assert [name for name, _ in state.events] == ["queued", "dialing", "disconnected", "canceled"]
    assert (state.status, state.attempts, life_of(ringing).ends_at) == ("canceled", 1, 1030)


CALLS = st.builds(
    SimulatedCall,
    dials=st.lists(st.sampled_from(DialOutcome), min_size=1, max_size=10).map(tuple),
    queued_at=st.integers(0, 1000),
    start_timestamp=st.integers(0, 2000),
    end_timestamp=st.none() | st.integers(2001, 4000),
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
    assert before.attempts <= after.attempts <= len(simulated.dials)
    if now >= life_of(simulated).ends_at:
        assert after == before


@settings(deadline=None)
@given(CALLS)
def test_every_call_ends_and_dials_between_start_and_end_only(simulated: SimulatedCall) -> None:
    state = progress(simulated, 10**6)
    assert state.status in {"completed", "failed", "canceled", "rejected"}
    dials = [at for name, at in state.events if name == "dialing"]
    assert all(at >= max(simulated.start_timestamp, simulated.queued_at) for at in dials)
    assert simulated.end_timestamp is None or all(at <= simulated.end_timestamp for at in dials)
    assert simulated.canceled_at is None or all(at < simulated.canceled_at for at in dials)
    assert all(later - earlier > simulated.reattempt_wait for earlier, later in pairwise(dials))
