"""A campaign whose contacts and list are queries of a database that changes."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runner.campaign.loader import load_campaign
from runner.cli import run
from runner.contacts.sources import remote
from runner.contacts.sources.context import Connection
from runner.contacts.sources.file import SourceFolder
from runner.contacts.sources.reader import SourceReader
from runner.contacts.suppression import SuppressionLists
from runner.errors import SourceError
from runner.ledger.ledger import Ledger
from runner.planning.saved_plan import compare
from runner.services.planning import prepare_plan
from runner.services.progress import NO_PROGRESS
from runner.services.saved_plans import load, made_now, save
from runner.settings import load_settings

CAMPAIGN = """\
version: 1
name: follow-up
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: sql, connection: clinic, query: "SELECT id, phone FROM visits ORDER BY id"}]
  suppress: [{type: sql, connection: clinic, query: "SELECT phone FROM opted_out", phone: "{{ row.phone }}"}]
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
calling_windows: {weekly: {daily: "09:15-17:00"}}
caller_id: "+16175550100"
"""
TABLES = """\
CREATE TABLE visits (id INTEGER, phone TEXT);
INSERT INTO visits VALUES (1, '617 555 0101'), (2, '617 555 0102'), (3, '617 555 0103');
CREATE TABLE opted_out (phone TEXT);
INSERT INTO opted_out VALUES ('617 555 0103');
"""
AS_OF = ["--as-of", "2027-03-01T12:00:00Z"]
NOW = 1_803_902_400.0
"""The same."""


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Changes the database of the campaign in the current folder."""

    def execute(statements):
        with closing(sqlite3.connect(tmp_path / "clinic.sqlite3")) as database:
            database.executescript(statements)

    execute(TABLES)
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUNNER_PRIVACY_KEY", "sixteen characters")
    monkeypatch.setenv("RUNNER_CONNECTION_CLINIC", f"sqlite:///{tmp_path / 'clinic.sqlite3'}")
    return execute


@pytest.mark.usefixtures("execute")
def test_it_is_planned_twice_with_the_same_result_which_says_what_was_read(capsys):
    outputs = []
    for _ in range(2):
        assert run(["plan", "campaign.yaml", *AS_OF, "--output", "json"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    people, opted_out = json.loads(outputs[0])["sources"]
    assert (people["place"], people["name"], people["type"], people["rows"]) == (
        "sources[0]",
        "sql:clinic",
        "sql",
        3,
    )
    assert (opted_out["place"], opted_out["rows"]) == ("suppress[0]", 1)
    assert run(["plan", "campaign.yaml", *AS_OF]) == 0
    assert "read sql:clinic (3 rows) · sql:clinic (1 row)" in capsys.readouterr().out


def test_a_contact_of_a_second_query_is_explained_from_its_own_row(execute, tmp_path, capsys):
    execute("CREATE TABLE late (id INTEGER, phone TEXT); INSERT INTO late VALUES (9, '212 555 0109')")
    second = '{type: sql, connection: clinic, query: "SELECT id, phone FROM late"}'
    text = CAMPAIGN.replace('ORDER BY id"}]', f'ORDER BY id"}}, {second}]')
    (tmp_path / "campaign.yaml").write_text(text)
    assert run(["plan", "campaign.yaml", *AS_OF, "--explain", "9"]) == 0
    assert "America/New_York" in capsys.readouterr().out


def test_a_saved_plan_says_which_source_changed(execute, tmp_path):
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")) as ledger:

        def planned():
            loaded = load_campaign(Path("campaign.yaml"))
            return prepare_plan(loaded, load_settings(), ledger, now=NOW, limit=None)

        save(Path("plan.json"), planned(), NO_PROGRESS)
        saved = load(Path("plan.json"), NO_PROGRESS).saved
        assert saved.inputs.read_at.keys() == {"sources[0]", "suppress[0]"}
        assert compare(saved, made_now(planned()), consumed=False).causes == ()
        execute("INSERT INTO visits VALUES (4, '617 555 0104')")
        found = compare(saved, made_now(planned()), consumed=False)
    assert found.faults == ("1 call is not in the plan: 4 (sql:clinic:4)",)
    assert found.causes == ("sql:clinic changed: 4 rows, it had 3",)


@pytest.mark.usefixtures("execute")
def test_without_the_setting_of_its_connection_the_error_names_it(monkeypatch, capsys):
    monkeypatch.delenv("RUNNER_CONNECTION_CLINIC")
    assert run(["plan", "campaign.yaml"]) == 1
    assert "sql:clinic: RUNNER_CONNECTION_CLINIC is not set" in capsys.readouterr().err
    assert run(["validate", "campaign.yaml"]) == 0


def test_its_list_is_read_again_at_intervals(execute, tmp_path, monkeypatch):
    campaign = load_campaign(tmp_path / "campaign.yaml").campaign
    url = f"sqlite:///{tmp_path / 'clinic.sqlite3'}"
    reader = SourceReader(
        SourceFolder(tmp_path / "campaign.yaml"), connections=lambda name: Connection(name, url, "")
    )
    lists = SuppressionLists(campaign, reader)
    execute("INSERT INTO opted_out VALUES ('617 555 0101')")
    monkeypatch.setattr(remote, "READ_AGAIN_SECONDS", 1e-9)
    assert lists.refresh()
    assert lists.match("1", "+16175550101") == "on sql:clinic:2"
    assert not lists.refresh()
    execute("ALTER TABLE opted_out RENAME TO elsewhere")
    with pytest.raises(SourceError, match="no such table"):
        lists.refresh()
    execute("ALTER TABLE elsewhere RENAME TO opted_out")
    with pytest.raises(SourceError, match="no such table"):
        lists.refresh()
    monkeypatch.setattr(remote.time, "monotonic", lambda: 1e12)
    assert not lists.refresh()
