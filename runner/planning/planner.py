"""Makes the plan: one computation for every form in which it is shown, and for what apply carries out.

Pure: the rows, the history and the time come as values, and the same values give the same plan. There may be
more rows than fit into memory: what is found out stands in the staging, and every step reads it one by one.
"""

import json
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import chain

from runner.campaign import silence
from runner.campaign.diagnostics import Diagnostic
from runner.campaign.model import Campaign
from runner.contacts.contact import Exclusion, Match, Reason
from runner.contacts.identity import Identity
from runner.contacts.phone import is_toll_free
from runner.errors import ExitStatus, RunnerError
from runner.planning import plan_warnings
from runner.planning.changes import changed_fields, difference
from runner.planning.duplicates import Duplicates
from runner.planning.forecast import Demand
from runner.planning.listing import Listing
from runner.planning.pacing import attempts_that_fit
from runner.planning.placement import Placement, effective_pace
from runner.planning.plan import (
    CallRequest,
    Change,
    DataVersions,
    Difference,
    History,
    KnownCall,
    Metadata,
    Plan,
    PlannedCall,
    Slot,
    Standing,
    Withdrawal,
)
from runner.planning.plan_view import EARLIER_CALL
from runner.planning.plan_warnings import Diagnose
from runner.planning.prospect import Assignment, Prospect, exclusion_of, faulty, split_zones
from runner.planning.staging import Staging
from runner.planning.tally import Tallying
from runner.planning.windows import Window

ROUND = 1
_NO_CONTACT = frozenset(
    {
        Reason.FILTERED,
        Reason.INVALID_PHONE,
        Reason.SUPPRESSED,
        Reason.DUPLICATE_KEY,
        Reason.DUPLICATE_PHONE,
    }
)
"""Reasons for which a row never got as far as the templates of its call."""


_OPTED_OUT = frozenset({Reason.SUPPRESSED, Reason.FILTERED})
_WAITS_AT_INSIGHT = frozenset({"queued", "sending", "uncertain"})
"""The ledger's words for a call that Insight may dial yet."""


