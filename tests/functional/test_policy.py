"""A policy that RUNNER_POLICY_FILE names narrows every campaign, and errors in it are at their place."""

import json
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from runner.campaign.loader import load_campaign
from runner.campaign.policy import Policy
from runner.campaign.reference import as_text, schema_of
from runner.cli import run
from runner.errors import SourceContentError
from runner.insight.sandbox import running_sandbox
from runner.ledger.ledger import Ledger
from runner.services.planning import prepare_plan
from runner.settings import Settings

ROOT = Path(__file__).parents[2]
CAMPAIGN = """\
version: 1
name: calls
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: people.csv}]
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
  timezone: America/New_York
calling_windows: {weekly: {daily: "08:15-21:00"}}
caller_id: "+16175550100"
"""
TUESDAY_MORNING = ("--as-of", "2026-12-01T13:30:00Z")
"""8:30 in New York."""


@pytest.fixture(autouse=True)
def policy(tmp_path, monkeypatch):
    """Writes the policy, which lies outside of the campaign's folder."""
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)
    monkeypatch.setenv("RUNNER_POLICY_FILE", str(tmp_path / "office/policy.yaml"))
    for folder in ("office", "team"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "team")
    Path("calls.yaml").write_text(CAMPAIGN)
    Path("people.csv").write_text("id,phone\na,617-555-0111\nb,617-555-0112\n")
    (tmp_path / "office/stop.csv").write_text("phone\n617-555-0112\n")

    def policy(text):
        (tmp_path / "office/policy.yaml").write_text(text)

    return policy


def planned(capsys, *options):
    capsys.readouterr()
    assert run(["plan", "calls.yaml", *TUESDAY_MORNING, "--output", "json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_hours_of_the_policy_narrow_the_windows_and_the_plan_names_it(policy, capsys):
    policy('calling_windows: {weekly: {daily: "10:00-20:00"}}\n')
    call = planned(capsys)["calls"][0]
    # 10:00, and 20:00 less the close margin of 5 minutes.
    assert (call["start_timestamp"], call["end_timestamp"]) == (1796137200, 1796172900)
    assert run(["plan", "calls.yaml", *TUESDAY_MORNING]) == 0
    assert "policy" in capsys.readouterr().out
    assert run(["plan", "calls.yaml", *TUESDAY_MORNING, "--explain", "a"]) == 0
    assert "policy" in capsys.readouterr().out


def test_hours_that_leave_no_window_are_an_error_of_the_campaign(policy, capsys):
    policy('calling_windows: {weekly: {daily: "22:00-23:00"}}\n')
    assert run(["validate", "calls.yaml"]) == 3
    assert "outside the hours of policy" in capsys.readouterr().out


def test_no_campaign_calls_people_on_a_list_of_the_policy(policy, capsys):
    policy('suppress: [{type: csv, path: stop.csv, phone: "{{ row.phone }}"}]\n')
    plan = planned(capsys)
    assert [call["contact"] for call in plan["calls"]] == ["a"]
    (excluded,) = plan["exclusions"]
    assert (excluded["reason"], excluded["detail"]) == ("suppressed", "on stop.csv:2 of the policy")


def test_a_list_of_the_policy_that_cannot_be_read_stops_the_plan(policy):
    policy('suppress: [{type: csv, path: missing.csv, phone: "{{ row.phone }}"}]\n')
    assert run(["plan", "calls.yaml"]) == 1


def test_a_survey_that_the_policy_does_not_allow_is_an_error_at_its_line(policy, capsys):
    policy('surveys: ["1"]\n')
    for command in ("validate", "plan"):
        assert run([command, "calls.yaml"]) == 3
        printed = capsys.readouterr()
        assert "calls.yaml:3:21: error[survey_not_allowed]" in printed.out + printed.err


def test_the_presets_of_the_policy_are_obeyed_too(policy, capsys):
    policy("rules: [us-federal]\n")
    assert "us-federal" in planned(capsys)["versions"]["rules"]
    policy("rules: [us-federl]\n")
    assert run(["plan", "calls.yaml"]) == 3
    assert "policy.yaml:1:9: error[unknown_preset]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('calling_windows: {weekly: {daily: "10.00-20:00"}}\n', ":1:35: error[bad_hours]"),
        ("survys: [1]\n", "did you mean `surveys`?"),
        ("surveys: [48211]\n", ":1:11: error[unquoted_number]"),
        ("contact_limits: {calls: 0, per: 30d}\n", ":1:25: error[out_of_range]"),
        ("suppress: [{type: csv, path: stop.csv}]\n", "error[missing_key]"),
        (
            'suppress: [{type: csv, path: stop.csv, phone: "{{ row.fone }}"}]\n',
            ":1:47: error[template_fails]",
        ),
    ],
)
def test_an_error_of_the_policy_is_shown_at_its_place(policy, capsys, text, said):
    policy(text)
    assert run(["plan", "calls.yaml"]) == 3
    printed = capsys.readouterr().err
    assert "policy.yaml" in printed
    assert said in printed


