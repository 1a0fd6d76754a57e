"""Which contacts may be called, and why the others are excluded. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runner.calls import MAY_BE_DIALLED, Cause, Reason, ReasonCode, StateReason
from runner.contacts.contact import Exclusion, listed_other, numbers_of_listed_keys
from runner.contacts.phone import is_toll_free, zones_of
from runner.errors import ExitStatus, RunnerError
from runner.planning.calendar import RuleKind
from runner.planning.candidate import Candidate, attempts_of, exclusion_of, faulty, request_of, split_zones
from runner.planning.contact_limits import why_reached
from runner.planning.placement import Placement
from runner.planning.plan import Availability, EarlierCall, KnownCall
from runner.planning.plan_input import PlanInput
from runner.planning.rounds import NextRound, PastCall, next_round

_NO_CONTACT = frozenset(
    {
        Reason.FILTERED,
        Reason.INVALID_PHONE,
        Reason.COUNTRY,
        Reason.PREMIUM_RATE,
        Reason.SUPPRESSED,
        Reason.DUPLICATE_KEY,
        Reason.DUPLICATE_PHONE,
    }
)
"""Reasons that exclude a row before its call templates are rendered."""

_CANNOT_BE_CALLED = frozenset(
    {Reason.TEMPLATE_ERROR, Reason.UNKNOWN_TIMEZONE, Reason.NO_WINDOW, Reason.CONTACT_LIMIT}
)
"""Reasons that leave the key and the number free for another row."""

_OPTED_OUT = frozenset({Reason.SUPPRESSED, Reason.FILTERED})

_KEEPS_ITS_ROUND = frozenset({Availability.PLANNED.value, Availability.REFUSED.value})

_OPEN = frozenset({Cause.WAITING_FOR_RESULT, Cause.UNCERTAIN})
"""Further rounds may still follow, depending on the result of the call."""

Exclude = Callable[[int, Exclusion], None]
"""Excludes the row with this number from the plan."""
NoteOpen = Callable[[int], None]
"""Notes that rounds after this one may follow for a contact that is not called now."""


class EveryContactFailedError(RunnerError):
    """The templates fail for every contact: the error is in the campaign, not in a row."""

    exit_status = ExitStatus.CAMPAIGN_INVALID

    def __init__(self, message: str, *, hint: str, location: tuple[str | int, ...]) -> None:
        super().__init__(message, hint=hint)
        self.location = location
        """Of the template that failed first, in the campaign file."""


@dataclass(slots=True)
class RowCounts:
    """What became of the rows so far."""

    read: int = 0
    candidates: int = 0
    """Rows that are not excluded."""
    filtered: int = 0
    unclear: int = 0
    """Filtered rows for which `contacts.where` is neither yes nor no."""
    unread_places: int = 0
    """Rows whose postal code or state is not a place that is known."""
    first_unread: tuple[str, int, str] = ("", 0, "")
    """Source, line, and those keys of `contacts`."""
    dates_over: int = 0
    """Contacts excluded because the campaign's dates are over."""
    still_dialled: list[tuple[str, int]] = field(default_factory=list)
    """Excluded contacts with an earlier call that may still be dialled: label, and until when."""


