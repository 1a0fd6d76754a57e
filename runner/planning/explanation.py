"""Why one contact is called when it is, or not at all: each value with its row and rule. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from runner.calls import Cause, Reason
from runner.campaign.document import Location
from runner.campaign.filters import truth
from runner.campaign.model import CONTACT, Campaign
from runner.campaign.rules.rule_set import RuleSet, depend_on_state
from runner.campaign.source_models import Source
from runner.campaign.templates import TemplateRenderError, compile_condition, compile_template
from runner.campaign.values import country_written
from runner.contacts.contact import Contact, Exclusion, Match, Row, listed_other
from runner.contacts.contact_builder import build_contacts
from runner.contacts.identity import Identity
from runner.contacts.numbers import NumberRules, Tried
from runner.planning import contact_dates
from runner.planning.calendar import Interval
from runner.planning.candidate import ABROAD, split_zones
from runner.planning.explained_rounds import Rounds
from runner.planning.placement import Placement
from runner.planning.plan import Change, KnownCall, Plan, PlannedCall
from runner.planning.plan_view import CallView, ExclusionView, Viewer
from runner.planning.rounds import PastCall
from runner.planning.screening import home_of, states_of
from runner.planning.step import Step, count, moment
from runner.planning.windows import Window
from runner.planning.zones import (
    Evidence,
    UnknownTimezoneError,
    ZoneOrigin,
    agree,
    evidence,
    own_zones,
    unread_places,
    zones_for,
)

DAYS_SHOWN = 7
_MOST_ZONES = 2
"""Of a large set of zones the first and the last are shown."""
_MOST_NAMED = 3
"""Of a large set of zones so many are named."""

_FROM: Mapping[ZoneOrigin, str] = {
    ZoneOrigin.TIMEZONE: "from the row",
    ZoneOrigin.POSTAL_CODE: "from the postal code",
    ZoneOrigin.STATE: "from the state",
    ZoneOrigin.NUMBER: "from the number",
    ZoneOrigin.DEFAULT: "for contacts of unknown place",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneDays:
    """The next local days in one zone. Each interval comes with the place of its rule: `campaign.yaml:12`."""

    zone: str
    days: tuple[tuple[date, tuple[tuple[Interval, str], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything about one row. Instants are UTC Unix seconds."""

    campaign: str
    result: CallView | ExclusionView
    steps: tuple[Step, ...]
    zones: tuple[str, ...]
    hours: tuple[ZoneDays, ...]
    callable_in: tuple[tuple[int, int], ...]
    """When it may be dialled: open in every zone, without close_margin, within the contact's own dates."""
    known_state: str
    """Of the contact's newest call in the ledger; empty if there is none."""
    remedy_place: str
    """Where to change what excludes it, such as `campaign.yaml:12`; empty if several places are possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A row and its result in the plan. `known` is the contact's newest call in the ledger."""

    source: Source
    row: Row
    entry: PlannedCall | Exclusion
    known: KnownCall | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainInput:
    """Common to all contacts. `now` is UTC Unix seconds; `place` gives `campaign.yaml:12` for a value of the
    campaign file.
    """

    campaign: Campaign
    plan: Plan
    identity: Identity
    suppressed: Match
    past: Callable[[str, str], Sequence[PastCall]]
    """(key, E.164 number) → the calls of earlier rounds to either."""
    now: float
    requests_per_second: float
    place: Callable[[Location], str]
    show_contacts: bool
    rules: tuple[RuleSet, ...] = ()


class _Where(NamedTuple):
    """Where a contact is, as in its candidate."""

    zones: tuple[str, ...] = ()
    home: str = ""
    states: str = ""


class _Hours(NamedTuple):
    """When a contact may be called."""

    windows: tuple[Window, ...] = ()
    preferred: tuple[Window, ...] = ()
    """In a further round: at kinds of time at which it was not tried yet."""
    not_before: int | None = None
    """When the gap after the round before is over."""

    def searched(self, start: int) -> tuple[Window, ...]:
        """The windows among which a slot with this start was found."""
        is_preferred = any(window.start <= start < window.end for window in self.preferred)
        return self.preferred if is_preferred else self.windows


