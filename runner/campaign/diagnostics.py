"""A finding about a campaign file, at a line and column, with what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from unicodedata import east_asian_width

from runner.characters import on_one_line
from runner.errors import ExitStatus, RunnerError


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One error or warning. `line` and `col` count from 1; both are 0 when the whole file is meant.

    `code` is stable: people suppress and search for it. `source_line` is the offending line as written.
    """

    severity: Severity
    code: str
    message: str
    file: str
    line: int = 0
    col: int = 0
    hint: str = ""
    source_line: str = ""

    def __str__(self) -> str:
        file = on_one_line(self.file)
        place = f"{file}:{self.line}:{self.col}" if self.line else file
        return f"{place}: {self.severity}[{self.code}]: {self.message}"


def render(diagnostic: Diagnostic) -> str:
    """The diagnostic for people: its place and message, the offending line with a caret, and the hint."""
    parts = [str(diagnostic)]
    if diagnostic.source_line:
        line, before = _excerpt(diagnostic.source_line, max(diagnostic.col, 1) - 1)
        parts += [f"    {line}", f"    {' ' * before}^"]
    if diagnostic.hint:
        parts.append(f"  hint: {diagnostic.hint}")
    return "\n".join(parts)


_WIDEST_LINE = 100
_LONGEST_WORD = 80
"""Characters. Comparing takes time that grows with the square of the length; no name is longer."""


def _excerpt(line: str, position: int) -> tuple[str, int]:
    """The part of the line around a position, fit for a terminal, and the position's column in it."""
    start = max(0, position - _WIDEST_LINE // 2) if len(line) > _WIDEST_LINE else 0
    part = line[start : start + _WIDEST_LINE]
    shown = on_one_line(part.replace("\t", " "))
    before, after = shown[: position - start], shown[position - start :]
    left = "…" if start else ""
    width = sum(2 if east_asian_width(character) in "WF" else 1 for character in left + before)
    right = "…" if start + _WIDEST_LINE < len(line) else ""
    return left + before + after + right, width


class CampaignInvalidError(RunnerError):
    """A file has errors: the campaign's, or one that it depends on, which `what` names. `diagnostics` holds
    all of them, in file order, with the warnings.
    """

    exit_status = ExitStatus.CAMPAIGN_INVALID

    def __init__(self, diagnostics: Iterable[Diagnostic], *, what: str = "campaign file") -> None:
        self.diagnostics = tuple(diagnostics)
        errors = sum(d.severity is Severity.ERROR for d in self.diagnostics)
        super().__init__(f"{errors} error{'' if errors == 1 else 's'} in the {what}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or empty when none is near. Case makes no difference."""
    found = nearest(word, known)
    return f"did you mean `{found}`?" if found else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The nearest known word, or empty when none is near. Case makes no difference."""
    if len(word) > _LONGEST_WORD:
        return ""
    by_lower_case = {name.lower(): name for name in sorted(known)}
    near = get_close_matches(word.lower(), by_lower_case, n=1)
    return by_lower_case[near[0]] if near else ""


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
