from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from runner.reports.console import columns, indented, print_lines


def shown(lines, *, terminal, width=80):
    console = Console(file=StringIO(), force_terminal=terminal, no_color=True, width=width, _environ={})
    print_lines(console, lines)
    return console.file.getvalue()


LONG = "  " + "many words are in this line " * 10


def test_a_pipe_gets_every_line_as_it_is_without_blanks_at_its_end():
    assert shown([Text(LONG), Text("short   ")], terminal=False, width=20) == f"{LONG.rstrip()}\nshort\n"


@given(
    st.lists(st.text("abcdefghij", min_size=1, max_size=100), min_size=1, max_size=30),
    st.integers(0, 40),
    st.integers(20, 120),
)
def test_a_terminal_wraps_at_words_and_loses_nothing(words, margin, width):
    text = shown(indented([Text(" ".join(words))], margin), terminal=True, width=width)
    assert "".join(text.split()) == "".join(words)


def test_what_a_terminal_wraps_goes_on_further_right_than_it_began():
    first, *others = shown([Text(LONG)], terminal=True, width=60).splitlines()
    assert first.startswith("  many")
    assert others
    assert all(len(line) <= 60 and line.startswith("    ") for line in others)


@pytest.mark.parametrize("terminal", [True, False])
def test_text_is_never_taken_for_markup(terminal):
    assert shown([Text("[bold]row[0]")], terminal=terminal) == "[bold]row[0]\n"


def test_cells_are_aligned_however_wide_their_letters():
    rows = [("a", "1", "x"), ("日本", "1,000", "y")]
    assert [line.plain for line in columns(rows, right=[1])] == ["a         1  x", "日本  1,000  y"]


def test_a_table_without_rows_has_no_lines():
    assert columns([]) == []
