"""Markdown as GitHub reads it, from text that nobody trusts: file names, warnings, keys of contacts."""

import re
from collections.abc import Iterable, Sequence

_WORD_JOINER = "\N{WORD JOINER}"


def plain(text: str) -> str:
    """The text as it is: nothing in it formats, links, mentions somebody or ends a table's cell."""
    escaped = re.sub(r"([\\`*_\[\]<>|~&#])", r"\\\1", _one_line(text))
    escaped = escaped.replace("://", r":\//").replace("www.", r"www\.")
    # Mentions and references are found in the finished page, where the backslash is gone.
    return escaped.replace("@", f"@{_WORD_JOINER}").replace("#", f"#{_WORD_JOINER}")


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
    # What cannot be seen could turn the direction of the text, or break the line.
    return "".join(character if character.isprintable() else " " for character in text)
