from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_views import (
    CHICAGO,
    DAY,
    HOUR,
    LOS_ANGELES,
    MINUTE,
    NEW_YORK,
    NINE_IN_NEW_YORK,
    a_week_of_calls,
    call,
)

from runner.planning.plan_view import HoursView, RuleView
from runner.planning.rule_cuts import RuleCut
from runner.reports.page import week_map, zone_chart
from runner.reports.page.starts import StartCount

ZONES = [(NEW_YORK,), (CHICAGO,), (LOS_ANGELES,), ("America/Denver",), ("America/Anchorage",),
         ("Pacific/Honolulu",), (CHICAGO, NEW_YORK)]  # fmt: skip
STARTS = st.integers(0, 20 * DAY // MINUTE).map(lambda minute: NINE_IN_NEW_YORK + minute * MINUTE)
CALLS = st.lists(st.builds(call, start=STARTS, zones=st.sampled_from(ZONES)), min_size=1, max_size=60)


def starts(calls):
    counted = StartCount()
    for made in calls:
        counted.add(made.start_timestamp, made.timezones)
    return counted.local()


def labels(calls):
    return [panel.label for panel in zone_chart.zone_chart(starts(calls)).panels]


@given(CALLS)
def test_a_bar_is_as_high_as_its_hour_has_calls(calls):
    for panel in zone_chart.zone_chart(starts(calls)).panels:
        full = zone_chart.BASE - zone_chart.TOP
        drawn = [bar.height / full * panel.top for bar in panel.bars]
        assert drawn == pytest.approx([number for number in panel.counts if number], abs=0.01)
        assert all(bar.y + bar.height == pytest.approx(zone_chart.BASE) for bar in panel.bars)


@given(CALLS)
def test_bars_do_not_overlap_and_stay_inside_the_panel(calls):
    for panel in zone_chart.zone_chart(starts(calls)).panels:
        edges = [edge for bar in panel.bars for edge in (bar.x, bar.x + bar.width)]
        assert edges == sorted(edges)
        assert edges[0] >= zone_chart.LEFT
        assert edges[-1] <= zone_chart.RIGHT + 0.01


@given(CALLS)
def test_the_panels_of_zones_add_up_to_all_calls(calls):
    first, *others = zone_chart.zone_chart(starts(calls)).panels
    assert first.total == len(calls)
    for hour, number in enumerate(first.counts):
        assert not others or number == sum(panel.counts[hour] for panel in others)


def test_zones_with_few_calls_share_a_panel():
    assert labels(a_week_of_calls()) == [
        "All calls", NEW_YORK, CHICAGO, LOS_ANGELES, "America/Denver", "3 others, with few calls",
    ]  # fmt: skip


def test_a_fifth_zone_has_its_own_panel():
    zones = ["America/Denver", CHICAGO, LOS_ANGELES, NEW_YORK, "Pacific/Honolulu"]
    assert labels([call(n, zones=(name,)) for n, name in enumerate(zones)]) == ["All calls", *sorted(zones)]


def test_one_zone_is_all_there_is_to_draw():
    assert labels([call(1), call(2)]) == [NEW_YORK]


def test_contacts_with_several_zones_are_grouped_by_their_set_of_zones():
    several = ("America/Boise", LOS_ANGELES, "America/Phoenix", NEW_YORK)
    assert labels([call(1, zones=several), call(2)])[1:] == ["America/Boise and 3 more zones", NEW_YORK]


def test_a_plan_without_calls_has_no_panels():
    assert zone_chart.zone_chart(starts([])).panels == []


def test_two_weeks_are_drawn_and_the_rest_is_counted():
    chart = zone_chart.zone_chart(starts([call(n, start=NINE_IN_NEW_YORK + n * DAY) for n in range(16)]))
    assert len(chart.hours) == 14
    assert chart.later == "and 2 calls on 2 later days"


def test_the_hours_are_those_of_the_contacts():
    chart = zone_chart.zone_chart(starts([call(1), call(2, start=NINE_IN_NEW_YORK + HOUR, zones=(CHICAGO,))]))
    assert list(chart.hours) == ["Tue 2026-12-01 09-10"]
    assert [label.text for label in chart.hour_labels] == ["09:00", "10:00"]
    assert [label.text for label in chart.day_labels] == ["Tue 12-01"]


def on(*windows, day=0):
    return tuple(windows if index == day else () for index in range(7))


def week(weekly, calls=(), timezone="contact"):
    hours = HoursView(timezone=timezone, weekly=weekly, calls_per_minute=20)
    return week_map.week_map(hours, starts(calls))


def starts_in(cell):
    """`Monday 09:00-10:00: 12 starts` is what readers see who point at it."""
    return int(cell.text.rpartition(": ")[2].split()[0].replace(",", ""))


def minute_at(x):
    return round((x - week_map.LEFT) / week_map.HOUR_WIDTH * 60)


def drawn(map_of_week):
    """(weekday, from, to) in minutes, as the drawing has it."""
    return [
        (
            round((window.y - week_map.TOP) / week_map.DAY_HEIGHT),
            minute_at(window.x),
            minute_at(window.x + window.width),
        )
        for window in map_of_week.windows
    ]


@pytest.mark.parametrize(
    ("windows", "step"),
    [([(540, 1020)], 60), ([(570, 1020)], 30), ([(1035, 1230)], 15), ([(545, 1020)], 15), ([], 60)],
)
def test_cells_are_as_fine_as_the_windows_ask_for(windows, step):
    assert week(on(*windows)).step == step


def test_windows_are_drawn_where_they_are_declared():
    assert drawn(week(on((540, 720), (780, 1035), day=2))) == [(2, 540, 720), (2, 780, 1035)]


@pytest.mark.parametrize(("day", "next_day"), [(4, 5), (6, 0)])
def test_a_window_past_midnight_goes_on_in_the_next_day_s_row(day, next_day):
    assert drawn(week(on((1320, 1560), day=day))) == [(day, 1320, 1440), (next_day, 0, 120)]


@given(CALLS)
def test_each_start_is_counted_in_the_cell_of_its_local_time(calls):
    found = week(on((1035, 1230)), calls)
    expected = {}
    for made in calls:
        local = min(
            datetime.fromtimestamp(made.start_timestamp, ZoneInfo(name)).replace(tzinfo=None)
            for name in made.timezones
        )
        place = (local.weekday(), (local.hour * 60 + local.minute) // 15 * 15)
        expected[place] = expected.get(place, 0) + 1
    cells = {
        (round((cell.y - week_map.TOP) // week_map.DAY_HEIGHT), minute_at(cell.x)): starts_in(cell)
        for cell in found.cells
    }
    assert cells == expected
    assert sum(day.total for day in found.days) == len(calls)
    assert all(day.total == sum(day.counts) for day in found.days)


def test_the_fullest_cell_has_the_strongest_colour():
    starts = [0] * 10 + [1] * 5 + [2]
    cells = week(on((540, 1020)), [call(start=NINE_IN_NEW_YORK + n * HOUR) for n in starts]).cells
    assert [(starts_in(cell), cell.level) for cell in cells] == [(10, 5), (5, 3), (1, 1)]


def test_the_table_next_to_the_map_lists_the_windows_of_each_day():
    days = week(on((540, 720), (1320, 1560))).days
    assert [day.hours for day in days] == ["09:00-12:00, 22:00-02:00", *["closed"] * 6]


def test_the_map_names_the_clock_it_uses():
    assert week(on((540, 720))).clock == "each contact's own clock (with several zones, the earliest)"
    assert week(on((540, 720)), timezone=NEW_YORK).clock == "the clock of America/New_York"


def rule_view(name, *cuts, states=()):
    return RuleView(
        name=name,
        title="",
        version=1,
        states=states,
        weekly=None,
        holidays=None,
        caps=(),
        cuts=cuts,
        purpose=(),
        voice=(),
        source="",
        checked="",
        confidence="",
    )


def drawn_cuts(*rules):
    hours = HoursView(timezone="contact", weekly=on((22 * 60, 26 * 60), day=6), calls_per_minute=20)
    return [
        (minute_at(cut.x), round((cut.y - week_map.TOP) / week_map.DAY_HEIGHT), cut.text)
        for cut in week_map.week_map(hours, starts(()), rules).cuts
    ]


def test_what_a_rule_closes_is_drawn_with_its_name_also_past_midnight():
    cut = RuleCut(days=(6,), start=22 * 60, end=26 * 60, left=((24 * 60, 25 * 60),))
    assert drawn_cuts(rule_view("us-fl", cut, states=("FL",))) == [
        (60, 0, "Monday 01:00-02:00: closed by us-fl (contacts in FL)"),
        (22 * 60, 6, "Sunday 22:00-24:00: closed by us-fl (contacts in FL)"),
    ]


def test_what_several_rules_close_is_drawn_once_with_all_their_names():
    narrow = RuleCut(days=(0,), start=18 * 60, end=21 * 60, left=((18 * 60, 20 * 60),))
    wide = RuleCut(days=(0,), start=18 * 60, end=21 * 60, left=((18 * 60, 19 * 60),))
    assert drawn_cuts(rule_view("one", narrow), rule_view("two", wide)) == [
        (19 * 60, 0, "Monday 19:00-20:00: closed by two"),
        (20 * 60, 0, "Monday 20:00-21:00: closed by one, two"),
    ]
