"""What is beyond a guard, and what is not."""

import pytest
from small_campaign import NOW, campaign, people, plan_of, remembered

from runner.calls import Guard
from runner.campaign.model import GuardLimits
from runner.planning.guards import Counted, Field, Known, beyond_guard, losses

STOP, VISITS = Counted(Field.SUPPRESS, "stop.csv"), Counted(Field.SOURCES, "visits.csv")


def found(loaded, plan, planned=0, before=None, now=None):
    known = Known(planned=planned, counts=before or {})
    return [each.guard for each in beyond_guard(plan, loaded.campaign, known, now or {})]


@pytest.mark.parametrize(
    ("planned", "withdrawn", "stops"),
    [(30, 9, False), (33, 10, True), (34, 10, False), (9, 9, False), (100, 31, True)],
)
def test_more_than_the_share_and_at_least_ten_withdrawn_calls_are_stopped(planned, withdrawn, stops):
    loaded = campaign()
    before = plan_of(loaded, people(*range(100, 100 + planned)))
    plan = plan_of(loaded, people(*range(100 + withdrawn, 100 + planned)), history=remembered(before))
    assert found(loaded, plan, planned) == ([Guard.WITHDRAW] if stops else [])


def test_calls_whose_time_has_passed_do_not_count_as_withdrawn():
    loaded = campaign(to="2026-12-01")
    before = plan_of(loaded, people(*range(100, 120)))
    later = plan_of(loaded, people(*range(100, 120)), history=remembered(before), now=NOW + 2 * 86_400)
    assert len(later.withdrawals) == 20
    assert found(loaded, later, 20) == []


@pytest.mark.parametrize(("most", "stops"), [(20, False), (19, True)])
def test_new_calls_are_bounded_where_the_campaign_says_so(most, stops):
    loaded = campaign(more=f"guard: {{new_calls: {most}}}")
    assert found(loaded, plan_of(loaded, people(*range(100, 120)))) == ([Guard.NEW_CALLS] if stops else [])
    unbounded = campaign()
    assert found(unbounded, plan_of(unbounded, people(*range(100, 120)))) == []


@pytest.mark.parametrize(
    ("before", "now", "stops"), [(100, 90, False), (100, 89, True), (20, 11, False), (20, 10, True)]
)
@pytest.mark.parametrize("counted", [STOP, VISITS])
def test_a_source_or_list_that_lost_more_than_its_share_is_stopped(counted, before, now, stops):
    lost = [(counted.name, before, now, 10)] if stops else []
    assert list(losses(GuardLimits(), {counted: before}, {counted: now})) == lost


def test_a_list_under_a_new_name_is_compared_with_all_lists_before():
    newer = Counted(Field.SUPPRESS, "stop-2.csv")
    assert [lost[1:] for lost in losses(GuardLimits(), {STOP: 100}, {newer: 50})] == [(100, 50, 10)]
    assert list(losses(GuardLimits(), {STOP: 100}, {newer: 100})) == []
    assert [lost[1:] for lost in losses(GuardLimits(), {STOP: 100}, {})] == [(100, 0, 10)]


def test_a_first_plan_and_new_sources_have_nothing_to_compare_with():
    assert list(losses(GuardLimits(), {}, {STOP: 1, VISITS: 1})) == []
    assert list(losses(GuardLimits(), {VISITS: 100}, {Counted(Field.SOURCES, "other.csv"): 1})) == []


@pytest.mark.parametrize(("declared", "allowed"), [(100, 10), (10, 10), (5, 5)])
def test_a_campaign_cannot_loosen_the_guard_of_the_lists_of_the_policy(declared, allowed):
    limits, of_policy = GuardLimits(list_drop=f"{declared}%"), Counted(Field.POLICY, "stop.csv")
    stopped = [lost.allowed for lost in losses(limits, {of_policy: 1000}, {of_policy: 800})]
    assert stopped == [allowed]
    renamed = Counted(Field.POLICY, "stop-2.csv")
    assert [lost.allowed for lost in losses(limits, {of_policy: 1000}, {renamed: 800})] == [allowed]
