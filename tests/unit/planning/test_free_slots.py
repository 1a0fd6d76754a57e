"""The grid of slots over many calls: slots counted as free are free, and calls that fit are placed."""

from hypothesis import given
from hypothesis import strategies as st

from runner.planning.pacing import Slots, spread_evenly
from runner.planning.windows import Window

BEGIN = 1_796_166_900
A_MINUTE = 60


@given(
    st.sampled_from([1, 7, 45, 60, 90, 300, 5_000]),
    st.lists(st.integers(0, 300), max_size=60),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_the_free_slots_counted_are_those_that_can_still_be_taken(pace, used, offset, length):
    slots, window = Slots(pace), Window(BEGIN + offset, BEGIN + offset + length)
    for second in used:
        slots.take(BEGIN + second, BEGIN + 10_000)
    counted = slots.count(window)
    taken = 0
    while slots.take(window.start, window.end - 1) is not None:
        taken += 1
    assert counted == taken
    assert slots.count(window) == 0


def test_a_grid_full_over_many_blocks_gives_the_next_free_second():
    slots = Slots(6_000)
    starts = [slots.take(BEGIN, BEGIN + 1_000) for _ in range(20_000)]
    assert starts == [BEGIN + call // 100 for call in range(20_000)]
    assert slots.take(BEGIN + 77, BEGIN + 1_000) == BEGIN + 200
    assert slots.take(BEGIN + 77, BEGIN + 199) is None


def test_calls_sent_at_a_faster_pace_delay_only_their_own_minute():
    slots = Slots(10)
    for second in range(A_MINUTE):
        slots.occupy(BEGIN + second)
    first = slots.take(BEGIN, BEGIN + 10_000)
    assert BEGIN + A_MINUTE <= first <= BEGIN + 2 * A_MINUTE


def test_a_call_off_the_grid_uses_the_next_slot():
    slots = Slots(4)
    slots.occupy(BEGIN + 1)
    assert [slots.take(BEGIN, BEGIN + 60) for _ in range(4)] == [BEGIN, BEGIN + 30, BEGIN + 45, BEGIN + 60]


@given(st.sampled_from([1, 20, 60, 300]), st.data())
def test_an_even_spread_has_a_slot_for_each_call_that_fits(pace, data):
    windows = [Window(BEGIN, BEGIN + 600), Window(BEGIN + 90_000, BEGIN + 90_900)]
    slots = Slots(pace)
    capacities = [slots.count(window) for window in windows]
    calls = data.draw(st.integers(1, sum(capacities)))
    placed = []
    for wanted in spread_evenly(windows, capacities, calls):
        window = next(window for window in windows if window.start <= wanted < window.end)
        # Towards the end of a full window the free slots lie before.
        start = slots.take(wanted, window.end - 1)
        placed.append(start if start is not None else slots.take(window.start, window.end - 1))
    assert None not in placed
    assert len(placed) == calls


def test_an_even_spread_of_few_calls_is_wide():
    window = Window(BEGIN, BEGIN + 600)
    assert list(spread_evenly([window], [600], 4)) == [BEGIN, BEGIN + 150, BEGIN + 300, BEGIN + 450]
