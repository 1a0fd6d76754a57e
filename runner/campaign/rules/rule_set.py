"""A rule set: hours, holidays and caps that a campaign obeys next to its own windows. Pure.

A rule set only narrows: nobody is called outside of its hours, whatever the campaign declares. Presets are
rule sets, and so are the hours of an organisation's policy.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from runner.campaign.hours import WeeklyHours

_WITH_STATES = {"US", "CA"}
"""Countries of whose contacts the state may be known."""

NOT_LEGAL_ADVICE = "Rules are gathered from public sources and are not legal advice."


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most `calls` dials of one number, in any `per_seconds`."""

    calls: int
    per_seconds: int | None
    """None: in the whole campaign."""
    name: str
    """The rule set that sets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayHours:
    """What changes on the public holidays of a place."""

    country: str
    """ISO 3166."""
    subdivision: str | None = None
    states: tuple[str, ...] = ()
    """In which the contact may be: the holidays of each count, next to those of the country."""
    hours: tuple[tuple[int, int], ...] = ()
    """In minutes from midnight, in place of those of the weekday; none where nobody is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """The hours are local hours of the contact."""

    name: str
    weekly: WeeklyHours | None = None
    """None where it says nothing about hours."""
    holidays: HolidayHours | None = None
    caps: tuple[Cap, ...] = ()
    states: frozenset[str] = frozenset()
    """Those of the contacts that it applies to; empty for all contacts."""
    title: str = ""
    version: int = 1
    purpose: tuple[str, ...] = ()
    """Of calls that it was made for: research, solicitation; empty for any."""
    voice: tuple[str, ...] = ()
    """The same for recorded and live voices."""
    source: str = ""
    checked: str = ""
    """The date on which its source was last looked at."""
    confidence: str = ""

    @property
    def limits_hours(self) -> bool:
        return self.weekly is not None or self.holidays is not None

    def plain(self) -> dict[str, object]:
        """As JSON can hold it, the same for equal rule sets."""
        return {**asdict(self), "states": sorted(self.states)}


def applicable(rules: Iterable[RuleSet], states: frozenset[str]) -> frozenset[RuleSet]:
    """The rule sets for a contact in one of these states: the strictest of all, so each that may apply.

    Without a state, it may be in any. What is not the code of a state is in none.
    """
    return frozenset(
        _with_holidays_of(states, rule)
        for rule in rules
        if not rule.states or not states or rule.states & states
    )


def depend_on_state(rules: Iterable[RuleSet]) -> bool:
    """Whether it matters to any of them in which state a contact is."""
    return any(rule.states or _takes_holidays_of_states(rule) for rule in rules)


def _takes_holidays_of_states(rule: RuleSet) -> bool:
    declared = rule.holidays
    return declared is not None and not declared.subdivision and declared.country in _WITH_STATES


def _with_holidays_of(states: frozenset[str], rule: RuleSet) -> RuleSet:
    """A rule about a country's public holidays, with those of the contact's state where that is known."""
    if not states or rule.holidays is None or not _takes_holidays_of_states(rule):
        return rule
    return replace(rule, holidays=replace(rule.holidays, states=tuple(sorted(states))))
