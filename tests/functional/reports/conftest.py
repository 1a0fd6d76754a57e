import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from open_page import OpenPage
from playwright.sync_api import Browser, Playwright, sync_playwright

from runner.reports.plan_html import plan_html


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium, for one module: while it runs, Playwright keeps an event loop in this very thread.

    RUNNER_TEST_CHROMIUM names one; else any of the machine's serves.

    Where there is none, the tests are skipped; with RUNNER_TESTS_NEED_CHROMIUM they fail.
    """
    with sync_playwright() as playwright:
        path = chromium(playwright)
        if not path:
            lacking = "no Chromium: install one (apt-get install chromium) or name it in RUNNER_TEST_CHROMIUM"
            if os.environ.get("RUNNER_TESTS_NEED_CHROMIUM"):
                pytest.fail(lacking)
            pytest.skip(lacking)
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


def chromium(playwright: Playwright) -> str:
    named = os.environ.get("RUNNER_TEST_CHROMIUM")
    if named:
        return named
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), "")
    bundled = playwright.chromium.executable_path
    return found or (bundled if Path(bundled).exists() else "")


@pytest.fixture
def open_html(browser, tmp_path):
    """Opens a page from disk. Whatever it then complains of or asks for fails the test."""
    opened = []

    def open_page(text, *, dark=False, javascript=True, **options):
        file = tmp_path / f"page-{len(opened)}.html"
        file.write_text(text, encoding="utf-8")
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}} | options,
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
        )
        opened.append(OpenPage(context.new_page(), file))
        return opened[-1]

    yield open_page
    for page in opened:
        page.leave()
        assert page.complaints == []
        assert page.requests == [page.address]


@pytest.fixture
def show(open_html):
    """Opens the page of a plan."""
    return lambda plan, **options: open_html(plan_html(plan), **options)
