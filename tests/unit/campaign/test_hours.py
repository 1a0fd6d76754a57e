import string
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from runner.campaign.hours import MINUTES_A_DAY, Stretches, parse_weekly, weekdays_left

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def days_open(weekly):
    return [DAYS[day] for day, windows in enumerate(parse_weekly(weekly)) if windows]


def mistake(weekly):
    with pytest.raises(PydanticCustomError) as raised:
        parse_weekly(weekly)
    return raised.value


def test_a_day_has_its_windows_in_minutes_from_midnight():
    assert parse_weekly({"tue": "17:15-20:30"})[1] == ((1035, 1230),)


def test_a_list_gives_a_day_several_windows_in_order():
    assert parse_weekly({"sat": ["13:15-16:00", "10:15-12:30"]})[5] == ((615, 750), (795, 960))


@pytest.mark.parametrize(
    ("spec", "days"),
    [
        ("mon", ["mon"]),
        ("mon-fri", ["mon", "tue", "wed", "thu", "fri"]),
        ("sat-mon", ["mon", "sat", "sun"]),
        ("sat,sun", ["sat", "sun"]),
        ("mon-tue, fri", ["mon", "tue", "fri"]),
        ("daily", list(DAYS)),
    ],
)
def test_days_may_be_single_ranges_lists_or_all(spec, days):
    assert days_open({spec: "10:00-12:00"}) == days


def test_a_window_past_midnight_belongs_to_the_day_it_starts_on():
    hours = parse_weekly({"fri": "22:00-02:00"})
    assert hours[4] == ((22 * 60, 26 * 60),)
    assert hours[5] == ()


@pytest.mark.parametrize("text", ["00:00-24:00", "0:00-24:00", " 00:00 - 24:00 "])
def test_a_whole_day_ends_at_24(text):
    assert parse_weekly({"sun": text})[6] == ((0, 1440),)


def test_a_closed_day_has_no_windows_and_counts_as_named():
    assert days_open({"mon-sat": "10:00-12:00", "sun": "closed"}) == list(DAYS[:6])
    assert mistake({"daily": "10:00-12:00", "sun": "closed"}).type == "duplicate_day"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10-12",
        "10:00",
        "10:00-12:00-13:00",
        "25:00-26:00",
        "24:00-02:00",
        "10:60-11:00",
        "10:00\N{EN DASH}12:00",
        "10:00-٢٠:00",
    ],
)
def test_an_invalid_window_is_an_error_that_shows_the_format(text):
    error = mistake({"mon": text})
    assert error.type == "bad_hours"
    assert "17:15-20:30" in error.context["hint"]
    assert error.context["loc"] == ()


def test_equal_start_and_end_points_to_the_whole_day():
    error = mistake({"mon": ["10:00-11:00", "12:00-12:00"]})
    assert error.type == "bad_hours"
    assert "00:00-24:00" in error.context["hint"]
    assert error.context["loc"] == (1,)


@pytest.mark.parametrize("spec", ["monday", "mon-fry", "mon-wed-fri", "", "mon,", "MON", "weekdays"])
def test_an_unknown_day_is_an_error(spec):
    assert mistake({spec: "10:00-12:00"}).type == "bad_day"


def test_the_error_for_an_unknown_day_suggests_the_nearest():
    assert mistake({"monday": "10:00-12:00"}).context["hint"] == "did you mean `mon`?"


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("Monday-Friday", "mon-fri"),
        ("mon-fry", "mon-fri"),
        ("MON", "mon"),
        ("Sat, sonday", "sat,sun"),
        ("thurs", "thu"),
        ("tues-Wendesday", "tue-wed"),
        ("Daily", "daily"),
        ("mon\N{EN DASH}fri", "mon-fri"),
        ("Mon\N{EN DASH}Fri", "mon-fri"),
        ("weekdays", "mon-fri"),
        ("Weekday", "mon-fri"),
        ("weekend", "sat,sun"),
        ("every day", "daily"),
    ],
)
def test_the_whole_key_is_suggested_as_it_was_meant(spec, meant):
    assert mistake({spec: "10:00-12:00"}).context["hint"] == f"did you mean `{meant}`?"


