"""Counting by quarters of an hour equals counting each local time."""

from collections import Counter, defaultdict
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from runner.calls import Reason
from runner.planning.candidate import join_zones
from runner.planning.plan import Change, ChangeReason
from runner.planning.statistics import StatisticsBuilder
from runner.planning.zones import westernmost

ZONES = [
    ("America/New_York",),
    ("Asia/Kathmandu",),
    ("Australia/Lord_Howe",),
    ("Pacific/Chatham",),
    ("America/St_Johns",),
    ("Antarctica/Troll",),
    ("America/Boise", "America/Denver", "America/Los_Angeles", "America/Phoenix"),
    ("Pacific/Apia", "Pacific/Pago_Pago"),
]
CHANGES_OF_CLOCKS = [
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2027, 3, 14, 10, tzinfo=UTC),
    datetime(2027, 4, 3, 15, tzinfo=UTC),
    datetime(2027, 10, 2, 15, 30, tzinfo=UTC),
]
instants = st.one_of(
    st.integers(1_780_000_000, 1_860_000_000),
    st.builds(
        lambda change, seconds: int(change.timestamp()) + seconds,
        st.sampled_from(CHANGES_OF_CLOCKS),
        st.integers(-7200, 7200),
    ),
)
calls = st.lists(
    st.tuples(instants, st.sampled_from(ZONES), st.sampled_from(Change), st.sampled_from(ChangeReason)),
    max_size=60,
)


@given(calls)
def test_calls_are_counted_by_kind_and_local_time(made):
    counted = StatisticsBuilder()
    for start, zones, change, reason in made:
        counted.add_call(start, join_zones(zones), (change.value, reason.value, '["phone"]'))
    found = counted.statistics()
    expected = defaultdict(Counter)
    for start, zones, _, _ in made:
        local = westernmost(start, zones)
        expected[local.date()][local.hour] += 1
    assert found.starts == expected
    assert list(found.starts) == sorted(found.starts)
    assert all(list(hours) == sorted(hours) for hours in found.starts.values())
    assert found.changes == Counter((change, reason, ("phone",)) for _, _, change, reason in made)
    assert found.first_start == min((start for start, *_ in made), default=None)
    assert found.last_start == max((start for start, *_ in made), default=None)


def test_calls_with_fewer_attempts_and_exclusions_are_counted():
    counted = StatisticsBuilder()
    assert (counted.statistics().short, counted.statistics().excluded) == (0, {})
    for attempts in (3, 1, 2):
        counted.add_short(attempts)
    for reason in (Reason.SUPPRESSED, Reason.FILTERED, Reason.SUPPRESSED):
        counted.add_exclusion(reason)
    found = counted.statistics()
    assert (found.short, found.fewest_attempts) == (3, 1)
    assert found.excluded == {Reason.SUPPRESSED: 2, Reason.FILTERED: 1}
