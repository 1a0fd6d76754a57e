"""What `plan` and `validate` warn of, and what they say of silenced warnings."""

import json
import os
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from planned_calls import call
from planned_calls import plan as plan_by_hand

from runner.cli import run
from runner.ledger.ledger import Ledger, RunProcess
from runner.ledger.plan_entry import Binding
from runner.settings import load_settings, origin

DAY = 86_400
CAMPAIGN = """\
version: 1
name: followup
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources:
    - {type: csv, path: contacts.csv}
    - {type: jsonl, path: more.jsonl, phone: "{{ row.tel }}"}
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
  suppress:
    - {type: csv, path: stop.csv, phone: "{{ row.phone }}", allow_empty: true}
calling_windows:
  weekly: {mon-fri: "9:15-17:45"}
caller_id: "+16175550100"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)
    folder = tmp_path / "campaign"
    folder.mkdir()
    (folder / "contacts.csv").write_text("id,phone,Language\n1,617-555-0111,es\n2,617-555-0112,en\n")
    (folder / "more.jsonl").write_text('{"id": "3", "tel": "617-555-0113", "extra": 1}\n')
    (folder / "stop.csv").write_text("phone\n617-555-0199\n")
    return folder


@pytest.fixture
def plan(folder, capsys):
    def plan(more="", *options, text=CAMPAIGN):
        (folder / "campaign.yaml").write_text(text + more)
        assert run(["plan", str(folder / "campaign.yaml"), *options]) == 0
        return capsys.readouterr().out

    return plan


@pytest.fixture
def found(plan):
    def found(more="", text=CAMPAIGN):
        return json.loads(plan(more, "--output", "json", text=text))["diagnostics"]

    return found


def codes(diagnostics):
    return [diagnostic["code"] for diagnostic in diagnostics]


def test_a_campaign_with_nothing_odd_around_it_has_no_warning(found):
    assert found() == []


@pytest.mark.parametrize(
    ("template", "column", "hint"),
    [
        ("{{ row.language | default('en') }}", "language", "did you mean `Language`?"),
        ("{% if row.extra is defined %}{{ row.extar }}{% endif %}", "extar", "did you mean `extra`?"),
        ("{{ 'x' if row['quite other'] is defined else '' }}", "quite other", "upper and lower case"),
    ],
)
def test_a_column_that_no_row_has_is_warned_of_though_the_template_never_fails(found, template, column, hint):
    more = f'metadata:\n  a: "{template}"\n'
    if "extar" in template:
        # Only the rows of one source come here, so that not every contact fails.
        more = more.replace("row.extra is defined", "row.id == 'none'")
    (warning,) = found(more)
    assert (warning["code"], warning["line"], warning["col"]) == ("unknown_column", 17, 6)
    assert warning["message"] == f"no row has a column `{column}`"
    assert hint in warning["hint"]


def test_a_metadata_value_that_is_the_name_of_a_column_is_warned_of(found):
    (warning,) = found("metadata:\n  language: Language\n  site: Boston\n")
    assert (warning["code"], warning["line"]) == ("column_as_text", 17)
    assert '"{{ row.Language }}"' in warning["hint"]


def test_a_column_of_any_one_source_is_known(found):
    assert found("metadata: {a: \"{{ row.extra | default('') }}{{ row.Language | default('') }}\"}\n") == []


def test_a_template_of_one_source_or_list_knows_the_columns_of_that_alone(found):
    changed = CAMPAIGN.replace("{{ row.tel }}", "{{ row.tel }}{{ row.phone | default('') }}")
    changed = changed.replace(
        '"{{ row.phone }}", allow', "\"{{ row.phone }}{{ row.id | default('') }}\", allow"
    )
    assert [(each["code"], each["line"]) for each in found(text=changed)] == [
        ("unknown_column", 7),
        ("unknown_column", 12),
    ]


def test_a_source_without_rows_gets_no_warning_about_its_columns(folder, found):
    (folder / "contacts.csv").write_text("id,phone\n")
    (folder / "more.jsonl").write_text("")
    assert codes(found("metadata: {a: \"{{ row.x | default('') }}\"}\n")) == ["empty_source", "empty_source"]


def test_a_list_that_names_nobody_is_warned_of_where_the_file_names_it(folder, found):
    (folder / "stop.csv").write_text("phone\n")
    warnings = found()
    assert [(each["code"], each["line"]) for each in warnings] == [("empty_suppression_list", 12)]


def test_rows_that_allow_invalid_skips_are_counted_at_the_line_of_their_list(folder, found):
    (folder / "stop.csv").write_text("phone\n617-555-0199 x5\n555\nunknown\n")
    (warning,) = found(text=CAMPAIGN.replace("allow_empty: true", "allow_invalid: true"))
    assert (warning["code"], warning["line"]) == ("unreadable_suppression_rows", 12)
    assert warning["message"].startswith("2 rows of stop.csv cannot be read and were skipped")
    assert "in line 3: its number cannot be read: it is too short" in warning["message"]


def test_a_repeated_column_that_no_template_reads_is_warned_of_where_the_file_is_named(folder, found):
    (folder / "contacts.csv").write_text("id,phone,Note,Note\n1,617-555-0111,a,b\n")
    (warning,) = found()
    assert (warning["code"], warning["line"]) == ("duplicate_column", 6)


@pytest.mark.parametrize(("days", "expected"), [(30, []), (31, ["old_suppression_list"])])
def test_a_list_that_nobody_wrote_to_for_more_than_thirty_days_is_warned_of(folder, found, days, expected):
    then = time.time() - days * DAY - 3600
    os.utime(folder / "stop.csv", (then, then))
    warnings = found()
    assert codes(warnings) == expected
    assert all("git sets the time of a file at checkout" in warning["hint"] for warning in warnings)


def test_a_plan_as_of_a_later_day_does_not_age_the_lists(plan):
    assert "old_suppression_list" not in plan("", "--as-of", "2099-01-01T00:00:00Z")


@pytest.fixture(params=["America/New_York", "Asia/Tokyo"])
def machine_zone(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("machine_zone")
def test_a_plan_as_of_a_date_is_as_of_its_first_moment_in_utc(plan):
    planned = json.loads(plan("", "--as-of", "2026-12-01", "--output", "json"))
    assert planned["as_of"] == "2026-12-01T00:00:00Z"


def _apply_elsewhere(ledger, settings, name, now):
    binding = Binding(
        campaign=name,
        survey_id="48211",
        instance_id="3",
        account="",
        origin=origin(settings.insight_base_url),
    )
    ledger.begin_run(
        binding,
        plan_by_hand(call(start=now + DAY), campaign=name, as_of=now),
        RunProcess(host="here", pid=1),
        now,
    )


def test_another_campaign_on_the_same_instance_is_warned_of(found):
    settings = load_settings()
    now = int(time.time())
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        _apply_elsewhere(ledger, settings, "spring-wave", now)
    (warning,) = found()
    assert (warning["code"], warning["line"], warning["col"]) == ("shared_instance", 3, 43)
    assert "spring-wave (1 call waiting, 0 sent in the last 30 days)" in warning["message"]


def test_many_other_campaigns_on_the_same_instance_are_one_warning(found):
    settings = load_settings()
    now = int(time.time())
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        for number in range(5):
            _apply_elsewhere(ledger, settings, f"wave-{number}", now)
    (warning,) = found()
    assert warning["code"] == "shared_instance"
    assert warning["message"].startswith("5 other campaigns of this ledger")
    assert warning["message"].endswith("and 2 more")


def test_plan_says_in_one_line_what_is_silenced_and_why(folder, plan):
    old = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    os.utime(folder / "stop.csv", (old, old))
    told = plan("silence: {old_suppression_list: Nobody opted out this year}\n")
    assert "1 warning suppressed: old_suppression_list (Nobody opted out this year)\n" in told
    assert "Warnings" not in told


def test_validate_says_so_too(folder, capsys):
    text = CAMPAIGN.replace("9:15", "9:00") + "silence: {on_the_hour: Plum agreed}\n"
    (folder / "campaign.yaml").write_text(text)
    assert run(["validate", str(folder)]) == 0
    assert capsys.readouterr().out == (
        "1 warning suppressed: on_the_hour (Plum agreed)\n1 campaign file: valid\n"
    )


def test_validate_warns_of_a_window_that_holidays_close_completely(folder, capsys):
    text = CAMPAIGN.replace(
        'weekly: {mon-fri: "9:15-17:45"}',
        'holidays: {country: US}\n  dates: {from: "2026-12-21", to: "2026-12-27"}\n'
        '  weekly: {mon: "9:15-17:45", fri: "9:15-17:30"}',
    )
    (folder / "campaign.yaml").write_text(text)
    assert run(["validate", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "campaign.yaml:16:36: warning[unreachable_window]" in told
    assert told.count("warning[") == 1
    (folder / "campaign.yaml").write_text(f"{text}silence: {{unreachable_window: Next year it will be}}\n")
    assert run(["validate", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("1 warning suppressed: unreachable_window (Next year")
