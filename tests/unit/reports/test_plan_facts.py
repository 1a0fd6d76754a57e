"""The first two lines of a plan: what it comes to."""

import io
from dataclasses import replace

import pytest
from plan_views import call, exclusion, plan_view, warning
from rich.console import Console

from runner.calls import Cause, Reason
from runner.planning.plan import ChangeReason
from runner.planning.plan_view import SourceView
from runner.reports.plan_facts import (
    change_words,
    exclusion_words,
    headline,
    read_words,
    reason_words,
    records_words,
    rounds_words,
    verdict,
)
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


def queued(number, cause):
    return exclusion(number, reason=Reason.ALREADY_QUEUED, cause=cause, detail="a call to it is failed")


def of_rounds(calls=(), exclusions=(), rounds=3, further=0):
    plan = plan_view(calls=calls, exclusions=exclusions, rounds=rounds)
    return replace(plan, summary={**plan.summary, "further_calls": further})


COVERED = "in later rounds. The plan covers all 3 rounds that the campaign declares."


def test_already_queued_contacts_are_counted_by_cause_in_plain_words():
    causes = [
        Cause.WAITING_FOR_RESULT,
        Cause.FINISHED,
        Cause.FINISHED,
        Cause.ROUNDS_USED,
        Cause.NOT_RETRIED,
        Cause.DATES_OVER,
        Cause.UNCERTAIN,
        Cause.UNCERTAIN,
    ]
    plan = of_rounds(exclusions=[queued(number, cause) for number, cause in enumerate(causes)])
    assert reason_words(plan, Reason.ALREADY_QUEUED) == (
        "2 reached, 1 waiting for the result, 1 tried in every round, 1 not tried again after this result, "
        "1 without a window for another round, 2 uncertain: Insight may have queued them"
    )


@pytest.mark.parametrize("cause", Cause)
def test_a_contact_that_is_not_tried_again_has_the_cause_in_words(cause):
    words = exclusion_words(queued(1, cause))
    told = cause in {
        Cause.FINISHED,
        Cause.WAITING_FOR_RESULT,
        Cause.ROUNDS_USED,
        Cause.NOT_RETRIED,
        Cause.DATES_OVER,
        Cause.CAPPED,
    }
    assert words.startswith("a call to it is failed")
    assert ("; " in words) is told


def test_another_exclusion_has_its_detail_alone():
    no_window = exclusion(reason=Reason.NO_WINDOW, cause=Cause.DATES_OVER, detail="the dates are over")
    assert exclusion_words(no_window) == "the dates are over"


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (of_rounds([call(1)], rounds=1), ""),
        (
            of_rounds([call(1), call(2), call(3, round=2)], further=5),
            f"2 calls of round 1, 1 call of round 2; up to 5 further calls may follow {COVERED}",
        ),
        (
            of_rounds([call(1, round=3)]),
            f"1 call of round 3; none can follow {COVERED}",
        ),
        (
            of_rounds(further=1),
            f"No call now; up to 1 further call may follow {COVERED}",
        ),
    ],
)
def test_the_rounds_of_the_calls_and_of_those_that_may_follow_are_counted(plan, words):
    assert rounds_words(plan) == words


@pytest.mark.parametrize("form", [plan_markdown, plan_html, as_text])
def test_every_form_shows_the_rounds(form):
    plan = of_rounds([call(1), call(2, round=2)], [queued(3, Cause.ROUNDS_USED)], further=3)
    shown = " ".join(form(plan).split())
    assert "1 call of round 1, 1 call of round 2; up to 3 further calls may follow" in shown
    assert "1 tried in every round" in shown
    assert "the contact was tried in every round" in shown


@pytest.mark.parametrize("form", [plan_markdown, plan_html, as_text])
def test_a_plan_of_one_round_does_not_mention_rounds(form):
    shown = form(plan_view(calls=[call(1)], exclusions=[queued(2, Cause.NONE)]))
    assert "round 1" not in shown
    assert "may follow" not in shown.lower()


def test_nothing_to_do_names_the_contacts_whose_result_is_open():
    plan = of_rounds(exclusions=[queued(1, Cause.WAITING_FOR_RESULT), queued(2, Cause.FINISHED)], further=2)
    assert verdict(plan) == (
        "Nothing to do: all others are queued; 1 contact has a call whose result is not known yet."
    )


@pytest.mark.parametrize("written", [as_text, plan_markdown, plan_html])
def test_every_form_of_a_plan_counts_the_records_that_are_pushed(written):
    plan = plan_view(calls=[call(1), call(2)], metadatabase="visits")
    assert "2 records are pushed to the metadatabase visits, each once and before its call." in written(plan)
    assert "pushed" not in written(plan_view(calls=[call(1)]))


def test_a_plan_without_calls_pushes_no_records():
    assert records_words(plan_view(metadatabase="visits")) == ""


@pytest.mark.parametrize("form", [as_text, plan_markdown, plan_html])
def test_what_sources_gave_is_in_every_form(form):
    sources = tuple(
        SourceView(place=f"sources[{number}]", name=name, type="csv", rows=rows, digest="0f")
        for number, (name, rows) in enumerate({"visits.csv": 4807, "stop <b>.csv": 1}.items())
    )
    shown = form(plan_view(calls=[call(1)], sources=sources))
    assert "4,807 rows" in shown
    assert "1 row" in shown
    assert form is as_text or "<b>.csv" not in shown


def test_of_many_sources_the_first_are_named_and_the_others_counted():
    sources = [
        SourceView(place="", name=f"{number}.csv", type="csv", rows=2, digest="") for number in range(8)
    ]
    assert read_words(plan_view(sources=tuple(sources))).endswith("5.csv (2 rows) · 2 more")
