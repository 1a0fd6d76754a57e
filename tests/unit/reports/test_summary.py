"""What an apply prints at its end."""

import pytest

from runner.calls import CallState
from runner.reports.summary import results_by_round
from runner.reports.times import day

QUEUED, COMPLETED, FAILED = CallState.QUEUED, CallState.COMPLETED, CallState.FAILED


STARTS = {1: (1_796_166_000, 1_796_166_600), 2: (1_796_252_400, 1_796_338_800)}


def shown(rounds):
    return [line.plain.rstrip() for line in results_by_round(rounds, STARTS)]


@pytest.mark.parametrize("rounds", [{}, {1: {QUEUED: 3}}, {1: {CallState.PLANNED: 3}, 2: {}}])
def test_before_the_first_result_no_table_is_shown(rounds):
    assert shown(rounds) == []


def test_results_have_a_line_a_round_with_its_days_and_a_column_for_each_that_occurs():
    rounds = {
        1: {COMPLETED: 1212, FAILED: 80, CallState.UNCERTAIN: 2},
        2: {COMPLETED: 50, QUEUED: 30},
        3: {CallState.SKIPPED: 4},
    }
    assert shown(rounds) == [
        "           calls  completed  failed  no result  first call      last call",
        f"  round 1  1,292      1,212      80          0  {day(STARTS[1][0])}  {day(STARTS[1][1])}",
        f"  round 2     80         50       0         30  {day(STARTS[2][0])}  {day(STARTS[2][1])}",
        "  1,262 of the 1,292 contacts completed the survey",
    ]


def test_a_campaign_of_one_round_has_no_line_for_all_rounds():
    assert len(shown({1: {COMPLETED: 3}})) == 2
