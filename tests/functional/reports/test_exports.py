"""Exports as files: read back as CSV, JSON and Parquet, and opened by a spreadsheet that runs no formula."""

import csv
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from call_rows import CHICAGO, HOUR, START, answered, call, not_answered
from pyarrow import parquet

from runner.calls import ReasonCode, StateReason
from runner.reports.export_parquet import write_parquet
from runner.reports.export_rows import CallExport, ContactExport, Exporter
from runner.reports.export_text import csv_text, json_lines
from runner.results.cases import cases
from runner.results.dispositions import CodingRules, CompletesFrom

COMMA, SEMICOLON = 44, 59
FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1;1)",
    "\t=1+1",
    "\r=1+1",
    "\uff1d1+1",
    'a;=1+1;"b"',
    "=HYPERLINK(1)",
]
CALLS = [
    not_answered(1, dials=(START, START + HOUR), attempts=2),
    answered(1, round=2, start=START + 24 * HOUR, zones=CHICAGO),
    call(2),
]


def exported(calls, *, show_contacts=False, by="call"):
    exporter = Exporter(CompletesFrom.INSIGHT, show_contacts=show_contacts)
    for case in cases(calls, CodingRules(), None):
        if by == "call":
            yield from exporter.calls(case)
        else:
            yield exporter.contact(case)


def as_csv(rows, columns=CallExport._fields):
    return "".join(csv_text(columns, rows))


def read_csv(text):
    return list(csv.DictReader(StringIO(text, newline="")))


def test_csv_has_a_row_for_each_call():
    first, second, third = read_csv(as_csv(exported(CALLS)))
    assert first | {"ref": "", "phone": ""} == {
        "contact": "c1", "ref": "", "round": "1", "state": "failed", "aapor": "3.10", "call_id": "1001",
        "queue_at": "2026-12-01T22:10:00Z", "start": "2026-12-01T22:15:00Z", "end": "2026-12-02T01:15:00Z",
        "first_dial": "2026-12-01T22:15:00Z", "last_attempt": "2026-12-01T23:15:00Z", "attempts": "2",
        "zone": "America/New_York", "reason": "a test says so", "reason_code": "refused", "result": "failed",
        "disposition": "dialled, not reached", "group": "UH", "survey": "",
        "dials": "2026-12-01T22:15:00Z 2026-12-01T23:15:00Z", "phone": "",
    }  # fmt: skip
    assert (second["round"], second["aapor"], second["zone"]) == ("2", "1.1", "America/Chicago")
    assert (third["state"], third["result"], third["first_dial"]) == ("planned", "", "")


def test_an_export_by_contact_has_the_final_disposition():
    one, two = read_csv(as_csv(exported(CALLS, by="contact"), ContactExport._fields))
    assert [one[name] for name in ("rounds", "aapor", "attempts", "attempts_until_answered", "state")] == [
        "2", "1.1", "3", "3", "completed",
    ]  # fmt: skip
    assert (one["first_dial"], one["last_attempt"]) == ("2026-12-01T22:15:00Z", "2026-12-02T22:16:00Z")
    assert [two[name] for name in ("rounds", "aapor", "attempts", "attempts_until_answered")] == [
        "1", "3.11", "0", "",
    ]  # fmt: skip


@pytest.mark.parametrize("by", ["call", "contact"])
def test_numbers_and_keys_are_masked_unless_requested(by):
    personal = [call(1, contact="ann@example.org")]
    (masked,) = exported(personal, by=by)
    assert (masked.contact, masked.phone) == (masked.ref, "+1•••••••001")
    (shown,) = exported(personal, show_contacts=True, by=by)
    assert (shown.contact, shown.phone) == ("ann@example.org", "+16175550001")


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_text_that_may_be_a_formula_is_text_in_csv(formula):
    (row,) = read_csv(as_csv(exported([call(1, contact=formula)], show_contacts=True)))
    assert row["contact"] == (formula if formula.startswith("a") else f"'{formula}")


def test_every_text_is_quoted_so_that_no_other_separator_splits_it():
    line = as_csv(exported([call(1, contact="a;=1+1")], show_contacts=True)).splitlines()[1]
    assert line.startswith('"a;=1+1","ref-1",1,"planned"')


