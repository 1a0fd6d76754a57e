"""The first two lines of a plan: what it comes to."""

import io
from dataclasses import replace

import pytest
from plan_views import call, exclusion, plan_view, warning
from rich.console import Console

from runner.calls import Cause, Reason
from runner.planning.plan import ChangeReason
from runner.reports.plan_facts import change_words, headline, reason_words, verdict
from runner.reports.plan_html import plan_html
from runner.reports.plan_markdown import plan_markdown
from runner.reports.plan_text import print_plan


def as_text(plan):
    written = io.StringIO()
    print_plan(Console(file=written, width=100), plan)
    return written.getvalue()


def test_refused_calls_are_counted_separately_with_the_command_that_plans_them_again():
    plan = plan_view(
        exclusions=[exclusion(1, reason=Reason.ALREADY_QUEUED), exclusion(2, reason=Reason.REFUSED)]
    )
    assert headline(plan) == "Plan: 0 to call, 1 already queued, 1 refused before"
    assert verdict(plan) == (
        "Nothing to do: all others are queued; Insight refused 1 call, "
        "`runner retry follow-up --all` plans it again."
    )


def test_uncertain_calls_are_counted_apart_from_queued_ones():
    plan = plan_view(
        exclusions=[
            exclusion(1, reason=Reason.ALREADY_QUEUED),
            exclusion(2, reason=Reason.ALREADY_QUEUED, cause=Cause.UNCERTAIN),
        ]
    )
    assert headline(plan) == "Plan: 0 to call, 1 already queued, 1 uncertain"
    assert verdict(plan) == (
        "Nothing to do: all others are queued; 1 call may be queued or not, "
        "`runner resolve follow-up` settles that."
    )
    words = reason_words(plan, Reason.ALREADY_QUEUED)
    assert words == "1 queued before, 1 uncertain: Insight may have queued it"


def test_the_plan_of_a_canceled_campaign_calls_nobody():
    plan = plan_view(calls=[call(1), call(2)], diagnostics=[warning(code="canceled")])
    assert headline(plan) == "Plan: nobody to call, the campaign is canceled"
    assert verdict(plan) == "The campaign is canceled: apply will refuse it, and calls nobody."


@pytest.mark.parametrize("form", [plan_markdown, plan_html, as_text])
def test_readers_of_a_canceled_plan_see_no_call_change_or_chart(form):
    made = call(1)
    plan = plan_view(calls=[made], exclusions=[exclusion(2)], diagnostics=[warning(code="canceled")])
    shown = form(plan)
    assert made.contact not in shown
    assert change_words(made.reason, ()) not in shown
    assert "Calls an hour" not in shown
    assert "x2" in shown


@pytest.mark.parametrize("reason", ChangeReason)
def test_every_reason_of_a_change_has_its_words(reason):
    assert change_words(reason, ())
    assert change_words(reason, ("phone", "metadata[site]")) == "phone, metadata[site] changed"


def test_calls_that_start_at_one_moment_are_counted_in_words():
    first, second = call(1), call(2)
    same = replace(second, start_timestamp=first.start_timestamp)
    assert verdict(plan_view(calls=[first])).startswith("The call may start ")
    assert verdict(plan_view(calls=[first, same])).startswith("All 2 calls may start ")
