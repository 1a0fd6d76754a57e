"""The pages of `serve` in a real browser: with and without JavaScript, by keyboard, on a phone."""

import re
import time
from contextlib import contextmanager

import pytest
from open_page import CONTRASTS, FAULTS
from page_campaigns import IDENTITY, Shown, broken, enter, served, waiting
from playwright.sync_api import expect
from private_sites import private_site

from runner.calls import CallState
from runner.ledger.approvals import approvals_of
from runner.ledger.operators import Operators
from runner.ledger.overview import overview
from runner.serve.served import ServeStatus

expect.set_options(timeout=30_000)

ENOUGH_CONTRAST = 4.5
CAMPAIGN = "/campaigns/clinic"
UNCERTAIN = f"{CAMPAIGN}/resolve?contact={IDENTITY.ref('clinic-12')}"
PAGES = ("/", CAMPAIGN, "/campaigns/wave-2/plan", f"{CAMPAIGN}/cancel", UNCERTAIN, "/suppress", "/nothing")


@pytest.fixture(autouse=True)
def state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def shown(ledger, tmp_path):
    """`clinic` runs, the file of `wave-2` waits for approval, and `broken` has errors."""
    enter(ledger, planned=4, completed=4, failed=4, uncertain=2, refused=2)
    path = tmp_path / "wave-2.yaml"
    path.write_text("version: 1\nname: wave-2\n")
    return Shown(ledger, waiting(path, "wave-2"), broken())


@pytest.fixture
def site(ledger, shown):
    with private_site(ledger, shown) as served_site:
        yield served_site


@pytest.fixture
def visit(browser, site):
    """Opens a path in a context of its own. What the browser complains of fails the test."""

    @contextmanager
    def opened(path, *, javascript=True, dark=False, width=1280):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
        )
        page, complaints = context.new_page(), []
        page.set_default_timeout(20_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"http://127.0.0.1:{site.port}{path}")
        yield page
        context.close()
        # That there is no such page, or no server any more, is what a test wants.
        assert [each for each in complaints if not each.startswith("Failed to load resource")] == []

    return opened


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def follow(page, name):
    page.get_by_role("link", name=name, exact=True).click()


@pytest.mark.parametrize("dark", [False, True])
def test_pages_are_readable_and_named_for_everybody(visit, dark):
    for path in PAGES:
        with visit(path, dark=dark) as page:
            assert page.evaluate(FAULTS) == [], path
            contrasts = page.evaluate(CONTRASTS)
            assert {kind for kind, ratio in contrasts.items() if ratio < ENOUGH_CONTRAST} == set(), path


def test_no_page_scrolls_sideways_on_a_phone(visit):
    for path in PAGES:
        with visit(path, width=360) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_a_person_reviews_and_approves_in_the_browser(visit, ledger):
    with visit("/") as page:
        page.get_by_role("link", name="Review and approve of wave-2").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Plan: 12 to call")
        press(page, "Approve")
        expect(page.get_by_role("main")).to_contain_text("wave-2 is approved as it is now")
    with ledger.engine.begin() as connection:
        assert set(approvals_of(connection, ["wave-2"])) == {"wave-2"}


@pytest.mark.parametrize("javascript", [True, False])
def test_a_campaign_is_paused_and_resumed(visit, javascript):
    with visit(CAMPAIGN, javascript=javascript) as page:
        for act, status in (("Pause", "Paused"), ("Resume", "Has planned calls")):
            follow(page, act)
            press(page, act)
            follow(page, "Back to clinic")
            expect(page.locator("#region-status")).to_contain_text(status)


def test_an_uncertain_call_is_resolved_in_the_browser(visit, ledger):
    with visit(CAMPAIGN) as page:
        page.get_by_role("link", name=re.compile("^Resolve [a-z0-9]+$")).first.click()
        page.get_by_role("radio", name=re.compile("^Completed:")).check()
        press(page, "Resolve")
        expect(page.get_by_role("main")).to_contain_text("completed")
    assert overview(ledger.engine, "clinic", time.time(), 9).states[CallState.UNCERTAIN] == 1


def test_a_page_follows_the_ledger_and_what_is_served_without_being_loaded_again(visit, ledger, shown):
    with visit(CAMPAIGN) as page:
        page.evaluate("window.isTheSame = true")
        page.locator("#days-numbers summary").click()
        page.get_by_role("link", name="Suppress somebody").focus()
        Operators(ledger.engine, "ann@desk").pause("clinic", time.time())
        expect(page.locator("#region-status")).to_contain_text("by ann@desk")
        shown.show(served(status=ServeStatus.STOPPED))
        expect(page.locator("#region-status")).to_contain_text("Stopped")
        expect(page.locator("#days-numbers")).to_have_attribute("open", "")
        assert page.evaluate("window.isTheSame")
        assert page.evaluate("document.activeElement.textContent") == "Suppress somebody"


def test_the_list_follows_what_is_served(visit, shown):
    with visit("/") as page:
        shown.show(broken("another"))
        expect(page.get_by_role("heading", name="another")).to_be_visible()


def test_a_page_says_when_it_no_longer_follows(visit, site):
    with visit("/") as page:
        expect(page.locator("#live")).to_have_text("This page updates by itself.")
        site.server.stop()
        expect(page.locator("#live")).to_contain_text("The connection is lost")


def test_the_keyboard_reaches_every_act(visit):
    with visit(CAMPAIGN) as page:
        acts = set(page.locator(".button").evaluate_all("found => found.map((each) => each.href)"))
        reached, outlines = [], set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.href ?? ''"))
            outlines.add(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
        assert reached[0].endswith("#main")
        assert acts <= set(reached)
        assert outlines <= {"solid", "none"}
        assert "solid" in outlines


@pytest.mark.usefixtures("viewer")
def test_a_viewer_sees_no_act(visit):
    with visit(CAMPAIGN) as page:
        expect(page.get_by_role("heading", name="People who need a decision")).to_be_visible()
        assert page.get_by_role("button").count() == page.locator("a.button").count() == 0
    with visit("/campaigns/wave-2/plan") as page:
        assert page.get_by_role("button", name="Approve").count() == 0
