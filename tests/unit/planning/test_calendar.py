"""Calling windows and their rules, compared with an independent check of every UTC minute."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from math import ceil
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_campaign import hours_rule

from runner.campaign.hours import weekly_entries
from runner.campaign.model import CallingWindows
from runner.campaign.rules.rule_set import HolidayHours
from runner.planning.calendar import Calendar, Rule, RuleKind
from runner.planning.public_holidays import UnknownPlaceError
from runner.planning.windows import Window, clip, dialling_end, intersect, join, last_start

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = (
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Apia",
    "America/Nuuk",
    "Asia/Gaza",
    "Antarctica/Troll",
    "America/New_York",
)
US_HOLIDAYS = {
    *("2026-01-01", "2026-01-19", "2026-02-16", "2026-05-25", "2026-06-19", "2026-07-03", "2026-07-04"),
    *("2026-09-07", "2026-10-12", "2026-11-11", "2026-11-26", "2026-12-25"),
    *("2027-01-01", "2027-01-18", "2027-02-15", "2027-05-31", "2027-06-18", "2027-06-19", "2027-07-04"),
    *("2027-07-05", "2027-09-06", "2027-10-11", "2027-11-11", "2027-11-25", "2027-12-24", "2027-12-25"),
    "2027-12-31",
}
"""5 U.S.C. 6103, with the Friday before or the Monday after where the day falls on a weekend."""


def days_of_change(name):
    """The UTC dates in 2026 and 2027 on which the zone's clocks change."""
    first = datetime(2026, 1, 2, tzinfo=UTC)
    moments = [first + timedelta(days=n) for n in range(725)]
    offsets = [moment.astimezone(ZoneInfo(name)).utcoffset() for moment in moments]
    return [
        moment.date()
        for moment, before, after in zip(moments, offsets, offsets[1:], strict=False)
        if before != after
    ]


CHANGES = {name: days_of_change(name) or [date(2026, 6, 19), date(2026, 12, 31)] for name in ZONES}


