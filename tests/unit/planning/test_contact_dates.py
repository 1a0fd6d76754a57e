"""A contact's own first and last instant, in all zones in which the contact may be."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.planning.contact_dates import WrongDateError, not_after, not_before

NEW_YORK = ("America/New_York",)
COAST_TO_COAST = ("America/Los_Angeles", "America/New_York")


def instant(text):
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize("bound", [not_before, not_after])
@pytest.mark.parametrize("empty", ["", "   "])
def test_an_empty_value_sets_no_bound(bound, empty):
    assert bound(empty, NEW_YORK) is None


def test_a_date_begins_when_the_last_zone_has_reached_it():
    assert not_before(" 2026-12-01 ", COAST_TO_COAST) == instant("2026-12-01T08:00:00Z")


def test_a_date_is_included_and_ends_when_the_first_zone_leaves_it():
    assert not_after("2026-12-01", COAST_TO_COAST) == instant("2026-12-02T05:00:00Z")


@pytest.mark.parametrize("bound", [not_before, not_after])
@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01T16:00:00Z",
        "2026-12-01t16:00:00z",
        "2026-12-01 11:00:00-05:00",
        "2026-12-01T21:30:00.000+05:30",
    ],
)
def test_an_instant_means_the_same_in_every_zone(bound, text):
    assert bound(text, COAST_TO_COAST) == instant("2026-12-01T16:00:00Z")


def test_a_fraction_of_a_second_is_rounded_into_the_bounds():
    assert not_before("2026-12-01T16:00:00.25Z", NEW_YORK) == instant("2026-12-01T16:00:01Z")
    assert not_after("2026-12-01T16:00:00.75Z", NEW_YORK) == instant("2026-12-01T16:00:00Z")


@given(
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.sampled_from(
        [
            *("Africa/Cairo", "America/Havana", "America/Nuuk", "Asia/Beirut", "Asia/Kathmandu"),
            *("Atlantic/Azores", "America/New_York", "Pacific/Apia", "America/Asuncion", "Asia/Gaza"),
        ]
    ),
)
def test_the_bounds_of_a_date_are_exact_to_the_second(day, name):
    begins, ends = not_before(day.isoformat(), (name,)), not_after(day.isoformat(), (name,))
    dates = [
        datetime.fromtimestamp(second, ZoneInfo(name)).date()
        for second in (begins - 1, begins, ends - 1, ends)
    ]
    assert dates == [day - timedelta(days=1), day, day, day + timedelta(days=1)]


@pytest.mark.parametrize(
    ("day", "name", "begins"),
    [
        # Clocks jump from 0:00 to 1:00, so the date begins at 1:00.
        ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00Z"),
        # Clocks go from 1:00 back to 0:00, so midnight comes twice.
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00Z"),
    ],
)
def test_a_date_begins_at_its_first_moment_where_clocks_change_at_midnight(day, name, begins):
    assert not_before(day, (name,)) == instant(begins)


def test_extreme_dates_for_no_bound_exclude_nothing():
    zones = ("America/New_York", "Asia/Tokyo", "Pacific/Kiritimati")
    long_ago, far_off = datetime(1980, 1, 1, tzinfo=UTC), datetime(5000, 1, 1, tzinfo=UTC)
    assert not_before("0001-01-01", zones) < long_ago.timestamp()
    assert not_after("9999-12-31", zones) > far_off.timestamp()
    assert not_before("0001-01-01T00:00:00+14:00", zones) < long_ago.timestamp()
    assert not_after("9999-12-31T23:59:59-12:00", zones) > far_off.timestamp()


@pytest.mark.parametrize("bound", [not_before, not_after])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-30T16:00:00", "needs its offset"),
        ("2026-02-30", "does not exist"),
        ("2026-12-01T25:00:00Z", "does not exist"),
        ("2026-12-01T16:00:00+99:00", "does not exist"),
        ("12/01/2026", "neither a date"),
        ("20261201", "neither a date"),
        ("2026-W49-1", "neither a date"),
        ("2026-12-01T16:00Z", "neither a date"),
        ("\u0662\u0660\u0662\u0666-12-01", "neither a date"),
        ("Jane Smith", "neither a date"),
    ],
)
def test_other_text_is_refused_and_not_shown(bound, text, said):
    with pytest.raises(WrongDateError, match=said) as raised:
        bound(text, NEW_YORK)
    assert text not in str(raised.value)
