"""Visits of the survey, joined to calls by number and time."""

import pytest
from call_rows import DAY, HOUR, MINUTE, START, answered, call, not_answered

from runner.errors import RunnerError
from runner.reports.times import rfc3339
from runner.results.dispositions import Answer
from runner.results.survey_report import UnreadableVisit, Visit, Visits, read_visits

HEADER = "Survey ID,Visit Type,Caller ID/IP Address,Phone Number,Start,End,Completed,Q1"


def row(number="6175550001", start=START + MINUTE, completed="Yes", caller="6175550100"):
    return f'48211,outbound,{caller},{number},{start},,{completed},"a, b"'


def visits(*rows):
    found = Visits()
    found.add(read_visits([HEADER, *rows]))
    return found


def one(text):
    (found,) = read_visits([HEADER, text])
    return found


@pytest.mark.parametrize(
    "number", ["6175550001", "16175550001", "+1 617-555-0001", "tel:+16175550001;ani=617"]
)
def test_a_number_is_found_in_any_spelling(number):
    assert visits(row(number)).answers([answered(1)]) == [Answer.COMPLETE]


def test_a_visit_is_found_by_the_callers_number_too():
    assert visits(row("8005550199", caller="6175550001")).answers([answered(1)]) == [Answer.COMPLETE]


@pytest.mark.parametrize(
    "start",
    [START, rfc3339(START), "2026-12-01T17:15:00-05:00", "2026-12-01 22:15:00", "12/01/2026 17:15:00"],
)
def test_a_time_is_read_in_any_usual_form(start):
    assert visits(row(start=start)).answers([answered(1)]) == [Answer.COMPLETE]


@pytest.mark.parametrize(("completed", "answer"), [("Yes", "complete"), ("0", "partial"), ("", "partial")])
def test_the_completed_column_tells_an_interview_from_a_partial_one(completed, answer):
    assert one(row(completed=completed)).answer is Answer(answer)


@pytest.mark.parametrize(
    "text", [row(completed="perhaps"), row(start="today"), row(number="", caller="-"), "48211"]
)
def test_a_row_that_cannot_be_understood_is_kept_apart(text):
    assert one(text) == UnreadableVisit(1)
    assert visits(text).unreadable == 1


def test_a_visit_at_another_time_stays_unmatched():
    found = visits(row(start=START + 2 * HOUR))
    assert found.answers([answered(1)]) == [None]
    assert [visit.row for visit in found.unmatched()] == [1]


def test_a_visit_of_a_number_that_was_not_called_stays_unmatched():
    found = visits(row("2125550100"))
    assert found.answers([answered(1)]) == [None]
    assert [type(visit) for visit in found.unmatched()] == [Visit]


def test_of_several_rounds_the_nearest_in_time_has_the_visit():
    calls = [answered(1), answered(1, round=2, start=START + DAY)]
    assert visits(row(start=START + DAY)).answers(calls) == [None, Answer.COMPLETE]


def test_of_several_visits_in_a_call_the_complete_one_counts():
    found = visits(row(completed="no"), row(completed="yes"), row(completed="no"))
    assert found.answers([answered(1)]) == [Answer.COMPLETE]
    assert (found.unmatched(), found.total) == ([], 3)


def test_a_call_that_insight_never_had_has_no_visit():
    assert visits(row()).answers([call(1)]) == [None]


def test_a_call_without_known_dials_is_matched_from_start_to_end():
    waiting = not_answered(1, dials=())
    assert visits(row(start=START + 2 * HOUR)).answers([waiting]) == [Answer.COMPLETE]


@pytest.mark.parametrize("header", ["", "Phone Number,Start", "Start,Completed"])
def test_a_report_without_the_columns_of_the_join_is_an_error(header):
    with pytest.raises(RunnerError, match="lacks a column"):
        list(read_visits([header]))
