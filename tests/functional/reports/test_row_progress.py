import re
import sys
from itertools import count, islice

import pytest
from a_terminal import shown, terminal

from runner.cli import run
from runner.contacts.contact import Row
from runner.reports import progress
from runner.reports.progress import row_progress


def rows(number, first_line=2):
    return (Row(source="visits.csv", line=line, values={}) for line in range(first_line, first_line + number))


def ticking(seconds):
    """A clock that goes on by so many seconds each time somebody looks at it."""
    steps = count()
    return lambda: next(steps) * seconds


def test_long_reading_shows_how_much_how_fast_and_for_how_long_yet(monkeypatch):
    with (
        terminal(monkeypatch) as sent,
        row_progress("reading contacts", lambda: [40_001], now=ticking(0.5)) as watch,
    ):
        assert [row.line for row in watch(rows(20_000))] == list(range(2, 20_002))
    text = shown(sent)
    assert re.search(r"reading contacts .*\d+,\d{3} +\d[\d,]*/s +0:\d\d:\d\d", text), text


def test_what_is_left_goes_by_the_lines_of_all_sources(monkeypatch):
    with (
        terminal(monkeypatch) as sent,
        row_progress("p", lambda: [1_000, 9_000], now=ticking(1)) as watch,
    ):
        list(watch(rows(1_000, first_line=1)))
        list(islice(watch(rows(9_000, first_line=1)), 4_000))
    half_full = [part for part in shown(sent).split("\r") if " 5,000 " in part]
    assert half_full
    assert all(part.startswith(f"p {'━' * 20}╺") for part in half_full), half_full


def test_short_reading_shows_nothing(monkeypatch):
    with terminal(monkeypatch) as sent, row_progress("planning", lambda: [9], now=ticking(0.01)) as watch:
        list(watch(rows(20_000)))
    assert shown(sent) == ""


def test_without_a_terminal_nothing_is_shown_and_no_line_counted(capsys):
    def never():
        pytest.fail("nobody would see it")

    with row_progress("planning", never, now=ticking(60)) as watch:
        assert len(list(watch(rows(20_000)))) == 20_000
    assert capsys.readouterr() == ("", "")


def test_the_bar_is_gone_when_reading_fails(monkeypatch):
    def failing():
        yield from rows(10_000)
        raise ValueError("a bad row")

    with terminal(monkeypatch) as sent:
        with (
            pytest.raises(ValueError, match="a bad row"),
            row_progress("p", lambda: [1], now=ticking(1)) as watch,
        ):
            list(watch(failing()))
        sys.stderr.write("error: a bad row\n")
    # The cursor is shown again, and the line of the bar erased, before the error is shown.
    assert "".join(sent).rindex("\x1b[?25h") < "".join(sent).rindex("error")
    assert "".join(sent).rindex("\x1b[2K") < "".join(sent).rindex("error")


def test_steps_of_known_length_show_how_far_they_are(monkeypatch):
    with terminal(monkeypatch) as sent:
        assert list(progress.progress("placing calls", 8_000, range(8_000), now=ticking(0.5))) == list(
            range(8_000)
        )
    text = shown(sent)
    assert re.search(r"placing calls .*4,000 +\d[\d,]*/s +0:\d\d:\d\d", text), text
    assert "".join(sent).rindex("\x1b[2K") > "".join(sent).rindex("placing calls")


def test_steps_without_a_terminal_show_nothing(capsys):
    assert list(progress.progress("p", 3, "abc", now=ticking(60))) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


CAMPAIGN = """
version: 1
name: shown
survey: {survey_id: "1", instance_id: "1"}
contacts:
  sources: [{type: csv, path: visits.csv}]
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  suppress: [{type: csv, path: never.csv, key: "{{ row.id }}"}]
calling_windows: {timezone: UTC, weekly: {daily: "9:15-17:00"}}
"""


def test_plan_shows_how_far_it_is_with_the_lists_and_the_contacts(monkeypatch, tmp_path, capsys):
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)
    (tmp_path / "visits.csv").write_text(
        # Two to a number: only who shares one has to be checked.
        "id,phone\n" + "".join(f"{n},+1617555{100 + n // 2:04}\n" for n in range(1_300))
    )
    (tmp_path / "never.csv").write_text("id\n" + "".join(f"gone-{n}\n" for n in range(1_300)))
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 0)
    monkeypatch.setattr(progress, "_REFRESH_SECONDS", 0)
    with terminal(monkeypatch) as sent:
        assert run(["plan", str(tmp_path / "campaign.yaml"), "--output", "json"]) == 0
    text = shown(sent)
    assert "reading suppression lists" in text
    assert "reading contacts" in text
    assert "checking contacts" in text
    assert "placing calls" in text
    assert "contacts" not in capsys.readouterr().out.splitlines()[0]
