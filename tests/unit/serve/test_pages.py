"""What the pages of `serve` show, from values."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from call_rows import answered, not_answered
from page_campaigns import a_view, broken, served
from report_figures import IDENTITY, NOW, overview, problem

from runner.calls import CallState
from runner.ledger.operators import CampaignState, PauseInfo
from runner.ledger.overview import Entry, EntryKind
from runner.ledger.schedule import NextWindow, Schedule
from runner.ledger.totals import Totals
from runner.reports.page import rate_chart
from runner.reports.report_html import levels
from runner.results.cases import cases
from runner.results.dispositions import CodingRules
from runner.results.figures import count
from runner.serve.pages import day_chart
from runner.serve.pages.campaign_view import CampaignFacts, campaign_view, sections
from runner.serve.pages.list_view import list_view
from runner.serve.pages.progress_bar import progress_bar
from runner.serve.pages.rendering import fragment
from runner.serve.pages.status_words import ledger_words, served_words
from runner.serve.served import Problem, ServeStatus

NOTHING = Schedule(days={}, windows=())
TURNS_THE_TEXT = "\u202e<b>gnp.exe"


def known(**changes):
    """The ledger knows the campaign."""
    return replace(overview(campaign="clinic"), origin="loopback", **changes)


def facts(seen=None, **changes):
    given = {
        "name": "clinic", "served": served(), "overview": seen or known(),
        "schedule": NOTHING, "schedule_at": NOW, "acts": (),
        "sections": None, "figures_at": None, "identity": IDENTITY, "is_operator": True,
    }  # fmt: skip
    return CampaignFacts(**given | changes)


def labels(view):
    return [button.label for button in view.buttons]


def paused(state=CampaignState.PAUSED):
    info = PauseInfo(campaign="clinic", state=state, at=NOW, by="ann@desk")
    return known(state=state, pause_info=info)


def names(*found, known=None):
    return [row.name for row in list_view(found, known or {}, is_operator=True).rows]


@pytest.mark.parametrize("status", ServeStatus)
def test_each_status_has_words_and_a_sign(status):
    words = served_words(status)
    assert words.label
    assert words.means.endswith(".")
    assert words.sign


def test_campaigns_that_wait_for_approval_come_first_then_those_with_a_problem():
    waits = served("z", ServeStatus.WAITING_FOR_APPROVAL, plan=a_view("z"))
    assert names(served("a"), served("b", ServeStatus.FINISHED), broken("c"), waits) == ["z", "c", "a", "b"]


def test_of_campaigns_that_run_those_with_calls_to_decide_on_come_first():
    known = {"b": Totals(state=CampaignState.ACTIVE, unacknowledged=2)}
    assert names(served("a"), served("b"), known=known) == ["b", "a"]


def test_a_campaign_of_the_ledger_that_is_not_served_is_listed():
    summary = Totals(state=CampaignState.PAUSED, rounds={1: {CallState.PLANNED: 3}})
    (row,) = list_view((), {"old": summary}, is_operator=False).rows
    assert (row.name, row.status.label, row.progress.total) == ("old", "Paused", 3)


@pytest.mark.parametrize(
    ("states", "label"),
    [
        ({CallState.PLANNED: 1, CallState.QUEUED: 1}, "Has planned calls"),
        ({CallState.QUEUED: 1}, "Waiting for results"),
        ({CallState.COMPLETED: 1}, "Nothing left to send"),
    ],
)
def test_a_campaign_of_the_ledger_is_described_by_its_calls(states, label):
    assert ledger_words(Totals(state=CampaignState.ACTIVE, rounds={1: states})).label == label


def test_the_title_of_the_list_counts_what_needs_a_person():
    waits = served("z", ServeStatus.WAITING_FOR_APPROVAL)
    view = list_view([served("a"), broken("c"), waits], {}, is_operator=True)
    assert view.title == "3 campaigns, 1 waiting for approval, 1 with a problem"


def test_a_file_that_never_named_its_campaign_has_no_page():
    nameless = served("campaigns/bad.yaml", ServeStatus.BROKEN, path=Path("campaigns/bad.yaml"))
    (row,) = list_view([nameless], {}, is_operator=True).rows
    assert not row.has_page


def test_the_parts_of_a_bar_fill_it_and_skipped_calls_are_in_none():
    states = {CallState.COMPLETED: 1, CallState.QUEUED: 2, CallState.PLANNED: 1, CallState.SKIPPED: 9}
    found = progress_bar(states)
    assert [(part.name, part.x, part.width) for part in found.parts] == [
        ("completed", 0, 25), ("sent", 25, 50), ("waiting", 75, 25),
    ]  # fmt: skip
    assert found.words == "1 of 4 calls ended"


def test_the_bars_of_days_are_as_high_as_their_calls():
    chart = day_chart.day_chart({
        date(2026, 12, 1): {CallState.COMPLETED: 10, CallState.FAILED: 10},
        date(2026, 12, 2): {CallState.PLANNED: 5},
    })  # fmt: skip
    heights = [(name, shape.height) for name, shape in chart.shapes]
    full = day_chart.BASE - day_chart.TOP
    assert heights == [("completed", full / 2), ("ended", full / 2), ("waiting", full / 4)]
    assert chart.rows == [("Tue 2026-12-01", [10, 10, 0, 20]), ("Wed 2026-12-02", [0, 0, 5, 5])]


def test_of_a_long_campaign_the_last_days_are_drawn():
    days = {date.fromordinal(700_000 + n): {CallState.FAILED: 1} for n in range(day_chart.MOST_DAYS + 3)}
    chart = day_chart.day_chart(days)
    assert (len(chart.rows), chart.earlier) == (day_chart.MOST_DAYS, 3)


def test_an_operator_may_pause_cancel_and_suppress():
    assert labels(campaign_view(facts())) == ["Pause", "Suppress somebody", "Cancel"]


def test_an_operator_may_resume_a_paused_campaign():
    assert labels(campaign_view(facts(paused()))) == ["Resume", "Suppress somebody", "Cancel"]


def test_a_pause_is_shown_before_serve_has_followed_it():
    assert campaign_view(facts(paused(), served=served(status=ServeStatus.RUNNING))).status.label == "Paused"


def test_a_canceled_campaign_cannot_be_paused_or_canceled():
    assert labels(campaign_view(facts(paused(CampaignState.CANCELED)))) == ["Suppress somebody"]


def test_a_campaign_that_the_ledger_does_not_know_yet_cannot_be_paused():
    waits = served(status=ServeStatus.WAITING_FOR_APPROVAL, plan=a_view())
    view = campaign_view(facts(overview(campaign="clinic"), served=waits))
    assert labels(view) == ["Review and approve", "Suppress somebody"]


def test_a_viewer_gets_no_button_but_the_plan():
    seen = overview(problem(), problem(state=CallState.REFUSED), campaign="clinic")
    view = campaign_view(facts(seen, served=served(plan=a_view()), is_operator=False))
    assert labels(view) == ["Show the plan"]
    assert [row.buttons for row in view.people] == [[], []]
    assert view.people_buttons == []


def test_each_problem_has_the_button_that_settles_it():
    seen = overview(problem(), problem(state=CallState.REFUSED, ref="refused-1"), campaign="clinic")
    view = campaign_view(facts(seen))
    assert [(row.buttons[0].label, row.buttons[0].path) for row in view.people] == [
        ("Resolve", "/resolve?contact=x4k9m2p7qa"), ("Retry", "/retry?contact=refused-1"),
    ]  # fmt: skip


def test_many_calls_can_be_decided_on_together():
    seen = overview(problem(), problem(), campaign="clinic")
    shown = [button.label for button in campaign_view(facts(seen)).people_buttons]
    assert shown == ["Resolve all 2 uncertain calls", "Acknowledge", "Show numbers"]


def test_the_table_of_windows_is_bounded():
    windows = [
        NextWindow(zones=("America/New_York",), first_start=NOW, last_start=NOW, end=NOW + 60, calls=2)
        for _ in range(20)
    ]
    view = campaign_view(facts(schedule=Schedule(days={}, windows=windows)))
    assert (len(view.windows), view.windows_left) == (12, "and 16 calls in 8 later windows")


def test_acts_of_people_are_among_the_events_the_newest_first():
    acts = [
        Entry(at=NOW + n, kind=EntryKind.ACT, verb=verb, who="ann@desk")
        for n, verb in enumerate(("pause", "resume"))
    ]
    rows = campaign_view(facts(acts=acts)).events
    assert [(row.words, row.who) for row in rows] == [("resume", "ann@desk"), ("pause", "ann@desk")]


def test_rates_by_hour_are_those_of_the_report():
    counted = count(cases([answered(1), not_answered(2)], CodingRules(), None))
    view = campaign_view(facts(sections=sections(counted), figures_at=NOW))
    html = fragment("campaign_regions.html", "answers", view, rate_chart, rate_chart.rate_chart, levels)
    assert "Contact rate by local weekday and hour" in html
    assert "50.0%" in html


def test_what_comes_from_outside_is_escaped_and_made_visible():
    seen = overview(problem(key=TURNS_THE_TEXT, call_id=TURNS_THE_TEXT), campaign="clinic")
    wrong = Problem(message=TURNS_THE_TEXT, hint=TURNS_THE_TEXT)
    acts = [Entry(at=NOW, kind=EntryKind.ACT, verb="resolve", detail=TURNS_THE_TEXT, who=TURNS_THE_TEXT)]
    view = campaign_view(facts(seen, served=served(status=ServeStatus.STOPPED, problem=wrong), acts=acts))
    html = "".join(
        fragment("campaign_regions.html", name, view) for name in ("status", "acts", "people", "happened")
    )
    assert "\u202e" not in html
    assert "<b>gnp" not in html
    assert html.count("\\u202e&lt;b&gt;gnp.exe") >= 5
