"""A campaign belongs to one account, one API and, once somebody was called, one survey."""

from dataclasses import replace

import pytest
from ledger_values import THIS, begin, claim_all, let_leases_lapse, rows
from planned_calls import BINDING, CAMPAIGN, NOW, call, phone, plan

from runner.calls import CallState, ReasonCode, StateReason
from runner.errors import LedgerError
from runner.ledger.claim import AttemptResult

OTHER_SURVEY = ("99999", "3")
OTHER_INSTANCE = ("48211", "4")


def test_a_new_ledger_knows_nobody(ledger):
    assert not ledger.knows(CAMPAIGN)
    assert ledger.campaigns() == []
    assert list(ledger.history(CAMPAIGN).calls) == []


def test_the_first_run_makes_the_campaign_known(ledger):
    begin(ledger, call("a", phone(1)))
    assert ledger.knows(CAMPAIGN)
    assert ledger.campaigns() == [CAMPAIGN]


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"account": "another"}, "another Insight account"), ({"origin": "https://elsewhere"}, "elsewhere")],
)
def test_another_account_or_api_is_refused_and_nothing_is_written(ledger, changed, words):
    begin(ledger, call("a", phone(1)))
    other = replace(BINDING, **changed)
    with pytest.raises(LedgerError, match=words) as caught:
        ledger.check_binding(other)
    assert caught.value.hint
    with pytest.raises(LedgerError, match=words):
        ledger.begin_run(other, plan(call("b", phone(2))), THIS, NOW)
    assert len(rows(ledger, "SELECT id FROM calls")) == len(rows(ledger, "SELECT id FROM runs")) == 1


def test_the_same_account_and_api_are_welcome_again(ledger):
    begin(ledger, call("a", phone(1)))
    ledger.check_binding(BINDING)


def test_campaigns_are_bound_each_for_itself(ledger):
    begin(ledger, call("a", phone(1)))
    other = replace(BINDING, campaign="other", account="another")
    ledger.check_binding(other)
    ledger.begin_run(other, plan(call("a", phone(1))), THIS, NOW)
    assert ledger.campaigns() == [CAMPAIGN, "other"]


def test_a_survey_may_be_corrected_until_the_first_call_is_sent(ledger):
    ledger.check_survey(CAMPAIGN, *OTHER_SURVEY)
    begin(ledger, call("a", phone(1)))
    ledger.check_survey(CAMPAIGN, *OTHER_SURVEY)
    begin(ledger, withdrawals=[("a", "gone")])
    ledger.check_survey(CAMPAIGN, *OTHER_SURVEY)


def test_a_corrected_survey_is_the_one_that_counts_from_then_on(ledger):
    begin(ledger, call("a", phone(1)))
    corrected = replace(BINDING, survey_id="99999")
    let_leases_lapse(ledger)
    revision = ledger.history(CAMPAIGN).revision
    run = ledger.begin_run(corrected, plan(call("b", phone(2)), revision=revision), THIS, NOW)
    assert run
    assert [row["survey_id"] for row in rows(ledger, "SELECT survey_id FROM campaigns")] == ["99999"]


@pytest.mark.parametrize("survey", [OTHER_SURVEY, OTHER_INSTANCE])
@pytest.mark.parametrize("state", ["sending", "queued", "uncertain"])
def test_once_a_call_was_sent_another_survey_is_refused(ledger, survey, state):
    _, queue = begin(ledger, call("a", phone(1)))
    (claim,) = claim_all(queue)
    if state != "sending":
        queue.finish(claim, AttemptResult(state=CallState(state), call_id="1"), NOW)
    with pytest.raises(LedgerError, match=survey[0]) as caught:
        ledger.check_survey(CAMPAIGN, *survey)
    assert "new `name`" in caught.value.hint
    ledger.check_survey(CAMPAIGN, "48211", "3")


def test_a_call_that_provably_never_left_binds_to_no_survey(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    (claim,) = claim_all(queue)
    queue.finish(
        claim,
        AttemptResult(
            state=CallState.PLANNED, reason=StateReason.of(ReasonCode.NOT_SENT, problem="no connection")
        ),
        NOW,
    )
    ledger.check_survey(CAMPAIGN, *OTHER_SURVEY)
