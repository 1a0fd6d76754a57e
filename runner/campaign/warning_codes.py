"""Every warning: its code, what it says, and whether a campaign file may suppress it with `silence:`. Pure.

The schema, the checks of `silence:` and the reference's table are made from this list, so that a code is
defined once. Codes are stable: campaign files name them. Suppressed warnings are not shown one by one: one
line names each code and its reason for the reviewer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from runner.campaign.diagnostics import Diagnostic, did_you_mean

_TEMPORARY = "it describes the current state and disappears when that changes"
_ALLOW = "`apply --allow` permits it once, and `guard` for good"
_MISTAKE = "it is always a mistake, and easily fixed"


class WarningCode(StrEnum):
    """A warning's code. `meaning` says in a few words what it warns of.

    `always_shown` says why it cannot be suppressed, and is empty where it can. An operator's pause and a
    wrong account decide what the next `apply` does, so an old reason must not hide them. That a list of
    people never to call is empty or old may be suppressed: the reason is reviewed, and a list that cannot be
    read is always an error.
    """

    meaning: str
    always_shown: str

    def __new__(cls, code: str, meaning: str, always_shown: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.always_shown = always_shown
        return member

    # Of the file alone.
    ON_THE_HOUR = "on_the_hour", "a window starts on the full hour, when most other calls start too"
    NO_CALLER_ID = "no_caller_id", "calls have no caller ID to show, and carriers may block them"
    ATTEMPTS_DO_NOT_FIT = "attempts_do_not_fit", "a window has no room for all of `max_attempts`"
    REVERSED_WINDOW = "reversed_window", "a window past midnight lasts longer than 12 hours"
    UNREACHABLE_WINDOW = "unreachable_window", "nobody can be called in a window of `weekly`"
    LONG_QUEUE_AHEAD = (
        "long_queue_ahead",
        "requests are sent so early that later opt-outs are still called",
    )
    INSECURE_RESULT_URL = "insecure_result_url", "results are sent unencrypted"
    CONSTANT_PHONE = "constant_phone", "every row has the same number", _MISTAKE
    CONSTANT_KEY = "constant_key", "every row has the same key", _MISTAKE
    UNKNOWN_CONSTANT = "unknown_constant", "a template uses a constant that `vars` lacks", _MISTAKE

    # Of the plan.
    PACE_ABOVE_REQUEST_RATE = "pace_above_request_rate", "`calls_per_minute` is above the request rate"
    PACE_TOO_SLOW = "pace_too_slow", "the last window ends before everybody is called"
    PACE_LOWERED = "pace_lowered", "calls planned earlier keep starts that exceed the present pace"
    ASLEEP = "asleep", "calls may be dialled outside 8:00 to 21:00 where the contact is"
    ATTEMPTS_ABOVE_CAP = "attempts_above_cap", "one call may be dialled more often than a rule allows"
    DATES_OVER = "dates_over", "contacts get no call because the campaign's dates are over"
    STILL_DIALLED = (
        "still_dialled",
        "a contact who is excluded, or has another number now, has a call waiting at Insight",
        "Insight may still call people who opted out, and only a person can prevent it",
    )
    UNCLEAR_WHERE = "unclear_where", "`where` gives neither yes nor no for some rows, which are not called"
    UNKNOWN_PLACE = (
        "unknown_place",
        "a postal code or state cannot be read, so the number decides about zones and rules",
    )
    NOBODY_KEPT = "nobody_kept", "`where` excludes every row"
    SURVEY_CHANGED = "survey_changed", "waiting calls were planned for another survey", _TEMPORARY
    UNUSED_WINDOW = "unused_window", "no contact of this plan can be called in a window of `weekly`"

    # Of the files and the ledger.
    MISSING_SOURCE = "missing_source", "the file of a source or list does not exist"
    FAULTY_ROWS = "faulty_rows", "rows of the contacts cannot be called (`validate --contacts`)"
    SAME_NAME = "same_name", "another file of the folder has the same `name`"
    SAME_INSTANCE = "same_instance", "another file of the folder calls for the same survey instance"
    SHARED_CONTACTS = (
        "shared_contacts",
        "another file of the folder calls some of the same numbers (`validate --contacts`)",
    )
    COLUMN_AS_TEXT = "column_as_text", "a metadata value is the name of a column, not its content"
    UNKNOWN_COLUMN = "unknown_column", "a template uses a column that no row has"
    EMPTY_SOURCE = (
        "empty_source",
        "a source has no rows, so `apply` refuses the campaign",
        "set `allow_empty: true` for a source that may be empty",
    )
    GUARD_WITHDRAW = (
        "guard_withdraw",
        "the plan withdraws more calls than `guard` allows, so `apply` refuses it",
        _ALLOW,
    )
    GUARD_NEW_CALLS = (
        "guard_new_calls",
        "the plan has more new calls than `guard` allows, so `apply` refuses it",
        _ALLOW,
    )
    GUARD_LIST_DROP = (
        "guard_list_drop",
        "a source or list lost more entries than `guard` allows, so `apply` refuses the plan",
        _ALLOW,
    )
    DUPLICATE_COLUMN = "duplicate_column", "columns that the campaign does not read have the same name"
    NEXT_NOT_FOUND = "next_not_found", "a source has `next`, and its only page lacks that value"
    LATIN1 = "latin1", "a file is not UTF-8 and was read as Latin-1"
    EMPTY_SUPPRESSION_LIST = "empty_suppression_list", "a suppression list has no entries"
    UNREADABLE_SUPPRESSION_ROWS = (
        "unreadable_suppression_rows",
        "`allow_invalid` skips rows of a suppression list",
    )
    OLD_SUPPRESSION_LIST = "old_suppression_list", "a suppression list has not changed for 30 days"
    SHARED_INSTANCE = "shared_instance", "another campaign of this ledger calls for the same survey instance"
    PAUSED = "paused", "an operator paused the campaign", _TEMPORARY
    CANCELED = "canceled", "an operator canceled the campaign", _TEMPORARY
    OTHER_REPOSITORY = (
        "other_repository",
        "the ledger holds calls of another file with this `name`",
        _TEMPORARY,
    )
    BOUND_ELSEWHERE = "bound_elsewhere", "the campaign ran with another account or address", _TEMPORARY


URGENT = frozenset({WarningCode.SURVEY_CHANGED, WarningCode.OTHER_REPOSITORY})
"""Warnings at the top of a plan, in every form: all its calls may be a mistake."""

SUPPRESSIBLE = tuple(code for code in WarningCode if not code.always_shown)


class SuppressedWarning(NamedTuple):
    """One warning that was left out, and why, in the words of the campaign file."""

    code: str
    reason: str


def part(
    diagnostics: Iterable[Diagnostic], silence: Mapping[str, str]
) -> tuple[tuple[Diagnostic, ...], tuple[SuppressedWarning, ...]]:
    """The diagnostics to show, and the suppressed ones with their reasons, each in the given order."""
    shown: list[Diagnostic] = []
    suppressed: list[SuppressedWarning] = []
    for found in diagnostics:
        if found.code in silence:
            suppressed.append(SuppressedWarning(found.code, silence[found.code]))
        else:
            shown.append(found)
    return tuple(shown), tuple(suppressed)


def in_a_line(suppressed: Iterable[SuppressedWarning]) -> str:
    """`3 warnings suppressed: asleep (they work at night), on_the_hour 2 times (Plum agreed)`; empty for
    none.
    """
    counted = Counter(suppressed)
    if not counted:
        return ""
    total = counted.total()
    parts = (
        f"{each.code}{'' if count == 1 else f' {count} times'} ({each.reason})"
        for each, count in sorted(counted.items())
    )
    return f"{total} warning{'' if total == 1 else 's'} suppressed: {', '.join(parts)}"


def _code(text: str) -> str:
    known = next((code for code in WarningCode if code == text), None)
    if known is None:
        hint = did_you_mean(text, SUPPRESSIBLE) or f"known codes: {', '.join(SUPPRESSIBLE)}"
        raise PydanticCustomError(
            "unknown_warning",
            "unknown warning `{code}`; errors cannot be suppressed",
            {"code": text, "hint": hint},
        )
    if known.always_shown:
        context = {"code": text, "why": known.always_shown}
        raise PydanticCustomError("always_shown", "`{code}` cannot be suppressed: {why}", context)
    return text


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason or not reason.isprintable():
        raise PydanticCustomError(
            "missing_reason",
            "suppressing a warning needs a reason",
            {"hint": 'write why it does not apply here: "Plum agreed to it on 2026-11-02"'},
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
                for code in SUPPRESSIBLE
            },
        }
    ),
]
"""Code of a warning → why it is suppressed."""
