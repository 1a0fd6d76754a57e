"""The promise: a job summary shows every finding that fits, and nothing in it becomes Markdown or HTML."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runner.campaign.diagnostics import Diagnostic, Severity
from runner.errors import RunnerError
from runner.reports.github import append_job_summary, findings_table
from runner.reports.markdown import plain

MEBIBYTE = 1024 * 1024
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def finding(message="wrong", *, severity=Severity.ERROR, file="clinic.yaml", hint=""):
    return Diagnostic(
        severity=severity,
        code="bad_day",
        message=message,
        file=file,
        line=3,
        col=5,
        hint=hint,
        source_line="inline row of Ada Lovelace",
    )


def rows(markdown):
    """The cells of the table as a reader sees them. Fails where a cell holds anything but text."""
    tokens = MARKDOWN.parse(markdown)
    cells, found = None, []
    for token in tokens:
        assert token.type not in {"html_block", "fence", "code_block", "link_open"}
        if token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            found.append(cells)
        elif token.type == "inline":
            kinds = {child.type for child in token.children}
            assert kinds <= {"text", "text_special"}, kinds
            if cells is not None:
                cells.append("".join(child.content for child in token.children))
    return found[1:]


HOSTILE = [
    "a|b",
    "`code` ``",
    "<script>alert(1)</script>",
    "<!-- x",
    "</td></table>",
    "**bold** _it_ ~~no~~",
    "[x](https://evil.example)",
    "![x](https://evil.example/p.png)",
    "https://evil.example and www.evil.example",
    "\r\n\r\n# heading",
    "\n| x | y |",
    "\\| \\` \\",
    "&lt;b&gt; &#60;",
    "::set-output name=x::y",
    "- [ ] task",
    "$x^2$",
    ":smile: #1 GH-1",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_in_a_message_hint_or_file_name_has_a_meaning(hostile):
    text = findings_table([finding(hostile, hint=hostile, file=hostile)], hostile)
    shown = [re.sub(r"\s+", " ", cell).strip() for cell in (f"{hostile}:3:5", f"bad_day: {hostile}", hostile)]
    assert rows(text) == [["error", *shown]]
    assert not re.search(r"[<>`\[\]*]|\w:/|www\.", text)
    assert "::" not in text


@given(st.text())
def test_any_text_stays_in_its_cell_and_is_shown_as_it_is(message):
    text = findings_table([finding(message)], "heading")
    ((_, _, what, _),) = rows(text)
    assert len(text.splitlines()) == 5
    assert "Ada Lovelace" not in text
    if message.isprintable() and "@" not in message:
        assert what == f"bad_day: {re.sub(' +', ' ', message).strip(' ')}".strip()


def test_mentions_and_mail_addresses_are_broken_up():
    assert "@team" not in plain("unknown key `@team`")


def test_errors_come_before_warnings():
    text = findings_table([finding("first", severity=Severity.WARNING), finding("second")], "heading")
    assert [cells[0] for cells in rows(text)] == ["error", "warning"]


def test_without_findings_the_summary_is_its_heading():
    assert findings_table([], "2 campaign files: valid").splitlines() == [
        "### 2 campaign files&#58; valid",
        "",
    ]


def test_a_summary_is_added_to_what_the_step_wrote_before(tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("> before, without a line break")
    append_job_summary(path, "### ours\n")
    assert path.read_text() == "> before, without a line break\n\n### ours\n"


def test_a_summary_may_be_the_first_of_its_step(tmp_path):
    path = tmp_path / "summary.md"
    append_job_summary(path, "### ours\n")
    assert path.read_text() == "### ours\n"


@pytest.mark.parametrize("held", [0, 1000, MEBIBYTE - 3000])
def test_what_exceeds_a_mebibyte_is_cut_at_a_line_and_counted(tmp_path, held):
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * held)
    table = findings_table([finding(f"№{number}", hint="é" * 200) for number in range(4000)], "heading")
    append_job_summary(path, table)
    written = path.read_bytes()
    assert MEBIBYTE - 1500 < len(written) < MEBIBYTE
    *_, last = written.decode().splitlines()
    cut = int(re.match(r"([\d,]+) more lines did not fit", last)[1].replace(",", ""))
    kept = written.decode()[held:].strip().split("\n\n" + last)[0]
    assert table.strip().startswith(kept)
    assert cut + len(kept.splitlines()) == len(table.splitlines())


@pytest.mark.parametrize("spare", range(2))
def test_the_last_byte_counts(tmp_path, spare):
    path = tmp_path / "summary.md"
    line = "y" * (MEBIBYTE - 2 - spare) + "\n"
    append_job_summary(path, line)
    assert path.read_text() == line
    path.unlink()
    append_job_summary(path, "yy" + line)
    assert path.read_text().strip().startswith("1 more line did not fit") is (spare < 2)


@pytest.mark.parametrize("held", [MEBIBYTE - 10, MEBIBYTE - 1, MEBIBYTE, 2 * MEBIBYTE])
def test_a_full_summary_is_left_alone(tmp_path, held):
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * held)
    append_job_summary(path, "### ours\n" * 3)
    assert path.stat().st_size == held


def test_a_summary_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(RunnerError, match="job summary cannot be written"):
        append_job_summary(tmp_path / "missing" / "summary.md", "x\n")