def oracle(spec, now, zones):
    """The open minutes, joined. `spec` is plain data, its times and dates compared as text."""
    last_day = {}
    for name in zones:
        today = datetime.fromtimestamp(now, ZoneInfo(name)).date().isoformat()
        first = max(today, spec["from"] or today)
        last_day[name] = spec["to"] or (date.fromisoformat(first) + timedelta(days=30)).isoformat()
    end = datetime.fromisoformat(max(last_day.values())).replace(tzinfo=UTC) + timedelta(days=2)

    def open_date(day, name):
        text = day.isoformat()
        return (
            (spec["from"] or "") <= text <= last_day[name]
            and not any(start <= text <= stop for start, stop in spec["blackout"])
            and not (spec["holidays"] and text in US_HOLIDAYS)
        )

    def open_minute(minute, name):
        local = datetime.fromtimestamp(minute, ZoneInfo(name))
        time, day = local.strftime("%H:%M"), local.date()
        if not open_date(day, name):
            return False
        if any(
            opens <= time and (time < closes or closes < opens)
            for opens, closes in spec["hours"][day.weekday()]
        ):
            return True
        before = day - timedelta(days=1)
        return open_date(before, name) and any(
            closes < opens and time < closes for opens, closes in spec["hours"][before.weekday()]
        )

    found = []
    for minute in range(int(now) // 60 * 60, int(end.timestamp()), 60):
        start = max(minute, ceil(now))
        if start < minute + 60 and all(open_minute(minute, name) for name in zones):
            if found and found[-1][1] == start:
                found[-1][1] = minute + 60
            else:
                found.append([start, minute + 60])
    return tuple(Window(start, stop) for start, stop in found)


def declared(spec):
    dates = {"from": spec["from"], "to": spec["to"]}
    return CallingWindows.model_construct(
        **dict(
            CallingWindows.model_validate(
                {
                    "weekly": {
                        day: [f"{opens}-{closes}" for opens, closes in hours]
                        for day, hours in zip(DAYS, spec["hours"], strict=True)
                    },
                    "dates": {name: value for name, value in dates.items() if value},
                    "holidays": {"country": "US"} if spec["holidays"] else None,
                    "close_margin": 0,
                }
            )
        )
        | {
            # Set past the check that some day stays open: closed altogether is a case like any other.
            "blackout": CallingWindows.model_validate(
                {
                    "weekly": {"daily": "00:00-24:00"},
                    "blackout": [{"from": start, "to": stop} for start, stop in spec["blackout"]],
                }
            ).blackout
        }
    )


def spec_of(hours, *, first=None, last=None, blackout=(), holidays=False):
    return {"hours": hours, "from": first, "to": last, "blackout": blackout, "holidays": holidays}


@st.composite
def times(draw):
    return f"{draw(st.integers(0, 23)):02}:{draw(st.sampled_from([0, 0, 1, 30, 45, 59])):02}"


@st.composite
def openings(draw):
    whole_day_and_past_midnight = [
        ("00:00", "24:00"),
        ("22:00", "02:00"),
        ("23:30", "00:30"),
        ("20:00", "00:00"),
    ]
    opens, closes = draw(
        st.one_of(
            st.sampled_from(whole_day_and_past_midnight),
            st.tuples(times(), times()).filter(lambda pair: pair[0] != pair[1]),
        )
    )
    return opens, closes


@st.composite
def cases(draw):
    zones = draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True))
    change = draw(st.sampled_from(CHANGES[zones[0]]))
    midnight = datetime(change.year, change.month, change.day, tzinfo=UTC).timestamp()
    now = midnight + draw(st.integers(-2 * 86_400, 86_400)) + draw(st.sampled_from([0, 0.5]))
    day = draw(st.integers(-3, 3).map(lambda n: change + timedelta(days=n)))
    to = day + timedelta(days=draw(st.integers(0, 3)))
    closed = change + timedelta(days=draw(st.integers(-2, 2)))
    closed_to = closed + timedelta(days=draw(st.integers(0, 1)))
    weekly = st.lists(st.lists(openings(), max_size=2), min_size=7, max_size=7).filter(
        lambda hours: any(any(day) for day in hours)
    )
    return (
        spec_of(
            # So that a week never has no opening at all that is 5 minutes long.
            [[*day, ("12:00", "12:30")] for day in draw(weekly)],
            first=draw(st.sampled_from([None, day.isoformat()])),
            last=to.isoformat(),
            blackout=draw(st.sampled_from([(), ((closed.isoformat(), closed_to.isoformat()),)])),
            holidays=draw(st.booleans()),
        ),
        now,
        tuple(sorted(zones)),
    )


@given(cases())
@settings(max_examples=100, deadline=None)
def test_windows_are_the_minutes_in_which_every_zone_is_open(case):
    spec, now, zones = case
    assert Calendar(declared(spec), now).windows(zones) == oracle(spec, now, zones)


@given(cases(), cases())
@settings(max_examples=40, deadline=None)
def test_rules_leave_the_minutes_in_which_the_contacts_own_zones_are_inside_them(case, other):
    (spec, now, zones), (rule_spec, _, own) = case, other
    day = date.fromisoformat(spec["to"])
    always = spec_of(
        rule_spec["hours"],
        first=(datetime.fromtimestamp(now, UTC).date() - timedelta(days=3)).isoformat(),
        last=(day + timedelta(days=3)).isoformat(),
        holidays=rule_spec["holidays"],
    )
    weekly = {
        name: [f"{opens}-{closes}" for opens, closes in hours]
        for name, hours in zip(DAYS, rule_spec["hours"], strict=True)
    }
    holidays = HolidayHours(country="US") if rule_spec["holidays"] else None
    rules = frozenset([replace(hours_rule("policy", weekly), holidays=holidays)])
    expected = intersect(oracle(spec, now, zones), oracle(always, now, own))
    assert Calendar(declared(spec), now).windows(zones, own, rules) == expected


@pytest.mark.parametrize("name", ZONES)
def test_without_dates_it_is_today_and_thirty_days_on(name):
    spec = spec_of([[("22:00", "02:00"), ("09:00", "12:30")]] * 7)
    now = datetime(2026, 10, 10, 11, 12, 13, tzinfo=UTC).timestamp()
    assert Calendar(declared(spec), now).windows((name,)) == oracle(spec, now, (name,))


