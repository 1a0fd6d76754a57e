"""The latest local time at which a contact may be dialled at night, compared with every minute."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.campaign.timezones import zone
from runner.planning.plan_warnings import lateness, latest_at_night

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"
NOON = int(datetime(2026, 12, 1, 17, tzinfo=UTC).timestamp())
"""12:00 in New York."""
MINUTE, HOUR = 60, 3600


@pytest.mark.parametrize(
    ("first", "last", "latest"),
    [
        (0, 0, None),
        (0, 8 * HOUR + 59 * MINUTE, None),
        (9 * HOUR, 9 * HOUR, time(21)),
        (0, 11 * HOUR, time(23)),
        (0, 13 * HOUR, time(1)),
        (9 * HOUR, 22 * HOUR, time(7, 59)),
        (-5 * HOUR, 0, time(7, 59)),
    ],
)
def test_the_latest_hour_at_night_counts_from_8_in_the_morning(first, last, latest):
    assert latest_at_night(NOON + first, NOON + last, [NEW_YORK]) == latest


def test_of_several_zones_the_latest_hour_is_returned():
    assert latest_at_night(NOON, NOON + 9 * HOUR + 30 * MINUTE, [CHICAGO, NEW_YORK]) == time(21, 30)


@given(st.integers(0, 40 * 1440), st.integers(1, 1600))
def test_the_latest_hour_equals_a_check_of_every_minute(begin, length):
    first = NOON + begin * MINUTE
    minutes = [datetime.fromtimestamp(first + step * MINUTE, zone(NEW_YORK)).time() for step in range(length)]
    nights = [local for local in minutes if not time(8) <= local < time(21)]
    last = first + (length - 1) * MINUTE
    # At 21:00 sharp an interval closes in time, unless it is a single instant.
    if length > 1 and minutes[-1] == time(21):
        nights = nights[:-1]
    assert latest_at_night(first, last, [NEW_YORK]) == max(nights, key=lateness, default=None)