@pytest.mark.parametrize(
    ("hours", "cause"),
    [
        ("9am-5pm", "24-hour clock"),
        ("9:00 AM - 5:00 p.m.", "24-hour clock"),
        ("9-17", "hh:mm"),
        ("9.00-17.00", "hh:mm"),
        ("09:00-25:00", "00:00 to 23:59"),
        ("09:60-17:00", "00:00 to 23:59"),
        ("24:00-25:00", "00:00 to 23:59"),
        ("24:00-08:00", "24:00 is the end of a day"),
        ("17:15\N{EN DASH}20:30", "plain hyphen"),
        ("17:15 \N{EM DASH} 20:30", "plain hyphen"),
        ("\N{LEFT DOUBLE QUOTATION MARK}17:15-20:30\N{RIGHT DOUBLE QUOTATION MARK}", "straight quotes"),
        ("09:00", 'write "17:15-20:30"'),
    ],
)
def test_the_error_of_invalid_hours_gives_the_cause(hours, cause):
    assert cause in mistake({"mon": hours}).context["hint"]


@pytest.mark.parametrize(
    "weekly", [{"mon-fri": "10:00-12:00", "fri": "10:00-11:00"}, {"sat,sat": "10:00-12:00"}]
)
def test_a_day_named_twice_is_an_error(weekly):
    assert mistake(weekly).type == "duplicate_day"


@pytest.mark.parametrize("weekly", [{}, {"daily": "closed"}, {"mon": []}])
def test_a_week_that_never_opens_is_an_error(weekly):
    assert mistake(weekly).type == "never_opens"


@pytest.mark.parametrize(
    ("weekly", "minutes"),
    [
        ({"mon": "10:00-12:00"}, 120),
        ({"mon": ["10:00-12:00", "12:00-13:00"]}, 180),
        ({"mon": ["10:00-12:00", "12:01-13:00"]}, 120),
        ({"mon": "22:00-24:00", "tue": "00:00-03:00"}, 300),
        ({"sun": "22:00-24:00", "mon": "00:00-03:00"}, 300),
        ({"sun": "22:00-04:00", "mon": "03:00-05:00"}, 420),
    ],
)
def test_windows_that_touch_count_as_one(weekly, minutes):
    assert Stretches(parse_weekly(weekly)).longest() == minutes


times = st.integers(0, MINUTES_A_DAY - 1)


def clock(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


@given(
    st.dictionaries(
        st.sampled_from(DAYS), st.lists(st.tuples(times, times), min_size=1, max_size=3), min_size=1
    )
)
def test_every_window_is_read_as_it_is_written(week):
    week = {day: [(start, end) for start, end in windows if start != end] for day, windows in week.items()}
    week = {day: windows for day, windows in week.items() if windows} or {"mon": [(0, 1)]}
    hours = parse_weekly(
        {day: [f"{clock(s)}-{clock(e)}" for s, e in windows] for day, windows in week.items()}
    )
    for place, day in enumerate(DAYS):
        assert sorted((start, end % MINUTES_A_DAY) for start, end in hours[place]) == sorted(
            week.get(day, [])
        )
        assert all(0 < end - start <= MINUTES_A_DAY for start, end in hours[place])


@given(
    st.dictionaries(
        st.text("montuewdhfrisa-, " + string.digits, max_size=12) | st.text(max_size=5),
        st.text("0123456789:- closed", max_size=14)
        | st.lists(st.text("0123456789:-", max_size=11), max_size=3),
    )
)
def test_any_text_is_either_hours_or_a_known_mistake(weekly):
    try:
        hours, code = parse_weekly(weekly), ""
    except PydanticCustomError as error:
        hours, code = (), error.type
    assert code in {"", "bad_day", "bad_hours", "duplicate_day", "never_opens"}
    assert code or (len(hours) == 7 and any(hours))


dates = st.dates(date(2026, 1, 1), date(2026, 3, 1))


@given(dates, dates, st.lists(st.tuples(dates, dates)))
def test_the_weekdays_left_are_those_of_the_dates_left(first, last, closed):
    closed = [(min(pair), max(pair)) for pair in closed]
    span = (first + timedelta(days=step) for step in range((last - first).days + 1))
    left = {day.weekday() for day in span if not any(start <= day <= end for start, end in closed)}
    assert weekdays_left(first, last, closed) == left


def test_dates_of_millennia_take_no_time():
    assert weekdays_left(date.min, date.max, [(date.min, date(9999, 12, 30))]) == {date.max.weekday()}
