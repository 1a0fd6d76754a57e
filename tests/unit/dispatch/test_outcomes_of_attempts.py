"""What an outcome means for its call, and for the campaign."""

import pytest

from runner.calls import CallState, ReasonCode, StateReason
from runner.dispatch.outcome_recorder import (
    MOST_FAILURES,
    RECORDS,
    FailureStreak,
    attempt_result,
    push_result,
)
from runner.errors import StoppedError
from runner.insight.outcome import Accepted, CampaignBlocked, NotSent, RecordAdded, Refused, Uncertain
from runner.ledger.claim import AttemptResult
from runner.ledger.states import may_move

ACCEPTED = Accepted(call_id="155761", link="https://insight.example/api/outbound/155761")
REFUSED = Refused(error="phone_number is invalid")
STOP = CampaignBlocked(status=404, error="no such survey", advice="check survey_id")
NOT_SENT = NotSent(reason="the connection could not be made", prevented=False)
PREVENTED = NotSent(reason="time_passed", prevented=True)
UNCERTAIN = Uncertain(reason="no whole answer within 30 s", status=None, body="")
WITH_BODY = Uncertain(reason="Insight answered 500", status=500, body="database error")

RESULTS = [
    (
        ACCEPTED,
        AttemptResult(
            state=CallState.QUEUED,
            http_status=200,
            call_id="155761",
            link="https://insight.example/api/outbound/155761",
        ),
    ),
    (
        REFUSED,
        AttemptResult(
            state=CallState.REFUSED,
            http_status=400,
            reason=StateReason.of(ReasonCode.REFUSED, error="phone_number is invalid"),
        ),
    ),
    (
        STOP,
        AttemptResult(
            state=CallState.PLANNED,
            http_status=404,
            reason=StateReason.of(ReasonCode.REFUSED, error="no such survey"),
        ),
    ),
    (
        NOT_SENT,
        AttemptResult(
            state=CallState.PLANNED,
            reason=StateReason.of(ReasonCode.NOT_SENT, problem="the connection could not be made"),
        ),
    ),
    (
        UNCERTAIN,
        AttemptResult(
            state=CallState.UNCERTAIN,
            reason=StateReason.of(ReasonCode.UNCERTAIN, problem="no whole answer within 30 s"),
        ),
    ),
    (
        WITH_BODY,
        AttemptResult(
            state=CallState.UNCERTAIN,
            http_status=500,
            reason=StateReason.of(
                ReasonCode.UNCERTAIN, problem="Insight answered 500", body="database error"
            ),
        ),
    ),
    (
        Uncertain(reason="Insight answered 404 with a call_id", status=404, body="", call_ids=("155761",)),
        AttemptResult(
            state=CallState.UNCERTAIN,
            http_status=404,
            reason=StateReason.of(
                ReasonCode.UNCERTAIN, problem="Insight answered 404 with a call_id", call_ids="155761"
            ),
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
            reason=StateReason.of(
                ReasonCode.UNCERTAIN, problem="Insight answered 200 with several call_ids", call_ids="1, 2"
            ),
        ),
    ),
    (
        Uncertain(reason="Insight answered 404 with a call_id", status=404, body="", call_ids=("a-1",)),
        AttemptResult(
            state=CallState.UNCERTAIN,
            http_status=404,
            reason=StateReason.of(
                ReasonCode.UNCERTAIN, problem="Insight answered 404 with a call_id", call_ids="a-1"
            ),
        ),
    ),
]


@pytest.mark.parametrize(("outcome", "result"), RESULTS)
def test_an_outcome_becomes_this_result(outcome, result):
    assert attempt_result(outcome) == result


def test_a_request_that_was_stopped_before_it_was_sent_is_planned_with_the_reason():
    reason = StateReason(ReasonCode.TIME_PASSED)
    assert attempt_result(PREVENTED, reason) == AttemptResult(state=CallState.PLANNED, reason=reason)