def test_a_missing_policy_file_stops_every_plan(capsys):
    assert run(["plan", "calls.yaml"]) == 1
    assert run(["validate", "calls.yaml"]) == 1
    assert "RUNNER_POLICY_FILE: there is no file" in capsys.readouterr().err


def test_a_saved_plan_no_longer_holds_when_the_policy_takes_a_call_s_window(policy, capsys):
    policy('calling_windows: {weekly: {daily: "10:00-20:00"}}\n')
    assert run(["plan", "calls.yaml", *TUESDAY_MORNING, "-o", "plan.json"]) == 0
    policy('calling_windows: {weekly: {daily: "10:00-19:00"}}\n')
    assert run(["plan", "plan.json", *TUESDAY_MORNING]) == 4
    assert "RUNNER_POLICY_FILE changed" in capsys.readouterr().err


def test_the_schema_in_the_repository_is_that_of_the_model():
    schema = as_text(schema_of(Policy, "A policy of runner"))
    assert (ROOT / "schemas/policy.schema.json").read_text(encoding="utf-8") == schema


def test_the_example_is_valid_and_narrows_the_example_campaigns(monkeypatch, capsys):
    example = ROOT / "examples/policy/policy.yaml"
    schema = json.loads((ROOT / "schemas/policy.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(YAML(typ="safe").load(example), schema)
    monkeypatch.setenv("RUNNER_POLICY_FILE", str(example))
    monkeypatch.chdir(ROOT)
    campaign = "examples/filter-and-order.yaml"
    assert run(["plan", campaign, "--as-of", "2026-11-28T06:00:00Z", "--output", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert sum(each["detail"].endswith("of the policy") for each in plan["exclusions"]) == 1
    assert "policy" in plan["versions"]["rules"]


def test_no_day_has_more_calls_than_the_policy_allows_over_all_campaigns(
    policy, capsys, monkeypatch, tmp_path
):
    policy("max_calls_per_day: 3\n")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    first = datetime.now(UTC).date() + timedelta(days=2)
    dates = f'dates: {{from: "{first}", to: "{first + timedelta(days=1)}"}}'
    text = CAMPAIGN.replace("calling_windows: {", f"calling_windows: {{{dates}, ")
    Path("calls.yaml").write_text(text)
    Path("others.yaml").write_text(text.replace("name: calls", "name: others"))
    with running_sandbox() as sandbox:
        monkeypatch.setenv("RUNNER_INSIGHT_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("RUNNER_INSIGHT_USERNAME", "me@example.org")
        monkeypatch.setenv("RUNNER_INSIGHT_DEVELOPER_KEY", "any-key")
        assert run(["apply", "others.yaml", "--yes", "--until-idle"]) == 0
    Path("people.csv").write_text("id,phone\n" + "".join(f"p{n},617-555-{100 + n:04}\n" for n in range(10)))
    capsys.readouterr()
    assert run(["plan", "calls.yaml", "--output", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    days = Counter(call["start_timestamp"] // 86_400 for call in plan["calls"])
    # The other campaign has two calls on the first day; the last evening in New York is the third day of UTC.
    assert [days[day] for day in sorted(days)] == [1, 3, 3]
    assert "the policy's 3 calls a day leave no free start" in plan["exclusions"][0]["detail"]


@pytest.mark.parametrize("output", ["text", "json", "markdown", "html"])
def test_every_form_of_a_plan_names_the_limit_of_a_day(policy, capsys, output):
    policy("max_calls_per_day: 3\n")
    assert run(["plan", "calls.yaml", *TUESDAY_MORNING, "--output", output]) == 0
    shown = capsys.readouterr().out
    assert ('"calls_per_day": 3' if output == "json" else "at most 3 calls start in a day of UTC") in shown


def test_a_plan_under_a_limit_of_a_day_can_be_saved_and_shown(policy, capsys):
    policy("max_calls_per_day: 3\n")
    assert run(["plan", "calls.yaml", *TUESDAY_MORNING, "-o", "plan.json"]) == 0
    capsys.readouterr()
    assert run(["show", "plan.json"]) == 0
    assert "at most 3 calls start in a day of UTC" in capsys.readouterr().out


def test_validate_obeys_a_policy_that_a_settings_file_names(policy, capsys, monkeypatch, tmp_path):
    policy('surveys: ["1"]\n')
    monkeypatch.delenv("RUNNER_POLICY_FILE")
    assert run(["validate", "calls.yaml"]) == 0
    (tmp_path / "settings.env").write_text(f"RUNNER_POLICY_FILE={tmp_path / 'office/policy.yaml'}\n")
    monkeypatch.setenv("RUNNER_ENV_FILE", str(tmp_path / "settings.env"))
    assert run(["validate", "calls.yaml"]) == 3
    assert "survey_not_allowed" in capsys.readouterr().out


def test_a_plan_of_a_later_round_still_obeys_the_lists_of_the_policy(policy, tmp_path):
    policy('suppress: [{type: csv, path: stop.csv, phone: "{{ row.phone }}"}]\n')
    settings = Settings(
        ledger_url=f"sqlite:///{tmp_path / 'l.sqlite3'}", policy_file=tmp_path / "office/policy.yaml"
    )
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        first = prepare_plan(load_campaign(Path("calls.yaml")), settings, ledger, now=time.time(), limit=None)
        numbers = first.working_set
        later = first.suppressed.for_plan(numbers.shared_numbers, numbers.other_numbers, time.time())
        assert "policy" in (later.match("b", "+16175550112") or "")
        (tmp_path / "office/stop.csv").write_text("phone\n617-555-0112\n617-555-0111\n")
        assert later.refresh() is True
        assert "policy" in (later.match("a", "+16175550111") or "")


def test_the_guard_of_a_campaign_does_not_loosen_the_lists_of_the_policy(policy, tmp_path):
    policy('suppress: [{type: csv, path: stop.csv, phone: "{{ row.phone }}"}]\n')
    Path("calls.yaml").write_text(CAMPAIGN + 'guard: {list_drop: "100%"}\n')
    listed = [f"617-555-{2000 + n}\n" for n in range(40)]
    stop = tmp_path / "office/stop.csv"
    stop.write_text("phone\n" + "".join(listed))
    settings = Settings(
        ledger_url=f"sqlite:///{tmp_path / 'l.sqlite3'}", policy_file=tmp_path / "office/policy.yaml"
    )
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        made = prepare_plan(load_campaign(Path("calls.yaml")), settings, ledger, now=time.time(), limit=None)
        numbers = made.working_set
        running = made.suppressed.for_plan(numbers.shared_numbers, numbers.other_numbers, time.time())
        stop.write_text("phone\n" + "".join(listed[:20]))
        with pytest.raises(SourceContentError, match=r"guard\.list_drop allows 10% fewer"):
            running.refresh()


def test_contacts_that_were_imported_make_the_next_plan_no_first_plan(policy, capsys):
    policy("max_calls_per_day: 100\n")
    assert run(["plan", "calls.yaml", *TUESDAY_MORNING]) == 0
    assert "This is the first plan" in capsys.readouterr().err
    Path("queued.csv").write_text("key\na\n")
    assert run(["import", "calls.yaml", "queued.csv"]) == 0
    capsys.readouterr()
    assert run(["plan", "calls.yaml", *TUESDAY_MORNING]) == 0
    assert "This is the first plan" not in capsys.readouterr().err


def test_removing_an_entry_that_does_not_exist_fails_and_promises_no_call(capsys):
    assert run(["suppress", "+16175550111"]) == 0
    assert run(["suppress", "--remove", "+16175550112"]) == 1
    assert "the next plan may call" not in capsys.readouterr().err
    assert run(["suppress", "--remove", "+16175550111"]) == 0
    assert "the next plan may call" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["nosuch.yaml", "nosuch.yml", "team/nosuch"])
@pytest.mark.parametrize("command", [["suppress", "--list", "--campaign"], ["status"], ["cancel"]])
def test_the_path_of_no_file_is_not_taken_for_a_name(command, given, capsys):
    assert run([*command, given]) == 1
    assert f"there is no file {given}" in capsys.readouterr().err
