"""`--var` on validate, plan and apply, and what a saved plan keeps of it."""

import json

import pytest

from runner.cli import run

CAMPAIGN = """\
version: 1
name: waves
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: inline, rows: [{id: a, phone: "617-555-0111"}]}]
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
calling_windows: {weekly: {daily: "00:00-24:00"}}
caller_id: "+16175550100"
metadata: {wave: "{{ vars.wave }}"}
vars: {wave: 2}
"""
AT = ("--as-of", "2026-12-01T16:00:00Z")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "waves.yaml").write_text(CAMPAIGN)


def planned(capsys, *options):
    assert run(["plan", "waves.yaml", *AT, "--output", "json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_value_is_in_the_requests_in_the_plan_and_in_its_id(capsys):
    before, plan = planned(capsys), planned(capsys, "--var", "wave=3")
    assert (before["calls"][0]["metadata"], plan["calls"][0]["metadata"]) == ({"wave": "2"}, {"wave": "3"})
    assert plan["variables"] == {"wave": "3"}
    assert before["plan_id"] != plan["plan_id"]


@pytest.mark.parametrize("output", ["text", "markdown", "html"])
def test_every_form_of_a_plan_names_the_values(output, capsys):
    assert run(["plan", "waves.yaml", *AT, "--var", "wave=3", "--output", output]) == 0
    assert "Set with --var" in capsys.readouterr().out


def test_a_saved_plan_keeps_its_values_and_takes_no_others(capsys):
    assert run(["plan", "waves.yaml", *AT, "--var", "wave=3", "-o", "plan.json"]) == 0
    assert run(["plan", "plan.json", *AT]) == 0
    assert run(["plan", "plan.json", *AT, "--var", "wave=3"]) == 0
    capsys.readouterr()
    assert run(["apply", "plan.json", "--yes", "--var", "wave=4"]) == 64
    assert "--var cannot change a saved plan" in capsys.readouterr().err
    assert run(["show", "plan.json"]) == 0
    assert "Set with --var: wave=3." in capsys.readouterr().out


@pytest.mark.parametrize("given", ["wave", "=3", "wav=3", "wave=three"])
@pytest.mark.parametrize("command", ["validate", "plan", "apply"])
def test_a_wrong_value_is_wrong_usage(command, given):
    assert run([command, "waves.yaml", "--var", given]) == 64


def test_a_value_is_given_once():
    assert run(["validate", "waves.yaml", "--var", "wave=3", "--var", "wave=4"]) == 64
