"""The first two lines of a plan: what it comes to."""

from plan_views import call, exclusion, plan_view, warning

from runner.calls import Reason
from runner.reports.plan_facts import headline, verdict


def test_refused_calls_are_counted_apart_from_queued_ones_with_the_command_that_plans_them_again():
    plan = plan_view(
        exclusions=[exclusion(1, reason=Reason.ALREADY_QUEUED), exclusion(2, reason=Reason.REFUSED)]
    )
    assert headline(plan) == "Plan: 0 to call, 1 already queued, 1 refused before"
    assert verdict(plan) == (
        "Nothing to do: all others are queued; Insight refused 1 call, "
        "`runner retry follow-up --all` plans it again."
    )


def test_the_plan_of_a_canceled_campaign_calls_nobody():
    plan = plan_view(calls=[call(1), call(2)], diagnostics=[warning(code="canceled")])
    assert headline(plan) == "Plan: nobody to call, the campaign is canceled"
    assert verdict(plan) == "The campaign is canceled: apply will refuse it, and calls nobody."
