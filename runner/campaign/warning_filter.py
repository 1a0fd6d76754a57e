"""Warnings that a campaign file silences: `silence: {on_the_hour: "Plum agreed to it"}`. Pure.

Silenced warnings are not shown one by one: one line names each code and its reason for the reviewer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from runner.campaign.diagnostics import Diagnostic, did_you_mean
from runner.campaign.warning_codes import SILENCEABLE, WarningCode


class SuppressedWarning(NamedTuple):
    """One warning that was left out, and why, in the words of the campaign file."""

    code: str
    reason: str


def part(
    diagnostics: Iterable[Diagnostic], silence: Mapping[str, str]
) -> tuple[tuple[Diagnostic, ...], tuple[Diagnostic, ...]]:
    """The shown and the silenced diagnostics, each in the given order."""
    shown: list[Diagnostic] = []
    silenced: list[Diagnostic] = []
    for found in diagnostics:
        (silenced if found.code in silence else shown).append(found)
    return tuple(shown), tuple(silenced)


def with_reasons(
    diagnostics: Iterable[Diagnostic], silence: Mapping[str, str]
) -> tuple[SuppressedWarning, ...]:
    """The silenced warnings with their reasons."""
    return tuple(SuppressedWarning(found.code, silence[found.code]) for found in diagnostics)


def in_a_line(silenced: Iterable[SuppressedWarning]) -> str:
    """`3 warnings silenced: asleep (they work at night), on_the_hour twice (Plum agreed)`; empty for none."""
    counted = Counter(silenced)
    if not counted:
        return ""
    total = counted.total()
    parts = (
        f"{each.code}{'' if count == 1 else f' {count} times'} ({each.reason})"
        for each, count in sorted(counted.items())
    )
    return f"{total} warning{'' if total == 1 else 's'} silenced: {', '.join(parts)}"


_BY_NAME: Mapping[str, WarningCode] = {code.value: code for code in WarningCode}


def _code(text: str) -> str:
    known = _BY_NAME.get(text)
    if known is None:
        hint = did_you_mean(text, SILENCEABLE) or f"there are {', '.join(SILENCEABLE)}"
        raise PydanticCustomError(
            "unknown_warning",
            "there is no warning `{code}`; errors cannot be silenced",
            {"code": text, "hint": hint},
        )
    if known.always_shown:
        raise PydanticCustomError(
            "always_shown", "`{code}` cannot be silenced: {why}", {"code": text, "why": known.always_shown}
        )
    return text


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason or not reason.isprintable():
        raise PydanticCustomError(
            "missing_reason",
            "a warning is silenced with a reason",
            {"hint": 'say for the next reader why it is right here: "Plum agreed to it on 2026-11-02"'},
        )
    return reason


Silence = Annotated[
    dict[Annotated[str, AfterValidator(_code)], Annotated[str, AfterValidator(_reason)]],
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                code.value: {
                    "type": "string",
                    "pattern": r"\S",
                    "description": f"{code.meaning[0].upper()}{code.meaning[1:]}.",
                }
                for code in SILENCEABLE
            },
        }
    ),
]
"""Code of a warning → why it is silenced."""
