"""What each exchange means for a call."""

from collections.abc import Callable

import pytest

from runner.insight.outcome import (
    Accepted,
    CampaignBlocked,
    Exchange,
    NotSent,
    Outcome,
    PushOutcome,
    RecordAdded,
    Refused,
    Uncertain,
    classify,
    classify_push,
)

GOOD = b'{"success": true, "call_id": 155761}'
BAD = b'{"success": false, "error": "no such thing"}'


def answered(status: int, body: bytes = BAD, **headers: str) -> Exchange:
    return Exchange(sent=True, status=status, body=body, headers=headers)


def test_200_with_success_and_call_id_is_accepted() -> None:
    assert classify(answered(200, GOOD)) == Accepted(call_id="155761", link="")


def test_only_200_accepts_and_only_400_refuses_and_the_documented_six_stop() -> None:
    kinds = {
        status: type(classify(answered(status, GOOD if status == 200 else BAD)))
        for status in range(100, 1000)
    }
    documented = {200: Accepted, 400: Refused} | dict.fromkeys(
        (401, 403, 404, 405, 409, 415), CampaignBlocked
    )
    assert {status: kind for status, kind in kinds.items() if kind is not Uncertain} == documented


HELD_IN_A_BODY = [
    b'{"success": true, "call_id": 155761}',
    b'{"success": false, "error": "no", "call_id": "155761"}',
    b"{'success':false,'call_id':'155761'}",
    b'{"error": {"code": 4, "data": [{"callId": 155761}]}}',
    b'[{"call_id": 155761}]',
    b'{"call\\u005fid": 155761}',
    b'{"Call-ID": 155761.0, "call_id": "155761"}',
    b"<result><success>false</success><call_id>155761</call_id></result>",
    b"<result><call_id><![CDATA[155761]]></call_id></result>",
    b'<html><p data-call_id="155761">',
    b"call_id=155761&success=0",
    b'{"success": false, "call_id": 155761, "error": "cut o',
    b'\xef\xbb\xbf{"call_id": 155761}',
]
WITHOUT_ONE = [
    b"",
    b'{"success": false, "call_id": null}',
    b'{"success": false, "call_id": 0}',
    b'{"success": false, "call_id": ""}',
    b"{'success':false,'call_id':false}",
    b'{"error": "call_id is not known here", "code": 404}',
    b"<result><call_id></call_id><code>155761</code></result>",
]
NOT_QUEUED = [400, 401, 403, 404, 405, 409, 415]


@pytest.mark.parametrize("body", HELD_IN_A_BODY)
@pytest.mark.parametrize("status", NOT_QUEUED)
def test_an_answer_with_a_call_id_in_its_body_is_uncertain_and_keeps_it(status: int, body: bytes) -> None:
    outcome = classify(answered(status, body))
    assert isinstance(outcome, Uncertain)
    assert (outcome.status, outcome.call_ids[-1]) == (status, "155761")
    assert f"Insight answered {status} with a call_id" in outcome.reason


@pytest.mark.parametrize(
    "link",
    [
        "https://insight.plumvoice.com/api/outbound/155761",
        "<https://insight.plumvoice.com/api/outbound/155761>; rel=status",
        "<https://example.org/help>; rel=help, <https://example.org/api/outbound/155761/>",
    ],
)
@pytest.mark.parametrize("status", NOT_QUEUED)
def test_an_answer_with_a_call_id_in_its_link_is_uncertain_and_keeps_it(status: int, link: str) -> None:
    outcome = classify(answered(status, link=link))
    assert isinstance(outcome, Uncertain)
    assert outcome.call_ids == ("155761",)
    assert outcome.body == "no such thing"


@pytest.mark.parametrize("body", WITHOUT_ONE)
def test_an_answer_whose_call_id_is_nothing_keeps_its_meaning(body: bytes) -> None:
    assert isinstance(classify(answered(400, body)), Refused)
    assert isinstance(classify(answered(404, body)), CampaignBlocked)


@pytest.mark.parametrize("call_id", [b"0", b"null", b'""', b"false"])
def test_success_with_a_call_id_that_is_nothing_is_uncertain(call_id: bytes) -> None:
    outcome = classify(answered(200, b'{"success": true, "call_id": ' + call_id + b"}"))
    assert isinstance(outcome, Uncertain)
    assert "without a call_id" in outcome.reason


def test_several_call_ids_in_one_answer_are_uncertain_and_all_kept() -> None:
    link = "https://insight.plumvoice.com/api/outbound/155762"
    outcome = classify(answered(200, GOOD, link=link))
    assert isinstance(outcome, Uncertain)
    assert outcome.call_ids == ("155761", "155762")
    assert "several call_ids" in outcome.reason
    twice = classify(answered(200, b'{"success": true, "call_id": 1, "call": {"call_id": 2}}'))
    assert isinstance(twice, Uncertain)
    assert twice.call_ids == ("1", "2")


@pytest.mark.parametrize("status", [200, 201, 429, 500])
def test_what_is_uncertain_anyway_keeps_the_call_id_too(status: int) -> None:
    outcome = classify(answered(status, b'{"success": false, "call_id": 155761}'))
    assert isinstance(outcome, Uncertain)
    assert outcome.call_ids == ("155761",)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409, 415])