class EveryContactFailedError(RunnerError):
    """Not one contact got through the templates: the campaign is wrong, not a row."""

    exit_status = ExitStatus.CAMPAIGN_INVALID

    def __init__(self, message: str, *, hint: str, location: tuple[str | int, ...]) -> None:
        super().__init__(message, hint=hint)
        self.location = location
        """Of the template that failed first, in the campaign file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInput:
    """Everything a plan follows from. `now` is UTC Unix seconds; `limit` bounds the number of calls."""

    campaign: Campaign
    rows: Iterable[Prospect | Exclusion]
    """What each row came to by itself, in their order."""
    suppressed: Match
    history: History
    staging: Staging
    """Empty. The plan reads its calls and exclusions from it."""
    identity: Identity
    versions: DataVersions
    now: float
    requests_per_second: float
    limit: int | None
    diagnose: Diagnose
    earlier_diagnostics: Callable[[], Iterable[Diagnostic]]
    """What loading the campaign and reading its sources found, asked for when all rows were read."""


def build_plan(given: PlanInput) -> Plan:
    """The plan. Raises EveryContactFailedError, and UnknownPlaceError for the holidays of nowhere."""
    return _Planner(given).build()


class _Planner:
    def __init__(self, given: PlanInput) -> None:
        self._given = given
        self._campaign = given.campaign
        self._staging = given.staging
        retry = given.campaign.retry_policy
        self._max_attempts = retry.max_attempts
        self._reattempt_wait = retry.reattempt_wait if retry.max_attempts > 1 else None
        self._placement = Placement(
            given.campaign, now=given.now, requests_per_second=given.requests_per_second
        )
        self._still_dialled: list[str] = []
        self._rows = 0
        self._failures = _Failures()
        self._tally = Tallying()

    def build(self) -> Plan:
        self._staging.remember(self._given.history.calls)
        self._enlist()
        self._exclude()
        self._refuse_if_all_failed()
        found = self._assign()
        calls = self._staging.calls()
        withdrawals = tuple(self._withdrawals())
        told, silenced = silence.part(
            (*self._given.earlier_diagnostics(), *plan_warnings.of(found, self._given.diagnose)),
            self._campaign.silence,
        )
        return Plan(
            plan_id=self._plan_id(calls, withdrawals),
            campaign=self._campaign.name,
            as_of=int(self._given.now),
            rows=self._rows,
            calls_per_minute=effective_pace(self._campaign, self._given.requests_per_second),
            calls=Listing(calls, self._call),
            exclusions=self._staging.exclusions(),
            withdrawals=withdrawals,
            tally=self._tally.tally(),
            history_stamp=self._given.history.stamp,
            diagnostics=told,
            silenced=silence.with_reasons(silenced, self._campaign.silence),
            versions=self._given.versions,
        )

    # --- who may be called

    def _enlist(self) -> None:
        """All rows but those that a row itself or a list leaves out."""
        for number, entry in enumerate(self._given.rows):
            self._rows = number + 1
            if isinstance(entry, Exclusion):
                self._leave_out(number, entry)
                continue
            listed = self._given.suppressed(entry.key, entry.phone)
            if listed is None:
                self._staging.enlist(number, entry)
            else:
                self._leave_out(number, exclusion_of(entry, Reason.SUPPRESSED, listed))

    def _exclude(self) -> None:
        """The prospects of whom no call can be made, or was made already."""
        duplicates = Duplicates(*self._staging.repeated())
        for number, prospect, earlier, taken in self._staging.prospects():
            exclusion = duplicates.check(prospect) or self._why_not(prospect, earlier, taken)
            if exclusion is not None:
                self._leave_out(number, exclusion)

    def _leave_out(self, number: int, exclusion: Exclusion) -> None:
        """Says so where a call of before may yet be dialled: nothing here can take it back."""
        known = self._staging.earlier(exclusion.key) if exclusion.reason in _OPTED_OUT else None
        if known is not None and self._may_be_dialled(known):
            self._still_dialled.append(self._given.identity.label(exclusion.key))
            exclusion = replace(exclusion, detail=f"{exclusion.detail}, {EARLIER_CALL}{known.state}")
        self._failures.note(number, exclusion)
        self._note(number, exclusion)

    def _note(self, number: int, exclusion: Exclusion) -> None:
        self._tally.add_exclusion(exclusion.reason)
        self._staging.exclude(number, exclusion)

    def _may_be_dialled(self, known: KnownCall) -> bool:
        return known.state in _WAITS_AT_INSIGHT and known.end_timestamp > self._given.now

    def _why_not(
        self, prospect: Prospect, earlier: KnownCall | None, taken: KnownCall | None
    ) -> Exclusion | None:
        if earlier is not None and earlier.standing is Standing.TAKEN:
            taken = earlier
        if taken is not None:
            return exclusion_of(prospect, Reason.ALREADY_QUEUED, self._why_taken(prospect, taken))
        if prospect.fault:
            return faulty(prospect)
        if (
            earlier is not None
            and earlier.standing is Standing.REFUSED
            and self._is_as_refused(prospect, earlier)
        ):
            detail = "Insight refused this very request before; it is sent again when it changes"
            return exclusion_of(prospect, Reason.ALREADY_QUEUED, detail)
        if not self._windows(prospect):
            return exclusion_of(prospect, Reason.NO_WINDOW, self._why_no_window(prospect))
        return None

    def _why_taken(self, prospect: Prospect, taken: KnownCall) -> str:
        whose = "this contact" if taken.key == prospect.key else "this number"
        number = ""
        if taken.key == prospect.key and taken.phone != prospect.phone:
            number = ", to another number"
            if self._may_be_dialled(taken):
                self._still_dialled.append(self._given.identity.label(prospect.key))
        return f"a call to {whose} is {taken.state}{number}"

    def _is_as_refused(self, prospect: Prospect, refused: KnownCall) -> bool:
        return refused.phone == prospect.phone and refused.request == self._request(prospect)

    def _windows(self, prospect: Prospect) -> tuple[Window, ...]:
        return self._placement.windows(split_zones(prospect.zones), prospect.earliest, prospect.latest)

    def _why_no_window(self, prospect: Prospect) -> str:
        zones = split_zones(prospect.zones)
        if self._placement.windows(zones, None, None):
            return "contacts.not_before and contacts.not_after leave it no calling window"
        closed = next((name for name in zones if not self._placement.windows((name,), None, None)), None)
        if closed is not None:
            return f"no calling window opens in {closed} within the campaign's dates"
        number = "a toll-free number" if is_toll_free(prospect.phone) else "the number"
        return (
            f"{number} may be in any of {len(zones)} zones, {zones[0]} to {zones[-1]}, and no hour lies "
            "inside a window in all of them; give contacts.timezone to say where it is"
        )

    def _refuse_if_all_failed(self) -> None:
        first = self._failures.first
        if first is None or self._failures.others or next(self._staging.candidates(), None) is not None:
            return
        raise EveryContactFailedError(
            f"no contact gets through the templates; the first, {first.source}:{first.line}: {first.detail}",
            hint="mend the template or the source; nothing was planned",
            location=self._location(first),
        )

    def _location(self, failed: Exclusion) -> tuple[str | int, ...]:
        """A source may have its own template in place of the common one."""
        field = failed.template[-1] if failed.template[:1] == ("contacts",) else ""
        for position, source in enumerate(self._campaign.contacts.sources):
            if field and getattr(source, "path", "inline") == failed.source and getattr(source, field, None):
                return ("contacts", "sources", position, field)
        return failed.template

    # --- when

    def _assign(self) -> plan_warnings.Findings:
        """Slots that were given earlier stay; the others take what is free, in order of precedence."""
        taken = array("q", chain(self._staging.taken_starts(), self._kept_starts()))
        for start in taken:
            self._placement.occupy(start)
        demand = Demand(taken, _Reread(self._waiting))
        self._placement.expect(demand.waiting)
        census = plan_warnings.Census(self._campaign)
        for position, (number, prospect, earlier) in enumerate(self._staging.candidates()):
            census.see(prospect)
            if self._is_beyond_limit(position):
                detail = f"--limit {self._given.limit} is reached"
                self._note(number, exclusion_of(prospect, Reason.CALL_LIMIT, detail))
                continue
            windows = self._windows(prospect)
            fields = self._changed_fields(prospect, earlier)
            slot = self._kept_slot(earlier, fields, windows) or self._placement.next_slot(windows)
            if slot is None:
                census.misses += 1
                detail = "the pace leaves no free start before the last window closes"
                self._note(number, exclusion_of(prospect, Reason.NO_WINDOW, detail))
                continue
            census.place(prospect, slot.start_timestamp)
            changed = difference(earlier, fields, slot, windows=windows, now=self._given.now)
            self._staging.assign(number, _assignment(slot, changed))
            self._count(prospect, slot, changed)
        return plan_warnings.Findings(
            campaign=self._campaign,
            now=self._given.now,
            requests_per_second=self._given.requests_per_second,
            demand=demand,
            census=census,
            still_dialled=self._still_dialled,
        )

    def _count(self, prospect: Prospect, slot: Slot, changed: Difference) -> None:
        start, end = slot.start_timestamp, slot.end_timestamp
        self._tally.add_call(start, split_zones(prospect.zones), changed.change, changed.reason)
        attempts = attempts_that_fit(start, end, self._max_attempts, self._reattempt_wait)
        if attempts < self._max_attempts:
            self._tally.add_short(attempts)

    def _kept_starts(self) -> Iterator[int]:
        """Those beyond the limit too: they stay planned."""
        for prospect, earlier in self._staging.recalled():
            if self._keeps_its_slot(prospect, earlier):
                yield earlier.start_timestamp

    def _waiting(self) -> Iterator[tuple[Window, ...]]:
        """The windows of each call that needs a slot."""
        for position, (_, prospect, earlier) in enumerate(self._staging.candidates()):
            if self._is_beyond_limit(position):
                return
            if earlier is None or not self._keeps_its_slot(prospect, earlier):
                yield self._windows(prospect)

    def _keeps_its_slot(self, prospect: Prospect, earlier: KnownCall) -> bool:
        fields = self._changed_fields(prospect, earlier)
        return self._kept_slot(earlier, fields, self._windows(prospect)) is not None

    def _kept_slot(
        self, earlier: KnownCall | None, fields: tuple[str, ...], windows: tuple[Window, ...]
    ) -> Slot | None:
        if earlier is None or earlier.standing is not Standing.PLANNED or fields:
            return None
        start, end = earlier.start_timestamp, earlier.end_timestamp
        return (
            self._placement.slot_at(start, end) if self._placement.still_fits(start, end, windows) else None
        )

    def _is_beyond_limit(self, position: int) -> bool:
        return self._given.limit is not None and position >= self._given.limit

    def _changed_fields(self, prospect: Prospect, earlier: KnownCall | None) -> tuple[str, ...]:
        """What is otherwise than the ledger has it planned."""
        if earlier is None or earlier.standing is not Standing.PLANNED:
            return ()
        return changed_fields(earlier, prospect.phone, split_zones(prospect.zones), self._request(prospect))

    # --- what

    def _request(self, prospect: Prospect) -> CallRequest:
        return CallRequest(
            phone_number=prospect.phone_number,
            max_attempts=self._max_attempts,
            reattempt_wait=self._reattempt_wait,
            metadata=Metadata(prospect.metadata),
            result_url=prospect.result_url,
        )

    def _call(self, assigned: tuple[Prospect, Assignment]) -> PlannedCall:
        prospect, assignment = assigned
        return PlannedCall(
            key=prospect.key,
            ref=prospect.ref,
            round=ROUND,
            phone=prospect.phone,
            timezones=split_zones(prospect.zones),
            queue_at=assignment.queue_at,
            start_timestamp=assignment.start_timestamp,
            end_timestamp=assignment.end_timestamp,
            earliest=prospect.earliest,
            latest=prospect.latest,
            attempts_that_fit=attempts_that_fit(
                assignment.start_timestamp, assignment.end_timestamp, self._max_attempts, self._reattempt_wait
            ),
            request=self._request(prospect),
            difference=_difference(
                assignment.change, assignment.reason, assignment.fields, assignment.start_before
            ),
            source=prospect.source,
            line=prospect.line,
        )

    def _withdrawals(self) -> Iterator[Withdrawal]:
        """Calls that the ledger has planned and this plan does not want, less those beyond --limit."""
        for known, exclusion in self._staging.unwanted():
            if exclusion is not None and exclusion.reason is Reason.CALL_LIMIT:
                continue
            reason = (
                f"{exclusion.reason.value}: {exclusion.detail}"
                if exclusion
                else "the contact is in no source any more"
            )
            yield Withdrawal(
                key=known.key, round=known.round, reason=reason, start_timestamp=known.start_timestamp
            )

    def _plan_id(
        self, calls: Iterable[tuple[Prospect, Assignment]], withdrawals: Iterable[Withdrawal]
    ) -> str:
        """A keyed hash of all that the plan says, piece by piece: as one text it would fill the memory."""
        head = [int(self._given.now), self._campaign.model_dump(mode="json"), asdict(self._given.versions)]
        pieces = chain(
            (json.dumps(head, sort_keys=True),),
            # Bare tuples: the names of their fields would take as long as their values.
            (repr((*prospect, *assignment)) for prospect, assignment in calls),
            map(repr, self._staging.exclusions()),
            map(repr, withdrawals),
        )
        return f"sha256:{self._given.identity.digest_of_all(pieces)}"


class _Failures:
    """Which contact failed first at a template, and whether any was left out otherwise."""

    def __init__(self) -> None:
        self.first: Exclusion | None = None
        self.others = False
        self._number = 0

    def note(self, number: int, exclusion: Exclusion) -> None:
        if exclusion.reason in _NO_CONTACT:
            return
        if exclusion.reason is not Reason.TEMPLATE_ERROR:
            self.others = True
        elif self.first is None or number < self._number:
            self.first, self._number = exclusion, number


class _Reread(Iterable[tuple[Window, ...]]):
    """Read anew each time."""

    def __init__(self, read: Callable[[], Iterator[tuple[Window, ...]]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[tuple[Window, ...]]:
        return self._read()


def _assignment(slot: Slot, changed: Difference) -> Assignment:
    fields = json.dumps(changed.fields) if changed.fields else ""
    return Assignment(*slot, str(changed.change), changed.reason, fields, changed.start_before)


# Most calls of a plan are new, all for the same reason.
@lru_cache(maxsize=1024)
def _difference(change: str, reason: str, fields: str, start_before: int | None) -> Difference:
    return Difference(
        change=Change(change),
        reason=reason,
        fields=tuple(json.loads(fields)) if fields else (),
        start_before=start_before,
    )
