"""Finds a slot for each call, inside its windows and under the campaign's pace. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial

from runner.campaign.model import Campaign
from runner.campaign.rules.rule_set import Cap, RuleSet, applicable
from runner.planning.calendar import Calendar
from runner.planning.candidate import Candidate, split_states, split_zones
from runner.planning.contact_limits import Dials, broken_by, caps_in, first_reached, within_limits
from runner.planning.pacing import DayLimit, DayRoom, Slots, day_of, request_rate_pace, spread_evenly
from runner.planning.plan import Slot, WaitingBefore, WaitingCall
from runner.planning.rounds import NextRound, SlotKind, untried_windows
from runner.planning.windows import SLOT_SECONDS, Window, clip, dialling_end, last_start, starts_in

_NOWHERE: Iterator[int] = iter(())
_MOST_SEARCHES = 4096


class _Search:
    """The position of the search for free slots in the same windows. Slots are never given back, so nothing
    before the position is free.
    """

    __slots__ = ("ends", "first", "lasts", "not_before", "windows")

    def __init__(self, windows: tuple[Window, ...], margin: int) -> None:
        self.windows = windows
        self.lasts = [last_start(window, margin) for window in windows]
        self.ends = [dialling_end(window, margin) for window in windows]
        self.first = -1
        """The first window that may have room."""
        self.go_on()

    def go_on(self) -> None:
        """To the next window."""
        self.first += 1
        if self.first < len(self.windows):
            self.not_before = self.windows[self.first].start
            """The first second in it that may be free."""


class Placement:
    """The pace and the windows of one campaign as of `now` (UTC Unix seconds)."""

    def __init__(
        self,
        campaign: Campaign,
        *,
        now: float,
        requests_per_second: float,
        rules: tuple[RuleSet, ...] = (),
        dials_of: Callable[[str], Sequence[Dials]] = lambda _number: (),
        days: DayLimit | None = None,
    ) -> None:
        self._now = int(now) + (now > int(now))
        self.counts_after = self._now - 60
        """Starts up to this second no longer count for the pace."""
        self._margin = campaign.calling_windows.close_margin
        self._queue_ahead = campaign.pacing.queue_ahead
        self._spread = campaign.pacing.spread
        self.calendar = Calendar(campaign.calling_windows, now)
        self._slots = Slots(effective_pace(campaign, requests_per_second))
        self._days = None if days is None else DayRoom(days)
        self._overfull = frozenset[int]()
        self._take = self._slots.take if days is None else self._take_on_open_day
        self._searches: dict[int, _Search] = {}
        """By the identity of their windows: to hash all windows would take longer than the search."""
        self._wanted_starts: Mapping[tuple[Window, ...], Iterator[int]] = {}
        self._rules = rules
        self._dials_of = dials_of
        self._attempts = campaign.retry_policy.max_attempts
        self._caps_in = lru_cache(maxsize=4096)(partial(caps_in, rules))
        self.rules_in = lru_cache(maxsize=4096)(self._rules_in)
        """States, as in a candidate → the rule sets that hold there."""
        # Most contacts have no dates of their own, and share their zones with many others.
        self.windows = lru_cache(maxsize=4096)(self._windows)
        self._vary_time = campaign.retry_policy.varies_time
        self._untried_windows = lru_cache(maxsize=4096)(self._find_untried_windows)

    def windows_of(
        self, candidate: Candidate | WaitingBefore, following: NextRound | None = None
    ) -> tuple[Window, ...]:
        """The windows in which it may be called; `following` is its round, where that is not the first."""
        return self._within_limits(candidate, self.without_limits(candidate, following))

    def without_limits(
        self, candidate: Candidate | WaitingBefore, following: NextRound | None = None
    ) -> tuple[Window, ...]:
        """The same, were its number never dialled by other calls."""
        return self.windows(
            split_zones(candidate.zones),
            self._ahead(earliest_of(candidate, following)),
            candidate.latest,
            candidate.home,
            candidate.states,
        )

    def preferred_windows(
        self, candidate: Candidate | WaitingBefore, following: NextRound | None
    ) -> tuple[Window, ...]:
        """Those of `windows_of` at a kind of time at which earlier rounds did not try; often empty."""
        return self._within_limits(candidate, self._preferred(candidate, following))

    def keeps(self, call: WaitingBefore, following: NextRound | None) -> bool:
        """Whether a slot that was given earlier is still good: in the future, in the same window, and within
        the limits on dials.
        """
        start, end = call.start_timestamp, call.end_timestamp
        windows = self.without_limits(call, following)
        others, caps = self._dials_of(call.phone), self._caps_in(call.states)
        fits = (
            self.still_fits(start, end, windows)
            or self.still_fits(start, end, self._preferred(call, following))
            # Where other calls took a part of its window, the slot ends before that part.
            or (bool(others) and start >= self._now and _is_inside(start, end + self._margin, windows))
        )
        return fits and broken_by(start, end, others, caps, self._attempts) is None

    def limit_reached(self, candidate: Candidate, following: NextRound | None = None) -> Cap | None:
        """The cap that leaves none of its windows; None where some are left, or none were there."""
        windows = self.without_limits(candidate, following)
        others, caps = self._dials_of(candidate.phone), self._caps_in(candidate.states)
        return first_reached(windows, others, caps, self._attempts) if windows else None

    def _within_limits(
        self, candidate: Candidate | WaitingBefore, windows: tuple[Window, ...]
    ) -> tuple[Window, ...]:
        others, caps = self._dials_of(candidate.phone), self._caps_in(candidate.states)
        if not others and (not caps or all(self._attempts <= cap.calls for cap in caps)):
            return windows
        return self._with_room(within_limits(windows, others, caps, self._attempts))

    def _preferred(
        self, candidate: Candidate | WaitingBefore, following: NextRound | None
    ) -> tuple[Window, ...]:
        if following is None or not self._vary_time:
            return ()
        # A contact whose number does not tell one zone is taken to live in the first.
        own = split_zones(candidate.home) if candidate.home else ()
        home = (own or split_zones(candidate.zones))[0]
        return self._untried_windows(
            candidate.zones,
            candidate.home,
            candidate.states,
            home,
            following.tried_kinds(home),
            self._ahead(earliest_of(candidate, following)),
            candidate.latest,
        )

    def _ahead(self, earliest: int | None) -> int | None:
        """No window begins before now: so contacts whose gap between rounds is over share their windows."""
        return None if earliest is None or earliest <= self._now else earliest

    def _windows(
        self,
        zones: tuple[str, ...],
        earliest: int | None,
        latest: int | None,
        home: str = "",
        states: str = "",
    ) -> tuple[Window, ...]:
        """The windows that have room for a slot, within the contact's own dates and the rules that hold where
        it is. `home` and `states` are as in a candidate.
        """
        return self._with_room(clip(self._open(zones, home, states), earliest, latest))

    def without_rules(self, zones: tuple[str, ...]) -> tuple[Window, ...]:
        """The windows that the campaign alone leaves."""
        return self._with_room(self.calendar.windows(zones))

    def _open(self, zones: tuple[str, ...], home: str, states: str) -> tuple[Window, ...]:
        own = split_zones(home) if home else None
        return self.calendar.windows(zones, own, self.rules_in(states))

    def _rules_in(self, states: str) -> frozenset[RuleSet]:
        return applicable(self._rules, split_states(states))

    def _find_untried_windows(
        self,
        zones: str,
        own: str,
        states: str,
        home: str,
        tried: frozenset[SlotKind],
        earliest: int | None,
        latest: int | None,
    ) -> tuple[Window, ...]:
        untried = untried_windows(self._open(split_zones(zones), own, states), tried, home)
        return self._with_room(clip(untried, earliest, latest))

    def _with_room(self, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        return tuple(window for window in windows if last_start(window, self._margin) >= window.start)

    def occupy(self, start: int) -> bool:
        """Counts a call that is already placed or sent, and returns whether the pace has room for it. A start
        of the last 60 seconds still counts, an older one does not.
        """
        return start <= self.counts_after or self._slots.occupy(start)

    def count_days(self, starts: Iterable[int]) -> None:
        """Counts existing calls against the limit of their days."""
        if self._days is not None:
            for start in starts:
                self._days.count(start)

    def keep_days(self, starts: Iterable[int]) -> None:
        """Does the same for calls that would keep their starts, except on a day for which they are too many:
        that day is overfull, and none of them keeps its start.
        """
        days = self._days
        if days is None:
            return
        calls = Counter(map(day_of, starts))
        self._overfull = frozenset(day for day, number in calls.items() if not days.has_room(day, number))
        for day, number in calls.items():
            if day not in self._overfull:
                days.count(day, number)

    def is_overfull(self, start: int) -> bool:
        """Whether too many calls would keep their starts on this day."""
        return bool(self._overfull) and start >= self._now and day_of(start) in self._overfull

    def _take_on_open_day(self, not_before: int, not_after: int) -> int | None:
        days = self._days
        while days is not None and not_before <= not_after:
            start = self._slots.first_free(not_before)
            not_before = days.open_from(start)
            if not_before == start:
                taken = self._slots.take(start, not_after)
                if taken is not None:
                    days.count(taken)
                return taken
        return None

    def still_fits(self, start: int, end: int, windows: tuple[Window, ...]) -> bool:
        """Whether a slot that was given earlier is still good: in the future, and in the same window."""
        return start >= self._now and any(
            start >= window.start
            for window in windows
            if window.end == end + self._margin and start <= end - SLOT_SECONDS
        )

    def slot_at(self, start: int, end: int) -> Slot:
        return Slot(max(self._now, start - self._queue_ahead), start, end)

    def place(self, waiting: Iterable[tuple[Window, ...]]) -> Iterator[Slot | None]:
        """A slot for each call, in this order of precedence, given the windows of each; None where none is
        left. `waiting` may be read twice.
        """
        self.expect(waiting)
        return map(self.next_slot, waiting)

    def expect(self, waiting: Iterable[tuple[Window, ...]]) -> None:
        """Prepares for these calls, given the windows of each: an even spread depends on their number."""
        if self._spread == "even":
            self._wanted_starts = {
                windows: self._spread_over(windows, calls) for windows, calls in Counter(waiting).items()
            }

    def next_slot(self, windows: tuple[Window, ...]) -> Slot | None:
        """The slot of the next call in the order of precedence; None where none is left."""
        search = self._search(windows)
        wanted = next(self._wanted_starts.get(windows, _NOWHERE), None) if self._wanted_starts else None
        if wanted is not None:
            return self._first_slot_from(wanted, search)
        return self._first_slot(search)

    def _search(self, windows: tuple[Window, ...]) -> _Search:
        search = self._searches.get(id(windows))
        if search is None or search.windows is not windows:
            # Contacts with dates of their own do not share their windows.
            if len(self._searches) >= _MOST_SEARCHES:
                self._searches.clear()
            search = self._searches[id(windows)] = _Search(windows, self._margin)
        return search

    def _first_slot(self, search: _Search) -> Slot | None:
        while search.first < len(search.windows):
            start = self._take(search.not_before, search.lasts[search.first])
            if start is not None:
                search.not_before = start
                return self.slot_at(start, search.ends[search.first])
            search.go_on()
        return None

    def _first_slot_from(self, wanted: int, search: _Search) -> Slot | None:
        """The first slot at or after this second; in a window without one, the first of the window."""
        for window, last, end in zip(search.windows, search.lasts, search.ends, strict=True):
            if wanted > last:
                continue
            start = self._take(wanted, last) if wanted > window.start else None
            if start is None:
                start = self._take(window.start, last)
            if start is not None:
                return self.slot_at(start, end)
        return None

    def _spread_over(self, windows: tuple[Window, ...], calls: int) -> Iterator[int]:
        """Contacts that share their windows are spread over them together."""
        starts = starts_in(windows, self._margin)
        capacities = [self._slots.count(window) for window in starts]
        return spread_evenly(starts, capacities, calls)


def _is_inside(start: int, end: int, windows: tuple[Window, ...]) -> bool:
    return any(window.start <= start and end <= window.end for window in windows)


def earliest_of(candidate: Candidate | WaitingBefore, following: NextRound | None) -> int | None:
    """When it may be called at the earliest: by its own dates, and after the gap between two rounds."""
    if following is None:
        return candidate.earliest
    return max(following.not_before, candidate.earliest or 0)


def effective_pace(campaign: Campaign, requests_per_second: float) -> int:
    """Starts a minute: what the campaign asks for, but never more than requests can go out."""
    most = fastest_pace(campaign, requests_per_second)
    return min(campaign.pacing.calls_per_minute or most, most)


def fastest_pace(campaign: Campaign, requests_per_second: float) -> int:
    """Starts a minute that the request rate allows."""
    return request_rate_pace(requests_per_second / requests_per_call(campaign))


def requests_per_call(campaign: Campaign) -> int:
    """The push of a record is a request, too."""
    return 1 if campaign.metadatabase is None else 2


def reschedule(
    campaign: Campaign,
    late: Iterable[WaitingCall],
    taken: Sequence[int],
    *,
    now: float,
    requests_per_second: float,
    rules: tuple[RuleSet, ...] = (),
    days: DayLimit | None = None,
) -> Mapping[int, Slot | None]:
    """New slots, by id, for calls that are late; None for those that no longer fit.

    `taken` are the starts of all other calls, so late calls leave at the pace and never in a burst.
    """
    placement = Placement(campaign, now=now, requests_per_second=requests_per_second, rules=rules, days=days)
    for start in taken:
        placement.occupy(start)
    placement.count_days(taken)
    calls = list(late)
    slots = placement.place(
        [
            placement.windows(call.timezones, call.earliest, call.latest, call.home, call.states)
            for call in calls
        ]
    )
    return {call.id: slot for call, slot in zip(calls, slots, strict=True)}
