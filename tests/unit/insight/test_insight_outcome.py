"""What each exchange means for a call."""

import pytest

from runner.insight.outcome import Accepted, Exchange, NotSent, Refused, Stop, Uncertain, judge

GOOD = b'{"success": true, "call_id": 155761}'
BAD = b'{"success": false, "error": "no such thing"}'


def answered(status: int, body: bytes = BAD, **headers: str) -> Exchange:
    return Exchange(sent=True, status=status, body=body, headers=headers)


def test_200_with_success_and_call_id_is_accepted() -> None:
    assert judge(answered(200, GOOD)) == Accepted(call_id="155761", link="")


def test_only_200_accepts_and_only_400_refuses_and_the_documented_six_stop() -> None:
    kinds = {status: type(judge(answered(status, GOOD))) for status in range(100, 1000)}
    documented = {200: Accepted, 400: Refused} | dict.fromkeys((401, 403, 404, 405, 409, 415), Stop)
    assert {status: kind for status, kind in kinds.items() if kind is not Uncertain} == documented


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409, 415])
def test_each_stop_says_what_insight_said_and_what_to_do(status: int) -> None:
    outcome = judge(answered(status))
    assert isinstance(outcome, Stop)
    assert (outcome.status, outcome.error) == (status, "no such thing")
    assert len(outcome.advice) > 20


def test_the_advice_differs_from_status_to_status() -> None:
    advice = {getattr(judge(answered(status)), "advice", "") for status in (401, 403, 404, 405, 409, 415)}
    assert len(advice) == 6


def test_a_refusal_says_why() -> None:
    assert judge(answered(400)) == Refused(error="no such thing")
    assert judge(answered(400, b"")) == Refused(error="Insight gave no reason")
    assert judge(answered(400, b"<html>\n<b>Bad</b>")) == Refused(error="<html> <b>Bad</b>")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "cannot be read"),
        (b"<<<", "cannot be read"),
        (b'{"success": true}', "without a call_id"),
        (b'{"success": false, "call_id": 155761}', "without success"),
        (b"{}", "without success"),
    ],
)
def test_a_200_that_does_not_say_yes_is_uncertain_and_kept(body: bytes, why: str) -> None:
    outcome = judge(answered(200, body))
    assert isinstance(outcome, Uncertain)
    assert why in outcome.reason
    assert (outcome.status, outcome.body) == (200, body.decode())


def test_an_undocumented_status_is_uncertain_and_keeps_the_words() -> None:
    outcome = judge(answered(500))
    assert isinstance(outcome, Uncertain)
    assert (outcome.status, outcome.body) == (500, "no such thing")
    assert "500" in outcome.reason


def test_a_lost_answer_is_uncertain_whatever_came_of_it() -> None:
    outcome = judge(Exchange(sent=True, problem="it broke", body=GOOD))
    assert outcome == Uncertain(reason="it broke", status=None, body=GOOD.decode())


@pytest.mark.parametrize("prevented", [True, False])
def test_what_never_left_is_not_sent(*, prevented: bool) -> None:
    exchange = Exchange(sent=False, prevented=prevented, problem="no connection")
    assert judge(exchange) == NotSent(reason="no connection", prevented=prevented)
