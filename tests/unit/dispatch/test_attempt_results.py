"""What an outcome means: for its call, and for the campaign when it repeats."""

import pytest

from runner.calls import CallState
from runner.dispatch.attempt_results import MOST_STRIKES, FailureStreak, attempt_result
from runner.errors import StoppedError
from runner.insight.outcome import Accepted, CampaignBlocked, NotSent, Refused, Uncertain
from runner.ledger.claim import AttemptResult
from runner.ledger.states import may_move

ACCEPTED = Accepted(call_id="155761", link="https://insight.example/api/outbound/155761")
REFUSED = Refused(error="phone_number is invalid")
STOP = CampaignBlocked(status=404, error="no such survey", advice="check survey_id")
NOT_SENT = NotSent(reason="the connection could not be made", prevented=False)
PREVENTED = NotSent(reason="its time passed before it could be sent", prevented=True)
UNCERTAIN = Uncertain(reason="no whole answer within 30 s", status=None, body="")
WITH_BODY = Uncertain(reason="Insight answered 500", status=500, body="database error")

ENDINGS = [
    (
        ACCEPTED,
        AttemptResult(
            state=CallState.QUEUED,
            http_status=200,
            call_id="155761",
            link="https://insight.example/api/outbound/155761",
        ),
    ),
    (REFUSED, AttemptResult(state=CallState.REFUSED, http_status=400, reason="phone_number is invalid")),
    (STOP, AttemptResult(state=CallState.PLANNED, http_status=404, reason="no such survey")),
    (NOT_SENT, AttemptResult(state=CallState.PLANNED, reason="the connection could not be made")),
    (PREVENTED, AttemptResult(state=CallState.PLANNED, reason="its time passed before it could be sent")),
    (UNCERTAIN, AttemptResult(state=CallState.UNCERTAIN, reason="no whole answer within 30 s")),
    (
        WITH_BODY,
        AttemptResult(
            state=CallState.UNCERTAIN, http_status=500, reason="Insight answered 500: database error"
        ),
    ),
    (
        Uncertain(reason="Insight answered 404 with a call_id", status=404, body="", call_ids=("155761",)),
        AttemptResult(
            state=CallState.UNCERTAIN,
            http_status=404,
            reason="Insight answered 404 with a call_id (call_id 155761)",
            call_id="155761",
        ),
    ),
    (
        Uncertain(
            reason="Insight answered 200 with several call_ids", status=200, body="", call_ids=("1", "2")
        ),
        AttemptResult(
            state=CallState.UNCERTAIN,
            http_status=200,
            reason="Insight answered 200 with several call_ids (call_ids 1, 2)",
        ),
    ),
    (
        Uncertain(reason="Insight answered 404 with a call_id", status=404, body="", call_ids=("a-1",)),
        AttemptResult(
            state=CallState.UNCERTAIN,
            http_status=404,
            reason="Insight answered 404 with a call_id (call_id a-1)",
        ),
    ),
]


@pytest.mark.parametrize(("outcome", "ending"), ENDINGS)
def test_every_outcome_has_its_ending(outcome, ending):
    assert attempt_result(outcome) == ending


@pytest.mark.parametrize("outcome", [outcome for outcome, _ in ENDINGS])
def test_every_ending_is_a_move_that_a_call_under_way_may_make(outcome):
    assert may_move(CallState.SENDING, attempt_result(outcome).state)


def count(*outcomes):
    failure_streak = FailureStreak()
    for outcome in outcomes:
        failure_streak.count(outcome)
    return failure_streak


@pytest.mark.parametrize("strike", [REFUSED, UNCERTAIN])
def test_the_tenth_strike_in_a_row_stops_the_campaign_and_the_ninth_does_not(strike):
    failure_streak = count(*[strike] * (MOST_STRIKES - 1))
    with pytest.raises(StoppedError):
        failure_streak.count(strike)


def test_the_error_of_ten_refusals_gives_the_last_answer_and_what_to_do():
    failure_streak = count(*[REFUSED] * 9)
    with pytest.raises(StoppedError, match="phone_number is invalid") as caught:
        failure_streak.count(REFUSED)
    assert "correct the field that Insight names" in caught.value.hint
    assert "runner retry CAMPAIGN --all" in caught.value.hint


def test_the_error_of_ten_uncertain_calls_says_that_they_are_not_sent_again():
    failure_streak = count(*[UNCERTAIN] * 9)
    with pytest.raises(StoppedError, match="no whole answer") as caught:
        failure_streak.count(UNCERTAIN)
    assert "not sent again" in caught.value.hint


@pytest.mark.parametrize("between", [UNCERTAIN, NOT_SENT, PREVENTED])
def test_what_is_no_200_between_refusals_does_not_reset_their_count(between):
    failure_streak = count(*[REFUSED] * 9, between)
    with pytest.raises(StoppedError):
        failure_streak.count(REFUSED)


@pytest.mark.parametrize("strike", [REFUSED, UNCERTAIN])
def test_a_200_begins_the_count_anew(strike):
    failure_streak = count(*[strike] * 9, ACCEPTED, *[strike] * 9)
    with pytest.raises(StoppedError):
        failure_streak.count(strike)


def test_a_refusal_ends_a_row_of_uncertain_outcomes_because_insight_answers_clearly():
    failure_streak = count(*[UNCERTAIN] * 9, REFUSED, *[UNCERTAIN] * 9)
    with pytest.raises(StoppedError):
        failure_streak.count(UNCERTAIN)


def test_calls_that_never_left_are_no_strikes():
    count(*[NOT_SENT, PREVENTED] * MOST_STRIKES)
