"""The plan's page as people see it: opened from disk in a real browser."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from open_page import CONTRASTS, FAULTS
from plan_views import (
    DAY,
    EVENINGS,
    HOUR,
    MINUTE,
    NEW_YORK,
    NINE_IN_NEW_YORK,
    a_busy_plan,
    call,
    exclusion,
    plan_view,
    warning,
    withdrawal,
)

from runner.calls import Reason
from runner.campaign.timezones import names
from runner.planning.plan import Change
from runner.planning.plan_view import HoursView
from runner.reports.plan_facts import headline

CHANGE, CONTACT, REF, ZONE, STARTS = 0, 1, 2, 4, 5
FORTY_ZONES = tuple(sorted(name for name in names() if name.startswith("America/")))[:40]
LONG = "a-name-that-goes-on-and-on-" * 8
NASTY = "</script><script>window.stolen=1</script><img src=x onerror=window.stolen=1>\u202e"
PLANS = {
    "busy": a_busy_plan(),
    "empty": plan_view(),
    "one contact": plan_view([call(1)]),
    "withdrawals only": plan_view(
        withdrawals=[withdrawal(1), withdrawal(2, reason=Reason.SUPPRESSED, detail="on a:2")]
    ),
    "forty zones": plan_view([call(1, zones=FORTY_ZONES), call(2, change=Change.CHANGED)]),
    "long names": plan_view(
        [
            call(1, contact=LONG, source=LONG, changed=(LONG,), metadata={LONG: LONG}),
            call(2, change=Change.MOVED),
        ],
        [exclusion(1, contact=LONG, source=LONG, detail=LONG)],
        [withdrawal(1, contact=LONG, detail=LONG)],
        [warning(message=LONG, hint=LONG, file=LONG, source_line=LONG)],
        campaign=LONG,
    ),
    "nasty": plan_view(
        [call(1, contact=NASTY, source=NASTY, changed=(NASTY,), metadata={NASTY: NASTY})],
        [exclusion(1, contact=NASTY, detail=NASTY)],
        campaign=NASTY,
    ),
}
every_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def night_calls():
    weekly = (*EVENINGS[:4], ((1320, 1560),), *EVENINGS[5:])
    opens = NINE_IN_NEW_YORK + 8 * HOUR + 15 * MINUTE
    calls = [call(n, start=opens + n * 5 * MINUTE) for n in range(30)]
    return plan_view(calls, hours=HoursView(timezone="contact", weekly=weekly, calls_per_minute=20))


# What is drawn


def test_bars_are_as_high_as_the_numbers_in_the_table_next_to_them(show):
    plan = PLANS["busy"]
    page = show(plan)
    local = [datetime.fromtimestamp(made.start_timestamp, ZoneInfo(NEW_YORK))
             for made in plan.calls if made.timezones == (NEW_YORK,)]  # fmt: skip
    expected = [
        sum((at.date(), at.hour) == hour for at in local)
        for hour in sorted({(at.date(), at.hour) for at in local})
    ]
    heights = [box["height"] for box in page.boxes(".panel:nth-child(2) .bar")]
    assert [height / max(heights) * max(expected) for height in heights] == pytest.approx(expected, abs=1)
    page.page.locator("#hours summary").click()
    assert page.texts("#hours tbody td:nth-child(3)") == [str(number) for number in expected]


def test_panels_of_zones_share_one_scale(show):
    page = show(PLANS["busy"])
    tallest = [max(box["height"] for box in page.boxes(f".panel:nth-child({n}) .bar")) for n in range(2, 7)]
    captions = page.texts(".panel:nth-child(n + 2) figcaption span")
    peaks = [int(caption.split("at most ")[1].split()[0]) for caption in captions]
    assert [height / tallest[0] * peaks[0] for height in tallest] == pytest.approx(peaks, abs=1)


def test_the_windows_are_drawn_over_the_hours_that_are_declared(show):
    page = show(night_calls())
    hours = page.boxes("svg.week .grid")
    left, right = hours[0]["x"], hours[-1]["x"]
    drawn = [
        tuple(
            round((x - left) / (right - left) * 24 * 60 / 15) * 15
            for x in (box["x"], box["x"] + box["width"])
        )
        for box in page.boxes("svg.week .window")
    ]
    assert drawn == [(1035, 1230)] * 4 + [(1320, 1440), (0, 120), (600, 840)]
    days = [box["y"] + box["height"] / 2 for box in page.boxes("svg.week .day")]
    rows = [
        min(range(7), key=lambda day, box=box: abs(days[day] - box["y"] - box["height"] / 2))
        for box in page.boxes("svg.week .window")
    ]
    assert rows == [0, 1, 2, 3, 4, 5, 5]


def test_every_start_is_inside_a_window_of_the_map(show):
    page = show(night_calls())
    windows = page.boxes("svg.week .window")
    cells = page.boxes("svg.week .cell")
    assert len(cells) == 10
    for cell in cells:
        assert any(
            window["x"] - 1 <= cell["x"]
            and cell["x"] + cell["width"] <= window["x"] + window["width"] + 1
            and window["y"] <= cell["y"] <= window["y"] + window["height"]
            for window in windows
        )
    assert page.page.locator("svg.week .total").all_text_contents() == ["9", "12", "9"]


def ten_past_five(*, calls=40):
    weekly = (((1030, 1230),),) * 5 + ((), ())
    opens = NINE_IN_NEW_YORK + 8 * HOUR + 10 * MINUTE
    return plan_view(
        [call(n, start=opens + n * MINUTE // 2) for n in range(calls)],
        hours=HoursView(timezone="contact", weekly=weekly, calls_per_minute=20),
    )


def test_a_start_at_ten_past_five_is_drawn_inside_a_window_from_ten_past_five(show):
    page = show(ten_past_five())
    window = next(iter(page.boxes("svg.week .window")[1:]))
    cells = page.boxes("svg.week .cell")
    assert min(cell["x"] for cell in cells) == pytest.approx(window["x"], abs=0.5)


def overlapping(boxes):
    """Pairs of boxes in one line of which the right one begins before the left one ends."""
    rows = {}
    for box in boxes:
        rows.setdefault(round(box["y"]), []).append((box["x"], box["x"] + box["width"]))
    lines = [sorted(row) for row in rows.values()]
    return [(one, other) for line in lines for one, other in pairwise(line) if one[1] > other[0]]


@pytest.mark.parametrize("days", [1, 2])
def test_the_labels_of_a_single_hour_do_not_overlap(show, days):
    page = show(plan_view([call(n, start=NINE_IN_NEW_YORK + n % days * DAY) for n in range(4)]))
    assert overlapping(page.boxes("#hours svg .axis")) == []


def test_the_numbers_of_neighboring_hours_do_not_overlap(show):
    """Between 17:55 and 18:05 the middles of both hours are five minutes apart."""
    weekly = (((1075, 1085),),) * 7
    opens = NINE_IN_NEW_YORK + 8 * HOUR + 55 * MINUTE
    calls = [call(n, start=opens + n % 10 * MINUTE) for n in range(4000)]
    hours = HoursView(timezone="contact", weekly=weekly, calls_per_minute=20)
    page = show(plan_view(calls, hours=hours))
    assert page.page.locator("svg.week .total").all_text_contents() == ["2,000", "2,000"]
    assert overlapping(page.boxes("svg.week .total")) == []


def test_the_page_has_the_headline_and_all_its_sections(show):
    page = show(PLANS["busy"])
    assert page.texts("h1") == [headline(PLANS["busy"])]
    assert page.texts("h2") == [
        "Changes",
        "Warnings",
        "Calls an hour, by zone",
        "The week: starts inside the calling windows",
        "Not called",
        "Withdrawn",
        "Requests: the first of each kind",
        "Contacts",
    ]
    assert [text.split(":")[0] for text in page.texts(".sample h3")] == [
        "The first new", "The first moved", "The first changed", "The first in several zones",
    ]  # fmt: skip


# The table of contacts


def test_searching_narrows_the_rows_to_those_with_every_word(show):
    page = show(PLANS["busy"])
    assert page.status == "Rows 1 to 100 of 2,214"
    page.find("p1994")
    assert page.column(CONTACT) == ["p1994"]
    page.find("moved Honolulu")
    assert set(page.column(CHANGE)) == {"~ moved"}
    assert set(page.column(ZONE)) == {"Pacific/Honolulu"}
    page.find("REF0000007")
    assert page.column(REF) == ["ref0000007"]
    page.find("visits.csv:5203")
    assert page.column(CHANGE) == ["x not called"]
    page.find("nobody is called like this")
    assert page.rows() == []
    assert page.status == "No contact is like that"


def test_a_contact_with_many_zones_is_found_by_each(show):
    page = show(PLANS["busy"])
    page.find("phoenix")
    assert set(page.column(ZONE)) == {"America/Boise and 3 more zones"}


def test_changed_does_not_find_unchanged(show):
    page = show(PLANS["busy"])
    page.find("changed")
    assert set(page.column(CHANGE)) == {"~ changed"}


def test_one_kind_of_change_can_be_shown_alone(show):
    page = show(PLANS["busy"])
    page.page.get_by_label("Show", exact=True).select_option("withdrawn")
    assert page.column(CONTACT) == ["w0", "w1", "w2", "w9"]


def test_a_heading_sorts_both_ways_and_announces_it(show):
    page = show(PLANS["busy"])
    page.press("Starts")
    assert page.ask("() => document.querySelector('[aria-sort]').innerText.trim()") == "Starts"
    earliest = page.column(STARTS)
    page.press("Starts")
    assert page.ask("() => document.querySelector('[aria-sort]').ariaSort") == "descending"
    latest = page.column(STARTS)
    assert earliest[0].startswith("Tue 2026-12-01 17:15")
    assert latest[0].startswith("Fri 2026-12-04")
    page.press("Last")
    assert page.column(CHANGE)[-1] == "x not called"


def test_pages_go_through_all_rows_and_back_to_the_first(show):
    as_written = show(PLANS["busy"], javascript=False).rows()
    page = show(PLANS["busy"])
    assert page.rows() == as_written
    page.press("Last")
    assert page.status == "Rows 2,201 to 2,214 of 2,214"
    page.press("Next", although_disabled=True)
    assert page.status == "Rows 2,201 to 2,214 of 2,214"
    page.press("Previous")
    page.press("First")
    assert page.rows() == as_written


def test_without_javascript_all_but_the_search_is_there(show):
    page = show(PLANS["busy"], javascript=False)
    assert len(page.rows()) == 100
    assert page.texts("noscript") == ["and 2,114 more, which show with JavaScript"]
    assert not page.page.locator("#find").is_visible()
    assert page.page.locator("svg.week").is_visible()


# For everybody


@every_plan
def test_nothing_is_wider_than_the_window(show, plan):
    page = show(plan)
    for width in (1280, 800, 390, 320):
        page.page.set_viewport_size({"width": width, "height": 900})
        assert page.ask("() => document.documentElement.scrollWidth") == width


@every_plan
def test_nobody_is_shut_out(show, plan):
    assert show(plan).ask(FAULTS) == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("media", ["screen", "print"])
def test_text_has_enough_contrast_to_its_background(show, dark, media):
    page = show(PLANS["busy"], dark=dark)
    page.page.emulate_media(media=media)
    found = page.ask(CONTRASTS)
    assert len(found) > 20
    assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}


def test_the_dark_scheme_is_another(show):
    colours = """() => ["body", "section", ".bar"].map((name) => {
        const found = getComputedStyle(document.querySelector(name));
        return found.backgroundColor + found.fill;
    })"""
    light, dark = (show(PLANS["busy"], dark=dark).ask(colours) for dark in (False, True))
    assert all(one != other for one, other in zip(light, dark, strict=True))


def test_the_tab_key_leads_through_the_page_in_reading_order_and_shows_where_it_is(show):
    page = show(PLANS["one contact"])
    places, words = [], []
    for _ in range(60):
        page.page.keyboard.press("Tab")
        here = page.ask(
            """() => {
              const at = document.activeElement;
              const order = [...document.querySelectorAll("*")].indexOf(at);
              return [at.tagName, order, at.innerText ?? "", getComputedStyle(at).outlineStyle];
            }"""
        )
        if here[0] == "BODY":
            break
        assert here[3] == "solid", here
        places.append(here[1])
        words.append(here[2].strip())
    assert places == sorted(places)
    assert words[0] == "Skip to the plan"
    assert {"Contacts", "The numbers as a table", "Starts"} <= {word.partition("\n")[0] for word in words}


def test_the_table_can_be_sorted_and_searched_from_the_keyboard(show):
    page = show(PLANS["busy"])
    page.page.get_by_role("button", name="Contact", exact=True).focus()
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("Enter")
    assert page.column(CONTACT)[0] == "x99"
    page.page.get_by_role("button", name="Next", exact=True).focus()
    page.page.keyboard.press("Space")
    assert page.status == "Rows 101 to 200 of 2,214"


def test_paper_gets_every_section_and_the_first_rows_with_a_word_on_the_others(show):
    page = show(PLANS["busy"], dark=True)
    page.page.emulate_media(media="print")
    for gone in ("nav", "#find", "#pages", "#status"):
        assert not page.page.locator(gone).is_visible()
    assert all(page.page.locator(f"#{name}").is_visible() for name in (
        "changes", "warnings", "hours", "week", "not-called", "withdrawn", "requests", "contacts", "versions",
    ))  # fmt: skip
    assert sum(box["height"] > 0 for box in page.boxes("#table tbody tr")) == 25
    assert page.texts("#printed") == [
        "Printed are the first 25 rows of 2,214; 2,189 more are in the page itself."
    ]
    assert page.ask("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_print_names_its_rows_after_a_search(show):
    page = show(PLANS["busy"])
    page.find("Denver")
    page.page.emulate_media(media="print")
    (note,) = page.texts("#printed")
    assert note.startswith("Printed are rows 1 to 25 of 148 found among 2,214;")


def test_reduced_motion_is_respected(show):
    behaviour = "() => getComputedStyle(document.documentElement).scrollBehavior"
    assert show(PLANS["empty"]).ask(behaviour) == "smooth"
    assert show(PLANS["empty"], reduced_motion="reduce").ask(behaviour) == "auto"


# Safety


def test_what_a_plan_holds_never_runs(show):
    page = show(PLANS["nasty"])
    page.find("stolen")
    page.press("Contact")
    assert page.ask("() => window.stolen ?? 'never'") == "never"
    assert page.ask("() => document.querySelectorAll('img, script').length") == 2
    assert len(page.rows()) == 2


def test_the_policy_stops_scripts_and_requests_that_somebody_smuggled_in(show):
    page = show(PLANS["one contact"])
    tried = page.ask(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.stolen = 1";
          document.body.append(script);
          const answer = await fetch("https://example.invalid/").catch(() => "refused");
          return [window.stolen ?? "never", answer];
        }"""
    )
    assert tried == ["never", "refused"]
    assert all("Content Security Policy" in complaint for complaint in page.complaints)
    page.complaints.clear()


# Size


def test_a_hundred_thousand_contacts_are_searched_sorted_and_paged(show):
    page = show(plan_view([call(n, start=NINE_IN_NEW_YORK + n // 5) for n in range(1, 100_001)]))
    assert page.status == "Rows 1 to 100 of 100,000"
    page.find("p98765")
    assert page.column(CONTACT) == ["p98765"]
    page.find("ref00500")
    assert page.status == "Rows 1 to 100 of 100 found among 100,000"
    page.find("new_york")
    page.press("Contact")
    page.press("Last")
    assert page.column(CONTACT)[-1] == "p99999"
    assert page.ask("() => document.querySelectorAll('*').length") < 3000
