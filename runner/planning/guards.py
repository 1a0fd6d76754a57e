"""What a plan changes beyond the campaign's `guard`. Pure.

Half an export must not withdraw everybody, and half a list of people who opted out must not have the others
called.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from runner.calls import Guard, Reason
from runner.campaign.document import Location
from runner.campaign.model import Campaign, GuardLimits
from runner.campaign.warning_codes import WarningCode
from runner.planning.plan import Change, Plan

CODES = {
    Guard.WITHDRAW: WarningCode.GUARD_WITHDRAW,
    Guard.NEW_CALLS: WarningCode.GUARD_NEW_CALLS,
    Guard.LIST_DROP: WarningCode.GUARD_LIST_DROP,
}
"""The warning of each guard."""
GUARDS: Mapping[str, Guard] = {code: guard for guard, code in CODES.items()}


class Field(StrEnum):
    """Where something is declared: under `contacts`, or in the policy."""

    SOURCES = "sources"
    SUPPRESS = "suppress"
    POLICY = "policy"


class Counted(NamedTuple):
    """A source or suppression list, by its name."""

    field: Field
    name: str


Counts = Mapping[Counted, int]
"""How many rows each source had, and how many entries each list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger knows from before."""

    planned: int
    """Calls that are planned, and not sent."""
    counts: Counts


class Finding(NamedTuple):
    """How the plan exceeds the guard."""

    guard: Guard
    message: str
    location: Location
    """In the campaign file."""
    hint: str


def beyond_guard(plan: Plan, campaign: Campaign, known: Known, counts: Counts) -> Iterator[Finding]:
    """`counts` are those that the plan was made from."""
    limits = campaign.guard
    withdrawn = sum(not _is_over(each.reason, each.start_timestamp, plan.as_of) for each in plan.withdrawals)
    if limits.stops_withdrawals(withdrawn, known.planned):
        yield _finding(
            Guard.WITHDRAW,
            f"the plan withdraws {withdrawn:,} of the {known.planned:,} calls that are planned "
            f"({_percent(withdrawn, known.planned)}%); guard.withdraw allows {limits.withdraw}%",
            ("guard", "withdraw"),
            "check that every source is complete",
        )
    new = sum(number for (change, *_), number in plan.statistics.changes.items() if change is Change.NEW)
    if limits.new_calls is not None and new > limits.new_calls:
        yield _finding(
            Guard.NEW_CALLS,
            f"the plan has {new:,} new calls; guard.new_calls allows {limits.new_calls:,}",
            ("guard", "new_calls"),
            "check that the sources are the right ones",
        )
    for name, before, now, allowed in losses(limits, known.counts, counts):
        whose = "" if allowed == limits.list_drop else " for lists of the policy"
        yield _finding(
            Guard.LIST_DROP,
            f"{name} has {now:,} entries, {before:,} at the last apply: {_percent(before - now, before)}% "
            f"are gone; guard.list_drop allows {allowed}%{whose}",
            ("guard", "list_drop"),
            "check that it is complete",
        )


class Loss(NamedTuple):
    """A source or list that has lost too many entries."""

    name: str
    before: int
    now: int
    allowed: int
    """Percent."""


def losses(limits: GuardLimits, before: Counts, now: Counts) -> Iterator[Loss]:
    """A campaign cannot loosen the limit for the lists of the policy."""
    for counted, number in now.items():
        own = _limits_for(limits, [counted])
        if own.stops_loss(before.get(counted, 0), number):
            yield Loss(counted.name, before[counted], number, own.list_drop)
    lists_before, lists_now = _lists(before), _lists(now)
    if lists_before.keys() != lists_now.keys():
        # A list under a new name has no number of its own to compare with.
        all_before, all_now = sum(lists_before.values()), sum(lists_now.values())
        whole = _limits_for(limits, [*lists_before, *lists_now])
        if whole.stops_loss(all_before, all_now):
            yield Loss("contacts.suppress as a whole", all_before, all_now, whole.list_drop)


def guards_of(codes: Iterable[str]) -> list[Guard]:
    """The guards that a plan with these warnings exceeds, each once."""
    return list(dict.fromkeys(GUARDS[code] for code in codes if code in GUARDS))


def allow_options(guards: Iterable[Guard]) -> str:
    """What to add to `runner apply`."""
    return " ".join(f"--allow {guard}" for guard in guards)


def _limits_for(limits: GuardLimits, counted: Iterable[Counted]) -> GuardLimits:
    has_policy_list = any(each.field is Field.POLICY for each in counted)
    return limits.for_policy_lists() if has_policy_list else limits


def _lists(counts: Counts) -> Counts:
    return {counted: number for counted, number in counts.items() if counted.field is not Field.SOURCES}


def _is_over(reason: Reason | None, start: int, now: int) -> bool:
    """Whether a call is withdrawn only because its time has passed."""
    return reason is Reason.NO_WINDOW and start <= now


def _percent(part: int, whole: int) -> int:
    return round(100 * part / whole)


def _finding(guard: Guard, message: str, location: Location, check: str) -> Finding:
    return Finding(guard, message, location, f"{check}; if this is intended, run apply with --allow {guard}")
