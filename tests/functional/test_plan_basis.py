"""What a plan is made from, as one hash: each part of it makes a difference, and nothing else does."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_campaign import VERSIONS

from runner.campaign.loader import load_campaign
from runner.commands import plan_basis as module
from runner.commands.plan_basis import holds_until, plan_basis
from runner.contacts.identity import Identity
from runner.contacts.places import SourceFolder
from runner.planning.windows import Calendar

CAMPAIGN = """\
version: 1
name: follow-up
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: a.csv}, {type: jsonl, path: b.jsonl}, {type: inline, rows: [{id: "9"}]}]
  suppress: [{type: csv, path: stop.csv, key: "{{ row.id }}"}]
  phone: "{{ row.phone }}"
calling_windows: {dates: {to: "2026-12-24"}, weekly: {daily: "9:15-17:45"}}
"""
MONDAY = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
EASTERN, PACIFIC, TOKYO = "America/New_York", "America/Los_Angeles", "Asia/Tokyo"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)
    (tmp_path / "a.csv").write_text("id,phone\n1,6175550100\n")
    (tmp_path / "b.jsonl").write_text('{"id": "2", "phone": "6175550101"}\n')
    (tmp_path / "stop.csv").write_text("id\n7\n")
    return tmp_path


def basis(folder, *, key=b"privacy", versions=VERSIONS, rate=5.0, data_roots=()):
    path = folder / "campaign.yaml"
    where = SourceFolder(path, data_roots=data_roots)
    return plan_basis(load_campaign(path).campaign, where, Identity(key), versions, rate)


def edit(folder, name, old, new):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_same_files_and_settings_give_the_same(folder):
    assert basis(folder) == basis(folder)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a.csv", "6175550100", "6175550109"),
        ("a.csv", "1,", "1 ,"),
        ("b.jsonl", '"2"', "2"),
        ("stop.csv", "7\n", "7\n8\n"),
        ("stop.csv", "7\n", "7\r\n"),
        ("campaign.yaml", '"9"', '"10"'),
        ("campaign.yaml", "17:45", "17:40"),
        ("campaign.yaml", "12-24", "12-23"),
    ],
)
def test_every_byte_of_a_source_or_list_and_every_value_of_the_campaign_makes_another(folder, name, old, new):
    before = basis(folder)
    edit(folder, name, old, new)
    assert basis(folder).digest != before.digest


def test_a_comment_in_the_campaign_file_makes_no_difference(folder):
    before = basis(folder)
    edit(folder, "campaign.yaml", "version: 1", "version: 1  # of the form")
    assert basis(folder).digest == before.digest


@pytest.mark.parametrize(
    "other",
    [
        {"key": b"another"},
        {"rate": 6.0},
        {"versions": replace(VERSIONS, tzdata="2027a")},
        {"versions": replace(VERSIONS, phonenumbers="9.0.2")},
        {"versions": replace(VERSIONS, holidays="0.61")},
    ],
    ids=str,
)
def test_other_settings_and_data_make_another(folder, other):
    assert basis(folder, **other).digest != basis(folder).digest


def test_another_line_of_our_own_code_makes_another(folder, monkeypatch, tmp_path):
    code = tmp_path / "code" / "room" / "file.py"
    code.parent.mkdir(parents=True)
    code.write_text("LIMIT = 1\n")
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "code")
    before = basis(folder).digest
    code.write_text("LIMIT = 2\n")
    assert basis(folder).digest != before


@pytest.mark.parametrize("release", ["plum-runner", "jinja2"])
def test_another_release_makes_another(folder, monkeypatch, release):
    before = basis(folder)
    known = module.version
    monkeypatch.setattr(module, "version", lambda name: "99" if name == release else known(name))
    assert basis(folder).digest != before.digest


def test_two_files_that_trade_places_make_another(folder):
    (folder / "b.jsonl").write_text((folder / "a.csv").read_text())
    (folder / "a.csv").write_text((folder / "stop.csv").read_text())
    before = basis(folder)
    edit(folder, "campaign.yaml", "path: a.csv", "path: c.csv")
    (folder / "a.csv").rename(folder / "c.csv")
    assert basis(folder).digest != before.digest


def test_a_file_that_was_written_anew_with_the_same_content_was_touched(folder):
    before = basis(folder)
    text = (folder / "a.csv").read_text()
    (folder / "a.csv").unlink()
    (folder / "a.csv").write_text(text)
    after = basis(folder)
    assert after.digest == before.digest
    assert after != before


def test_a_file_that_is_missing_or_may_not_be_read_has_none(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.csv"
    (folder / "a.csv").rename(elsewhere)
    assert basis(folder) is None
    (folder / "a.csv").symlink_to(elsewhere)
    assert basis(folder) is None
    assert basis(folder, data_roots=(elsewhere.parent,)) is not None


# How long the same basis makes the same plan


def declared(folder, windows):
    edit(
        folder,
        "campaign.yaml",
        'calling_windows: {dates: {to: "2026-12-24"}, weekly: {daily: "9:15-17:45"}}',
        f"calling_windows: {windows}",
    )
    return load_campaign(folder / "campaign.yaml").campaign


def at(*when):
    return datetime(*when, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("dates", ['{to: "2026-12-24"}', '{from: "2026-12-01", to: "2026-12-24"}'])
def test_where_the_last_day_is_named_it_lasts_for_ever(folder, dates):
    campaign = declared(folder, f'{{dates: {dates}, weekly: {{daily: "9:15-17:45"}}}}')
    assert holds_until(campaign, [EASTERN], MONDAY) is None


@pytest.mark.parametrize("dates", ["", 'dates: {from: "2026-11-01"}, ', 'dates: {to: "9999-12-31"}, '])
def test_where_the_last_day_moves_on_it_lasts_until_the_first_midnight_of_a_contact(folder, dates):
    campaign = declared(folder, f'{{{dates}weekly: {{daily: "9:15-17:45"}}}}')
    assert holds_until(campaign, [PACIFIC], MONDAY) == at(2026, 12, 1, 8)
    assert holds_until(campaign, [PACIFIC, EASTERN], MONDAY) == at(2026, 12, 1, 5)
    assert holds_until(campaign, [PACIFIC, EASTERN, TOKYO], MONDAY) == at(2026, 11, 30, 15)
    assert holds_until(campaign, [], MONDAY) == MONDAY


def test_with_one_clock_for_all_it_lasts_until_midnight_there(folder):
    campaign = declared(folder, f'{{timezone: {EASTERN}, weekly: {{daily: "9:15-17:45"}}}}')
    assert holds_until(campaign, [TOKYO], MONDAY) == at(2026, 12, 1, 5)


@pytest.mark.parametrize(
    "windows",
    [
        '{weekly: {daily: "22:00-02:00"}}',
        '{weekly: {mon-fri: "00:00-24:00"}, blackout: ["2026-12-30"]}',
        '{dates: {from: "2026-12-05"}, weekly: {daily: "9:15-17:45"}}',
        '{dates: {to: "2026-12-24"}, weekly: {daily: "20:00-04:00"}, holidays: {country: US}}',
        '{dates: {to: "2028-11-30"}, weekly: {sun: "9:15-17:45"}}',
    ],
)
def test_until_then_windows_only_pass(tmp_path_factory, windows):
    """What is still open later was open before, and ends when it was to end."""
    folder = tmp_path_factory.mktemp("campaign")
    (folder / "campaign.yaml").write_text(CAMPAIGN)
    campaign = declared(folder, windows)
    zones = (EASTERN, TOKYO)

    @given(st.integers(0, 40 * 86_400), st.integers(0, 3 * 86_400))
    def only_pass(begin, later):
        now = MONDAY + begin
        until = holds_until(campaign, zones, now)
        then = now + later if until is None else min(now + later, until - 1)
        for zone in zones:
            before = Calendar(campaign.calling_windows, now).windows((zone,))
            after = Calendar(campaign.calling_windows, then).windows((zone,))
            still = [(max(start, int(then)), end) for start, end in before if end > then]
            assert list(after) == still

    only_pass()