class Eligibility:
    """Reads all rows into the working set and excludes those that must not or cannot be called."""

    def __init__(self, given: PlanInput, placement: Placement, exclude: Exclude, note_open: NoteOpen) -> None:
        self._given = given
        self._campaign = given.campaign
        self._working_set = given.working_set
        self._placement = placement
        self._exclude_row = exclude
        self._note_open = note_open
        self._attempts = given.campaign.retry_policy.max_attempts
        self._failures = _Failures()
        self._dialled_until = 0
        """When the last of all earlier calls ends that may be dialled yet."""
        self._imported_numbers = set[str]()
        """Of contacts that were imported: other rows with these numbers are not called either."""
        self.rows = RowCounts()

    def decide(self) -> None:
        """Raises EveryContactFailedError."""
        self._working_set.remember(self._given.history.calls)
        self._dialled_until = self._working_set.dialled_until()
        self._add_candidate()
        # The windows of candidates whose numbers are dialled by other calls are found to be smaller then.
        self._working_set.remember_dials(self._given.dials(self._working_set.numbers()))
        self._exclude()
        self._refuse_if_all_failed()

    def _add_candidate(self) -> None:
        """Adds all rows, except those excluded by their own values or by a list."""
        imported = self._given.imported
        for number, entry in enumerate(self._given.rows):
            self.rows.read = number + 1
            if isinstance(entry, Exclusion):
                self._count_filtered(entry)
                self._leave_out(number, entry)
                continue
            if entry.unread:
                self._count_unread(entry)
            listed = self._given.suppressed(entry.key, entry.phone)
            if listed is None and entry.others:
                listed = listed_other(self._given.suppressed, entry.others.split())
            if listed is None and imported is not None and _is_imported(imported, entry):
                self._imported_numbers.add(entry.phone)
                self._leave_out(number, _imported(entry))
            elif listed is None:
                needing_check = bool(entry.fault) or not self._placement.windows_of(entry)
                self._working_set.add_candidate(number, entry, needing_check=needing_check)
                self.rows.candidates += 1
            else:
                self._leave_out(number, exclusion_of(entry, Reason.SUPPRESSED, listed))

    def _count_filtered(self, exclusion: Exclusion) -> None:
        if exclusion.reason is Reason.FILTERED:
            self.rows.filtered += 1
            self.rows.unclear += bool(exclusion.template)

    def _count_unread(self, candidate: Candidate) -> None:
        if not self.rows.unread_places:
            self.rows.first_unread = candidate.source, candidate.line, candidate.unread
        self.rows.unread_places += 1

    def _exclude(self) -> None:
        """Excludes candidates that cannot be called, or have been called already."""
        listed = self._numbers_of_listed_keys()
        duplicates = _Duplicates()
        needing_check = self._working_set.needing_check(*attempts_of(self._campaign))
        checks = self._given.progress("checking contacts", len(needing_check), needing_check)
        for number, candidate, earlier, shares in checks:
            exclusion = None
            if candidate.phone in listed:
                exclusion = exclusion_of(candidate, Reason.SUPPRESSED, listed[candidate.phone])
            elif candidate.phone in self._imported_numbers:
                exclusion = _imported(candidate)
            elif shares:
                exclusion = duplicates.check(candidate)
            if exclusion is None:
                exclusion = self._why_not(number, candidate, earlier)
                if shares and (exclusion is None or exclusion.reason not in _CANNOT_BE_CALLED):
                    duplicates.add(candidate)
            if exclusion is not None:
                self._leave_out(number, exclusion)
                self.rows.candidates -= 1

    def _numbers_of_listed_keys(self) -> Mapping[str, str]:
        if not self._given.lists_name_keys:
            return {}
        return numbers_of_listed_keys(self._given.suppressed, self._working_set.shared_numbers())

    def _leave_out(self, number: int, exclusion: Exclusion) -> None:
        """Notes earlier calls that may still be dialled: they cannot be withdrawn from here."""
        known = None
        if exclusion.reason in _OPTED_OUT and self._dialled_until > self._given.now:
            known = self._working_set.earlier(exclusion.key)
        if known is not None and self._may_be_dialled(known):
            self._note_still_dialled(known.key, known.end_timestamp)
            detail = f"{exclusion.detail}, but an earlier call to it is {known.state}"
            exclusion = replace(exclusion, detail=detail, cause=Cause.EARLIER_CALL)
        # A further round that comes too late says nothing of the campaign as a whole.
        self.rows.dates_over += exclusion.reason is Reason.NO_WINDOW and exclusion.cause is Cause.DATES_OVER
        self._failures.note(number, exclusion)
        self._exclude_row(number, exclusion)

    def _note_still_dialled(self, key: str, until: int) -> None:
        self.rows.still_dialled.append((self._given.identity.label(key), until))

    def _may_be_dialled(self, known: KnownCall | EarlierCall) -> bool:
        return known.state in MAY_BE_DIALLED and known.end_timestamp > self._given.now

    def _why_not(self, number: int, candidate: Candidate, earlier: EarlierCall | None) -> Exclusion | None:
        past = self._past(candidate, earlier)
        following = self._next_round(past, earlier) if past else None
        if isinstance(following, Cause):
            return self._already_queued(candidate, earlier, following, past)
        if candidate.fault:
            return faulty(candidate)
        if earlier is not None and (refused := self._refused(candidate, earlier)):
            return refused
        if following is None:
            return self._in_no_window(candidate)
        if not self._placement.windows_of(candidate, following):
            is_capped = self._placement.limit_reached(candidate, following) is not None
            cause = Cause.CAPPED if is_capped else Cause.DATES_OVER
            return self._already_queued(candidate, earlier, cause, past)
        self._working_set.follow(number, following)
        return None

    def _past(self, candidate: Candidate, earlier: EarlierCall | None) -> Sequence[PastCall]:
        """Every call to the contact or its number that was sent or may have been."""
        if earlier is None or not earlier.is_all:
            return self._working_set.past(candidate.key, candidate.phone)
        return (PastCall._make(earlier[-len(PastCall._fields) :]),)

    def _in_no_window(self, candidate: Candidate) -> Exclusion | None:
        if self._placement.windows_of(candidate):
            return None
        cap = self._placement.limit_reached(candidate)
        if cap is not None:
            return exclusion_of(candidate, Reason.CONTACT_LIMIT, why_reached(cap, self._attempts))
        cause, detail = self._why_no_window(candidate)
        return exclusion_of(candidate, Reason.NO_WINDOW, detail, cause=cause)

    def _next_round(self, past: Sequence[PastCall], waiting: EarlierCall | None) -> NextRound | Cause:
        """The round of a contact that was called before, or why it gets none."""
        following = next_round(past, self._campaign.retry_policy)
        if isinstance(following, Cause) or waiting is None or waiting.availability not in _KEEPS_ITS_ROUND:
            return following
        # Its number may have been called in that round since, for another contact.
        return following._replace(round=waiting.round) if waiting.round >= following.round else Cause.NONE

    def _already_queued(
        self, candidate: Candidate, earlier: EarlierCall | None, cause: Cause, past: Sequence[PastCall]
    ) -> Exclusion:
        if cause in _OPEN:
            self._note_open(max(call.round for call in past))
        if cause is Cause.WAITING_FOR_RESULT and self._campaign.retry_policy.rounds == 1:
            # Whatever the result will be, no call follows.
            cause = Cause.NONE
        detail = self._why_taken(candidate, earlier)
        return exclusion_of(candidate, Reason.ALREADY_QUEUED, detail, cause=cause)

    def _why_taken(self, candidate: Candidate, earlier: EarlierCall | None) -> str:
        if earlier is not None and earlier.availability == Availability.TAKEN:
            if earlier.phone == candidate.phone:
                return f"a call to this contact is {earlier.state}"
            if self._may_be_dialled(earlier):
                self._note_still_dialled(candidate.key, earlier.end_timestamp)
            return f"a call to this contact is {earlier.state}, to another number"
        taken = self._working_set.newest_taken(candidate.phone)
        if taken is None:
            return "it was called in an earlier round"
        whose = "this contact" if taken.key == candidate.key else "this number"
        return f"a call to {whose} is {taken.state}"

    def _refused(self, candidate: Candidate, earlier: EarlierCall) -> Exclusion | None:
        """None where nothing was refused, or the request changed, so that Insight may take it now."""
        if earlier.availability != Availability.REFUSED:
            return None
        if StateReason.parse(earlier.state_reason).code is ReasonCode.RECORD_UNCERTAIN:
            detail = "its record may be in the metadatabase or not; it is sent after `runner retry`"
            return exclusion_of(candidate, Reason.REFUSED, detail, cause=Cause.RECORD_UNCERTAIN)
        if not (earlier.is_same or self._has_same_request(candidate, self._working_set.known(earlier.id))):
            return None
        detail = "Insight refused this request; it is sent again when it changes, or after `runner retry`"
        return exclusion_of(candidate, Reason.REFUSED, detail)

    def _has_same_request(self, candidate: Candidate, known: KnownCall) -> bool:
        return (known.phone, known.request) == (candidate.phone, request_of(candidate, self._campaign))

    def _why_no_window(self, candidate: Candidate) -> tuple[Cause, str]:
        zones = split_zones(candidate.zones)
        if self._placement.windows(zones, None, None, candidate.home, candidate.states):
            return (
                Cause.OWN_DATES,
                "no calling window is left between contacts.not_before and contacts.not_after",
            )
        if self._placement.without_rules(zones):
            return Cause.RULES, self._why_ruled_out(candidate)
        closed = next((name for name in zones if not self._placement.without_rules((name,))), None)
        if closed is not None:
            return self._why_closed(closed)
        return Cause.NO_COMMON_HOUR, (
            f"{_who(candidate)} may be in any of {len(zones)} zones, {zones[0]} to {zones[-1]}, and no "
            "window is open in all of them at once; set contacts.timezone for this row"
        )

    def _why_ruled_out(self, candidate: Candidate) -> str:
        if candidate.home and not split_zones(candidate.home):
            return "the rules need its own time zone, which is unknown; set contacts.timezone"
        names = sorted(rule.name for rule in self._placement.rules_in(candidate.states) if rule.limits_hours)
        return f"no calling window is open in all its zones and inside the hours of {', '.join(names)}"

    def _why_closed(self, name: str) -> tuple[Cause, str]:
        detail = f"no calling window opens in {name} within the campaign's dates"
        _, (_, (tomorrow, *_)) = self._placement.calendar.days(name, 2)
        if tomorrow.rule.kind is RuleKind.AFTER_DATES:
            return (
                Cause.DATES_OVER,
                f"{detail}: the last one is over, the dates end on {tomorrow.rule.name}",
            )
        return Cause.CLOSED, detail

    def _refuse_if_all_failed(self) -> None:
        first = self._failures.first
        if first is None or self._failures.others or next(self._working_set.candidates(), None) is not None:
            return
        raise EveryContactFailedError(
            f"the templates fail for every contact; the first, {first.source}:{first.line}: {first.detail}",
            hint="fix the template or the source; nothing was planned",
            location=self._location(first),
        )

    def _location(self, failed: Exclusion) -> tuple[str | int, ...]:
        """A source may have its own template instead of the common one."""
        field = failed.template[-1] if failed.template[:1] == ("contacts",) else ""
        for position, source in enumerate(self._campaign.contacts.sources):
            if field and source.name == failed.source and getattr(source, field, None):
                return ("contacts", "sources", position, field)
        return failed.template