def explain(subject: Subject, given: ExplainInput) -> Explanation:
    """Explains each decision about one row."""
    return _Explainer(subject, given).explanation()


class _Explainer:
    def __init__(self, subject: Subject, given: ExplainInput) -> None:
        self._subject = subject
        self._given = given
        self._campaign = given.campaign
        self._row = subject.row
        self._entry = subject.entry
        self._view = Viewer(given.campaign, given.identity, show_contacts=given.show_contacts)
        self._placement = Placement(
            given.campaign,
            now=given.now,
            requests_per_second=given.requests_per_second,
            rules=given.rules,
        )

    def explanation(self) -> Explanation:
        contact = self._contact()
        steps = [*self._who(contact), self._in_ledger()]
        zones: tuple[str, ...] = ()
        where = _Where()
        hours = _Hours()
        bounds: tuple[int | None, int | None] = (None, None)
        if contact is not None:
            zones, zone_steps = self._zones_of(contact)
            steps += zone_steps
            if zones:
                where = _Where(zones, home_of(contact, self._campaign), states_of(contact))
                steps += self._rules_of(where)
                bounds, bound_steps = self._own_dates(contact, zones)
                steps += bound_steps
                hours, round_steps = self._rounds(contact, where, bounds)
                steps += round_steps
        if isinstance(self._entry, PlannedCall):
            result: CallView | ExclusionView = self._view.call(self._entry)
            steps += [*self._request(self._view.call(self._entry)), *self._slot(self._entry, hours)]
        else:
            result = self._view.exclusion(self._entry)
        margin = self._campaign.calling_windows.close_margin
        return Explanation(
            campaign=self._campaign.name,
            result=result,
            steps=tuple(steps),
            zones=zones,
            hours=tuple(self._days_in(name, where, bounds) for name in _bounds(zones)),
            callable_in=tuple((window.start, window.end - margin) for window in hours.windows),
            known_state=self._subject.known.state if self._subject.known else "",
            remedy_place=self._remedy_place(),
        )

    def _remedy_place(self) -> str:
        if isinstance(self._entry, PlannedCall):
            return ""
        match self._entry.reason:
            case Reason.INVALID_PHONE | Reason.COUNTRY | Reason.PREMIUM_RATE:
                return f"{self._row.source}:{self._row.line}"
            case Reason.FILTERED:
                return self._place("contacts", "where")
            case Reason.TEMPLATE_ERROR:
                return self._place(*self._entry.template)
        is_over = self._entry.cause is Cause.DATES_OVER
        return self._place("calling_windows", "dates", "to") if is_over else ""

    # --- who

    def _contact(self) -> Contact | None:
        """The row as a contact; None if the row alone excludes it."""
        (found,) = build_contacts(self._campaign, [(self._subject.source, self._row)])
        return found if isinstance(found, Contact) else None

    def _who(self, contact: Contact | None) -> Iterator[Step]:
        position = self._campaign.contacts.sources.index(self._subject.source)
        place = self._place("contacts", "sources", position)
        yield Step("row", f"{self._row.source}:{self._row.line}", f"{len(self._row.values)} columns", place)
        if self._campaign.contacts.where is not None:
            yield self._filter(self._campaign.contacts.where, ("contacts", "where"))
        if self._subject.source.where is not None:
            where = self._subject.source.where
            yield self._filter(where, ("contacts", "sources", position, "where"))
        key, place = self._declared("key")
        if key is None:
            yield Step("key", "the number", "contacts.key is not given")
        else:
            yield self._rendered("key", key, place, self._view.contact)
        yield from self._numbers()
        if contact is not None:
            yield self._suppression(contact)
        priority, place = self._declared("priority")
        if priority is not None:
            yield self._rendered("priority", priority, place, self._view.value)

    def _filter(self, source: str, location: Location) -> Step:
        place = self._place(*location)
        try:
            result = compile_condition(source).render(self._row.values, self._campaign.vars)
        except TemplateRenderError as error:
            return Step("where", "fails", error.message, place)
        kept = truth(result)
        means = {True: "true", False: "false", None: "neither yes nor no"}[kept]
        return Step("where", "kept" if kept else "filtered", f"{source} is {means} for this row", place)

    def _numbers(self) -> Iterator[Step]:
        """What each template of the number gives, and which number is called."""
        templates = self._subject.source.phone or self._campaign.contacts.phone
        location = self._location("phone")
        texts = []
        for position, template in enumerate(templates):
            try:
                texts.append(self._render(template))
            except TemplateRenderError as error:
                yield Step("phone", "fails", error.message, self._place(*location, position))
                return
        region, region_steps = self._region()
        yield from region_steps
        taken = False
        for tried in NumberRules(self._campaign.contacts).tried(texts, region):
            name = "phone" if len(templates) == 1 else f"phone {tried.position}"
            how = self._how_written(texts[tried.position - 1], region, tried)
            if taken:
                how += "; not needed, since an earlier one is called"
            taken = taken or not tried.reason
            value = self._view.phone(tried.phone) if tried.phone else "no number"
            yield Step(name, value, how, self._place(*location, tried.position - 1))

    def _how_written(self, text: str, region: str | None, tried: Tried) -> str:
        how = f"written {self._blurred(text)}" if text else "empty"
        if text and region:
            how += f", read as a number of {region}"
        if tried.detail:
            return f"{how}: {tried.detail}"
        return f"{how}; the first of {1 + len(tried.others)}" if tried.others else how

    def _region(self) -> tuple[str | None, list[Step]]:
        """The country of numbers without a country code, with a step where it depends on the row."""
        template = self._subject.source.region or self._campaign.contacts.region
        if template is None or not compile_template(template).reads_row:
            return template, []
        place = self._place(*self._location("region"))
        try:
            written = self._render(template)
        except TemplateRenderError as error:
            return None, [Step("region", "fails", error.message, place)]
        region = country_written(written)
        unknown = f"{template} is not a country code for this row" if written else "the row has no value"
        return region, [Step("region", region or "unknown", f"from {template}" if region else unknown, place)]

    def _suppression(self, contact: Contact) -> Step:
        lists = len(self._campaign.contacts.suppress)
        if not lists:
            return Step("suppression", "on no list", "the campaign has no list")
        found = self._given.suppressed(contact.key, contact.phone)
        found = found or listed_other(self._given.suppressed, contact.others) or "on no list"
        return Step(
            "suppression", found, f"looked up in {count(lists, 'list')}", self._place("contacts", "suppress")
        )

    def _in_ledger(self) -> Step:
        known = self._subject.known
        if known is None:
            return Step("ledger", "nothing", "no earlier run planned or sent this call")
        return Step("ledger", known.state, "from earlier runs")

    # --- when

    def _zones_of(self, contact: Contact) -> tuple[tuple[str, ...], list[Step]]:
        calendar_zone = self._campaign.calling_windows.timezone
        default = self._campaign.contacts.default_zone
        try:
            zones = zones_for(contact, calendar_zone, default)
        except UnknownTimezoneError as error:
            return (), [Step("timezone", "unknown", error.message)]
        if calendar_zone != CONTACT:
            because, place = "the campaign has one zone for all", self._place("calling_windows", "timezone")
            return zones, [Step("timezone", _listed(zones), because, place)]
        found = evidence(contact, default)
        steps = [self._unread(contact, field) for field in unread_places(contact)]
        if len(found) == 1:
            because, place = _FROM[found[0].origin], self._origin_place(found[0])
        else:
            steps += [
                Step(
                    f"zones by {each.origin}",
                    _listed(each.zones),
                    _FROM[each.origin],
                    self._origin_place(each),
                )
                for each in found
            ]
            because, place = _why_combined(found), ""
        if len(zones) > 1:
            because += "; a window must be open in all of them"
        return zones, [*steps, Step("timezone", _listed(zones), because, place)]

    def _origin_place(self, found: Evidence) -> str:
        return self._place(*self._location(found.origin))

    def _unread(self, contact: Contact, field: str) -> Step:
        value = self._view.value(getattr(contact, field))
        because = "not known in the US or Canada, so it says nothing about zones"
        return Step(field, value, because, self._place(*self._location(field)))

    def _own_dates(
        self, contact: Contact, zones: tuple[str, ...]
    ) -> tuple[tuple[int | None, int | None], list[Step]]:
        steps, bounds = [], []
        for field, read in (("not_before", contact_dates.not_before), ("not_after", contact_dates.not_after)):
            bound = None
            if getattr(self._campaign.contacts, field) is not None:
                try:
                    bound = read(getattr(contact, field), zones)
                    value = "none" if bound is None else moment(bound, zones)
                    because = "the row has no value" if bound is None else "from the row"
                except contact_dates.WrongDateError as error:
                    value, because = "fails", error.message
                steps.append(Step(field, value, because, self._place("contacts", field)))
            bounds.append(bound)
        return (bounds[0], bounds[1]), steps

    def _rules_of(self, where: _Where) -> Iterator[Step]:
        if self._given.rules:
            names = sorted({rule.name for rule in self._placement.rules_in(where.states)})
            yield Step("rules", ", ".join(names), self._why_these(where), self._place("rules"))

    def _why_these(self, where: _Where) -> str:
        if not depend_on_state(self._given.rules):
            return "for every contact"
        if not where.states:
            return "its state is unknown, so those of all states"
        if where.states == ABROAD:
            return "it is outside of the United States and Canada, so those of no state"
        return f"it may be in {where.states.replace(' ', ', ')}"

    def _rounds(
        self, contact: Contact, where: _Where, bounds: tuple[int | None, int | None]
    ) -> tuple[_Hours, Iterable[Step]]:
        """When it may be called, in the first round or the following one; and what is known of its rounds."""
        earliest, latest = bounds
        past = self._given.past(contact.key, contact.phone)
        if not past:
            return _Hours(self._windows(where, earliest, latest)), ()
        rounds = Rounds(
            past=past,
            policy=self._campaign.retry_policy,
            home=(own_zones(contact, self._campaign.contacts.default_zone) or where.zones)[0],
            place=self._given.place,
        )
        following = rounds.following(self._entry.round if isinstance(self._entry, PlannedCall) else None)
        if isinstance(following, Cause):
            return _Hours(self._windows(where, earliest, latest)), rounds.steps(following, ())
        earliest = max(following.not_before, earliest or 0)
        windows = self._windows(where, earliest, latest)
        hours = _Hours(windows, rounds.untried(following, windows), following.not_before)
        return hours, rounds.steps(following, windows)

    def _windows(self, where: _Where, earliest: int | None, latest: int | None) -> tuple[Window, ...]:
        return self._placement.windows(where.zones, earliest, latest, where.home, where.states)

    def _days_in(self, name: str, where: _Where, bounds: tuple[int | None, int | None]) -> ZoneDays:
        days = self._placement.calendar.days(
            name,
            DAYS_SHOWN,
            *bounds,
            own=split_zones(where.home) if where.home else where.zones,
            rules=self._placement.rules_in(where.states),
        )
        return ZoneDays(
            zone=name,
            days=tuple(
                (day, tuple((interval, self._place(*interval.rule.location)) for interval in intervals))
                for day, intervals in days
            ),
        )

    def _slot(self, call: PlannedCall, hours: _Hours) -> Iterator[Step]:
        because, is_paced = self._why_then(call, hours)
        place = self._place("pacing", "calls_per_minute") if is_paced else ""
        yield Step("start_timestamp", moment(call.start_timestamp, call.timezones), because, place)
        because = f"its window closes {self._campaign.calling_windows.close_margin // 60} min later"
        place = self._place("calling_windows", "close_margin")
        yield Step("end_timestamp", moment(call.end_timestamp, call.timezones), because, place)
        ahead = self._campaign.pacing.queue_ahead
        at_once = call.queue_at > call.start_timestamp - ahead
        because = "at once" if at_once else f"{ahead // 60} min before the start"
        place = "" if at_once else self._place("pacing", "queue_ahead")
        yield Step("leaves at", moment(call.queue_at, call.timezones), because, place)
        if call.reattempt_wait is not None:
            because = f"{call.reattempt_wait // 60} min apart, between start and end"
            place = self._place("retry_policy", "max_attempts")
            yield Step("attempts", f"{call.attempts_that_fit} of {call.max_attempts}", because, place)

    def _why_then(self, call: PlannedCall, hours: _Hours) -> tuple[str, bool]:
        """Why it starts at that moment, and whether the pace decided it."""
        if call.change is Change.UNCHANGED:
            return "an earlier plan gave it this slot, which it keeps", False
        windows = hours.searched(call.start_timestamp)
        index = next((i for i, window in enumerate(windows) if call.start_timestamp < window.end), 0)
        window = windows[index]
        if call.start_timestamp == window.start:
            return self._why_at_its_start(window, hours), False
        pace = count(self._given.plan.calls_per_minute, "call")
        if self._campaign.pacing.spread == "even":
            return f"spread evenly over the window, at most {pace} a minute", True
        before = sum(
            window.start <= other.start_timestamp < call.start_timestamp for other in self._given.plan.calls
        )
        full = f"{count(index, 'earlier window')} already full; " if index else ""
        behind = f"after {count(before, 'other')} in this window"
        return f"{full}the first free start at {pace} a minute, {behind}", True

    def _why_at_its_start(self, window: Window, hours: _Hours) -> str:
        if window.start <= self._given.now + 1:
            return "at once: its window is open"
        if window.start == hours.not_before:
            return "the gap after the round before is over"
        if all(window.start != whole.start for whole in hours.windows):
            return "a kind of time that was not tried yet begins"
        return "its window opens"

    # --- what

    def _request(self, call: CallView) -> Iterator[Step]:
        for field, suffix in (("caller_id", ";ani="), ("post_dial", ";postd=")):
            if suffix in call.phone_number:
                value = call.phone_number.partition(suffix)[2].partition(";")[0]
                yield Step(field, value, place=self._place(field))
        for name, value in call.metadata.items():
            template = self._campaign.metadata[name]
            because = template if "\n" not in template else "a template of several lines"
            yield Step(f"metadata[{name}]", value or "empty", because, self._place("metadata", name))
        if call.result_url:
            yield Step("result_url", call.result_url, place=self._place("result_url"))

    # --- templates and places

    def _declared(self, field: str) -> tuple[str | None, str]:
        """The template of a field of `contacts`, and its place: a source may have its own."""
        own = getattr(self._subject.source, field, None)
        return own or getattr(self._campaign.contacts, field), self._place(*self._location(field))

    def _location(self, field: str) -> Location:
        if getattr(self._subject.source, field, None):
            position = self._campaign.contacts.sources.index(self._subject.source)
            return ("contacts", "sources", position, field)
        return ("contacts", field)

    def _rendered(self, name: str, source: str, place: str, shown: Callable[[str], str]) -> Step:
        try:
            result = self._render(source)
        except TemplateRenderError as error:
            return Step(name, "fails", error.message, place)
        return Step(name, shown(result) if result else "empty", f"from {source}", place)

    def _render(self, source: str) -> str:
        return compile_template(source).render(self._row.values, self._campaign.vars).strip()

    def _place(self, *location: str | int) -> str:
        return self._given.place(location)

    def _blurred(self, text: str) -> str:
        """The format of the number without its digits: enough to see what is wrong."""
        if self._given.show_contacts:
            return text
        return "".join("•" if character.isalnum() else character for character in text)


def _bounds(zones: tuple[str, ...]) -> tuple[str, ...]:
    return zones if len(zones) <= _MOST_ZONES else (zones[0], zones[-1])


def _listed(zones: tuple[str, ...]) -> str:
    more = len(zones) - _MOST_NAMED
    return ", ".join(zones[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _why_combined(found: Sequence[Evidence]) -> str:
    if agree(tuple(each.zones for each in found)):
        return "the zones that all of these share"
    return "these share no zone, and the contact may be in any of them"
