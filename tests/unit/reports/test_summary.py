"""What an apply prints at its end."""

import pytest

from runner.calls import CallState
from runner.reports.summary import results_by_round

QUEUED, COMPLETED, FAILED = CallState.QUEUED, CallState.COMPLETED, CallState.FAILED


def shown(rounds):
    return [line.plain.rstrip() for line in results_by_round(rounds)]


@pytest.mark.parametrize("rounds", [{}, {1: {QUEUED: 3}}, {1: {CallState.PLANNED: 3}, 2: {}}])
def test_before_the_first_result_no_table_is_shown(rounds):
    assert shown(rounds) == []


def test_results_have_a_line_a_round_and_a_column_for_each_that_occurs():
    rounds = {
        1: {COMPLETED: 1212, FAILED: 80, CallState.UNCERTAIN: 2},
        2: {COMPLETED: 50, QUEUED: 30},
        3: {CallState.SKIPPED: 4},
    }
    assert shown(rounds) == [
        "           calls  completed  failed  no result",
        "  round 1  1,292      1,212      80          0",
        "  round 2     80         50       0         30",
    ]
