"""No day has more calls than the policy allows, whatever the windows and the pace would take."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from small_campaign import DAY, NOW, campaign, change_reasons, people, plan_of, remembered

from runner.planning.pacing import DayLimit, DayRoom, day_of
from runner.planning.placement import Placement
from runner.planning.plan import ChangeReason

TODAY = day_of(NOW)


def placed(calls, days, *, kept=(), spread="front"):
    declared = campaign(more=f"pacing: {{spread: {spread}}}").campaign
    placement = Placement(declared, now=NOW, requests_per_second=5, days=days)
    placement.keep_days(kept)
    for start in kept:
        placement.occupy(start)
    windows = placement.windows(("America/New_York",), None, None)
    return [slot and slot.start_timestamp for slot in placement.place([windows] * calls)]


@given(
    st.integers(1, 40),
    st.integers(1, 12),
    st.dictionaries(st.integers(0, 3).map(lambda n: TODAY + n * DAY), st.integers(0, 15)),
    st.sampled_from(["front", "even"]),
)
def test_no_day_has_more_calls_than_it_may_have(calls, most, started, spread):
    starts = placed(calls, DayLimit(most, started), spread=spread)
    found = Counter(day_of(start) for start in starts if start is not None)
    assert all(number <= max(0, most - started.get(day, 0)) for day, number in found.items())
    # There are three days with a window.
    room = sum(max(0, most - started.get(TODAY + n * DAY, 0)) for n in range(3))
    assert len([start for start in starts if start is not None]) == min(calls, room)


def test_calls_keep_their_starts_where_the_day_has_room_for_all_of_them():
    declared = campaign().campaign
    for most, fits in ((2, True), (1, False)):
        placement = Placement(declared, now=NOW, requests_per_second=5, days=DayLimit(most, {}))
        windows = placement.windows(("America/New_York",), None, None)
        slot = placement.next_slot(windows)
        again = Placement(declared, now=NOW, requests_per_second=5, days=DayLimit(most, {}))
        again.keep_days([slot.start_timestamp, slot.start_timestamp + 60])
        assert again.is_overfull(slot.start_timestamp) is not fits


def test_calls_of_a_day_with_too_many_move_and_say_so():
    loaded = campaign()
    before = plan_of(loaded, people(1, 2, 3))
    plan = plan_of(loaded, people(1, 2, 3), history=remembered(before), days=DayLimit(2, {}))
    assert Counter(day_of(call.start_timestamp) for call in plan.calls) == {TODAY: 2, TODAY + DAY: 1}
    assert list(change_reasons(plan).values())[-1] == ChangeReason.DAY_FULL


def test_a_full_day_opens_with_the_next_one():
    room = DayRoom(DayLimit(1, {TODAY: 1, TODAY + DAY: 1}))
    assert room.open_from(NOW) == TODAY + 2 * DAY
    assert room.open_from(TODAY + 3 * DAY + 5) == TODAY + 3 * DAY + 5


def test_the_warning_blames_the_limit_of_a_day_where_no_pace_helps():
    plan = plan_of(campaign(), people(*range(10)), days=DayLimit(2, {}))
    (warning,) = [found for found in plan.diagnostics if found.code == "pace_too_slow"]
    assert warning.message.startswith(
        "4 of 10 contacts get no call: the policy's max_calls_per_day, 2 over all campaigns"
    )
    assert "later `to`" in warning.hint
    assert "calls_per_minute" not in warning.hint


def test_the_warning_blames_the_pace_where_the_limit_of_a_day_has_room():
    slow = campaign(more="pacing: {calls_per_minute: 1}", to="2026-12-01")
    history = remembered(plan_of(slow, people(*range(100)), days=DayLimit(250, {})))
    plan = plan_of(slow, people(*range(250)), days=DayLimit(250, {}), history=history)
    (warning,) = [found for found in plan.diagnostics if found.code == "pace_too_slow"]
    assert "at a pace of 1 a minute" in warning.message
    assert "`calls_per_minute: 2` is enough" in warning.hint
