"""What rule sets leave of the declared windows on a usual day, without public holidays. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

from runner.campaign.hours import MINUTES_A_DAY, WeeklyEntry, WeeklyHours, cut_at_midnight, weekly_entries
from runner.campaign.model import CONTACT, CallingWindows
from runner.campaign.rules.rule_set import RuleSet
from runner.planning.windows import Window, intersect, join

OUTSIDE_HINT = (
    "move the window, or remove it; `runner rules NAME` shows the hours of a rule, "
    "and RUNNER_POLICY_FILE has those of the policy"
)
_DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCut:
    """A window of `weekly`, and what of it a rule set leaves open on some of its days. Minutes from the
    midnight with which the window's day begins; an end above 1440 lies in the next day.
    """

    days: tuple[int, ...]
    """Monday is 0."""
    start: int
    end: int
    left: tuple[tuple[int, int], ...]


def rule_cuts(declared: CallingWindows, rule: RuleSet) -> tuple[RuleCut, ...]:
    """Every window that the rule set cuts, in the order of the file. Nothing where the windows are declared
    in one zone for all: then what is cut depends on where each contact is.
    """
    if rule.weekly is None or declared.timezone != CONTACT:
        return ()
    return tuple(cut for entry in weekly_entries(declared.weekly) for cut in _cuts_of(entry, rule.weekly))


def windows_outside(
    declared: CallingWindows, rules: Iterable[RuleSet]
) -> list[tuple[WeeklyEntry, tuple[str, ...]]]:
    """The windows of which the rule sets for all contacts leave nothing, with the names of these: of one that
    closes the window alone, or of all that close it together.
    """
    holding = [rule for rule in rules if rule.weekly is not None and not rule.states]
    if declared.timezone != CONTACT:
        return []
    found = []
    for entry in weekly_entries(declared.weekly):
        alone = [rule for rule in holding if _closes([rule], entry)][:1]
        if alone or _closes(holding, entry):
            found.append((entry, tuple(rule.name for rule in alone or holding)))
    return found


def outside_of(names: tuple[str, ...]) -> str:
    rules = f"the rule {names[0]}" if len(names) == 1 else f"the rules {', '.join(names)} together"
    return f"nobody can ever be called in this window: it lies outside the hours of {rules}"


def _closes(rules: Iterable[RuleSet], entry: WeeklyEntry) -> bool:
    """Whether together they leave nothing of the window on any of its days."""
    weeks = [rule.weekly for rule in rules if rule.weekly is not None]
    whole: tuple[Window, ...] = (Window(entry.start, entry.end),)
    return not any(
        reduce(intersect, [_open_from(weekly, day) for weekly in weeks], whole) for day in entry.days
    )


def _cuts_of(entry: WeeklyEntry, weekly: WeeklyHours) -> Iterator[RuleCut]:
    days_by_rest: defaultdict[tuple[Window, ...], list[int]] = defaultdict(list)
    for day in entry.days:
        days_by_rest[intersect((Window(entry.start, entry.end),), _open_from(weekly, day))].append(day)
    for rest, days in days_by_rest.items():
        if rest != (Window(entry.start, entry.end),):
            left = tuple((start, end) for start, end in rest)
            yield RuleCut(days=tuple(days), start=entry.start, end=entry.end, left=left)


def _open_from(weekly: WeeklyHours, day: int) -> tuple[Window, ...]:
    """The rule's hours on a day, the tail of the day before, and the hours of the day after."""
    return join(
        ((later + step) * MINUTES_A_DAY + start, (later + step) * MINUTES_A_DAY + end)
        for step in (-1, 0, 1)
        for whole in weekly[(day + step) % _DAYS_A_WEEK]
        for later, start, end in cut_at_midnight(*whole)
    )
