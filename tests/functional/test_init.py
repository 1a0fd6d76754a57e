"""`runner init`: what it writes works as it stands, and it writes over nothing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from runner.cli import run

FILES = {"campaign.yaml", "contacts.csv", "do-not-call.csv", ".gitignore", "campaign.schema.json"}

MOMENTS = [
    "2026-11-26T03:00:00Z",  # the eve of Thanksgiving
    "2026-12-06T12:00:00Z",  # a Sunday
    "2026-12-25T18:00:00Z",  # Christmas
    "2027-03-14T07:30:00Z",  # the hour that daylight saving skips
    "2028-02-29T23:59:59Z",
]


@pytest.fixture(autouse=True)
def _own_ledger(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)


@pytest.fixture
def starter(tmp_path, capsys) -> Path:
    folder = tmp_path / "new" / "starter"
    assert run(["init", str(folder)]) == 0
    capsys.readouterr()
    return folder


def test_init_makes_the_folder_and_says_what_to_do_next(tmp_path, capsys):
    folder = tmp_path / "with spaces"
    assert run(["init", str(folder)]) == 0
    assert {file.name for file in folder.iterdir()} == FILES
    said = capsys.readouterr().out
    for command in ("validate", "plan", "apply"):
        assert f"  runner {command} '{folder}/campaign.yaml'" in said


def test_init_without_a_folder_writes_here(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    assert {file.name for file in tmp_path.iterdir()} >= FILES
    assert "runner validate campaign.yaml" in capsys.readouterr().out


def test_the_starter_is_valid_without_a_warning(starter, capsys):
    assert run(["validate", str(starter)]) == 0
    assert capsys.readouterr().out == "1 campaign file: valid\n"


def test_the_starter_fits_the_schema_next_to_it(starter):
    first_line = (starter / "campaign.yaml").read_text().splitlines()[0]
    named = first_line.removeprefix("# yaml-language-server: $schema=")
    schema = json.loads((starter / named).read_text())
    jsonschema.validate(YAML(typ="safe").load(starter / "campaign.yaml"), schema)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_starter_has_somebody_to_call_at_any_time(starter, capsys, moment):
    assert run(["plan", str(starter / "campaign.yaml"), "--as-of", moment, "--output", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    reasons = {exclusion["contact"]: exclusion["reason"] for exclusion in plan["exclusions"]}
    assert len(plan["calls"]) == 8
    assert reasons == {"p-009": "filtered", "p-010": "suppressed"}
    assert plan["diagnostics"] == []


def test_the_starter_can_be_rehearsed(starter):
    done = subprocess.run(
        [sys.executable, "-m", "runner", "apply", "campaign.yaml", "--sandbox", "--yes"],
        cwd=starter,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "8 calls are queued" in done.stdout


@pytest.mark.parametrize("existing", sorted(FILES))
def test_init_overwrites_nothing_and_writes_no_other_file(tmp_path, capsys, existing):
    (tmp_path / existing).write_text("mine")
    assert run(["init", str(tmp_path)]) == 1
    assert [file.name for file in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "mine"
    assert existing in capsys.readouterr().err


def test_a_dangling_link_counts_as_a_file_that_exists(tmp_path):
    (tmp_path / "contacts.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert run(["init", str(tmp_path)]) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["contacts.csv"]


def test_a_file_in_place_of_the_folder_is_a_clear_error(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert run(["init", str(tmp_path / "taken")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("git") is None, reason="asks git itself")
def test_git_leaves_people_s_data_out(starter):
    subprocess.run(["git", "init", "--quiet", starter], check=True)
    (starter / "more.jsonl").write_text("{}\n")
    subprocess.run(["git", "add", "."], cwd=starter, check=True)
    tracked = subprocess.run(["git", "ls-files"], cwd=starter, check=True, capture_output=True, text=True)
    assert set(tracked.stdout.split()) == {".gitignore", "campaign.schema.json", "campaign.yaml"}
