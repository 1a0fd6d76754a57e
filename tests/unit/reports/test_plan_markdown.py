import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_plans import saved
from small_campaign import campaign, people, plan_of, remembered

from runner.campaign.diagnostics import Diagnostic, Severity
from runner.planning.plan_view import statistics_of
from runner.reports.markdown import code, plain
from runner.reports.plan_markdown import LEAST_BYTES, marker, plan_markdown

LOADED = campaign(contacts="  where: \"{{ row.id != 'p7' }}\"", more='metadata: {name: "{{ row.name }}"}')
ROWS = people(*range(400))
SENT = remembered(plan_of(LOADED, people(401, 402)))
VIEW = saved(LOADED, plan_of(LOADED, ROWS, history=SENT)).view
CALLS = tuple(VIEW.calls)


def test_a_workflow_finds_its_comment_by_the_first_line():
    first = plan_markdown(VIEW).splitlines()[0]
    assert first == f"<!-- runner-plan follow-up {VIEW.plan_id} -->"
    assert first.startswith(marker("follow-up"))


def test_a_list_that_fits_is_shown_whole():
    text = plan_markdown(VIEW)
    assert "### Plan: 399 to call, 2 withdrawn, 1 excluded" in text
    assert "| `+` | 399 | new | the ledger has no call to this contact yet |" in text
    assert "| `-` | 2 | withdrawn | no source has this contact any more |" in text
    assert "`visits.csv:9`" in text
    assert "_Cut" not in text


@given(most=st.integers(LEAST_BYTES, 70_000), excluded=st.integers(0, 2000))
def test_the_comment_never_exceeds_its_limit_and_names_what_was_cut(most, excluded):
    (gone,) = VIEW.exclusions
    gone = replace(gone, detail="wörds " * 20)
    view = replace(VIEW, calls=CALLS, exclusions=(gone,) * excluded, statistics=None)
    view = replace(view, statistics=statistics_of(view))
    text = plan_markdown(view, most)
    assert len(text.encode()) <= most
    shown = text.count("| `visits.csv:9` |")
    assert shown == excluded or "_Cut, to fit into a comment: " in text
    assert text.startswith("<!-- runner-plan follow-up ")
    assert "### Plan: 399 to call" in text


def test_a_plan_with_more_findings_than_room_keeps_its_totals():
    finding = Diagnostic(severity=Severity.WARNING, code="x", message="w" * 390, file="c.yaml", line=1, col=1)
    view = replace(VIEW, diagnostics=(finding,) * 1000)
    text = plan_markdown(view, LEAST_BYTES)
    assert len(text.encode()) <= LEAST_BYTES
    assert "### Plan: 399 to call" in text


NASTY = [
    "</details><script>alert(1)</script>",
    "--> <!-- runner-plan other -->",
    "a|b\nc|d",
    "``` ` ``",
    "[link](javascript:alert(1))",
    "@everybody #1 http://evil.example www.evil.example",
    "![x](https://evil.example/x.png)",
    "*bold* _em_ ~~gone~~ &amp;",
    "\u202e\u2066\x1b[31m",
]


@pytest.mark.parametrize("text", NASTY)
def test_nothing_of_a_campaign_becomes_markup(text):
    safe = plain(text)
    assert "\n" not in safe
    assert "\x1b" not in safe
    assert "\u202e" not in safe
    assert not re.search(r"[<>|*_`\[\]~]|://|www\.|&(?!#\d+;)|(?<!&)#", safe)


@given(st.text())
def test_a_code_span_ends_where_it_should(text):
    span = code(text)
    assert "\n" not in span
    if span:
        fence = re.match("`+", span)[0]
        inner = span[len(fence) : -len(fence)]
        assert span.endswith(fence)
        assert fence not in re.findall("`+", inner)
        assert not re.search(r"(?<!\\)\|", inner)


@pytest.mark.parametrize("text", NASTY)
def test_untrusted_text_keeps_to_its_place(text):
    (gone,) = VIEW.exclusions
    finding = Diagnostic(severity=Severity.WARNING, code=text, message=text, file=text, line=1, col=1)
    call = replace(VIEW.calls[0], contact=text, metadata={text: "•••"}, source=text)
    view = replace(
        VIEW,
        exclusions=(replace(gone, contact=text, detail=text, source=text),),
        diagnostics=(finding,),
        calls=(call,),
    )
    page = plan_markdown(view)
    without_code = re.sub(r"(`+).*?\1", "", page, flags=re.DOTALL)
    tags = set(re.findall(r"(?<!\\)<[^>]*>", without_code))
    assert tags <= {
        f"<!-- runner-plan follow-up {VIEW.plan_id} -->",
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
        "<sub>",
        "</sub>",
    }