@pytest.mark.parametrize("name", ZONES)
def test_every_clock_change_is_exact_to_the_second(name):
    spec = spec_of([[("00:00", "02:30"), ("23:15", "00:45")]] * 7)
    for change in CHANGES[name]:
        last = (change + timedelta(days=2)).isoformat()
        now = datetime(change.year, change.month, change.day, tzinfo=UTC).timestamp() - 86_400
        around = spec | {"to": last}
        assert Calendar(declared(around), now).windows((name,)) == oracle(around, now, (name,))


def instant(text):
    return int(datetime.fromisoformat(text).timestamp())


def in_new_york(weekly, now, **more):
    calendar = Calendar(CallingWindows.model_validate({"weekly": weekly, **more}), instant(now))
    return [
        (datetime.fromtimestamp(w.start, UTC).isoformat(), datetime.fromtimestamp(w.end, UTC).isoformat())
        for w in calendar.windows(("America/New_York",))
    ]


@pytest.mark.parametrize(
    ("weekly", "day", "expected"),
    [
        # Spring forward, 8 March 2026: 2:00 EST becomes 3:00 EDT, at 07:00 UTC.
        ("00:00-24:00", "2026-03-08", [("2026-03-08T05:00:00+00:00", "2026-03-09T04:00:00+00:00")]),
        ("02:00-03:00", "2026-03-08", []),
        ("02:30-03:30", "2026-03-08", [("2026-03-08T07:00:00+00:00", "2026-03-08T07:30:00+00:00")]),
        ("01:30-02:30", "2026-03-08", [("2026-03-08T06:30:00+00:00", "2026-03-08T07:00:00+00:00")]),
        ("09:00-17:00", "2026-03-08", [("2026-03-08T13:00:00+00:00", "2026-03-08T21:00:00+00:00")]),
        # Fall back, 1 November 2026: 2:00 EDT becomes 1:00 EST, at 06:00 UTC; that hour comes twice.
        ("00:00-24:00", "2026-11-01", [("2026-11-01T04:00:00+00:00", "2026-11-02T05:00:00+00:00")]),
        ("01:00-02:00", "2026-11-01", [("2026-11-01T05:00:00+00:00", "2026-11-01T07:00:00+00:00")]),
        (
            "01:30-01:45",
            "2026-11-01",
            [
                ("2026-11-01T05:30:00+00:00", "2026-11-01T05:45:00+00:00"),
                ("2026-11-01T06:30:00+00:00", "2026-11-01T06:45:00+00:00"),
            ],
        ),
    ],
)
def test_windows_on_a_day_of_a_clock_change(weekly, day, expected):
    assert in_new_york({"daily": weekly}, f"{day}T00:00:00Z", dates={"from": day, "to": day}) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        # Three hours long: the hour from 2:00 to 3:00 does not happen before 2:00 comes.
        ("2026-03-07", "2026-03-08", ("2026-03-08T03:00:00+00:00", "2026-03-08T07:00:00+00:00")),
        # Five hours long: the hour from 1:00 to 2:00 comes twice.
        ("2026-10-31", "2026-11-01", ("2026-11-01T02:00:00+00:00", "2026-11-01T07:00:00+00:00")),
    ],
)
def test_a_window_past_midnight_over_a_clock_change(first, last, expected):
    found = in_new_york({"sat": "22:00-02:00"}, f"{first}T12:00:00Z", dates={"from": first, "to": last})
    assert found == [expected]


def test_without_a_first_date_yesterdays_window_past_midnight_is_open():
    found = in_new_york({"daily": "22:00-02:00"}, "2026-12-02T05:30:00Z", dates={"to": "2026-12-02"})
    assert found[0] == ("2026-12-02T05:30:00+00:00", "2026-12-02T07:00:00+00:00")


def test_the_first_date_closes_the_window_past_midnight_of_the_day_before():
    dates = {"from": "2026-12-02", "to": "2026-12-02"}
    assert in_new_york({"daily": "22:00-02:00"}, "2026-12-02T05:30:00Z", dates=dates) == [
        ("2026-12-03T03:00:00+00:00", "2026-12-03T05:00:00+00:00")
    ]


