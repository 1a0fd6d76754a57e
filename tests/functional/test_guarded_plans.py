"""A plan beyond a guard: what plan and apply say of it, and what the ledger holds afterwards."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner.cli import run
from runner.insight.sandbox import running_sandbox
from runner.ledger.ledger import Ledger

TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date()
CAMPAIGN = f"""\
version: 1
name: guarded
survey: {{survey_id: "48211", instance_id: "3"}}
contacts:
  sources: [{{type: csv, path: people.csv}}]
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  region: US
  timezone: UTC
  suppress: [{{type: csv, path: stop.csv, phone: "{{{{ row.phone }}}}"}}]
calling_windows:
  weekly: {{daily: "00:00-24:00"}}
  dates: {{from: "{TOMORROW}"}}
caller_id: "+16175550100"
"""
APPLY = ("apply", "guarded.yaml", "--yes", "--until-idle")


@pytest.fixture(autouse=True)
def ledger(tmp_path, monkeypatch):
    """The ledger of an applied campaign: 40 calls are planned, and 40 people are on the list."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    with running_sandbox() as sandbox, closing(Ledger.open(url)) as ledger:
        for name, value in (
            ("RUNNER_LEDGER_URL", url),
            ("RUNNER_INSIGHT_BASE_URL", sandbox.base_url),
            ("RUNNER_INSIGHT_USERNAME", "me@example.org"),
            ("RUNNER_INSIGHT_DEVELOPER_KEY", "any-key"),
            ("HOME", str(tmp_path)),
            ("XDG_STATE_HOME", str(tmp_path / "state")),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)
        monkeypatch.chdir(tmp_path)
        Path("guarded.yaml").write_text(CAMPAIGN)
        write(people=40, stopped=40)
        assert run([*APPLY]) == 0
        yield ledger


def write(*, people, stopped):
    """So many of the 40 people, and so many entries of the list."""
    Path("people.csv").write_text(
        "id,phone\n" + "".join(f"p{n},617-555-{100 + n:04}\n" for n in range(people))
    )
    Path("stop.csv").write_text("phone\n" + "".join(f"617-555-{200 + n:04}\n" for n in range(stopped)))


def states(ledger):
    return [call.state for call in ledger.history("guarded").calls]


def codes(capsys):
    capsys.readouterr()
    assert run(["plan", "guarded.yaml", "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    return [each["code"] for each in found if each["code"].startswith("guard_")]


def test_half_an_export_is_refused_until_it_is_allowed(ledger, capsys):
    write(people=20, stopped=40)
    assert codes(capsys) == ["guard_withdraw", "guard_list_drop"]
    assert run([*APPLY]) == 7
    assert "add --allow withdraw --allow list_drop" in capsys.readouterr().err
    assert run([*APPLY, "--allow", "withdraw"]) == 7
    assert states(ledger) == ["planned"] * 40
    assert run([*APPLY, "--allow", "withdraw", "--allow", "list_drop"]) == 0
    assert sorted(states(ledger)) == ["planned"] * 20 + ["skipped"] * 20
    assert codes(capsys) == [], "what was allowed is what the next plan is compared with"


def test_half_a_suppression_list_is_refused_though_no_call_changes(ledger, capsys):
    write(people=40, stopped=20)
    assert codes(capsys) == ["guard_list_drop"]
    assert run([*APPLY]) == 7
    assert "stop.csv has 20 entries, 40 at the last apply: 50% are gone" in capsys.readouterr().err
    write(people=40, stopped=37)
    assert run([*APPLY]) == 0
    assert states(ledger) == ["planned"] * 40


def test_a_saved_plan_is_refused_by_the_same_guard(ledger):
    assert run(["plan", "guarded.yaml", "-o", "plan.json"]) == 0
    write(people=20, stopped=40)
    assert run(["apply", "plan.json", "--yes", "--until-idle"]) == 7
    assert states(ledger) == ["planned"] * 40
    assert (
        run(["apply", "plan.json", "--yes", "--until-idle", "--allow", "withdraw", "--allow", "list_drop"])
        == 0
    )


def test_only_a_detailed_exit_status_of_plan_shows_the_guard():
    write(people=20, stopped=40)
    assert run(["plan", "guarded.yaml"]) == 0
    assert run(["plan", "guarded.yaml", "--detailed-exitcode"]) == 7
    assert run(["plan", ".", "--detailed-exitcode"]) == 7


@pytest.mark.parametrize("output", ["text", "markdown", "html", "github"])
def test_every_form_of_the_plan_says_how_to_allow_it(output, capsys):
    write(people=20, stopped=40)
    assert run(["plan", "guarded.yaml", "--output", output]) == 0
    assert "run apply with --allow withdraw" in capsys.readouterr().out


def test_more_new_calls_than_the_campaign_allows_are_refused(capsys):
    Path("guarded.yaml").write_text(CAMPAIGN + "guard: {new_calls: 4}\n")
    write(people=45, stopped=40)
    assert codes(capsys) == ["guard_new_calls"]
    assert run([*APPLY]) == 7
    assert run([*APPLY, "--allow", "new_calls"]) == 0


def test_a_guard_cannot_be_suppressed_as_a_warning(capsys):
    Path("guarded.yaml").write_text(CAMPAIGN + "silence: {guard_withdraw: it often happens}\n")
    assert run(["validate", "guarded.yaml"]) == 3
    assert "cannot be suppressed" in capsys.readouterr().out


def test_each_query_of_one_database_is_compared_with_itself(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("RUNNER_CONNECTION_CLINIC", f"sqlite:///{tmp_path / 'clinic.sqlite3'}")
    query = (
        '{{type: sql, connection: clinic, query: "SELECT phone FROM {table}", phone: "{{{{ row.phone }}}}"}}'
    )
    lists = ", ".join(query.format(table=table) for table in ("opted_out", "deceased"))
    text = CAMPAIGN.replace('{type: csv, path: stop.csv, phone: "{{ row.phone }}"}', lists)
    Path("guarded.yaml").write_text(text)

    def store(table, entries):
        with closing(sqlite3.connect("clinic.sqlite3", isolation_level=None)) as database:
            database.execute(f"DROP TABLE IF EXISTS {table}")
            database.execute(f"CREATE TABLE {table} (phone TEXT)")
            rows = [(f"617-555-{200 + n:04}",) for n in range(entries)]
            database.executemany(f"INSERT INTO {table} VALUES (?)", rows)

    store("opted_out", 40)
    store("deceased", 40)
    assert run([*APPLY]) == 0
    store("opted_out", 80)
    store("deceased", 20)
    assert codes(capsys) == ["guard_list_drop"]
    assert run([*APPLY]) == 7
    assert "sql:clinic#2 has 20 entries, 40 at the last apply" in capsys.readouterr().err
