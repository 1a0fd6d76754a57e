"""The figures of a campaign's report, counted in memory that does not grow with its contacts. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from runner.calls import ResultStatus
from runner.ledger.result_rows import CallRow
from runner.planning.zones import westernmost
from runner.results.cases import Case, CodedCall
from runner.results.dispositions import CodingRules, Disposition, Group
from runner.results.rates import Counts, Rate, Share, counts_of, estimated_eligibility, rates

ENDED = frozenset({ResultStatus.COMPLETED, ResultStatus.FAILED, ResultStatus.CANCELED})
"""Results that tell whether somebody answered."""

_STEP = 900
"""Seconds. Every zone differs from UTC by a multiple of it."""

_Zones = tuple[str, ...]
_Key = TypeVar("_Key", int, tuple[int, int])


@dataclass(slots=True)
class _Tries:
    """How often something was tried, and how often somebody answered."""

    all: int = 0
    answered: int = 0

    def add(self, number: int, answered: int) -> None:
        self.all += number
        self.answered += answered

    def share(self) -> Share:
        return Share(self.answered, self.all)


def _tries() -> "defaultdict[Any, _Tries]":
    return defaultdict(_Tries)


@dataclass(slots=True)
class Figures:
    """What is counted. `lags` are whole minutes from a call's start to its first dial."""

    contacts: Counter[Disposition] = field(default_factory=Counter)
    calls: Counter[tuple[str, Disposition]] = field(default_factory=Counter)
    """By Insight's word for the result, or the call's state where there is none, and disposition."""
    until_answered: Counter[int] = field(default_factory=Counter)
    lags: Counter[int] = field(default_factory=Counter)
    dials_without_time: int = 0
    _dials: "defaultdict[tuple[int, _Zones], _Tries]" = field(default_factory=_tries)
    _by_zone: "defaultdict[_Zones, _Tries]" = field(default_factory=_tries)
    _by_round: "defaultdict[int, _Tries]" = field(default_factory=_tries)

    def add(self, case: Case) -> None:
        self.contacts[case.disposition] += 1
        until_answered = case.attempts_until_answered
        if until_answered is not None:
            self.until_answered[until_answered] += 1
        for coded in case.calls:
            self._add_call(coded)

    def _add_call(self, coded: CodedCall) -> None:
        call = coded.call
        self.calls[word(call), coded.disposition] += 1
        if call.dials:
            self.lags[(call.dials[0] - call.start) // 60] += 1
        if call.result in ENDED:
            self._add_ended(call)

    def _add_ended(self, call: CallRow) -> None:
        """Insight dials again only after a dial that was not answered: so only the last one can be."""
        answered = int(call.result is ResultStatus.COMPLETED)
        self._by_zone[call.zones].add(1, answered)
        self._by_round[call.round].add(1, answered)
        for dialled in call.dials:
            self._dials[dialled // _STEP, call.zones].add(1, answered * (dialled == call.dials[-1]))
        self.dials_without_time += max(0, (call.attempts or 0) - len(call.dials))

    def counts(self) -> Counts:
        by_group: Counter[Group] = Counter()
        for disposition, number in self.contacts.items():
            by_group[disposition.group] += number
        return counts_of(by_group)

    def eligibility(self, rules: CodingRules) -> float:
        return estimated_eligibility(self.counts()) if rules.eligibility is None else rules.eligibility

    def rates(self, rules: CodingRules) -> tuple[Rate, ...]:
        return rates(self.counts(), self.eligibility(rules))

    def by_weekday_and_hour(self) -> Mapping[tuple[int, int], Share]:
        """Dials by the contacts' own clocks: Monday is 0."""
        return self._dials_by(lambda local: (local.weekday(), local.hour))

    def by_weekday(self) -> Mapping[int, Share]:
        return self._dials_by(lambda local: local.weekday())

    def by_hour(self) -> Mapping[int, Share]:
        return self._dials_by(lambda local: local.hour)

    def by_zone(self) -> Mapping[_Zones, Share]:
        """The zones with the most calls first."""
        found = sorted(self._by_zone.items(), key=lambda item: (-item[1].all, item[0]))
        return {zones: tries.share() for zones, tries in found}

    def by_round(self) -> Mapping[int, Share]:
        return {number: tries.share() for number, tries in sorted(self._by_round.items())}

    def _dials_by(self, kind: Callable[[datetime], _Key]) -> Mapping[_Key, Share]:
        found: defaultdict[_Key, _Tries] = _tries()
        for (step, zones), tries in self._dials.items():
            found[kind(westernmost(step * _STEP, zones))].add(tries.all, tries.answered)
        return {key: found[key].share() for key in sorted(found)}


def word(call: CallRow) -> str:
    """Insight's word for how the call ended; its state while there is none."""
    return str(call.result or call.state)


def count(cases: Iterable[Case]) -> Figures:
    figures = Figures()
    for case in cases:
        figures.add(case)
    return figures


def quantile(lags: Mapping[int, int], share: float) -> int | None:
    """The smallest of the counted values that so large a share of them does not exceed; None without any."""
    wanted = share * sum(lags.values())
    seen = 0
    for value in sorted(lags):
        seen += lags[value]
        if seen >= wanted:
            return value
    return None
