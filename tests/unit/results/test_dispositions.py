"""Which AAPOR code a call gets, and which of its calls decides for a contact."""

import pytest
from call_rows import DAY, START, answered, call, not_answered

from runner.calls import CallState, ResultStatus
from runner.results.cases import Case, CodedCall, cases
from runner.results.dispositions import (
    Answer,
    CodingRules,
    CompletesFrom,
    Disposition,
    Group,
    disposition,
)

FROM_INSIGHT = CodingRules()
FROM_REPORT = CodingRules(CompletesFrom.REPORT)
PARTIALS_RESPOND = CodingRules(CompletesFrom.REPORT, partials_respond=True)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (ResultStatus.COMPLETED, Disposition.COMPLETE),
        (ResultStatus.FAILED, Disposition.NOT_REACHED),
        (ResultStatus.CANCELED, Disposition.NOT_WORKED),
        (ResultStatus.REJECTED, Disposition.UNKNOWN),
        (ResultStatus.UNKNOWN, Disposition.UNKNOWN),
    ],
)
def test_a_result_has_its_code(result, code):
    assert disposition(call(1, result), None, FROM_INSIGHT) is code


@pytest.mark.parametrize("state", CallState)
def test_a_call_without_a_result_is_of_unknown_eligibility(state):
    not_sent = state in {CallState.PLANNED, CallState.REFUSED, CallState.SKIPPED}
    code = disposition(call(1, state=state), None, FROM_INSIGHT)
    assert code is (Disposition.NOT_WORKED if not_sent else Disposition.UNKNOWN)


def test_a_call_canceled_after_a_dial_was_not_reached():
    canceled = call(1, ResultStatus.CANCELED, attempts=2)
    assert disposition(canceled, None, FROM_INSIGHT) is Disposition.NOT_REACHED


@pytest.mark.parametrize(
    ("answer", "rules", "code"),
    [
        (Answer.COMPLETE, FROM_REPORT, Disposition.COMPLETE),
        (Answer.PARTIAL, FROM_REPORT, Disposition.BREAK_OFF),
        (Answer.PARTIAL, PARTIALS_RESPOND, Disposition.PARTIAL),
        (None, FROM_REPORT, Disposition.UNKNOWN),
    ],
)
def test_the_surveys_report_decides_about_a_call_that_was_answered(answer, rules, code):
    assert disposition(answered(), answer, rules) is code


def test_a_complete_interview_counts_although_insight_says_failed():
    assert disposition(not_answered(), Answer.COMPLETE, FROM_REPORT) is Disposition.COMPLETE


@pytest.mark.parametrize(
    ("code", "group"),
    [("1.1", "I"), ("1.2", "P"), ("2.12", "R"), ("3.10", "UH"), ("3.11", "UH"), ("3.90", "UO")],
)
def test_a_code_belongs_to_the_group_of_its_first_digits(code, group):
    assert Disposition(code).group is Group(group)


def decided(*calls):
    (case,) = cases(calls, FROM_INSIGHT, None)
    return case.deciding.call


def test_an_interview_decides_whatever_came_later():
    assert decided(answered(round=1), not_answered(round=2)).round == 1


def test_the_newest_dialled_round_decides_among_calls_that_reached_nobody():
    assert decided(not_answered(round=1), not_answered(round=2), call(round=3)).round == 2


def test_contacts_are_the_cases_of_the_survey():
    found = list(cases([not_answered(1), answered(1, round=2), not_answered(2)], FROM_INSIGHT, None))
    assert [len(case.calls) for case in found] == [2, 1]
    assert [case.disposition for case in found] == [Disposition.COMPLETE, Disposition.NOT_REACHED]


def test_attempts_until_answered_count_over_rounds():
    calls = [not_answered(round=1, attempts=3), answered(round=2, attempts=2, start=START + DAY)]
    (case,) = cases(calls, FROM_INSIGHT, None)
    assert (case.attempts, case.attempts_until_answered) == (5, 5)


def test_nobody_answered_has_no_number_of_attempts_until_answered():
    case = Case([CodedCall(not_answered(), Disposition.NOT_REACHED, None)])
    assert case.attempts_until_answered is None
