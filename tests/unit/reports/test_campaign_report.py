"""What a campaign's report says, in every form: the same figures, each with its definition."""

import io
import json
import re

import pytest
from call_rows import START, answered, call, not_answered
from markdown_it import MarkdownIt
from report_figures import broke_off, figures, overview, problem
from rich.console import Console

from runner.calls import CallState, ResultStatus
from runner.campaign.timezones import names
from runner.reports import definitions
from runner.reports.campaign_report import campaign_report
from runner.reports.page.rate_chart import BASE, TOP, rate_chart
from runner.reports.report_html import report_html
from runner.reports.report_json import report_json
from runner.reports.report_markdown import report_markdown
from runner.reports.report_text import print_report
from runner.results.dispositions import CodingRules, CompletesFrom
from runner.results.rates import Share

NASTY = "</td><script>alert(1)</script>| `x` \u202e[a](b)"


def text(given):
    output = io.StringIO()
    print_report(Console(file=output, width=200), campaign_report(given))
    return output.getvalue()


def section(given, anchor):
    (found,) = [each for each in campaign_report(given).sections if each.anchor == anchor]
    return found


def rows(given, anchor, place=0):
    return [list(row) for row in section(given, anchor).tables[place].rows]


def anchors(given):
    return [each.anchor for each in campaign_report(given).sections]


def test_the_first_figures_are_those_of_the_tables():
    shown = dict(campaign_report(figures()).figures)
    assert shown == {
        "Contacts": "123", "Calls": "203", "Complete interviews": "80", "Response rate RR1": "65.0%",
        "Contact rate CON1": "65.0%", "Calls without a result": "2",
    }  # fmt: skip


def test_rates_have_their_numbers_and_formulas():
    by_name = {row[0]: row[1:] for row in rows(figures(), "rates")}
    assert by_name["RR1"] == ["65.0%", "80 / 123", "I / ((I+P) + (R+NC+O) + (UH+UO))"]
    assert list(by_name)[:6] == ["RR1", "RR2", "RR3", "RR4", "RR5", "RR6"]
    assert by_name["REF1"][1] == "0 / 123"


def test_a_declared_eligibility_is_printed_and_used():
    given = figures(rules=CodingRules(eligibility=0.25))
    assert "e = 0.250, as results.eligibility declares" in text(given)
    assert {row[0]: row[2] for row in rows(given, "rates")}["RR3"] == "80 / 90.8"


def test_completes_of_the_saved_report_count_partial_interviews_as_declared():
    codes = {row[0]: row[3] for row in rows(figures(with_visits=True), "dispositions")}
    respond = CodingRules(CompletesFrom.REPORT, partials_respond=True)
    as_partial = {row[0]: row[3] for row in rows(figures(with_visits=True, rules=respond), "dispositions")}
    assert (codes["1.2"], codes["2.12"]) == ("0", as_partial["1.2"])
    assert int(codes["1.1"]) + int(codes["2.12"]) == 80


def test_rows_of_the_saved_report_that_match_no_call_are_shown_without_their_numbers():
    given = figures(with_visits=True)
    assert rows(given, "survey-report") == [["82", "80", "1", "1"]]
    assert rows(given, "survey-report", 1) == [["81", "…100", "2026-12-01T22:15:00Z", "complete"]]


def test_calls_that_need_a_person_are_listed_with_what_to_do():
    given = figures(seen=overview(problem(), problem(key="ann@example.org", state=CallState.REFUSED)))
    assert [row[0] for row in rows(given, "problems")] == ["c999", given.identity.ref("ann@example.org")]
    assert "runner resolve clinic-followup CONTACT --as queued" in text(given)
    assert "runner retry clinic-followup CONTACT" in text(given)


