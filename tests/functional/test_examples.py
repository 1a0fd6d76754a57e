"""Everything in examples/ and campaigns/ is valid, has somebody to call, and can be rehearsed."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from runner.cli import run

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
CAMPAIGNS = sorted((ROOT / "campaigns").glob("*.yaml"))
SHIPPED = [*EXAMPLES, *CAMPAIGNS]

EXPECTED = {
    "database": (3, ["suppressed"]),
    "excel": (3, ["suppressed"]),
    "calling-rules": (4, []),
    "filter-and-order": (3, ["duplicate_phone", "filtered", "suppressed", "suppressed"]),
    "night-shift": (3, []),
    "postal-codes": (7, []),
    "second-wave": (5, ["duplicate_phone", "suppressed"]),
    "several-numbers": (5, ["country", "invalid_phone", "invalid_phone", "premium_rate", "suppressed"]),
    "several-sources": (3, ["duplicate_phone"]),
    "web-api": (3, ["invalid_phone"]),
    "words-for-each": (3, []),
    "zones-and-dates": (4, ["no_window", "unknown_timezone"]),
}
"""How many each example calls, and why it leaves others out: what its comments say."""


def name_of(path: Path) -> str:
    return path.stem


@pytest.fixture(autouse=True)
def _own_ledger(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)


@pytest.fixture(scope="module")
def connections(tmp_path_factory):
    """What the comments of the examples tell to try them with, and where it is."""
    database = tmp_path_factory.mktemp("database") / "clinic.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript((ROOT / "examples/data/clinic.sql").read_text())
    handler = partial(SimpleHTTPRequestHandler, directory=ROOT / "examples/data")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {
            "RUNNER_CONNECTION_CLINIC": f"sqlite:///{database}",
            "RUNNER_CONNECTION_CRM": f"http://127.0.0.1:{server.server_address[1]}",
        }
        server.shutdown()


@pytest.fixture(autouse=True)
def _connected(connections, monkeypatch):
    for name, address in connections.items():
        monkeypatch.setenv(name, address)


def test_every_example_is_known_here():
    assert {path.stem for path in EXAMPLES} == set(EXPECTED)


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_it_is_valid_without_a_warning(path, capsys):
    assert run(["validate", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.endswith("1 campaign file: valid\n")
    assert "warning[" not in out


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_it_fits_the_schema_it_names(path):
    lines = path.read_text().splitlines()
    named = next(line.partition("$schema=")[2] for line in lines if "$schema=" in line)
    schema = json.loads((path.parent / named).read_text())
    jsonschema.validate(YAML(typ="safe").load(path), schema)


@pytest.mark.parametrize("moment", ["2026-11-28T06:00:00Z", "2026-12-25T18:00:00Z", "2027-06-30T15:00:00Z"])
@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_it_plans_what_its_comments_say_at_any_time(path, moment, capsys):
    assert run(["plan", str(path), "--as-of", moment, "--output", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    planned, reasons = EXPECTED[path.stem]
    assert len(plan["calls"]) == planned
    assert sorted(exclusion["reason"] for exclusion in plan["exclusions"]) == reasons
    # The lists are as old as the checkout.
    assert {found["code"] for found in plan["diagnostics"]} <= {"old_suppression_list"}


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_it_can_be_rehearsed(path):
    done = subprocess.run(
        [sys.executable, "-m", "runner", "apply", str(path), "--sandbox", "--yes", "--limit", "3"],
        cwd=ROOT,
        env={**os.environ, "RUNNER_REQUESTS_PER_SECOND": "50"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    queued = re.search(r"(\d+) calls are queued", done.stdout)
    # Three in the first round, and more where a campaign has further rounds.
    assert queued is not None
    assert int(queued[1]) >= 3


def test_a_plan_in_a_file_is_neither_wrapped_nor_padded_nor_cut(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    assert run(["plan", str(ROOT / "examples" / "zones-and-dates.yaml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert any(line.startswith("as of ") and "holidays" in line for line in lines)
    assert max(map(len, lines)) > 80
