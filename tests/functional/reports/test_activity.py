"""Where no bar can be shown, a line says that work goes on, and only where nothing else is shown."""

import io
import sys
import time

import pytest
from a_terminal import shown, terminal

from runner.reports.progress import activity, progress

PATIENCE_SECONDS = 20


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_after_a_moment_the_activity_is_shown_and_then_removed(monkeypatch):
    with terminal(monkeypatch) as sent, activity("sorting"):
        assert sent == []
        wait_until(lambda: "sorting" in shown(sent) and "0:00:0" in shown(sent))
    # The line is erased, and the cursor is back.
    assert "".join(sent).rstrip().endswith("\x1b[2K")
    assert "".join(sent).count("\x1b[?25l") == "".join(sent).count("\x1b[?25h") == 1


def test_quick_work_shows_nothing(monkeypatch):
    with terminal(monkeypatch) as sent, activity("sorting"):
        pass
    assert sent == []


def test_at_once_it_is_shown_before_the_work_begins(monkeypatch):
    with terminal(monkeypatch) as sent, activity("parsing", at_once=True):
        wait_until(lambda: "parsing" in shown(sent))
    assert "".join(sent).rstrip().endswith("\x1b[2K")


def test_it_gives_way_to_a_bar_and_comes_back_after_it(monkeypatch):
    times = iter([0.0, *[2.0 + step for step in range(1000)]])
    with terminal(monkeypatch) as sent, activity("sorting"):
        wait_until(lambda: "sorting" in shown(sent))
        rows = progress("placing", 2000, iter(range(2000)), now=lambda: next(times))
        for _ in zip(range(600), rows, strict=False):
            pass
        wait_until(lambda: "placing" in shown(sent))
        until_the_bar = len(sent)
        # While there is a bar, nothing else is shown however long it takes.
        before = shown(sent).count("sorting")
        list(rows)
        assert shown(sent[until_the_bar:]).count("sorting") == 0
        wait_until(lambda: shown(sent).count("sorting") > before)


def test_an_error_removes_the_activity_too(monkeypatch):
    def work():
        with activity("sorting"):
            wait_until(lambda: "sorting" in shown(sent))
            raise ValueError("broken")

    with terminal(monkeypatch) as sent, pytest.raises(ValueError, match="broken"):
        work()
    assert "".join(sent).rstrip().endswith("\x1b[2K")


def test_off_a_terminal_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with activity("sorting"):
        pass
    assert sys.stderr.getvalue() == ""
