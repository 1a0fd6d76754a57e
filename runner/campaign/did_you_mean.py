"""Suggests a known word for an unknown one."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST_WORD = 80
"""Characters. Comparing takes time that grows with the square of the length; no name is longer."""


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