def test_each_stop_says_what_insight_said_and_what_to_do(status: int) -> None:
    outcome = classify(answered(status))
    assert isinstance(outcome, CampaignBlocked)
    assert (outcome.status, outcome.error) == (status, "no such thing")
    assert len(outcome.advice) > 20


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409, 415])
def test_an_answer_that_blocks_the_campaign_keeps_its_advice_though_a_call_id_makes_it_uncertain(
    status: int,
) -> None:
    blocked, uncertain = classify(answered(status)), classify(answered(status, GOOD))
    assert isinstance(blocked, CampaignBlocked)
    assert isinstance(uncertain, Uncertain)
    assert uncertain.advice == blocked.advice


def test_the_advice_differs_from_status_to_status() -> None:
    advice = {getattr(classify(answered(status)), "advice", "") for status in (401, 403, 404, 405, 409, 415)}
    assert len(advice) == 6


def test_a_refusal_says_why() -> None:
    assert classify(answered(400)) == Refused(error="no such thing")
    assert classify(answered(400, b"")) == Refused(error="Insight gave no reason")
    assert classify(answered(400, b"<html>\n<b>Bad</b>")) == Refused(error="<html> <b>Bad</b>")


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
    outcome = classify(answered(200, body))
    assert isinstance(outcome, Uncertain)
    assert why in outcome.reason
    assert (outcome.status, outcome.body) == (200, body.decode())


def test_an_undocumented_status_is_uncertain_and_keeps_the_words() -> None:
    outcome = classify(answered(500))
    assert isinstance(outcome, Uncertain)
    assert (outcome.status, outcome.body) == (500, "no such thing")
    assert "500" in outcome.reason


def test_a_lost_answer_is_uncertain_whatever_came_of_it() -> None:
    outcome = classify(Exchange(sent=True, problem="it broke", body=GOOD))
    assert outcome == Uncertain(reason="it broke", status=None, body=GOOD.decode(), call_ids=("155761",))


def test_a_call_id_that_may_be_cut_off_is_not_kept() -> None:
    outcome = classify(Exchange(sent=True, problem="it broke", body=b'{"success": true, "call_id": 1557'))
    assert isinstance(outcome, Uncertain)
    assert outcome.call_ids == ()


@pytest.mark.parametrize("prevented", [True, False])
def test_what_never_left_is_not_sent(*, prevented: bool) -> None:
    exchange = Exchange(sent=False, prevented=prevented, problem="no connection")
    assert classify(exchange) == NotSent(reason="no connection", prevented=prevented)


# The push of a record


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"success": true}', {}),
        (b"{'success':true}", {}),
        (b"<result><success>true</success></result>", {"content-type": "application/xml"}),
        (b'{"success": true}', {"link": "https://insight.plumvoice.com/api/metadatabase/155761"}),
    ],
)
def test_a_record_is_added_where_a_200_says_success(body: bytes, headers: dict[str, str]) -> None:
    assert classify_push(Exchange(sent=True, status=200, body=body, headers=headers)) == RecordAdded()


def test_each_status_means_for_a_record_what_it_means_for_a_call() -> None:
    kinds = {
        status: type(classify_push(answered(status, b'{"success": true}' if status == 200 else BAD)))
        for status in range(100, 1000)
    }
    documented = {200: RecordAdded, 400: Refused} | dict.fromkeys(
        (401, 403, 404, 405, 409, 415), CampaignBlocked
    )
    assert {status: kind for status, kind in kinds.items() if kind is not Uncertain} == documented


@pytest.mark.parametrize("body", [b"", b"<<<", b"{}", b'{"success": false}', b'{"success": 7}'])
def test_a_200_that_does_not_say_that_the_record_was_added_is_uncertain(body: bytes) -> None:
    assert isinstance(classify_push(answered(200, body)), Uncertain)


def test_the_uncertain_push_of_a_record_speaks_of_the_record() -> None:
    outcome = classify_push(answered(500))
    assert isinstance(outcome, Uncertain)
    assert outcome.reason == "Insight answered 500, which does not say whether the record was added"


def test_an_unknown_metadatabase_is_looked_for_in_the_campaign_file() -> None:
    outcome = classify_push(answered(404))
    assert isinstance(outcome, CampaignBlocked)
    assert "`metadatabase` in the campaign file" in outcome.advice


@pytest.mark.parametrize("classified", [classify, classify_push])
def test_404_may_also_be_the_answer_of_a_wrong_base_url(
    classified: Callable[[Exchange], Outcome | PushOutcome],
) -> None:
    outcome = classified(answered(404))
    assert isinstance(outcome, CampaignBlocked)
    assert "RUNNER_INSIGHT_BASE_URL" in outcome.advice


def test_a_push_without_an_answer_is_uncertain_and_one_that_never_left_is_not_sent() -> None:
    assert isinstance(classify_push(Exchange(sent=True, problem="it broke")), Uncertain)
    assert classify_push(Exchange(sent=False, problem="it broke")) == NotSent(
        reason="it broke", prevented=False
    )
