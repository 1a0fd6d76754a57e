"""A list that is cut counts what is missing, and names where to find it."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

from plan_views import call, exclusion, plan_view, withdrawal
from rich.console import Console

from runner.calls import CallState, ReasonCode, StateReason
from runner.contacts.identity import Identity
from runner.dispatch.events import RunEnd
from runner.ledger.overview import Overview, Problem
from runner.reports.plan_text import print_plan
from runner.reports.status import CampaignStatus, print_status
from runner.reports.summary import print_summary

IDENTITY = Identity(b"privacy")


def plan_text(view, **options):
    out = StringIO()
    print_plan(Console(file=out, width=120), view, **options)
    return out.getvalue()


def seen(uncertain, shown):
    problems = tuple(
        Problem(
            key=f"p{number}",
            ref=f"ref{number:07}",
            round=1,
            state=CallState.UNCERTAIN,
            reason=StateReason.of(ReasonCode.UNCERTAIN, problem="the connection broke"),
            at=0.0,
            sent_at=0.0,
            attempt=1,
            http_status=None,
            call_id=None,
            sender="process 1 on desk",
            acknowledged=False,
        )
        for number in range(shown)
    )
    return Overview(
        campaign="follow-up",
        as_of=0.0,
        rounds={1: {CallState.UNCERTAIN: uncertain}},
        next_due=None,
        queued_last_minute=0,
        awaited=0,
        learned_at=None,
        problems=problems,
        pause_info=None,
        origin="",
        account="",
        late_opt_outs=(),
        unacknowledged=uncertain,
    )


def summary(overview, queued_now=0):
    out = StringIO()
    print_summary(
        Console(file=out, width=120),
        overview,
        RunEnd.DONE,
        IDENTITY,
        starts={},
        queued_now=queued_now,
        rehearsal=False,
        where="Insight",
        path=Path("a.yaml"),
    )
    return out.getvalue()


def status(overview, lists_problem=""):
    out = StringIO()
    found = CampaignStatus(
        seen=overview,
        holder=None,
        warning="",
        late_opt_outs=(),
        lists_read=False,
        lists_problem=lists_problem,
    )
    print_status(Console(file=out, width=120), [found], IDENTITY)
    return out.getvalue()


def test_a_plan_counts_the_rows_not_listed_and_names_the_command_that_lists_them():
    view = plan_view(exclusions=[exclusion(number) for number in range(5)])
    text = plan_text(view, list_all="runner plan a.yaml --all")
    assert "and 2 more: `runner plan a.yaml --all` lists them" in text
    assert "visits.csv:5004" not in text


def test_with_all_a_plan_lists_every_exclusion_and_withdrawal():
    view = plan_view(
        exclusions=[exclusion(number) for number in range(5)],
        withdrawals=[withdrawal(number) for number in range(5)],
    )
    text = plan_text(view, every_row=True)
    assert "more" not in text
    assert [f"visits.csv:{5000 + number}" in text for number in range(5)] == [True] * 5
    assert [f"w{number} " in text for number in range(5)] == [True] * 5


def test_a_brief_plan_counts_those_who_are_not_called_and_shows_no_row_and_no_request():
    view = plan_view([call()], exclusions=[exclusion(number) for number in range(5)])
    text = plan_text(view, brief=True, list_all="runner plan a.yaml --all")
    assert f"5 {exclusion().reason.value}" in text
    assert "To see each of them: runner plan a.yaml --all" in text
    assert "visits.csv:" not in text
    assert "start_timestamp" not in text


def test_a_brief_plan_names_whose_call_is_withdrawn():
    text = plan_text(plan_view(withdrawals=[withdrawal(1)]), brief=True)
    assert "w1 " in text


def test_a_plan_counts_the_requests_not_shown():
    assert "The first 3 of 4 requests (all: --output json)" in plan_text(
        plan_view([call(number) for number in range(4)])
    )
    assert "\nRequests\n" in plan_text(plan_view([call()]))


def test_the_summary_of_an_apply_counts_the_uncertain_calls_not_listed():
    assert "and 2 more: runner status follow-up lists them" in summary(seen(7, 5))
    assert " more" not in summary(seen(5, 5))


def test_status_counts_the_uncertain_calls_not_listed():
    assert "and 20 more: runner history follow-up has every call" in status(seen(120, 100))
    assert " more" not in status(seen(5, 5))


def test_a_summary_separates_what_this_run_queued_from_the_total():
    three = replace(seen(0, 0), rounds={1: {CallState.QUEUED: 3}})
    assert "Done: this run queued 0 calls; 3 calls are queued at Insight in all." in summary(three)
    assert "Done: 3 calls are queued at Insight." in summary(three, queued_now=3)


def test_a_summary_names_the_commands_that_fit_the_calls_there_are():
    uncertain, refused = seen(1, 1), seen(0, 0)
    refused = replace(refused, unacknowledged=1, rounds={1: {CallState.REFUSED: 1}})
    assert "runner resolve follow-up CONTACT" in summary(uncertain)
    assert "runner retry" not in summary(uncertain)
    assert "runner retry follow-up --all" in summary(refused)
    assert "runner resolve" not in summary(refused)
    for found in (uncertain, refused):
        assert "runner acknowledge follow-up" in summary(found)


def test_status_of_a_file_with_an_unreadable_list_does_not_advise_the_same_command():
    assert "runner status FILE" in status(seen(1, 1))
    unreadable = status(seen(1, 1), lists_problem="stop.csv does not exist")
    assert "stop.csv does not exist" in unreadable
    assert "runner status FILE" not in unreadable
