"""When a rule set allows calls, in local time and in UTC. Pure."""

from datetime import date
from functools import cache
from typing import NamedTuple

from runner.campaign.hours import MINUTES_A_DAY, cut_at_midnight
from runner.campaign.model import Holidays
from runner.campaign.rules.rule_set import HolidayHours, RuleSet
from runner.campaign.timezones import zone
from runner.planning.public_holidays import HolidayName, UnknownPlaceError, public_holidays
from runner.planning.windows import DAY, Window, join, to_utc

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_WHOLE_DAY = ((0, MINUTES_A_DAY),)
_DAYS_A_WEEK = 7


class RuleDay(NamedTuple):
    """What a rule set allows on one local date."""

    opened: tuple[Window, ...]
    """In minutes from its midnight, sorted and apart."""
    holiday: str
    """The public holiday that changes the hours; empty if there is none."""


class RuleHours:
    """The hours of one rule set. Raises UnknownPlaceError for holidays of an unknown place."""

    def __init__(self, rule: RuleSet) -> None:
        self._rule = rule
        self._holiday = _holiday_names(rule.holidays)
        self.on = cache(self._on)
        """The ordinal of a local date → what is allowed on it."""

    def windows(self, name: str, dates: range) -> tuple[Window, ...]:
        """In the zone `name`, over these local dates (ordinals)."""
        local = (
            ((day - _EPOCH_ORDINAL) * DAY + start * 60, (day - _EPOCH_ORDINAL) * DAY + end * 60)
            for day in dates
            for start, end in self.on(day).opened
        )
        return to_utc(join(local), zone(name))

    def _on(self, day: int) -> RuleDay:
        holiday = self._holiday(date.fromordinal(day))
        # As with a campaign's own holidays, nothing of the evening before runs into a public holiday.
        tails = () if holiday else _parts(self._hours_from(day - 1), days_later=1)
        return RuleDay(join((*tails, *_parts(self._hours_from(day), days_later=0))), holiday)

    def _hours_from(self, day: int) -> tuple[tuple[int, int], ...]:
        """The hours that begin on this date; those past midnight end above 1440."""
        declared = self._rule.holidays
        if declared is not None and self._holiday(date.fromordinal(day)):
            return declared.hours
        weekly = self._rule.weekly
        return _WHOLE_DAY if weekly is None else weekly[(day - 1) % _DAYS_A_WEEK]


def _parts(hours: tuple[tuple[int, int], ...], *, days_later: int) -> tuple[tuple[int, int], ...]:
    return tuple(
        (start, end)
        for whole in hours
        for later, start, end in cut_at_midnight(*whole)
        if later == days_later
    )


def _holiday_names(declared: HolidayHours | None) -> HolidayName:
    """The holidays of the country, and of those of its subdivisions that are named."""
    if declared is None:
        return public_holidays(None)
    places = [public_holidays(Holidays(country=declared.country, subdivision=declared.subdivision))]
    places += _known_places(declared)
    return lambda day: next(filter(None, (names(day) for names in places)), "")


def _known_places(declared: HolidayHours) -> list[HolidayName]:
    """A contact's state may have holidays, or not be of this country at all."""
    found = []
    for state in declared.states:
        try:
            found.append(public_holidays(Holidays(country=declared.country, subdivision=state)))
        except UnknownPlaceError:
            continue
    return found
