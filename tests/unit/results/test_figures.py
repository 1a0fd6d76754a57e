"""What a report counts."""

from datetime import UTC, datetime

import pytest
from call_rows import CHICAGO, DAY, HOUR, MINUTE, NEW_YORK, START, answered, call, not_answered

from runner.calls import ResultStatus
from runner.results.cases import cases
from runner.results.dispositions import CodingRules, Disposition
from runner.results.figures import count, quantile
from runner.results.rates import Counts, Share

TUESDAY, WEDNESDAY = 1, 2


def figures(*calls):
    return count(cases(calls, CodingRules(), None))


def test_contacts_and_calls_are_counted_by_disposition():
    found = figures(not_answered(1), answered(1, round=2), call(2), call(3, ResultStatus.UNKNOWN))
    assert found.contacts == {Disposition.COMPLETE: 1, Disposition.NOT_WORKED: 1, Disposition.UNKNOWN: 1}
    assert found.calls == {
        ("failed", Disposition.NOT_REACHED): 1,
        ("completed", Disposition.COMPLETE): 1,
        ("planned", Disposition.NOT_WORKED): 1,
        ("unknown", Disposition.UNKNOWN): 1,
    }
    assert found.counts() == Counts(i=1, uh=1, uo=1)


def test_of_a_calls_dials_only_the_last_can_be_answered():
    found = figures(answered(1, dials=(START, START + HOUR, START + 2 * HOUR), attempts=3))
    assert found.by_hour() == {17: Share(0, 1), 18: Share(0, 1), 19: Share(1, 1)}
    assert found.by_weekday() == {TUESDAY: Share(1, 3)}


def test_hours_are_those_of_the_contacts_own_clock():
    found = figures(answered(1, zones=NEW_YORK), not_answered(2, zones=CHICAGO))
    assert found.by_weekday_and_hour() == {(TUESDAY, 17): Share(1, 1), (TUESDAY, 16): Share(0, 1)}


def test_hours_are_exact_when_clocks_change():
    first = int(datetime(2026, 11, 1, 5, 30, tzinfo=UTC).timestamp())
    found = figures(not_answered(1, dials=(first, first + HOUR, first + 2 * HOUR), attempts=3))
    assert found.by_hour() == {1: Share(0, 2), 2: Share(0, 1)}


def test_rounds_and_zones_count_calls_that_ended():
    found = figures(
        not_answered(1, attempts=3),
        answered(1, round=2, start=START + DAY),
        answered(2, zones=CHICAGO),
        call(3),
        call(4, ResultStatus.UNKNOWN),
    )
    assert found.by_round() == {1: Share(1, 2), 2: Share(1, 1)}
    assert found.by_zone() == {NEW_YORK: Share(1, 2), CHICAGO: Share(1, 1)}


def test_dials_whose_time_is_not_known_are_counted_apart():
    assert figures(not_answered(1, attempts=5)).dials_without_time == 4


def test_the_lag_runs_from_the_start_to_the_first_dial_in_whole_minutes():
    found = figures(*(not_answered(n, dials=(START + n * MINUTE + 30,)) for n in range(5)))
    assert found.lags == {0: 1, 1: 1, 2: 1, 3: 1, 4: 1}


@pytest.mark.parametrize(("share", "expected"), [(0.5, 1), (0.9, 9), (1.0, 9), (0.1, 0)])
def test_a_quantile_is_a_value_that_was_counted(share, expected):
    assert quantile({0: 4, 1: 4, 9: 2}, share) == expected


def test_the_quantile_of_no_values_is_none():
    assert quantile({}, 0.5) is None


def test_a_declared_eligibility_is_used_as_it_is():
    found = figures(answered(1), not_answered(2), not_answered(3))
    by_name = {rate.name: rate.value for rate in found.rates(CodingRules(eligibility=0.5))}
    assert by_name["RR3"] == pytest.approx(1 / (1 + 0.5 * 2))
    assert found.eligibility(CodingRules()) == 1