def test_a_closed_date_closes_windows_past_midnight_into_it_and_from_it():
    found = in_new_york(
        {"daily": "22:00-02:00"},
        "2026-12-03T12:00:00Z",
        dates={"from": "2026-12-03", "to": "2026-12-05"},
        blackout=["2026-12-04"],
    )
    assert found == [
        ("2026-12-04T03:00:00+00:00", "2026-12-04T05:00:00+00:00"),
        ("2026-12-06T03:00:00+00:00", "2026-12-06T05:00:00+00:00"),
    ]


def test_a_state_holiday_closes_only_that_state():
    patriots_day = {"dates": {"from": "2026-04-20", "to": "2026-04-20"}}
    now = "2026-04-20T00:00:00Z"
    assert in_new_york({"daily": "09:00-17:00"}, now, holidays={"country": "US"}, **patriots_day)
    massachusetts = {"country": "US", "subdivision": "MA"}
    assert not in_new_york({"daily": "09:00-17:00"}, now, holidays=massachusetts, **patriots_day)


@pytest.mark.parametrize(
    ("place", "key"),
    [({"country": "TA"}, "country"), ({"country": "US", "subdivision": "Bavaria"}, "subdivision")],
)
def test_holidays_of_an_unknown_place_are_an_error(place, key):
    window = CallingWindows.model_validate({"weekly": {"daily": "09:00-17:00"}, "holidays": place})
    with pytest.raises(UnknownPlaceError) as raised:
        Calendar(window, 0.0)
    assert raised.value.key == key


def test_a_very_late_last_date_is_accepted():
    window = CallingWindows.model_validate(
        {"weekly": {"daily": "09:00-17:00"}, "dates": {"to": "9999-12-31"}}
    )
    first = Calendar(window, instant("2026-12-01T12:00:00Z")).windows(("America/New_York",))[0]
    assert first == Window(instant("2026-12-01T14:00:00Z"), instant("2026-12-01T22:00:00Z"))


def test_past_dates_have_no_windows():
    dates = {"from": "2026-11-01", "to": "2026-11-30"}
    assert in_new_york({"daily": "09:00-17:00"}, "2026-12-01T06:00:00Z", dates=dates) == []


@st.composite
def apart(draw):
    """Sorted windows that do not touch."""
    ends = sorted(draw(st.sets(st.integers(0, 60), max_size=12)))
    return tuple(Window(start, end) for start, end in zip(ends[::2], ends[1::2], strict=False))


def seconds(windows):
    return {second for window in windows for second in range(window.start, window.end)}


@given(apart(), apart())
def test_an_intersection_has_the_seconds_of_both(one, other):
    assert seconds(intersect(one, other)) == seconds(one) & seconds(other)


@given(apart(), st.none() | st.integers(-5, 65), st.none() | st.integers(-5, 65))
def test_clipping_keeps_the_seconds_from_earliest_until_before_latest(windows, earliest, latest):
    kept = range(-5 if earliest is None else earliest, 66 if latest is None else latest)
    assert seconds(clip(windows, earliest, latest)) == seconds(windows) & set(kept)


def test_a_slot_ends_before_the_margin_and_starts_five_minutes_earlier():
    window = Window(10_000, 20_000)
    assert (dialling_end(window, 600), last_start(window, 600)) == (19_400, 19_100)


OF_HOURS = {RuleKind.HOURS, RuleKind.OVERNIGHT, RuleKind.OUTSIDE_HOURS}


def holds(rule, spec, day, minute):
    """Whether the rule opens (or closes) this minute of this local date, as `spec` alone decides."""
    time, text = f"{minute // 60:02}:{minute % 60:02}", day.isoformat()
    before, own = (spec["hours"][date_.weekday()] for date_ in (day - timedelta(days=1), day))
    in_hours = any(opens <= time and (time < closes or closes < opens) for opens, closes in own)
    overnight = any(closes < opens and time < closes for opens, closes in before)
    starts, stops = spec["blackout"][rule.location[-1]] if rule.kind is RuleKind.BLACKOUT else ("", "")
    return {
        RuleKind.HOURS: in_hours,
        RuleKind.OVERNIGHT: overnight,
        RuleKind.OUTSIDE_HOURS: not in_hours,
        RuleKind.BEFORE_DATES: text < (spec["from"] or "") == rule.name,
        RuleKind.AFTER_DATES: text > spec["to"] == rule.name,
        RuleKind.BLACKOUT: starts <= text <= stops,
        RuleKind.HOLIDAY: spec["holidays"] and text in US_HOLIDAYS and rule.name != "",
    }[rule.kind]