def test_json_has_the_same_rows():
    text = "".join(json_lines({"campaign": "clinic"}, "calls", exported(CALLS)))
    found = json.loads(text)
    assert (found["campaign"], len(found["calls"])) == ("clinic", 3)
    assert found["calls"][0]["dials"] == ["2026-12-01T22:15:00Z", "2026-12-01T23:15:00Z"]
    assert found["calls"][2]["result"] is None
    assert list(found["calls"][0]) == list(CallExport._fields)


def test_json_of_no_calls_is_an_empty_list():
    assert json.loads("".join(json_lines({}, "calls", []))) == {"calls": []}


def test_parquet_is_read_back(tmp_path):
    path = tmp_path / "calls.parquet"
    write_parquet(path, CallExport._fields, exported(CALLS), {"campaign": "clinic", "format_version": 1})
    table = parquet.read_table(path)
    first = table.to_pylist()[0]
    at = datetime.fromtimestamp(START, UTC)
    assert (first["start"], first["dials"][0], first["round"], first["survey"]) == (at, at, 1, None)
    assert [row["aapor"] for row in table.to_pylist()] == ["3.10", "1.1", "3.11"]
    assert table.schema.metadata[b"campaign"] == b"clinic"


def test_parquet_of_many_calls_is_written_some_at_a_time(tmp_path):
    path = tmp_path / "contacts.parquet"
    many = (not_answered(number) for number in range(45_000))
    write_parquet(path, ContactExport._fields, exported(many, by="contact"), {})
    file = parquet.ParquetFile(path)
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (45_000, 3)


def test_parquet_of_no_calls_has_its_columns(tmp_path):
    path = tmp_path / "none.parquet"
    write_parquet(path, CallExport._fields, [], {})
    assert str(parquet.read_table(path).schema.field("queue_at").type) == "timestamp[ms, tz=UTC]"


def cells(file: Path, separators: str):
    """The formula, if any, and the text of every cell, as LibreOffice reads the file.

    Without LibreOffice the test is skipped; with RUNNER_TESTS_NEED_LIBREOFFICE it fails.
    """
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        lacking = "no LibreOffice: apt-get install --no-install-recommends libreoffice-calc"
        if os.environ.get("RUNNER_TESTS_NEED_LIBREOFFICE"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    # In UTF-8, and formulas are run where there are any.
    reads = f"Text - txt - csv (StarCalc):{separators},34,76,1,,0,false,true,false,false,false,-1,true"
    profile = f"-env:UserInstallation={(file.parent / 'profile').as_uri()}"
    to_flat = ("--convert-to", "fods", "--outdir", file.parent)
    subprocess.run(
        [program, profile, "--headless", f"--infilter={reads}", *to_flat, file],
        check=True,
        capture_output=True,
        timeout=180,
    )
    table = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
    read = ET.parse(file.with_suffix(".fods")).iter(f"{table}table-cell")
    return [(cell.get(f"{table}formula"), "".join(cell.itertext()).strip()) for cell in read]


@pytest.mark.parametrize("separators", [COMMA, f"{COMMA}/{SEMICOLON}"])
def test_a_spreadsheet_finds_no_formula_in_an_export(tmp_path, separators):
    calls = [
        call(number, contact=formula, reason=StateReason.of(ReasonCode.REFUSED, error=formula))
        for number, formula in enumerate(FORMULAS)
    ]
    file = tmp_path / "calls.csv"
    file.write_text(as_csv(exported(calls, show_contacts=True)), encoding="utf-8", newline="")
    sheet = cells(file, separators)
    assert [formula for formula, _ in sheet if formula] == []
    assert {"'=1+1", "'@SUM(1;1)", 'a;=1+1;"b"'} <= {text for _, text in sheet}


def test_the_spreadsheet_runs_a_formula_that_is_not_marked(tmp_path):
    """What the test above rests on."""
    file = tmp_path / "plain.csv"
    file.write_text("a,b\n=1+1,x;=2+2\n")
    assert len([formula for formula, _ in cells(file, f"{COMMA}/{SEMICOLON}") if formula]) == 2
