import pytest
from open_page import OpenPage

from runner.reports.plan_html import plan_html


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
