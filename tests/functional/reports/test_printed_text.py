"""All that is printed passes through one door, no matter which module writes it."""

import ast
import contextlib
import io
import json
import sys
from pathlib import Path

import pytest
from rich.text import Text

import runner
from runner.reports.console import standard_console
from runner.reports.json_text import json_text
from runner.reports.streams import GuardedOutput, write_commands

HOSTILE = "a\x1b]0;title\x07b\x9b2Jc\u202ed\u200be\u3164"
SHOWN = "a\ufffd]0;title\ufffdb\ufffd2Jc\ufffdd\ufffde\ufffd"


class Terminal(GuardedOutput):
    def isatty(self):
        return True


@pytest.fixture(params=[GuardedOutput, Terminal], ids=["a pipe", "a terminal"])
def printed(request, monkeypatch):
    """What `act` prints to a guarded `sys.stdout`."""
    monkeypatch.setenv("TERM", "xterm")

    def of(act):
        raw = io.BytesIO()
        stream = request.param(raw, encoding="utf-8")
        with contextlib.redirect_stdout(stream):
            act()
        stream.flush()
        return raw.getvalue().decode()

    return of


def test_what_is_written_is_visible(printed):
    assert printed(lambda: sys.stdout.write(f"{HOSTILE}\n")) == f"{SHOWN}\n"
    assert printed(lambda: sys.stdout.writelines([f"{HOSTILE}\n"] * 2)) == f"{SHOWN}\n" * 2


@pytest.mark.parametrize("text", [Text(f"[/x]{HOSTILE}", style="bold"), f"[/x]{HOSTILE}"])
def test_rich_styles_what_is_visible_and_reads_no_markup(printed, text):
    said = printed(lambda: standard_console().print(text))
    # Rich itself leaves BEL out.
    shown = SHOWN.replace("title\ufffd", "title")
    assert said.replace("\x1b[1m", "").replace("\x1b[0m", "") == f"[/x]{shown}\n"


def test_rich_still_has_its_styles_at_a_terminal(printed, request):
    said = printed(lambda: standard_console().print(Text("plan", style="bold")))
    assert ("\x1b[1m" in said) is ("terminal" in request.node.name.partition("[")[2])


@pytest.mark.parametrize(
    "command", ["::add-mask::x", "  ::error::x", "a\n\t::stop-commands::x", "a ##[group]"]
)
def test_no_text_is_a_command_to_github(printed, command):
    for act in (
        lambda: sys.stdout.write(f"{command}\n"),
        lambda: standard_console().print(command),
    ):
        said = printed(act)
        assert not any(line.lstrip().startswith("::") for line in said.splitlines())
        assert "##[" not in said


def test_annotations_remain_commands(printed):
    assert printed(lambda: write_commands(f"::error::{HOSTILE}\n")) == f"::error::{SHOWN}\n"


@pytest.mark.parametrize("indented", [False, True])
def test_json_keeps_its_values_without_hidden_characters(printed, indented):
    value = {HOSTILE: [HOSTILE, "##[group]", "::add-mask::"]}
    said = printed(lambda: sys.stdout.write(json_text(value, indented=indented)))
    assert json.loads(said) == value
    assert "\u202e" not in said


def test_no_other_module_makes_a_console_or_goes_around_the_streams():
    found = set()
    for path in Path(runner.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"Console", "rich.print", "print"}:
                found.add(path.name)
            if isinstance(node, ast.Attribute) and node.attr in {"__stdout__", "__stderr__"}:
                found.add(path.name)
    assert found == set()