@given(cases())
@settings(max_examples=100, deadline=None)
def test_each_minute_of_a_day_names_a_rule_that_opens_or_closes_it(case):
    spec, now, (name, *_) = case
    for day, intervals in Calendar(declared(spec), now).days(name, 8):
        assert {minute for i in intervals for minute in range(i.start, i.end)} == set(range(24 * 60))
        for i in intervals:
            # A rule about the date is the same for each minute of it.
            for minute in range(i.start, i.end) if i.rule.kind in OF_HOURS else (i.start,):
                assert holds(i.rule, spec, day, minute), (i.rule, day, minute)
        closed = {minute for i in intervals if not i.is_open for minute in range(i.start, i.end)}
        assert not closed.intersection(m for i in intervals if i.is_open for m in range(i.start, i.end))


@given(cases())
@settings(max_examples=100, deadline=None)
def test_the_open_minutes_of_local_days_are_the_windows(case):
    spec, now, _ = case
    calendar, opened = Calendar(declared(spec), now), []
    for day, intervals in calendar.days("UTC", 8):
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        opened += [(midnight + i.start * 60, midnight + i.end * 60) for i in intervals if i.is_open]
    week = Window(ceil(now), midnight + 86_400)
    minutes = {m for start, end in opened for m in range(start, end, 60) if m + 60 > week.start}
    windows = intersect(calendar.windows(("UTC",)), (week,))
    assert {m for start, end in windows for m in range(start - start % 60, end, 60)} == minutes


@given(cases())
@settings(max_examples=50, deadline=None)
def test_the_windows_of_all_entries_together_are_the_windows_of_the_zone(case):
    spec, now, (name, *_) = case
    window = declared(spec)
    calendar = Calendar(window, now)
    by_entry = [calendar.opened_by(entry, name) for entry in weekly_entries(window.weekly)]
    assert join(chain.from_iterable(by_entry)) == calendar.windows((name,))


def test_a_contacts_own_dates_close_the_rest_of_its_days():
    window = CallingWindows.model_validate({"weekly": {"daily": "09:00-17:00"}})
    calendar = Calendar(window, instant("2026-12-01T12:00:00Z"))
    days = calendar.days("UTC", 4, instant("2026-12-02T10:00:30Z"), instant("2026-12-03T16:00:00Z"))
    assert [[(i.start, i.end, i.rule.kind) for i in intervals if i.end > 600] for _, intervals in days] == [
        [(0, 1440, RuleKind.NOT_BEFORE)],
        [(0, 601, RuleKind.NOT_BEFORE), (601, 1020, RuleKind.HOURS), (1020, 1440, RuleKind.OUTSIDE_HOURS)],
        [(540, 960, RuleKind.HOURS), (960, 1440, RuleKind.NOT_AFTER)],
        [(0, 1440, RuleKind.NOT_AFTER)],
    ]


@given(cases(), st.integers(-2 * 1440, 9 * 1440), st.integers(-2 * 1440, 9 * 1440))
@settings(max_examples=50, deadline=None)
def test_the_intervals_of_a_day_cover_it_with_any_own_dates(case, first, last):
    spec, now, (name, *_) = case
    bounds = [int(now) + 60 * minutes for minutes in (first, last)]
    for _, intervals in Calendar(declared(spec), now).days(name, 8, *bounds):
        assert {m for i in intervals for m in range(i.start, i.end)} == set(range(24 * 60))


def test_a_weekday_that_weekly_does_not_name_has_no_hours():
    window = CallingWindows.model_validate({"weekly": {"mon-sat": "09:00-17:00"}})
    ((day, (interval,)),) = Calendar(window, instant("2026-12-06T12:00:00Z")).days("UTC", 1)
    assert (f"{day:%a}", interval.rule) == ("Sun", Rule(RuleKind.NO_HOURS, ("calling_windows", "weekly")))
