"""Markdown as GitHub reads it, from text that nobody trusts: file names, warnings, keys of contacts."""

import re
from collections.abc import Iterable, Sequence

from runner.characters import visible


def plain(text: str) -> str:
    """The text as it is, on one line: nothing in it formats, links, mentions somebody or ends a table's cell.

    Punctuation becomes character references, which GitHub's Markdown never takes for structure or links.
    """
    # Addresses and mentions are looked for in the finished text, so they need a break (a word joiner).
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", _one_line(text)).replace(
        "&#64;", "&#64;&#8288;"
    )


_PUNCTUATION = re.compile(r"[!#$&()*+<=>@\[\\\]^_`{|}~]|(?<!\d):|:(?!\d)|(?<=www)\.")
"""A colon between digits is a time of day, and stays."""


def code(text: str) -> str:
    """The text in a code span, fit for a table's cell."""
    shown = _one_line(text).replace("|", r"\|")
    if not shown.strip():
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table. Cells are Markdown already."""
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def folded(summary: str, lines: Iterable[str]) -> list[str]:
    """Lines behind a heading on which readers click."""
    return [f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"]


def _one_line(text: str) -> str:
    return visible(re.sub(r"\s+", " ", text).strip())
