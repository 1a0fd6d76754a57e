"""Plans keep the caps on dials of a number, over all campaigns and all rounds."""

import pytest
from small_campaign import (
    BOSTON,
    DAY,
    HOUR,
    NINE,
    NOW,
    campaign,
    changes,
    detail,
    person,
    plan_of,
    reasons,
    remembered,
    slots,
)

from runner.calls import CallState, Cause, Reason, ResultStatus
from runner.campaign.rules.rule_set import Cap, RuleSet
from runner.planning.contact_limits import Dials
from runner.planning.plan import Availability, Change

NUMBER = "+16175550100"
THREE_A_DAY = (RuleSet(name="us-fl", caps=(Cap(calls=3, per_seconds=DAY, name="us-fl"),)),)
THREE_A_MONTH = (RuleSet(name="policy", caps=(Cap(calls=3, per_seconds=30 * DAY, name="policy"),)),)
NOON = NINE + 3 * HOUR
ANN = [person("ann", BOSTON)]


def other(first, last, number=1, *, is_own=False):
    return (NUMBER, Dials(first, last, number, is_own))


def test_a_call_waits_until_another_campaign_no_longer_dials_the_number():
    plan = plan_of(campaign(), ANN, dials=[other(NINE, NINE + HOUR)])

    assert slots(plan) == {"ann": (NINE + HOUR + 1, NOON - 300)}


def test_a_call_ends_before_another_campaign_dials_the_number():
    plan = plan_of(campaign(), ANN, dials=[other(NINE + HOUR, NOON)])

    assert slots(plan) == {"ann": (NINE, NINE + HOUR - 300)}


def test_a_number_of_somebody_else_changes_nothing():
    plan = plan_of(campaign(), [person("ben", "617 555 0101")], dials=[other(NINE, NOON)])

    assert slots(plan) == {"ben": (NINE, NOON - 300)}


def test_a_contact_whose_number_another_campaign_may_dial_all_the_time_is_excluded():
    plan = plan_of(campaign(), ANN, dials=[other(NOW, NOW + 9 * DAY)])

    assert reasons(plan) == {"ann": Reason.CONTACT_LIMIT}
    assert "another campaign" in detail(plan)


def test_dials_of_the_last_day_move_a_call_to_the_next():
    made = [other(NOW - DAY // 2, NOW - DAY // 2, 3, is_own=True)]
    plan = plan_of(campaign(), ANN, rules=THREE_A_DAY, dials=made)

    assert slots(plan) == {"ann": (NINE + DAY, NOON + DAY - 300)}


def test_dials_of_the_last_month_exclude_a_contact_at_its_cap():
    plan = plan_of(campaign(), ANN, rules=THREE_A_MONTH, dials=[other(NOW - 9 * DAY, NOW - 9 * DAY, 3)])

    assert reasons(plan) == {"ann": Reason.CONTACT_LIMIT}
    assert detail(plan).startswith("policy allows 3 dials of a number in 30 days")


def test_more_attempts_than_a_cap_allows_exclude_everybody_who_has_it():
    attempts = "retry_policy: {max_attempts: 4, reattempt_wait: 10m}"
    plan = plan_of(campaign(more=attempts), ANN, rules=THREE_A_DAY)

    assert reasons(plan) == {"ann": Reason.CONTACT_LIMIT}


def test_a_planned_call_keeps_its_slot_next_to_a_call_of_another_campaign():
    first = plan_of(campaign(), ANN, dials=[other(NINE + HOUR, NOON)])
    again = plan_of(campaign(), ANN, history=remembered(first), dials=[other(NINE + HOUR, NOON)])

    assert changes(again) == {"ann": Change.UNCHANGED}
    assert slots(again) == slots(first)


def test_a_planned_call_keeps_its_slot_when_the_other_campaign_is_done():
    first = plan_of(campaign(), ANN, dials=[other(NINE, NINE + HOUR)])

    assert changes(plan_of(campaign(), ANN, history=remembered(first))) == {"ann": Change.UNCHANGED}


def test_a_planned_call_moves_when_another_campaign_may_dial_in_its_slot():
    first = plan_of(campaign(), ANN)
    again = plan_of(campaign(), ANN, history=remembered(first), dials=[other(NINE, NINE + HOUR)])

    assert slots(again) == {"ann": (NINE + HOUR + 1, NOON - 300)}


@pytest.mark.parametrize(
    ("dialled", "expected"), [(2, {}), (3, {"ann": (Reason.ALREADY_QUEUED, Cause.CAPPED)})]
)
def test_a_further_round_counts_the_dials_of_the_rounds_before(dialled, expected):
    loaded = campaign(more="retry_policy: {rounds: 3}", to="2026-12-10")
    (call,) = remembered(plan_of(loaded, ANN))
    failed = call._replace(
        availability=Availability.TAKEN.value,
        state=CallState.FAILED.value,
        result=ResultStatus.FAILED.value,
        last_dial=NINE,
    )
    own = [other(NINE, NINE, dialled, is_own=True)]
    plan = plan_of(loaded, ANN, history=[failed], now=NOW + 8 * HOUR, rules=THREE_A_MONTH, dials=own)

    assert {each.key: (each.reason, each.cause) for each in plan.exclusions} == expected
