"""A claim holds back calls to numbers that other calls may be dialling, or have dialled too often."""

from dataclasses import replace

import pytest
from ledger_values import THIS, claim_all
from planned_calls import BINDING, NOW, call, phone, plan

from runner.calls import CallState
from runner.campaign.rules.rule_set import Cap, RuleSet
from runner.ledger.call_limits import CallLimits
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import AttemptResult, Claimed, HeldBack
from runner.ledger.dials import dials
from runner.planning.contact_limits import Dials
from runner.planning.plan import Slot

DAY = 86_400
THREE_A_DAY = Cap(calls=3, per_seconds=DAY, name="us-fl")
RULES = (RuleSet(name="us-fl", caps=(THREE_A_DAY,)),)
QUEUED = AttemptResult(state=CallState.QUEUED, call_id="1")
BOTH = pytest.mark.parametrize("rules", [(), RULES], ids=["without_caps", "with_caps"])


def queue_of(ledger, campaign, *calls, rules=()):
    binding = replace(BINDING, campaign=campaign)
    run = ledger.begin_run(binding, replace(plan(*calls), campaign=campaign), THIS, NOW)
    return CallQueue(ledger.engine, campaign, run, limits=CallLimits(campaign, rules))


def claim(queue, now=NOW):
    return queue.claim_due(now, 100, now - 60)


def send(queue):
    for claimed in claim_all(queue):
        queue.finish(claimed, QUEUED, NOW)


@BOTH
def test_a_number_that_another_campaign_calls_is_held_back_until_that_call_is_over(ledger, rules):
    send(queue_of(ledger, "first-campaign", call("a", phone(1))))
    queue = queue_of(ledger, "second-campaign", call("b", phone(1)), call("c", phone(2)), rules=rules)

    claimed = claim(queue)

    assert [each.key for each in claimed.claims] == ["c"]
    assert list(claimed.held_back.values()) == [HeldBack(NOW + 300 + 3600 + 1, "another campaign")]


def test_a_call_that_is_only_planned_holds_back_nothing(ledger):
    queue_of(ledger, "first-campaign", call("a", phone(1)))
    queue = queue_of(ledger, "second-campaign", call("b", phone(1)))

    assert [each.key for each in claim(queue).claims] == ["b"]


def test_a_cap_counts_every_dial_that_may_happen_in_any_campaign(ledger):
    send(queue_of(ledger, "first-campaign", call("a", phone(1), max_attempts=2, reattempt_wait=60)))
    later = call("b", phone(1), start=NOW + DAY // 2, max_attempts=2, reattempt_wait=60)
    queue = queue_of(ledger, "second-campaign", later, rules=RULES)

    claimed = claim(queue, now=NOW + DAY // 2)

    assert not claimed.claims
    assert list(claimed.held_back.values()) == [HeldBack(NOW + 300 + 3600 + DAY, "us-fl")]


def test_a_call_that_is_held_back_gets_a_later_slot(ledger):
    send(queue_of(ledger, "first-campaign", call("a", phone(1))))
    queue = queue_of(ledger, "second-campaign", call("b", phone(1)))
    held_back = claim(queue).held_back
    asked = []

    def reschedule(late, _taken, _now):
        asked.extend(late)
        return {each.id: Slot(NOW + DAY, NOW + DAY + 300, NOW + DAY + 3600) for each in late}

    assert queue.reschedule_held_back(held_back, NOW, reschedule) == (1, 0)
    assert [each.earliest for each in asked] == [NOW + 300 + 3600 + 1]
    assert [each.key for each in claim(queue, now=NOW + DAY).claims] == ["b"]


def test_a_call_without_a_later_slot_is_skipped_with_the_cap_as_its_reason(ledger):
    more = call("b", phone(1), max_attempts=4, reattempt_wait=60)
    queue = queue_of(ledger, "second-campaign", more, rules=RULES)
    held_back = claim(queue).held_back

    assert list(held_back.values()) == [HeldBack(None, "us-fl")]
    assert queue.reschedule_held_back(held_back, NOW, lambda *_: {}) == (0, 1)
    assert claim(queue) == Claimed(claims=[])


@pytest.mark.parametrize("at_once", [100, 1])
def test_a_plan_is_given_what_other_campaigns_may_dial(ledger, monkeypatch, at_once):
    """Where their calls are many, only those to its own numbers are read."""
    monkeypatch.setattr("runner.ledger.dials._AT_ONCE", at_once)
    queue_of(ledger, "first-campaign", call("a", phone(1)), call("b", phone(2), start=NOW - 2 * DAY))
    planned = Dials(NOW + 300, NOW + 300 + 3600, 1, is_own=False)

    assert list(dials(ledger.engine, "second-campaign", (), NOW, [phone(3), phone(1)])) == [
        (phone(1), planned)
    ]
    assert list(dials(ledger.engine, "first-campaign", (), NOW, [])) == []


def test_a_plan_with_caps_is_given_its_own_earlier_calls(ledger):
    send(queue_of(ledger, "first-campaign", call("a", phone(1))))

    assert list(dials(ledger.engine, "first-campaign", (THREE_A_DAY,), NOW + DAY, [])) == [
        (phone(1), Dials(NOW + 300, NOW + 300 + 3600, 1, is_own=True))
    ]
    assert list(dials(ledger.engine, "first-campaign", (THREE_A_DAY,), NOW + 3 * DAY, [])) == []
