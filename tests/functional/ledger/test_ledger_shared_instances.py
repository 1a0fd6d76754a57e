"""Which other campaigns of a ledger call for the same survey instance."""

from dataclasses import replace

import pytest
from ledger_values import THIS, begin, claim_all
from planned_calls import BINDING, NOW, call, phone, plan

from runner.calls import CallState
from runner.ledger.claim import AttemptResult
from runner.ledger.overview import RECENT_SECONDS, SharedInstance, shared_instances


def found(ledger, campaign="new-wave", now=NOW, **changed):
    binding = replace(BINDING, **changed)
    return shared_instances(
        ledger.engine, campaign, binding.survey_id, binding.instance_id, binding.origin, now
    )


def ended(state):
    return AttemptResult(state=state, call_id="1" if state is CallState.QUEUED else None)


def test_a_ledger_that_knows_nobody_has_no_neighbor(ledger):
    assert found(ledger) == []


def test_waiting_and_sent_calls_of_another_campaign_are_counted(ledger):
    _, queue = begin(ledger, call("a", phone(1)), call("b", phone(2)), call("c", phone(3), start=NOW + 9999))
    claimed, _ = claim_all(queue)  # the other one is being sent
    queue.finish(claimed, ended(CallState.QUEUED), NOW)
    assert found(ledger) == [SharedInstance(campaign=BINDING.campaign, waiting=2, sent=1)]


def test_a_campaign_is_not_its_own_neighbor(ledger):
    begin(ledger, call("a", phone(1)))
    assert found(ledger, campaign=BINDING.campaign) == []


@pytest.mark.parametrize("changed", [{"survey_id": "1"}, {"instance_id": "4"}, {"origin": "elsewhere"}])
def test_a_campaign_of_another_instance_or_api_is_not_a_neighbor(ledger, changed):
    begin(ledger, call("a", phone(1)))
    assert found(ledger, **changed) == []


def test_what_was_planned_and_never_sent_counts_until_its_window_ends(ledger):
    planned = call("a", phone(1))
    begin(ledger, planned)
    assert found(ledger, now=planned.end_timestamp - 1)
    assert found(ledger, now=planned.end_timestamp) == []


def test_what_was_sent_counts_for_thirty_days(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    (claimed,) = claim_all(queue)
    queue.finish(claimed, ended(CallState.QUEUED), NOW)
    assert found(ledger, now=NOW + RECENT_SECONDS - 1) == [
        SharedInstance(campaign=BINDING.campaign, waiting=0, sent=1)
    ]
    assert found(ledger, now=NOW + RECENT_SECONDS) == []


def test_what_was_refused_was_never_sent(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    (claimed,) = claim_all(queue)
    queue.finish(claimed, ended(CallState.REFUSED), NOW)
    assert found(ledger) == []


def test_each_neighbor_counts_for_itself(ledger):
    begin(ledger, call("a", phone(1)))
    ledger.begin_run(replace(BINDING, campaign="another"), plan(call("b", phone(1))), THIS, NOW)
    assert [other.campaign for other in found(ledger)] == ["another", BINDING.campaign]
