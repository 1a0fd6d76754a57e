"""Makes the plan: one computation for every output format and for `apply`.

Pure: the rows, the history and the time come as values, and the same values give the same plan. There may be
more rows than fit into memory: results are kept in the working set, and every step reads them one by one.
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import filterfalse

from runner.calls import Cause, Reason
from runner.campaign.warning_codes import URGENT, part
from runner.contacts.contact import Exclusion
from runner.planning import plan_warnings
from runner.planning.candidate import (
    Assignment,
    Candidate,
    attempts_of,
    exclusion_of,
    request_of,
    split_zones,
)
from runner.planning.changes import change_of, changed_fields, changed_survey
from runner.planning.eligibility import Eligibility
from runner.planning.placement import Placement, earliest_of, effective_pace
from runner.planning.plan import (
    GONE,
    Availability,
    Change,
    ChangeReason,
    EarlierCall,
    Plan,
    Slot,
    WaitingBefore,
    Withdrawal,
    attempts_that_fit,
)
from runner.planning.plan_input import PlanInput
from runner.planning.rounds import NextRound
from runner.planning.statistics import StatisticsBuilder
from runner.planning.windows import Window


def build_plan(given: PlanInput) -> Plan:
    """The plan. Raises EveryContactFailedError, and UnknownPlaceError for `holidays` of an unknown place."""
    return _Planner(given).build()


class _Planner:
    def __init__(self, given: PlanInput) -> None:
        self._given = given
        self._campaign = given.campaign
        self._working_set = given.working_set
        self._placement = Placement(
            given.campaign,
            now=given.now,
            requests_per_second=given.requests_per_second,
            rules=given.rules,
            days=given.days,
            dials_of=given.working_set.dials_of,
        )
        self._statistics = StatisticsBuilder(given.campaign.retry_policy.rounds)
        self._attempts = attempts_of(given.campaign)
        self._changed_survey = changed_survey(given.history.survey, given.campaign.survey)
        self._eligibility = Eligibility(given, self._placement, self._exclude, self._statistics.add_further)
        self._digest = given.identity.digest_of_many()
        """Over the whole content of the plan, in the order of its computation."""

    def build(self) -> Plan:
        self._eligibility.decide()
        found = self._assign()
        withdrawals = tuple(self._withdrawals())
        shown, suppressed = part(
            (*self._given.earlier_diagnostics(), *plan_warnings.of(found)),
            self._campaign.silence,
        )
        return Plan(
            plan_id=self._plan_id(withdrawals),
            campaign=self._campaign.name,
            as_of=int(self._given.now),
            rows=self._eligibility.rows.read,
            calls_per_minute=effective_pace(self._campaign, self._given.requests_per_second),
            calls=self._working_set.calls(*self._attempts),
            exclusions=self._working_set.exclusions(),
            withdrawals=withdrawals,
            statistics=self._statistics.statistics(),
            ledger_revision=self._given.history.revision,
            diagnostics=tuple(sorted(shown, key=lambda found: found.code not in URGENT)),
            suppressed_warnings=suppressed,
            rules=self._given.rules,
            calls_per_day=None if self._given.days is None else self._given.days.most,
            versions=self._given.versions,
        )

    def _assign(self) -> plan_warnings.Findings:
        """Calls keep their earlier slots; the others take free ones, in order of precedence."""
        taken = array("q", self._working_set.taken_starts(self._placement.counts_after))
        sent = len(taken)
        taken.extend(self._keep_slots())
        crowded = sum(not self._placement.occupy(start) for start in taken)
        demand = plan_warnings.Demand(taken, memoryview(taken)[sent:], self._waiting)
        self._placement.expect(self._waiting())
        zone_sets: dict[str, None] = {}
        misses = 0
        candidates = self._given.progress(
            "placing calls", self._eligibility.rows.candidates, self._working_set.candidates()
        )
        for position, (number, candidate, earlier, following) in enumerate(candidates):
            zone_sets[candidate.zones] = None
            if self._is_beyond_limit(position):
                detail = f"--limit {self._given.limit} is reached"
                self._exclude(number, exclusion_of(candidate, Reason.CALL_LIMIT, detail))
                continue
            assignment = self._assignment(number, candidate, earlier, following)
            if assignment is None:
                misses += 1
                detail = f"{self._bounds} no free start before the last window closes"
                self._exclude(number, exclusion_of(candidate, Reason.NO_WINDOW, detail, cause=Cause.PACE))
                continue
            self._digest.add((*candidate, *assignment))
            self._working_set.assign(number, assignment)
            self._count(candidate, assignment)
        return plan_warnings.Findings(
            given=self._given,
            demand=demand,
            zone_sets=tuple(map(split_zones, zone_sets)),
            misses=misses,
            crowded=crowded,
            statistics=self._statistics,
            rows=self._eligibility.rows,
            survey_before=self._survey_before(),
        )

    @property
    def _bounds(self) -> str:
        if self._given.days is None:
            return "the pace leaves"
        return f"the pace and the policy's {self._given.days.most:,} calls a day leave"

    def _survey_before(self) -> tuple[str, str] | None:
        """The survey that calls wait for, where the campaign now names another."""
        if self._changed_survey and next(self._working_set.waiting_before(), None) is not None:
            return self._given.history.survey
        return None

    def _assignment(
        self, number: int, candidate: Candidate, earlier: EarlierCall | None, following: NextRound | None
    ) -> Assignment | None:
        """The slot of this call, and how it differs from the `earlier` one; None where no slot is left."""
        if earlier is None and following is None:
            slot = self._placement.next_slot(self._placement.windows_of(candidate))
            return None if slot is None else Assignment._make((*slot, *_NEW, candidate.earliest))
        round_ = following.round if following else _FIRST_ROUND
        earliest = earliest_of(candidate, following)
        if earlier is not None and self._is_kept(number, earlier):
            start = earlier.start_timestamp
            slot = self._placement.slot_at(start, earlier.end_timestamp)
            return Assignment._make((*slot, *_KEPT, start, round_, earliest))
        new_slot = self._new_slot(candidate, following)
        if new_slot is None:
            return None
        if earlier is None or earlier.availability != _PLANNED:
            before = None if earlier is None else earlier.availability
            return Assignment._make((*new_slot, *_NEW_AFTER[before], round_, earliest))
        start = earlier.start_timestamp
        change = self._change(candidate, earlier, following, new_slot)
        return Assignment._make((*new_slot, *change, start, round_, earliest))

    def _new_slot(self, candidate: Candidate, following: NextRound | None) -> Slot | None:
        preferred = self._placement.preferred_windows(candidate, following)
        slot = self._placement.next_slot(preferred) if preferred else None
        return slot or self._placement.next_slot(self._placement.windows_of(candidate, following))

    def _change(
        self, candidate: Candidate, earlier: EarlierCall, following: NextRound | None, slot: Slot
    ) -> tuple[str, str, str]:
        """How a planned call changes that gets another slot: change, reason and fields of an assignment."""
        fields = self._changed_fields(candidate, earlier)
        windows = self._placement.windows_of(candidate, following)
        change, reason = change_of(earlier, fields, slot, windows=windows, now=self._given.now)
        if change is Change.MOVED and self._placement.is_overfull(earlier.start_timestamp):
            reason = ChangeReason.DAY_FULL
        return change.value, reason.value, json.dumps(fields) if fields else ""

    def _count(self, candidate: Candidate, assignment: Assignment) -> None:
        _, start, end, change, reason, fields, _, round_, _ = assignment
        most, wait = self._attempts
        attempts = attempts_that_fit(start, end, most, wait)
        redialled_until = end if attempts > 1 else None
        self._statistics.add_call(
            start, candidate.zones, (change, reason, fields), candidate.home, redialled_until
        )
        if attempts < most:
            self._statistics.add_short(attempts)
        self._statistics.add_round(round_)

    def _keep_slots(self) -> Iterator[int]:
        """Marks the calls that keep their slots, and returns their starts. Includes calls beyond the limit:
        they stay planned.
        """
        self._keeps = bytearray(self._eligibility.rows.read)
        starts = array("q")
        waiting = self._given.progress(
            "keeping slots", self._eligibility.rows.candidates, self._working_set.waiting_before()
        )
        for call, following in waiting:
            if self._keeps_slot(call, following):
                self._keeps[call.number] = True
                starts.append(call.start_timestamp)
        self._placement.keep_days(starts)
        return filterfalse(self._placement.is_overfull, starts)

    def _is_kept(self, number: int, earlier: EarlierCall) -> bool:
        return bool(self._keeps[number]) and not self._placement.is_overfull(earlier.start_timestamp)

    def _waiting(self) -> Iterator[tuple[Window, ...]]:
        """The windows of each call that needs a slot."""
        candidates = self._working_set.candidates()
        for position, (number, candidate, earlier, following) in enumerate(candidates):
            if self._is_beyond_limit(position):
                return
            if earlier is None or not self._is_kept(number, earlier):
                preferred = self._placement.preferred_windows(candidate, following)
                yield preferred or self._placement.windows_of(candidate, following)

    def _keeps_slot(self, call: WaitingBefore, following: NextRound | None) -> bool:
        """Whether nothing of a planned call changed, and its slot in the ledger is still good."""
        if self._changed_survey or not (call.is_same or self._means_the_same(call)):
            return False
        return self._placement.keeps(call, following)

    def _means_the_same(self, call: WaitingBefore) -> bool:
        return not self._differences(self._working_set.candidate(call.number), call.id)

    def _is_beyond_limit(self, position: int) -> bool:
        return self._given.limit is not None and position >= self._given.limit

    def _changed_fields(self, candidate: Candidate, earlier: EarlierCall) -> tuple[str, ...]:
        """The fields that differ from the planned call in the ledger."""
        own = () if earlier.is_same else self._differences(candidate, earlier.id)
        return (*self._changed_survey, *own)

    def _differences(self, candidate: Candidate, known: int) -> tuple[str, ...]:
        zones, request = split_zones(candidate.zones), request_of(candidate, self._campaign)
        return changed_fields(self._working_set.known(known), candidate.phone, zones, request)

    def _exclude(self, number: int, exclusion: Exclusion) -> None:
        self._statistics.add_exclusion(exclusion.reason, exclusion.cause)
        self._digest.add(exclusion.plain())
        self._working_set.exclude(number, exclusion)

    def _withdrawals(self) -> Iterator[Withdrawal]:
        """Calls that are planned in the ledger but not in this plan, except those beyond --limit."""
        for known, exclusion in self._working_set.excluded_now():
            if exclusion is not None and exclusion.reason is Reason.CALL_LIMIT:
                continue
            yield Withdrawal(
                key=known.key,
                round=known.round,
                reason=exclusion.reason if exclusion else None,
                detail=exclusion.detail if exclusion else GONE,
                start_timestamp=known.start_timestamp,
                timezones=known.timezones,
            )

    def _plan_id(self, withdrawals: Iterable[Withdrawal]) -> str:
        """A keyed hash of the whole content of the plan."""
        head = [
            int(self._given.now),
            self._campaign.model_dump(mode="json"),
            asdict(self._given.versions),
            [rule.plain() for rule in self._given.rules],
        ]
        self._digest.add(json.dumps(head, sort_keys=True))
        for withdrawal in withdrawals:
            self._digest.add(withdrawal.plain())
        return f"sha256:{self._digest.hexadecimal()}"


_FIRST_ROUND = 1
_NEW = (Change.NEW.value, ChangeReason.FIRST_CALL.value, "", None, _FIRST_ROUND)
"""The change of a contact without a call in the ledger: most contacts of most plans."""
_KEPT = (Change.UNCHANGED.value, ChangeReason.SLOT_KEPT.value, "")
_PLANNED = Availability.PLANNED.value
_NEW_AFTER: Mapping[str | None, tuple[str, str, str, None]] = {
    before: (Change.NEW.value, reason.value, "", None)
    for before, reason in {
        # It was called, or its number for another contact.
        None: ChangeReason.FURTHER_ROUND,
        Availability.REFUSED.value: ChangeReason.REFUSED_REQUEST_CHANGED,
        Availability.OPEN.value: ChangeReason.SKIPPED_BEFORE,
    }.items()
}
"""The same where the newest call does not wait, by the availability of that call."""
