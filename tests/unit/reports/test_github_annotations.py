"""The promise: GitHub shows the worst findings at their lines, and nothing in a file becomes a command."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.campaign.diagnostics import Diagnostic, Severity
from runner.reports.github import annotations


def finding(
    message="wrong", *, severity=Severity.ERROR, file="campaigns/clinic.yaml", line=3, col=5, hint=""
):
    return Diagnostic(
        severity=severity,
        code="bad_day",
        message=message,
        file=file,
        line=line,
        col=col,
        hint=hint,
        source_line="inline row of Ada Lovelace",
    )


def as_github_reads(text):
    """Commands in what a step prints: GitHub's runner breaks lines at CR and LF, and undoes the escapes."""
    commands = []
    for line in re.split("\r\n|\r|\n", text):
        if not line.lstrip().startswith("::"):
            assert line == ""
            continue
        head, data = line.lstrip()[2:].split("::", 1)
        name, _, properties = head.partition(" ")
        pairs = dict(part.split("=", 1) for part in properties.split(",") if part)
        commands.append(
            (
                name,
                {key: unescaped(value, ":,\r\n%") for key, value in pairs.items()},
                unescaped(data, "\r\n%"),
            )
        )
    return commands


def unescaped(text, characters):
    for character in characters:
        text = text.replace(f"%{ord(character):02X}", character)
    return text


def test_no_findings_print_nothing():
    assert annotations([]) == ""


def test_an_annotation_names_file_line_column_code_message_and_hint():
    ((name, properties, data),) = as_github_reads(annotations([finding(hint="fix it")]))
    assert name == "error"
    assert properties == {
        "file": "campaigns/clinic.yaml",
        "line": "3",
        "col": "5",
        "title": "runner: bad_day",
    }
    assert data == "wrong\nhint: fix it"


def test_the_escapes_are_those_github_demands():
    text = annotations([finding("100%:,\r\n::x", file="a:b,c%d\r\ne.yaml")])
    assert text == (
        "::error file=a%3Ab%2Cc%25d%0D%0Ae.yaml,line=3,col=5,title=runner%3A bad_day::100%25:,%0D%0A::x\n"
    )


def test_a_finding_about_the_whole_file_names_no_line():
    ((_, properties, _),) = as_github_reads(annotations([finding(line=0, col=0)]))
    assert properties.keys() == {"file", "title"}


def test_a_path_is_named_as_github_knows_it():
    ((_, properties, _),) = as_github_reads(annotations([finding(file="./campaigns//x.yaml")]))
    assert properties["file"] == "campaigns/x.yaml"


def test_the_first_ten_errors_and_ten_warnings_are_shown_and_the_others_counted():
    warnings = [finding(f"w{number}", severity=Severity.WARNING) for number in range(13)]
    errors = [finding(f"e{number}") for number in range(12)]
    *shown, last = as_github_reads(annotations([*warnings, *errors]))
    assert [data for _, _, data in shown] == [f"{kind}{n}" for kind in "ew" for n in range(10)]
    assert [name for name, _, _ in shown] == ["error"] * 10 + ["warning"] * 10
    assert last[0] == "notice"
    assert last[2].startswith("+5 more: ")


def test_ten_of_each_are_all_there_is_to_say():
    findings = [finding(severity=severity) for severity in Severity for _ in range(10)]
    assert [name for name, _, _ in as_github_reads(annotations(findings))] == ["error"] * 10 + [
        "warning"
    ] * 10


HOSTILE = [
    "\n::set-output name=x::y",
    "\r::set-output name=x::y",
    "\r\n::add-mask::a",
    "::stop-commands::t",
    "\n##[add-path]/tmp",
    "%0A::set-output name=x::y",
    "x,line=1,file=/etc/passwd",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_in_a_message_hint_or_file_name_becomes_a_command(hostile):
    read = as_github_reads(annotations([finding(hostile, hint=hostile, file=f"a{hostile}b.yaml")]))
    ((name, properties, data),) = read
    assert name == "error"
    assert properties["line"] == "3"
    assert data == f"{hostile}\nhint: {hostile}"


def test_control_characters_and_turned_text_are_not_passed_on_to_the_log():
    text = annotations([finding("\x1b[31mred\u202eder\udcff\x85", file="\x1b.yaml")])
    assert not set(text) & set("\x1b\u202e\udcff\x85")


@given(st.text(), st.text(), st.text(min_size=1))
def test_any_text_is_one_annotation_without_the_source_line(message, hint, file):
    text = annotations([finding(message, hint=hint, file=file)])
    ((name, properties, _),) = as_github_reads(text)
    assert name == "error"
    assert properties.keys() == {"file", "line", "col", "title"}
    assert text.count("\n") == 1
    assert "Ada Lovelace" not in text
    text.encode()
