"""In every 60 seconds no more starts than the pace, whatever was sent before, and however late it left."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.planning.pacing import LATE_SECONDS, PaceLimit, Slots

BEGIN = 1_796_166_900
A_MINUTE = 60
paces = st.sampled_from([1, 2, 7, 30, 45, 60, 61, 90, 200])
moments = st.one_of(st.integers(0, 200), st.floats(0, 200, allow_nan=False))


def keep_the_pace(starts, pace):
    """Whether no 60 seconds hold more than `pace` of these."""
    ordered = sorted(starts)
    return all(later - first >= A_MINUTE for first, later in zip(ordered, ordered[pace:], strict=False))


def most_in_a_minute(starts, around):
    """The most starts in any 60 seconds that hold `around`: a window may as well begin at its first start."""
    begins = [start for start in starts if around - A_MINUTE < start <= around]
    return max(sum(begin <= start < begin + A_MINUTE for start in starts) for begin in begins)


@settings(deadline=None)
@given(paces, st.lists(moments, max_size=120), st.lists(st.integers(-90, 260), max_size=120))
def test_no_start_makes_any_sixty_seconds_exceed_the_pace(pace, existing, wanted):
    limit, starts = PaceLimit(pace, 0), [BEGIN + moment for moment in existing]
    for start in starts:
        limit.count(start)
    taken = [limit.take(BEGIN + second, BEGIN + 10_000, BEGIN - 1000) for second in wanted]
    taken = [start for start in taken if start is not None]
    assert all(most_in_a_minute([*starts, *taken], start) <= pace for start in taken)


@pytest.mark.parametrize(("before", "now"), [(20, 30), (12, 30), (20, 60), (40, 60)])
def test_a_higher_pace_applies_at_once_next_to_calls_sent_at_a_lower_one(before, now):
    """As the plan counts them: what Insight has for the next minutes leaves the difference free."""
    limit = PaceLimit(now, 600)
    starts = [BEGIN + number * 60 // before for number in range(10 * before)]
    for start in starts:
        limit.count(start)
    for minute in range(9):
        for _ in range(now - before):
            taken = limit.take(BEGIN + 60 * minute, BEGIN + 10_000, BEGIN - 600)
            assert taken is not None
            starts.append(taken)
    assert keep_the_pace(starts, now)
    assert max(starts) < BEGIN + 600


@settings(deadline=None)
@given(paces, st.lists(moments, max_size=120), st.integers(-90, 260))
def test_if_no_start_is_near_the_first_later_one_can_be_taken(pace, existing, second):
    limit, planned = PaceLimit(pace, 0), BEGIN + second
    for moment in existing:
        limit.count(BEGIN + moment)
    first = limit.first_free(planned, BEGIN - 1000)
    near = limit.take(planned, BEGIN + 10_000, BEGIN - 1000)
    assert near == (first if first <= planned + LATE_SECONDS else None)
    if near is None:
        assert limit.take(first, BEGIN + 10_000, BEGIN - 1000) == first


@given(paces, st.lists(st.integers(0, 130), max_size=60), st.data())
def test_a_released_slot_is_free_again_and_no_other(pace, wanted, data):
    slots = Slots(pace)
    taken = [slots.take(BEGIN + second, BEGIN + 10_000) for second in wanted]
    released = data.draw(st.lists(st.sampled_from(taken), max_size=10)) if taken else []
    for start in set(released):
        slots.release(start)
        assert slots.take(start, start) == start
    assert keep_the_pace(taken, pace)


events = st.lists(
    st.tuples(st.sampled_from(["wait", "wait", "pause", "fail", "restart"]), st.floats(0, 1)), max_size=60
)


@settings(deadline=None)
@given(paces, st.sampled_from([0, 1, 10, 300]), events)
def test_a_run_with_delays_pauses_failures_and_restarts_keeps_the_pace(pace, ahead, what_happens):
    """Calls are planned one after the other, as tightly as the pace allows, and each leaves when it may."""
    limit, now, sent = PaceLimit(pace, ahead), float(BEGIN), []
    planned = [BEGIN + number * 60 // pace for number in range(pace + 20)]
    for happens, size in [*what_happens, *[("wait", 0.0)] * len(planned)]:
        if not planned:
            break
        now = max(now, planned[0] - ahead) + size * {"pause": 70, "wait": 1.5}.get(happens, 0)
        if happens == "restart":
            limit = PaceLimit(pace, ahead)
            for start in sent:
                limit.count(start)
        start = limit.take(planned[0], planned[0] + 3600, now)
        if start is None:
            planned.pop(0)
            continue
        now = max(now, limit.leaves_at(start))
        if happens == "fail":
            limit.release(start)
            continue
        assert planned.pop(0) <= start
        assert now < start
        sent.append(start)
    assert keep_the_pace(sent, pace)


def test_small_delays_do_not_add_up():
    """With `queue_ahead: 0s` each call is due when it should start; after eight hours none is later."""
    limit, late = PaceLimit(30, 0), []
    for number in range(30 * 60 * 8):
        planned = BEGIN + 2 * number
        start = limit.take(planned, planned + 3600, planned + 0.3)
        assert limit.leaves_at(start) <= planned + 0.3
        late.append(start - planned)
    assert set(late) == {4}


def test_accumulated_calls_start_at_the_pace_or_not_at_all_if_too_late():
    limit = PaceLimit(30, 0)
    planned = [BEGIN + 2 * number for number in range(60)]
    now = BEGIN + 54.0
    starts = [limit.take(start, start + 3600, now) for start in planned]
    given_starts = [start for start in starts if start is not None]
    assert {after - before for before, after in pairwise(given_starts)} == {2}
    assert given_starts[0] == BEGIN + 56
    assert all(start - plan <= LATE_SECONDS for start, plan in zip(starts, planned, strict=True))


def test_a_start_taken_by_a_request_that_was_not_sent_goes_to_the_next():
    limit = PaceLimit(1, 0)
    start = limit.take(BEGIN, BEGIN + 3600, BEGIN - 10)
    limit.release(start)
    assert limit.take(BEGIN, BEGIN + 3600, BEGIN - 9) == start


@pytest.mark.parametrize(("ahead", "leaves"), [(300, 300), (10, 10), (0, 5)])
def test_a_request_leaves_as_long_before_its_start_as_declared_and_never_after_it(ahead, leaves):
    assert PaceLimit(30, ahead).leaves_at(BEGIN) == BEGIN - leaves


def test_a_call_never_starts_when_its_window_has_closed():
    limit = PaceLimit(30, 0)
    assert limit.take(BEGIN, BEGIN + 20, BEGIN + 10) == BEGIN + 12
    assert limit.take(BEGIN, BEGIN + 12, BEGIN + 10) is None


def test_after_a_slow_request_the_next_get_more_time():
    limit = PaceLimit(60, 0)
    before = limit.take(BEGIN, BEGIN + 3600, BEGIN)
    for _ in range(9):
        limit.ask_for_more_lead()
    after = limit.take(BEGIN, BEGIN + 3600, BEGIN)
    assert (before, after) == (BEGIN + 2, BEGIN + 30)
