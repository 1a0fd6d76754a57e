"""Makes the plan: one computation for every form in which it is shown, and for what apply carries out.

Pure: the rows, the history and the time come as values, and the same values give the same plan.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain

from runner.campaign import silence
from runner.campaign.diagnostics import Diagnostic
from runner.campaign.model import Campaign
from runner.contacts.contact import Contact, Exclusion, Reason
from runner.contacts.identity import Identity
from runner.contacts.phone import is_toll_free
from runner.errors import ExitStatus, RunnerError
from runner.planning import contact_dates, plan_warnings
from runner.planning.changes import changed_fields, difference
from runner.planning.forecast import Demand
from runner.planning.memory import Memory
from runner.planning.pacing import attempts_that_fit
from runner.planning.placement import Placement, effective_pace
from runner.planning.plan import (
    CallRequest,
    DataVersions,
    History,
    KnownCall,
    Plan,
    PlannedCall,
    Slot,
    Withdrawal,
)
from runner.planning.plan_view import EARLIER_CALL
from runner.planning.plan_warnings import Diagnose
from runner.planning.request import RequestTemplates, UnfitError
from runner.planning.windows import Window
from runner.planning.zones import CONTACT, UnknownTimezoneError, own_zones, zones_for

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
class _Candidate:
    """A contact that may be called, with all that its call needs but a slot.

    It does not keep the row: a million of them would fill the memory.
    """

    key: str
    phone: str
    priority: float
    source: str
    line: int
    zones: tuple[str, ...]
    windows: tuple[Window, ...]
    earliest: int | None
    latest: int | None
    request: CallRequest
    known: KnownCall | None
    """What the ledger has planned for this contact."""

    @property
    def changed_fields(self) -> tuple[str, ...]:
        """What is otherwise than the ledger has it planned."""
        if self.known is None:
            return ()
        return changed_fields(self.known, self.phone, self.zones, self.request)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInput:
    """Everything a plan follows from. `now` is UTC Unix seconds; `limit` bounds the number of calls."""

    campaign: Campaign
    roster: Iterable[Contact | Exclusion]
    history: History
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
        self._memory = Memory(given.history)
        self._templates = RequestTemplates(given.campaign)
        self._placement = Placement(
            given.campaign, now=given.now, requests_per_second=given.requests_per_second
        )
        self._exclusions: list[Exclusion] = []
        self._homes: dict[str, tuple[str, ...]] = {}
        self._still_dialled: list[str] = []
        self._rows = 0
        self._demand = Demand((), ())
        self._misses = 0

    def build(self) -> Plan:
        candidates = self._candidates()
        self._refuse_if_all_failed(candidates)
        # Sorting is stable: equal priorities stay in the order of the sources.
        candidates.sort(key=lambda candidate: -candidate.priority)
        calls = self._calls(candidates)
        withdrawals = self._withdrawals(calls)
        told, silenced = silence.part(
            (*self._given.earlier_diagnostics(), *self._warnings(candidates, calls)), self._campaign.silence
        )
        return Plan(
            plan_id=self._plan_id(calls, withdrawals),
            campaign=self._campaign.name,
            as_of=int(self._given.now),
            rows=self._rows,
            calls_per_minute=effective_pace(self._campaign, self._given.requests_per_second),
            calls=tuple(calls),
            exclusions=tuple(self._exclusions),
            withdrawals=tuple(withdrawals),
            history_stamp=self._given.history.stamp,
            diagnostics=told,
            silenced=silence.with_reasons(silenced, self._campaign.silence),
            versions=self._given.versions,
        )

    def _candidates(self) -> list[_Candidate]:
        found = []
        for entry in self._given.roster:
            self._rows += 1
            considered = self._left_out(entry) if isinstance(entry, Exclusion) else self._consider(entry)
            if isinstance(considered, Exclusion):
                self._exclusions.append(considered)
            else:
                found.append(considered)
        return found

    def _left_out(self, exclusion: Exclusion) -> Exclusion:
        """Says so where a call of before may yet be dialled: nothing here can take it back."""
        known = self._memory.earlier(exclusion.key) if exclusion.reason in _OPTED_OUT else None
        if known is None or not self._may_be_dialled(known):
            return exclusion
        self._still_dialled.append(self._given.identity.label(exclusion.key))
        return replace(exclusion, detail=f"{exclusion.detail}, {EARLIER_CALL}{known.state}")

    def _may_be_dialled(self, known: KnownCall) -> bool:
        return known.state in _WAITS_AT_INSIGHT and known.end_timestamp > self._given.now

    def _consider(self, contact: Contact) -> _Candidate | Exclusion:
        taken = self._memory.taken(contact)
        if taken is not None:
            whose = "this contact" if taken.key == contact.key else "this number"
            number = ""
            if taken.key == contact.key and taken.phone != contact.phone:
                number = ", to another number"
                if self._may_be_dialled(taken):
                    self._still_dialled.append(self._given.identity.label(contact.key))
            return _exclude(contact, Reason.ALREADY_QUEUED, f"a call to {whose} is {taken.state}{number}")
        try:
            zones = zones_for(contact, self._campaign.calling_windows.timezone).names
            earliest, latest = self._own_dates(contact, zones)
            request = self._templates.request(contact)
        except UnknownTimezoneError as error:
            return _exclude(contact, Reason.UNKNOWN_TIMEZONE, str(error))
        except UnfitError as error:
            return _exclude(contact, Reason.TEMPLATE_ERROR, str(error), error.template)
        refused = self._memory.refused(contact)
        if refused is not None and refused.phone == contact.phone and refused.request == request:
            detail = "Insight refused this very request before; it is sent again when it changes"
            return _exclude(contact, Reason.ALREADY_QUEUED, detail)
        if self._campaign.calling_windows.timezone != CONTACT:
            self._homes[contact.key] = own_zones(contact)
        windows = self._placement.windows(zones, earliest, latest)
        if not windows:
            return _exclude(contact, Reason.NO_WINDOW, self._why_no_window(contact, zones))
        return _Candidate(
            key=contact.key,
            phone=contact.phone,
            priority=contact.priority,
            source=contact.row.source,
            line=contact.row.line,
            zones=zones,
            windows=windows,
            earliest=earliest,
            latest=latest,
            request=request,
            known=self._memory.planned(contact.key),
        )

    @staticmethod
    def _own_dates(contact: Contact, zones: tuple[str, ...]) -> tuple[int | None, int | None]:
        try:
            earliest = contact_dates.not_before(contact.not_before, zones)
        except contact_dates.WrongDateError as error:
            raise UnfitError(("contacts", "not_before"), f": {error}") from None
        try:
            return earliest, contact_dates.not_after(contact.not_after, zones)
        except contact_dates.WrongDateError as error:
            raise UnfitError(("contacts", "not_after"), f": {error}") from None

    def _why_no_window(self, contact: Contact, zones: tuple[str, ...]) -> str:
        if self._placement.windows(zones, None, None):
            return "contacts.not_before and contacts.not_after leave it no calling window"
        closed = next((name for name in zones if not self._placement.windows((name,), None, None)), None)
        if closed is not None:
            return f"no calling window opens in {closed} within the campaign's dates"
        number = "a toll-free number" if is_toll_free(contact.phone) else "the number"
        return (
            f"{number} may be in any of {len(zones)} zones, {zones[0]} to {zones[-1]}, and no hour lies "
            "inside a window in all of them; give contacts.timezone to say where it is"
        )

    def _refuse_if_all_failed(self, candidates: Sequence[_Candidate]) -> None:
        tried = [e for e in self._exclusions if e.reason not in _NO_CONTACT]
        if tried and not candidates and all(e.reason is Reason.TEMPLATE_ERROR for e in tried):
            first = tried[0]
            raise EveryContactFailedError(
                "no contact gets through the templates; "
                f"the first, {first.source}:{first.line}: {first.detail}",
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

    def _calls(self, candidates: Sequence[_Candidate]) -> list[PlannedCall]:
        """Slots that were given earlier stay; the others take what is free, in order of precedence."""
        kept = {
            candidate.key: candidate.known
            for candidate in candidates
            if candidate.known is not None and self._keeps_its_slot(candidate, candidate.known)
        }
        taken = [*self._memory.sent_starts(), *(known.start_timestamp for known in kept.values())]
        for start in taken:
            self._placement.occupy(start)
        wanted = self._within_limit(candidates)
        waiting = [candidate for candidate in wanted if candidate.key not in kept]
        self._demand = Demand(taken, [candidate.windows for candidate in waiting])
        slots = self._placement.place(self._demand.waiting)
        self._misses = slots.count(None)
        placed = dict(zip((candidate.key for candidate in waiting), slots, strict=True))
        calls = []
        for candidate in wanted:
            before = kept.get(candidate.key)
            slot = (
                placed[candidate.key]
                if before is None
                else self._placement.slot_at(before.start_timestamp, before.end_timestamp)
            )
            if slot is None:
                detail = "the pace leaves no free start before the last window closes"
                self._exclusions.append(_leave_out(candidate, Reason.NO_WINDOW, detail))
            else:
                calls.append(self._call(candidate, slot))
        calls.sort(key=lambda call: (call.queue_at, call.start_timestamp))
        return calls

    def _keeps_its_slot(self, candidate: _Candidate, known: KnownCall) -> bool:
        return not candidate.changed_fields and self._placement.still_fits(
            known.start_timestamp, known.end_timestamp, candidate.windows
        )

    def _within_limit(self, candidates: Sequence[_Candidate]) -> Sequence[_Candidate]:
        limit = self._given.limit
        if limit is None:
            return candidates
        for candidate in candidates[limit:]:
            self._exclusions.append(_leave_out(candidate, Reason.CALL_LIMIT, f"--limit {limit} is reached"))
        return candidates[:limit]

    def _call(self, candidate: _Candidate, slot: Slot) -> PlannedCall:
        request = candidate.request
        return PlannedCall(
            key=candidate.key,
            ref=self._given.identity.ref(candidate.key),
            round=ROUND,
            phone=candidate.phone,
            timezones=candidate.zones,
            queue_at=slot.queue_at,
            start_timestamp=slot.start_timestamp,
            end_timestamp=slot.end_timestamp,
            earliest=candidate.earliest,
            latest=candidate.latest,
            attempts_that_fit=attempts_that_fit(
                slot.start_timestamp, slot.end_timestamp, request.max_attempts, request.reattempt_wait
            ),
            request=request,
            difference=difference(
                candidate.key,
                self._memory,
                candidate.changed_fields,
                slot,
                windows=candidate.windows,
                now=self._given.now,
            ),
            source=candidate.source,
            line=candidate.line,
        )

    def _withdrawals(self, calls: Iterable[PlannedCall]) -> list[Withdrawal]:
        """Calls that the ledger has planned and this plan does not want, less those beyond --limit."""
        wanted = {call.key for call in calls}
        reasons = {exclusion.key: exclusion for exclusion in self._exclusions if exclusion.key}
        found = []
        for known in self._memory.waiting():
            exclusion = reasons.get(known.key)
            if known.key in wanted or (exclusion and exclusion.reason is Reason.CALL_LIMIT):
                continue
            reason = (
                f"{exclusion.reason.value}: {exclusion.detail}"
                if exclusion
                else "the contact is in no source any more"
            )
            found.append(
                Withdrawal(
                    key=known.key,
                    round=known.round,
                    reason=reason,
                    start_timestamp=known.start_timestamp,
                )
            )
        return found

    def _warnings(
        self, candidates: Sequence[_Candidate], calls: Sequence[PlannedCall]
    ) -> Iterable[Diagnostic]:
        found = plan_warnings.Findings(
            campaign=self._campaign,
            now=self._given.now,
            requests_per_second=self._given.requests_per_second,
            calls=calls,
            demand=self._demand,
            misses=self._misses,
            zone_sets=tuple(dict.fromkeys(candidate.zones for candidate in candidates)),
            still_dialled=self._still_dialled,
            homes=self._homes,
        )
        return plan_warnings.of(found, self._given.diagnose)

    def _plan_id(self, calls: Iterable[PlannedCall], withdrawals: Iterable[Withdrawal]) -> str:
        """A keyed hash of all that the plan says, piece by piece: as one text it would fill the memory."""
        head = [int(self._given.now), self._campaign.model_dump(mode="json"), asdict(self._given.versions)]
        pieces = chain(
            (json.dumps(head, sort_keys=True),),
            map(_content, calls),
            map(repr, self._exclusions),
            map(repr, withdrawals),
        )
        return f"sha256:{self._given.identity.digest_of_all(pieces)}"


def _content(call: PlannedCall) -> str:
    """All that a call says. As `repr` of the call does, in half the time, and there are millions of them."""
    request, difference = call.request, call.difference
    return repr(
        (
            call.key,
            call.round,
            call.phone,
            call.timezones,
            call.queue_at,
            call.start_timestamp,
            call.end_timestamp,
            call.earliest,
            call.latest,
            request.phone_number,
            request.max_attempts,
            request.reattempt_wait,
            sorted(request.metadata.items()),
            request.result_url,
            difference.change.value,
            difference.fields,
            difference.start_before,
            call.source,
            call.line,
        )
    )


def _leave_out(candidate: _Candidate, reason: Reason, detail: str) -> Exclusion:
    return Exclusion(
        key=candidate.key, reason=reason, source=candidate.source, line=candidate.line, detail=detail
    )


def _exclude(contact: Contact, reason: Reason, detail: str, template: tuple[str, ...] = ()) -> Exclusion:
    return Exclusion(
        key=contact.key,
        reason=reason,
        source=contact.row.source,
        line=contact.row.line,
        detail=detail,
        template=template,
    )
