"""The promise: an export that came out empty withdraws nobody; `apply` refuses it, and `plan` says so."""

import json
import re

import pytest

from runner.cli import run

SOURCE = "{type: csv, path: contacts.csv}"
CAMPAIGN = """\
version: 1
name: followup
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [SOURCE]
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
calling_windows:
  weekly: {daily: "00:00-24:00"}
caller_id: "+16175550100"
silence: {asleep: the tests run at any hour}
"""
ONE_ROW = "id,phone\n1,617-555-0111\n"
INLINE = "{type: inline, rows: [{id: '1', phone: '+16175550111'}]}"
EMPTY_INLINE = "{type: inline, rows: []}"
MORE = "{type: csv, path: more.csv}"
JSONL = "{type: jsonl, path: contacts.jsonl}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)
    (tmp_path / "more.csv").write_text(ONE_ROW)
    return tmp_path


@pytest.fixture
def runner(folder, capsys):
    def runner(command, sources, content, *more):
        for name in ("contacts.csv", "contacts.jsonl"):
            (folder / name).write_text(content)
        (folder / "campaign.yaml").write_text(CAMPAIGN.replace("SOURCE", sources))
        status = run([command, str(folder / "campaign.yaml"), *more])
        return status, *capsys.readouterr()

    return runner


EMPTY = {
    "only a header": (SOURCE, "id,phone\n"),
    "a header and blank lines": (SOURCE, "id,phone\n\n  \n,\n"),
    "JSON lines without a line": (JSONL, ""),
    "blank JSON lines": (JSONL, "\n\n"),
    "one of two": (f"{MORE}, {SOURCE}", "id,phone\n"),
}


@pytest.mark.parametrize(("sources", "content"), EMPTY.values(), ids=EMPTY)
def test_apply_refuses_a_source_without_rows(runner, sources, content):
    status, out, err = runner("apply", sources, content, "--sandbox", "--yes")
    assert status == 3
    assert "campaign.yaml:5: contacts." in err
    assert "allow_empty: true" in err
    assert "apply will refuse this plan" in out


@pytest.mark.parametrize(("sources", "content"), EMPTY.values(), ids=EMPTY)
def test_plan_says_that_apply_will_refuse_it(runner, sources, content):
    status, out, _ = runner("plan", sources, content)
    assert status == 0
    assert "apply will refuse this plan and change nothing" in out
    found = json.loads(runner("plan", sources, content, "--output", "json")[1])["diagnostics"]
    assert [finding["code"] for finding in found] == ["empty_source"]


@pytest.mark.parametrize(
    ("sources", "content"),
    [*EMPTY.values(), (SOURCE, ""), (SOURCE, "\n\n"), (EMPTY_INLINE, "")],
    ids=[*EMPTY, "no byte", "blank lines", "inline rows"],
)
def test_a_source_that_may_be_empty_is_accepted(runner, sources, content):
    allowed = re.sub(r"contacts\.\w+|rows: \[\]", r"\g<0>, allow_empty: true", sources)
    status, out, _ = runner("plan", allowed, content)
    assert status == 0
    assert "empty" not in out
    assert "refuse" not in out


@pytest.mark.parametrize(
    ("sources", "content", "code"),
    [(SOURCE, "", "is empty"), (SOURCE, "\n\n", "is empty"), (EMPTY_INLINE, "", "empty_source")],
    ids=["no byte", "blank lines", "inline rows"],
)
def test_a_source_without_even_a_header_or_with_no_inline_row_is_an_error_of_plan_too(
    runner, sources, content, code
):
    status, _, err = runner("plan", sources, content)
    assert status == 3
    assert code in err
    assert "allow_empty: true" in err


def test_that_a_source_is_empty_cannot_be_silenced(folder):
    silenced = CAMPAIGN + "silence: {empty_source: it often is}\n"
    (folder / "campaign.yaml").write_text(silenced.replace("SOURCE", SOURCE))
    assert run(["validate", str(folder / "campaign.yaml")]) == 3
