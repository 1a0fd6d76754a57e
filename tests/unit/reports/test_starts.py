"""Counting in steps of five minutes gives the same hours and quarters as converting each local time."""

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from runner.campaign.timezones import names
from runner.planning.zones import westernmost
from runner.reports.page.starts import StartCount

SETS = st.one_of(
    st.sampled_from(sorted(names())).map(lambda name: (name,)),
    st.sampled_from(
        [
            ("America/Boise", "America/Denver", "America/Los_Angeles", "America/Phoenix"),
            ("Pacific/Apia", "Pacific/Pago_Pago"),
            ("Australia/Lord_Howe",),
            ("Pacific/Chatham",),
        ]
    ),
)
CHANGES_OF_CLOCKS = [datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2027, 4, 3, 15, tzinfo=UTC)]
INSTANTS = st.one_of(
    st.integers(1_325_376_000, 2_500_000_000),
    st.builds(
        lambda change, seconds: int(change.timestamp()) + seconds,
        st.sampled_from(CHANGES_OF_CLOCKS),
        st.integers(-7200, 7200),
    ),
)


@given(st.lists(st.tuples(INSTANTS, SETS), max_size=40))
def test_each_start_is_counted_at_its_local_quarter(made):
    counted = StartCount()
    for start, zones in made:
        counted.add(start, zones)
    found = Counter()
    for zones, starts in counted.local().items():
        for local, number in starts.items():
            found[zones, local.date(), local.hour, local.minute // 15] += number
    expected = Counter()
    for start, zones in made:
        local = westernmost(start, zones)
        expected[zones, local.date(), local.hour, local.minute // 15] += 1
    assert found == expected
