"""A campaign's report as people see it: opened from disk in a real browser."""

import pytest
from open_page import CONTRASTS, FAULTS
from report_figures import figures, overview

from runner.reports.campaign_report import campaign_report
from runner.reports.report_html import report_html

PAGES = {
    "whole": report_html(campaign_report(figures(with_visits=True))),
    "empty": report_html(campaign_report(figures([], seen=overview()))),
}
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


def test_the_page_reads_without_javascript(open_html):
    page = open_html(PAGES["whole"], javascript=False)
    assert page.texts("h1") == ["123 contacts, 60 complete interviews"]
    assert "When people answer" in page.texts("h2")


def test_every_link_of_the_navigation_leads_to_its_section(open_html):
    page = open_html(PAGES["whole"])
    assert page.texts("nav a") == page.texts("h2")


@every_page
@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_is_wider_than_the_window(open_html, page, width):
    opened = open_html(page, viewport={"width": width, "height": 900})
    assert opened.ask("() => document.documentElement.scrollWidth <= innerWidth")


@every_page
def test_nobody_is_kept_out(open_html, page):
    assert open_html(page).ask(FAULTS) == []


@pytest.mark.parametrize(("dark", "media"), [(False, "screen"), (True, "screen"), (True, "print")])
def test_text_has_enough_contrast(open_html, dark, media):
    page = open_html(PAGES["whole"], dark=dark)
    page.page.emulate_media(media=media, color_scheme="dark" if dark else "light")
    too_faint = {name: found for name, found in page.ask(CONTRASTS).items() if found < 4.5}
    assert too_faint == {}


def test_bars_are_as_high_as_the_rates_in_the_table(open_html):
    page = open_html(PAGES["whole"])
    rates = [
        float(text.rstrip("%"))
        for text in page.texts("#hours .figures > div:first-child tbody td:nth-child(4)")
    ]
    heights = [box["height"] for box in page.boxes("#hours rect.bar")]
    highest = max(range(len(rates)), key=rates.__getitem__)
    for rate, height in zip(rates, heights, strict=True):
        assert height == pytest.approx(heights[highest] * rate / rates[highest], abs=1)


def test_paper_gets_every_section_with_its_definitions(open_html):
    page = open_html(PAGES["whole"])
    page.page.emulate_media(media="print")
    hidden = page.ask(
        "() => [...document.querySelectorAll('section, .definitions p, table')].filter("
        "(element) => !element.checkVisibility()).length"
    )
    assert hidden == 0
    assert page.page.pdf(format="A4").startswith(b"%PDF")