def _who(candidate: Candidate) -> str:
    """What it is that may be in several zones."""
    if split_zones(candidate.zones) != zones_of(candidate.phone):
        return "the contact"
    return "a toll-free number" if is_toll_free(candidate.phone) else "the number"


def _is_imported(imported: Callable[[str, str], bool], candidate: Candidate) -> bool:
    """Also where another tool has queued it at another of its numbers."""
    numbers = (candidate.phone, *candidate.others.split()) if candidate.others else (candidate.phone,)
    return any(imported(candidate.key, number) for number in numbers)


def _imported(candidate: Candidate) -> Exclusion:
    detail = "it was imported: another tool has queued it"
    return exclusion_of(candidate, Reason.ALREADY_QUEUED, detail, cause=Cause.IMPORTED)


class _Failures:
    """The first contact whose template failed, and whether any was excluded for another reason."""

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


class _Duplicates:
    """Of rows that share a key or a number, the first that can be called gets the call. Rows are checked in
    their order.
    """

    def __init__(self) -> None:
        self._first_by_key: dict[str, str] = {}
        self._first_by_phone: dict[str, str] = {}

    def check(self, candidate: Candidate) -> Exclusion | None:
        """The exclusion if a row that was added has the same key or number."""
        key, phone = candidate.key, candidate.phone
        first = self._first_by_key.get(key)
        # If the key is the number, the message names the number.
        if first is not None and key != phone:
            return exclusion_of(candidate, Reason.DUPLICATE_KEY, f"the same contact as {first}")
        first = self._first_by_phone.get(phone)
        if first is not None:
            return exclusion_of(candidate, Reason.DUPLICATE_PHONE, f"the same number as {first}")
        return None

    def add(self, candidate: Candidate) -> None:
        """A row that excludes later ones: it is called, or its call was sent."""
        row = f"{candidate.source}:{candidate.line}"
        self._first_by_key[candidate.key] = self._first_by_phone[candidate.phone] = row