@pytest.mark.parametrize("outcome", [outcome for outcome, _ in RESULTS])
def test_every_result_is_an_allowed_transition_from_sending(outcome):
    assert may_move(CallState.SENDING, attempt_result(outcome).state)


def count(*outcomes):
    failure_streak = FailureStreak()
    for outcome in outcomes:
        failure_streak.count(outcome)
    return failure_streak


@pytest.mark.parametrize("failure", [REFUSED, UNCERTAIN])
def test_the_tenth_failure_in_a_row_stops_the_campaign_and_the_ninth_does_not(failure):
    failure_streak = count(*[failure] * (MOST_FAILURES - 1))
    with pytest.raises(StoppedError):
        failure_streak.count(failure)


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
def test_an_outcome_other_than_200_between_refusals_does_not_reset_their_count(between):
    failure_streak = count(*[REFUSED] * 9, between)
    with pytest.raises(StoppedError):
        failure_streak.count(REFUSED)


@pytest.mark.parametrize("failure", [REFUSED, UNCERTAIN])
def test_a_200_resets_the_count(failure):
    failure_streak = count(*[failure] * 9, ACCEPTED, *[failure] * 9)
    with pytest.raises(StoppedError):
        failure_streak.count(failure)


def test_a_refusal_resets_the_count_of_uncertain_outcomes():
    failure_streak = count(*[UNCERTAIN] * 9, REFUSED, *[UNCERTAIN] * 9)
    with pytest.raises(StoppedError):
        failure_streak.count(UNCERTAIN)


def test_calls_that_were_not_sent_are_not_counted():
    count(*[NOT_SENT, PREVENTED] * MOST_FAILURES)


@pytest.mark.parametrize(
    "blocked",
    [
        CampaignBlocked(status=401, error="bad credentials", advice="check the key"),
        Uncertain(
            reason="Insight answered 401 with a call_id",
            status=401,
            body="bad credentials",
            call_ids=("155761",),
            advice="check the key",
        ),
    ],
)
def test_an_answer_after_which_no_call_can_succeed_stops_the_campaign_at_once(blocked):
    with pytest.raises(StoppedError, match="Insight answered 401: bad credentials") as caught:
        count(blocked)
    assert caught.value.hint == "check the key"


@pytest.mark.parametrize(
    ("outcome", "state", "code", "push_again"),
    [
        (REFUSED, CallState.REFUSED, ReasonCode.RECORD_REFUSED, True),
        (STOP, CallState.PLANNED, ReasonCode.REFUSED, True),
        (NOT_SENT, CallState.PLANNED, ReasonCode.NOT_SENT, True),
        (UNCERTAIN, CallState.REFUSED, ReasonCode.RECORD_UNCERTAIN, False),
        (WITH_BODY, CallState.REFUSED, ReasonCode.RECORD_UNCERTAIN, False),
    ],
)
def test_a_record_is_pushed_again_only_where_it_was_provably_not_added(outcome, state, code, push_again):
    result = push_result(outcome)
    assert (result.state, result.reason.code, result.push_again) == (state, code, push_again)
    assert (result.call_id, result.link) == (None, None)


def test_a_push_that_was_stopped_before_it_was_sent_leaves_its_call_planned_with_the_reason():
    reason = StateReason(ReasonCode.TIME_PASSED)
    expected = AttemptResult(state=CallState.PLANNED, reason=reason, push_again=True)
    assert push_result(PREVENTED, reason) == expected


def test_ten_uncertain_records_in_a_row_stop_the_campaign_and_one_that_was_added_resets_the_count():
    streak = FailureStreak(RECORDS)
    for outcome in [UNCERTAIN] * 9 + [RecordAdded()] + [UNCERTAIN] * 9:
        streak.count(outcome)
    with pytest.raises(StoppedError, match="10 records in a row may have been added or not") as caught:
        streak.count(UNCERTAIN)
    assert "without pushing them again" in caught.value.hint
