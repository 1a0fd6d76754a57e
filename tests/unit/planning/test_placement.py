"""Where calls are placed: under the pace, inside their windows, and again when they are late."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.campaign.model import Campaign
from runner.campaign.rules.presets import presets
from runner.planning.candidate import join_zones
from runner.planning.placement import Placement, effective_pace, reschedule
from runner.planning.plan import Slot, WaitingCall

EAST, WEST = ("America/New_York",), ("America/Los_Angeles",)
MORNING = int(datetime(2026, 12, 1, 14, tzinfo=UTC).timestamp())
"""Tuesday, 9:00 in New York."""
HOUR = 3600
DAY = 24 * HOUR


def campaign(*, weekly="09:00-12:00", to="2026-12-02", margin=300, **pacing):
    return Campaign.model_validate(
        {
            "version": 1,
            "name": "follow-up",
            "survey": {"survey_id": "48211", "instance_id": "3"},
            "contacts": {
                "sources": [{"type": "csv", "path": "visits.csv"}],
                "phone": "{{ row.phone }}",
            },
            "calling_windows": {"weekly": {"daily": weekly}, "dates": {"to": to}, "close_margin": margin},
            "pacing": pacing,
        }
    )


def placement(declared, now=MORNING):
    return Placement(declared, now=now, requests_per_second=5)


def starts(declared, zone_sets, now=MORNING):
    placed = placement(declared, now)
    slots = placed.place([placed.windows(zones, None, None) for zones in zone_sets])
    return [slot and slot.start_timestamp for slot in slots]


def late(number, zones=EAST, earliest=None, latest=None):
    return WaitingCall(id=number, timezones=zones, earliest=earliest, latest=latest)


def new_slots(declared, calls, taken=(), now=MORNING):
    return reschedule(declared, calls, taken, now=now, requests_per_second=5)


def test_calls_start_as_early_as_the_pace_allows_in_their_order():
    assert starts(campaign(calls_per_minute=2), [EAST] * 4) == [MORNING + 30 * n for n in range(4)]


def test_a_call_whose_window_opens_later_does_not_delay_the_next():
    assert starts(campaign(calls_per_minute=1), [WEST, EAST]) == [MORNING + 3 * HOUR, MORNING]


def test_calls_beyond_one_window_go_into_the_next():
    declared = campaign(weekly="09:00-09:12", calls_per_minute=1)
    # The last start is 10 minutes before the window closes: 5 of margin, 5 that a slot needs.
    today, tomorrow = [MORNING, MORNING + 60, MORNING + 120], MORNING + DAY
    assert starts(declared, [EAST] * 4) == [*today, tomorrow]


def test_a_call_that_does_not_fit_has_no_slot():
    declared = campaign(weekly="09:00-09:12", to="2026-12-01", calls_per_minute=1)
    assert starts(declared, [EAST] * 4)[2:] == [MORNING + 120, None]


@pytest.mark.parametrize(
    ("now", "start"), [(MORNING + 0.2, MORNING + 1), (MORNING - 0.5, MORNING), (MORNING + 7.0, MORNING + 7)]
)
def test_no_call_starts_before_now(now, start):
    assert starts(campaign(calls_per_minute=60), [EAST], now) == [start]


def test_a_slot_ends_before_the_margin_and_its_request_goes_out_ahead():
    placed = placement(campaign(margin=900, queue_ahead=600), now=MORNING - HOUR)
    (slot,) = placed.place([placed.windows(EAST, None, None)])
    assert slot == Slot(
        queue_at=MORNING - 600, start_timestamp=MORNING, end_timestamp=MORNING + 3 * HOUR - 900
    )


def test_a_request_never_goes_out_before_now():
    placed = placement(campaign(queue_ahead=600), now=MORNING - 60.5)
    (slot,) = placed.place([placed.windows(EAST, None, None)])
    assert slot.queue_at == MORNING - 60


def test_a_window_with_less_than_five_minutes_left_takes_no_call():
    declared = campaign(to="2026-12-01")
    closes = MORNING + 3 * HOUR
    assert starts(declared, [EAST], closes - 600) == [closes - 600]
    assert starts(declared, [EAST], closes - 599) == [None]


def test_a_contacts_own_dates_bound_its_slot():
    placed = placement(campaign())
    windows = placed.windows(EAST, MORNING + HOUR, MORNING + 2 * HOUR)
    (slot,) = placed.place([windows])
    assert slot.start_timestamp == MORNING + HOUR
    assert slot.end_timestamp == MORNING + 2 * HOUR - 300
    assert placed.windows(EAST, MORNING + HOUR, MORNING + HOUR + 599) == ()


@given(st.lists(st.integers(0, 400), max_size=30), st.sampled_from([1, 2, 7, 30]))
def test_existing_calls_count_against_the_pace(taken, pace):
    placed = placement(campaign(calls_per_minute=pace))
    occupied = {MORNING + 60 * second // pace for second in taken}
    for start in occupied:
        placed.occupy(start)
    windows = placed.windows(EAST, None, None)
    found = [slot.start_timestamp for slot in placed.place([windows] * 20)]
    assert not occupied & set(found)
    all_starts = sorted([*occupied, *found])
    assert all(later - earlier >= 60 for earlier, later in zip(all_starts, all_starts[pace:], strict=False))


@given(st.lists(st.integers(-90, 90), max_size=40), st.sampled_from([1, 2, 7, 30]), st.integers(1, 30))
def test_calls_that_started_in_the_last_minute_count_against_the_pace(sent, pace, count):
    existing = sorted({MORNING + 60 * (second * pace // 60) // pace for second in sent})
    calls = [late(number) for number in range(count)]
    found = [
        slot.start_timestamp for slot in new_slots(campaign(calls_per_minute=pace), calls, existing).values()
    ]
    for start in found:
        begins = [other for other in [*existing, *found] if start - 60 < other <= start]
        most = max(sum(begin <= other < begin + 60 for other in [*existing, *found]) for begin in begins)
        assert most <= pace


@pytest.mark.parametrize(
    ("start", "end", "fits"),
    [
        (MORNING, MORNING + 3 * HOUR - 300, True),
        (MORNING + 1, MORNING + 3 * HOUR - 300, True),
        (MORNING + DAY, MORNING + DAY + 3 * HOUR - 300, True),
        (MORNING - 1, MORNING + 3 * HOUR - 300, False),  # in the past
        (MORNING + 3 * HOUR - 600, MORNING + 3 * HOUR - 300, True),
        (MORNING + 3 * HOUR - 599, MORNING + 3 * HOUR - 300, False),  # less than five minutes
        (MORNING, MORNING + 3 * HOUR, False),  # the margin grew
        (MORNING, MORNING + DAY + 3 * HOUR - 300, False),  # starts and ends in two windows
        (MORNING + 4 * HOUR, MORNING + 5 * HOUR, False),  # no window is open
    ],
)
def test_a_slot_is_kept_while_it_is_ahead_in_the_same_window(start, end, fits):
    placed = placement(campaign())
    assert placed.still_fits(start, end, placed.windows(EAST, None, None)) is fits


def test_an_even_spread_uses_the_whole_window():
    found = starts(campaign(calls_per_minute=30, spread="even"), [EAST] * 10)
    usable = 3 * HOUR - 600
    assert found == sorted(found)
    gaps = [after - before for before, after in pairwise(found)]
    assert all(abs(gap - usable / 10) <= 3 for gap in gaps)


@given(st.lists(st.sampled_from([EAST, WEST]), max_size=60), st.sampled_from([1, 2, 3]))
def test_an_even_spread_places_as_many_calls_as_the_front(zone_sets, pace):
    more = {"weekly": "09:00-09:20", "calls_per_minute": pace}
    even, front = (starts(campaign(spread=spread, **more), zone_sets) for spread in ("even", "front"))
    assert Counter(start is None for start in even) == Counter(start is None for start in front)
    placed = [start for start in even if start is not None]
    assert len(set(placed)) == len(placed)


@given(st.integers(1, 40), st.sampled_from(["front", "even"]), st.integers(0, 30 * HOUR))
def test_late_calls_leave_at_the_pace_inside_their_windows_and_never_in_a_burst(count, spread, hours_late):
    declared = campaign(weekly="09:00-09:30", calls_per_minute=2, spread=spread)
    now = MORNING + hours_late
    taken = [MORNING + DAY + 60 * n for n in range(10)]
    found = new_slots(declared, [late(n) for n in range(count)], taken, now)
    assert sorted(found) == list(range(count))
    given_slots = [slot for slot in found.values() if slot is not None]
    for slot in given_slots:
        start, end = (
            datetime.fromtimestamp(moment, ZoneInfo("America/New_York"))
            for moment in (slot.start_timestamp, slot.end_timestamp)
        )
        assert now <= slot.queue_at <= slot.start_timestamp <= slot.end_timestamp - 300
        assert start.date() == end.date()
        assert "09:00" <= f"{start:%H:%M:%S}" < f"{end:%H:%M:%S}" <= "09:25:00"
    ahead = [start for start in taken if start >= now]
    everything = sorted([*ahead, *(slot.start_timestamp for slot in given_slots)])
    assert all(later - earlier >= 60 for earlier, later in zip(everything, everything[2:], strict=False))


def test_a_late_call_that_no_longer_fits_has_no_slot():
    assert new_slots(campaign(), [late(7)], now=MORNING + 2 * DAY) == {7: None}


def test_a_late_call_keeps_to_its_contacts_own_dates():
    found = new_slots(campaign(), [late(1, earliest=MORNING + HOUR), late(2, latest=MORNING + 100)])
    assert found[1].start_timestamp == MORNING + HOUR
    assert found[2] is None


def test_late_calls_keep_their_order_of_precedence():
    found = new_slots(campaign(calls_per_minute=1), [late(9), late(3), late(5)])
    assert [found[number].start_timestamp - MORNING for number in (9, 3, 5)] == [0, 60, 120]


def test_the_pace_is_never_more_than_requests_can_go_out():
    assert effective_pace(campaign(calls_per_minute=1_000), 5) == 300
    assert effective_pace(campaign(calls_per_minute=30), 5) == 30
    assert effective_pace(campaign(), 5) == 300


def test_a_call_whose_record_is_pushed_takes_two_requests_of_the_rate():
    pushing = campaign().model_copy(update={"metadatabase": "visits"})
    assert effective_pace(pushing, 5) == 150


def test_a_late_call_gets_a_slot_inside_the_rules_of_its_state():
    declared, rules = campaign(weekly="09:00-20:30", to="2026-12-01"), presets().rule_sets(["us-states"])
    evening = MORNING + 10 * HOUR + 51 * 60
    calls = [replace(late(number), states=states) for number, states in enumerate(["FL", "NY", ""])]
    slots = reschedule(declared, calls, (), now=evening, requests_per_second=5, rules=rules)
    # At 19:51 nothing is left before 20:00, less close_margin.
    assert [slots[number] is None for number in range(3)] == [True, False, True]


def test_a_late_call_obeys_the_rules_where_it_is_and_not_where_the_campaign_is():
    declared = campaign(weekly="09:00-20:30", to="2026-12-01")
    declared = declared.model_copy(
        update={"calling_windows": declared.calling_windows.model_copy(update={"timezone": EAST[0]})}
    )
    rules = presets().rule_sets(["us-federal"])
    call = replace(late(1), home=join_zones(WEST))
    (slot,) = reschedule(declared, [call], (), now=MORNING, requests_per_second=5, rules=rules).values()
    assert slot.start_timestamp == MORNING + 2 * HOUR