def test_a_campaign_without_problems_has_no_section_for_them():
    assert "problems" not in anchors(figures(seen=overview()))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([], ["dispositions", "rates"]),
        ([call(1)], ["dispositions", "rates"]),
        ([not_answered(1)], ["dispositions", "rates", "hours", "rounds", "lag"]),
        ([answered(1, dials=())], ["dispositions", "rates", "rounds", "attempts"]),
    ],
)
def test_only_sections_with_something_to_say_are_there(calls, expected):
    given = figures(calls, seen=overview())
    assert anchors(given) == expected
    for form in (text, lambda each: report_html(campaign_report(each)), report_json):
        assert form(given)


def test_many_attempts_and_zones_are_summed_up():
    zones = sorted(names())[:30]
    calls = [answered(n, attempts=n + 1, zones=(zone,)) for n, zone in enumerate(zones)]
    given = figures(calls, seen=overview())
    assert rows(given, "attempts")[-1] == ["more", "18", "60.0%", "100.0%"]
    assert rows(given, "rounds", 1)[-1][:3] == ["10 others", "10", "10"]


def test_a_report_by_name_says_that_the_file_declares_more():
    given = figures(is_declared=False)
    assert any("For a report that follows it, give the file" in note for note in campaign_report(given).notes)


def test_every_section_defines_its_figures():
    for each in campaign_report(figures(with_visits=True)).sections:
        assert each.notes, each.title


def test_every_form_has_the_same_rates():
    given = figures(with_visits=True)
    expected = {rate["name"]: rate["value"] for rate in report_json(given)["rates"]}
    page = report_html(campaign_report(given))
    for name, value in expected.items():
        assert re.search(rf"{name} +{value:.1%} ", text(given))
        assert f"| {name} | {value:.1%} |" in report_markdown(campaign_report(given))
        assert f'{name}</th><td class="right">{value:.1%}</td>' in page


def test_json_defines_and_does_not_round():
    found = json.loads(json.dumps(report_json(figures())))
    assert found["edition"].startswith("AAPOR Standard Definitions, 10th edition")
    assert {rate["name"]: rate["value"] for rate in found["rates"]}["RR1"] == 80 / 123
    assert found["contact_rates"]["round"][0]["tried"] == 120
    assert set(found["definitions"]) >= {"completes", "e", "partials", "contact_rate_by_dial"}
    assert found["needs_person"] == {"refused": 0, "uncertain": 1, "late_opt_outs": 0}


def test_the_same_report_gives_the_same_page():
    assert report_html(campaign_report(figures())) == report_html(campaign_report(figures()))


def test_what_a_ledger_holds_is_text_in_every_form():
    given = figures(seen=overview(problem(key="c1", reason=broke_off(NASTY)), campaign="clinic-followup"))
    page = report_html(campaign_report(given))
    assert "<script" not in page
    assert "\u202e" not in page
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(report_markdown(campaign_report(given)))
    assert "<script" not in rendered
    assert "<a " not in rendered


def test_markdown_tables_are_tables():
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(report_markdown(campaign_report(figures())))
    document = campaign_report(figures())
    grids = sum(each.grid is not None for each in document.sections)
    tables = sum(len(each.tables) for each in document.sections)
    assert rendered.count("<table>") == 1 + tables + grids


@pytest.mark.parametrize("word", [*CallState, *ResultStatus])
def test_every_word_for_a_call_has_its_meaning(word):
    assert definitions.meaning(word)


@pytest.mark.parametrize(
    ("answered_of", "top"), [((1, 1000), "10%"), ((150, 300), "60%"), ((10, 10), "100%")]
)
def test_the_scale_of_the_drawing_ends_above_every_interval(answered_of, top):
    chart = rate_chart([("09:00", Share(*answered_of)), ("10:00", Share(0, 5000))])
    assert chart.scale[-1] == (TOP, top)
    assert chart.scale[0] == (BASE, "0%")
    for bar in chart.bars:
        assert TOP <= bar.high <= bar.y <= bar.low <= BASE


def test_the_call_of_the_report_is_masked():
    given = figures([call(1, contact="ann@example.org", start=START)], seen=overview())
    assert "ann@" not in text(given)
