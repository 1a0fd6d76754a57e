import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plan_views import (
    CHICAGO,
    DAY,
    NEW_YORK,
    a_busy_plan,
    call,
    exclusion,
    plan_view,
    warning,
    withdrawal,
)

from runner.planning.plan import Change
from runner.reports.page.template import shown
from runner.reports.plan_facts import headline, verdict
from runner.reports.plan_html import Samples, plan_html

TESTS = Path(__file__).parents[2]
NASTY = [
    "</script><script>window.stolen=1</script>",
    "<!--<script>",
    "]]><img src=x onerror=window.stolen=1>",
    "\"' onmouseover=window.stolen=1 x='",
    "{{ 7 * 7 }}{% raw %}{# no #}",
    "\u202egnp.exe\u2066",
    "a\u2028b\u0000c\ud800",
    "&lt;b&gt; &amp;amp;",
]


def nasty(test):
    for text in NASTY:
        test = example(text)(test)
    return test


def samples(calls):
    found = Samples()
    for made in calls:
        found.add(made)
    return found.shown()


class Reader(HTMLParser):
    """What a browser makes of the page: its tags with their attributes' names, its texts, its values."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.values = [], [], []
        self.scripts = {}
        self._inside = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(name for name, _ in attributes)))
        self.values += [value for _, value in attributes if value]
        self._inside = (tag, dict(attributes).get("id", "")) if tag in {"script", "style"} else None

    def handle_endtag(self, tag):
        self.tags.append((f"/{tag}", ()))
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.scripts[self._inside] = self.scripts.get(self._inside, "") + data
        else:
            self.texts.append(data)

    @property
    def data(self):
        return json.loads(self.scripts["script", "data"])


def plan_full_of(text):
    """The text in every place that can hold a value from outside."""
    metadata = {f"{text}.": f"{text}v"}
    return plan_view(
        [
            call(1, contact=text, source=text, changed=(text,), phone=text, ref=text, metadata=metadata),
            call(
                2,
                contact=text,
                ref=text,
                change=Change.MOVED,
                changed=(text,),
                result_url=text,
                phone_number=text,
            ),
        ],
        [exclusion(1, contact=text, source=text, detail=text, ref=text)],
        [withdrawal(1, contact=text, detail=f"gone: {text}", ref=text)],
        [warning(message=text, hint=text, file=text, source_line=text, code=text)],
        campaign=text,
        survey_id=text,
        instance_id=text,
        plan_id=text,
    )


@settings(max_examples=25, deadline=None)
@nasty
@given(st.text(min_size=1))
def test_no_value_of_a_plan_becomes_markup(text):
    plain, page = (Reader(plan_html(plan_full_of(value))) for value in ("plain", text))
    assert page.tags == plain.tags
    assert set(page.scripts) == set(plain.scripts)


@settings(max_examples=25, deadline=None)
@nasty
@given(st.text(min_size=1))
def test_every_value_is_shown_whole_with_invisible_characters_as_codes(text):
    page = Reader(plan_html(plan_full_of(text)))
    assert "".join(page.texts).count(shown(text)) >= 20
    assert page.data["contacts"] == [shown(text)] * 4
    assert page.data["refs"] == [shown(text)] * 4
    assert shown(text) in page.data["sources"]["values"]
    assert f"suppressed: {shown(text)}" in page.data["whys"]["values"]


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_what_is_shown_holds_nothing_that_cannot_be_seen(text):
    assert shown(text).isprintable()
    assert shown(text) == text or not text.isprintable()
    plan_html(plan_view(campaign=text)).encode()


def test_a_bidirectional_mark_is_reported_by_its_code():
    assert shown("a\u202eb\nc") == r"a\u202eb\nc"


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_plan_gives_the_same_bytes_in_every_process(seed):
    script = """
import sys, plan_views
from runner.reports.plan_html import plan_html
sys.stdout.buffer.write(plan_html(plan_views.a_busy_plan()).encode())
"""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(TESTS)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
    assert done.stdout == plan_html(a_busy_plan()).encode()


def test_the_page_has_the_facts_of_the_text():
    plan = a_busy_plan()
    texts = Reader(plan_html(plan)).texts
    assert headline(plan) in texts
    assert verdict(plan) in texts


def test_only_the_page_s_own_style_and_script_may_run_and_nothing_may_be_fetched():
    page = Reader(plan_html(a_busy_plan()))
    (policy,) = [value for value in page.values if "default-src" in value]
    allowed = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert allowed == {
        "default-src": "'none'",
        "style-src": sha256(page.scripts["style", ""]),
        "script-src": sha256(page.scripts["script", ""]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def sha256(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_page_names_no_address_elsewhere():
    page = plan_html(a_busy_plan())
    assert not re.search(r"(https?:)?//\w", page.replace("// ", ""))
    assert not re.search(r"(src|@import|url\()", page.partition("</head>")[0].replace("-src", ""))


def test_no_element_has_a_style_of_its_own_since_the_policy_forbids_it():
    assert not [tag for tag, names in Reader(plan_html(a_busy_plan())).tags if "style" in names]


def test_a_sample_is_the_first_of_each_kind_of_request():
    several = (CHICAGO, NEW_YORK)
    calls = [
        call(1),
        call(2),
        call(3, change=Change.MOVED),
        call(4, change=Change.UNCHANGED),
        call(5, change=Change.CHANGED, zones=several),
        call(6, change=Change.CHANGED),
    ]
    assert [(kinds, call.contact) for kinds, call in samples(calls)] == [
        ("new", "p1"),
        ("moved", "p3"),
        ("changed, in several zones", "p5"),
    ]


def test_a_call_that_keeps_its_slot_is_a_sample_where_there_is_nothing_else():
    calls = [call(1, change=Change.UNCHANGED), call(2, change=Change.UNCHANGED)]
    assert [call.contact for _, call in samples(calls)] == ["p1"]
    assert samples([]) == []


def test_repeated_texts_are_kept_once_however_many_contacts_there_are():
    data = Reader(plan_html(plan_view([call(n) for n in range(1, 500)]))).data
    assert data["zones"] == {"values": [[NEW_YORK, NEW_YORK]], "rows": [0] * 499}
    assert data["kinds"]["values"] == ["new"]
    assert data["whys"]["values"] == ["the ledger has no call to this contact yet"]
    assert len(data["contacts"]) == 499


def test_a_start_comes_with_the_offset_of_its_own_day():
    summer = 1_782_900_000
    data = Reader(plan_html(plan_view([call(1), call(2, start=summer), call(3, start=summer + DAY)]))).data
    clocks = [data["clocks"]["values"][row] for row in data["clocks"]["rows"]]
    assert clocks == [[-5 * 3600, "EST"], [-4 * 3600, "EDT"], [-4 * 3600, "EDT"]]
