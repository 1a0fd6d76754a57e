"""The pace: never more starts a minute than configured, and no call waits longer than needed."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from runner.planning.pacing import Slots, request_rate_pace, spread_evenly
from runner.planning.plan import attempts_that_fit
from runner.planning.windows import Window

paces = st.integers(1, 400)
asks = st.lists(st.tuples(st.integers(1_000_000, 1_000_400), st.integers(0, 600)), max_size=80)


def grid(pace: int) -> list[int]:
    """The seconds of the slots in question, one entry a slot, straight from the definition."""
    return [i * 60 // pace for i in range(1_000_000 * pace // 60 - 2, 1_001_100 * pace // 60)]


@given(paces, asks)
def test_each_call_takes_the_first_slot_that_a_naive_search_finds(pace, wanted):
    slots, free = Slots(pace), grid(pace)
    for begin, length in wanted:
        expected = next((second for second in free if begin <= second), None)
        if expected is not None and expected > begin + length:
            expected = None
        assert slots.take(begin, begin + length) == expected
        if expected is not None:
            free.remove(expected)


@given(paces, st.integers(1, 300))
def test_no_sixty_seconds_hold_more_starts_than_the_pace(pace, calls):
    slots = Slots(pace)
    starts = [slots.take(1_000_000, 2_000_000) for _ in range(calls)]
    for start in starts:
        assert sum(start <= other < start + 60 for other in starts) <= pace


@given(paces, st.integers(1_000_000, 1_000_100))
def test_an_occupied_start_counts_against_the_pace(pace, second):
    slots = Slots(pace)
    capacity = sum(start < second + 60 for start in grid(pace) if start >= second)
    for _ in range(capacity):
        slots.occupy(second)
    taken = slots.take(second, second + 10_000)
    assert taken >= second + 60 - 60 // pace - 1


@given(paces, st.integers(1_000_000, 1_000_060))
def test_a_slot_does_not_depend_on_when_the_plan_is_made(pace, begin):
    late = Slots(pace).take(begin, 2_000_000)
    slots = Slots(pace)
    early = [slots.take(1_000_000, 2_000_000) for _ in range(pace * 3)]
    assert late in early


@given(st.integers(1, 500), st.lists(st.integers(0, 100), min_size=1, max_size=4))
def test_an_even_spread_fills_each_window_before_the_next_and_stays_inside(calls, capacities):
    windows = [Window(1000 * i, 1000 * i + 600) for i in range(len(capacities))]
    wanted = list(spread_evenly(windows, capacities, calls))
    assert len(wanted) == min(calls, sum(capacities))
    assert wanted == sorted(wanted)
    by_window = Counter(second // 1000 for second in wanted)
    left = calls
    for index, capacity in enumerate(capacities):
        assert by_window[index] == min(capacity, left)
        left -= by_window[index]
    for index, window in enumerate(windows):
        inside = [second for second in wanted if second // 1000 == index]
        assert all(window.start <= second < window.end for second in inside)
        gaps = {b - a for a, b in itertools.pairwise(inside)}
        assert not gaps or max(gaps) - min(gaps) <= 1


def test_the_default_pace_is_what_the_request_rate_allows():
    assert [request_rate_pace(rate) for rate in (5, 0.5, 0.001)] == [300, 30, 1]


def test_attempts_that_fit():
    assert attempts_that_fit(0, 3600, 1, None) == 1
    assert attempts_that_fit(0, 3600, 3, 1800) == 3
    assert attempts_that_fit(0, 3599, 3, 1800) == 2
    assert attempts_that_fit(0, 300, 3, 1800) == 1
