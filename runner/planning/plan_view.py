"""A plan as it is shown: numbers, metadata and personal keys are masked unless requested.

Every form of a plan, and the saved plan, is made from this value and nothing else: what may be shown is
decided here, once. Pure.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit, urlunsplit

from runner.calls import CallRequest, Cause, Reason
from runner.campaign.diagnostics import Diagnostic
from runner.campaign.hours import WeeklyHours
from runner.campaign.model import Campaign
from runner.campaign.rules.rule_set import Cap, HolidayHours, RuleSet
from runner.campaign.templates import compile_template
from runner.campaign.variables import NO_VARIABLES, Variables
from runner.campaign.warning_codes import SuppressedWarning
from runner.contacts.contact import Exclusion
from runner.contacts.identity import Identity
from runner.contacts.phone import mask
from runner.contacts.sources.source import Reading
from runner.planning.candidate import join_zones
from runner.planning.lazy_sequence import lazy_map
from runner.planning.plan import (
    Change,
    ChangeReason,
    DataVersions,
    Plan,
    PlannedCall,
    PlanStatistics,
    Withdrawal,
)
from runner.planning.rule_cuts import RuleCut, rule_cuts
from runner.planning.statistics import StatisticsBuilder

MASKED = "•••"
_DIGEST_LENGTH = 32
_COUNTED_APART = frozenset({Reason.ALREADY_QUEUED, Reason.NO_WINDOW, Reason.REFUSED})
"""Reasons with a count of their own in the summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """One planned call. Times are UTC Unix seconds, waits are seconds; names are those of the API."""

    contact: str
    ref: str
    round: int
    phone: str
    timezones: tuple[str, ...]
    queue_at: int
    start_timestamp: int
    end_timestamp: int
    max_attempts: int
    reattempt_wait: int | None
    attempts_that_fit: int
    phone_number: str
    metadata: Mapping[str, str]
    result_url: str
    change: Change
    reason: ChangeReason
    changed: tuple[str, ...]
    """The fields that changed, by their names in the campaign file."""
    start_before: int | None
    source: str
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionView:
    """A row that gets no call. `contact` and `ref` are empty when the row gave no key."""

    contact: str
    ref: str
    reason: Reason
    source: str
    row: int
    detail: str
    cause: Cause = Cause.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalView:
    """A planned call that is withdrawn. `start_timestamp`: when it would have started."""

    contact: str
    ref: str
    round: int
    reason: Reason | None
    """Why its contact is excluded now; None where no row of the sources is this contact."""
    detail: str
    start_timestamp: int
    timezones: tuple[str, ...] = ("UTC",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """What one source or list gave. `place` is where `contacts` of the campaign file names it."""

    place: str
    name: str
    type: str
    rows: int
    digest: str
    """A keyed hash of its content; empty for rows in the campaign file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursView:
    """The calling hours as declared: minutes of the local day, Monday first.

    `timezone` is `contact` or an IANA name; `calls_per_minute` the pace that the plan used.
    """

    timezone: str
    weekly: WeeklyHours
    calls_per_minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """A rule set that the campaign obeys, and what it cuts from the declared windows on usual days."""

    name: str
    title: str
    version: int
    states: tuple[str, ...]
    """It applies to contacts who may be in one of them; empty for all contacts."""
    weekly: WeeklyHours | None
    holidays: HolidayHours | None
    caps: tuple[Cap, ...]
    cuts: tuple[RuleCut, ...]
    purpose: tuple[str, ...]
    voice: tuple[str, ...]
    source: str
    checked: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """The whole plan. `as_of` is UTC Unix seconds; `summary` counts rows by what becomes of them."""

    plan_id: str
    campaign: str
    survey_id: str
    instance_id: str
    as_of: int
    summary: Mapping[str, int]
    rounds: int
    """In how many windows the campaign may try a contact."""
    hours: HoursView
    versions: DataVersions
    calls: Sequence[CallView]
    exclusions: Sequence[ExclusionView]
    withdrawals: tuple[WithdrawalView, ...]
    diagnostics: tuple[Diagnostic, ...]
    suppressed_warnings: tuple[SuppressedWarning, ...]
    """Warnings that `silence` suppresses, with the reasons."""
    sources: tuple[SourceView, ...] = ()
    """What the plan was made from: sources, then suppression lists."""
    metadatabase: str = ""
    """To which the record of each call is pushed before it; empty where none is."""
    calls_per_day: int | None = None
    """The most that the policy allows, over all campaigns."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the command line gave for entries of `vars`."""
    rules: tuple[RuleView, ...] = ()
    statistics: PlanStatistics | None = None
    """Counts of the plan; None until counted."""


def plan_view(
    plan: Plan,
    campaign: Campaign,
    identity: Identity,
    *,
    show_contacts: bool,
    variables: Variables = NO_VARIABLES,
    readings: Iterable[Reading] = (),
) -> PlanView:
    """Masked unless `show_contacts`; then numbers, keys and metadata are exactly what will be sent."""
    viewer = Viewer(campaign, identity, show_contacts=show_contacts)
    return PlanView(
        plan_id=plan.plan_id,
        campaign=plan.campaign,
        survey_id=campaign.survey.survey_id,
        instance_id=campaign.survey.instance_id,
        as_of=plan.as_of,
        summary=_summary(plan),
        rounds=campaign.retry_policy.rounds,
        hours=HoursView(
            timezone=campaign.calling_windows.timezone,
            weekly=campaign.calling_windows.weekly_hours,
            calls_per_minute=plan.calls_per_minute,
        ),
        versions=plan.versions,
        calls=lazy_map(viewer.call, plan.calls),
        exclusions=lazy_map(viewer.exclusion, plan.exclusions),
        withdrawals=tuple(viewer.withdrawal(withdrawal) for withdrawal in plan.withdrawals),
        diagnostics=plan.diagnostics,
        suppressed_warnings=plan.suppressed_warnings,
        sources=tuple(_source_view(reading, identity) for reading in readings),
        metadatabase=campaign.metadatabase or "",
        rules=tuple(_rule_view(rule, campaign) for rule in plan.rules),
        calls_per_day=plan.calls_per_day,
        variables=variables,
        statistics=plan.statistics,
    )


def _rule_view(rule: RuleSet, campaign: Campaign) -> RuleView:
    return RuleView(
        name=rule.name,
        title=rule.title,
        version=rule.version,
        states=tuple(sorted(rule.states)),
        weekly=rule.weekly,
        holidays=rule.holidays,
        caps=rule.caps,
        cuts=rule_cuts(campaign.calling_windows, rule),
        purpose=rule.purpose,
        voice=rule.voice,
        source=rule.source,
        checked=rule.checked,
        confidence=rule.confidence,
    )


def _source_view(reading: Reading, identity: Identity) -> SourceView:
    """The digest is keyed, so that nobody can find out a row by hashing what it may be."""
    return SourceView(
        place=reading.place,
        name=reading.name,
        type=reading.type,
        rows=reading.rows,
        digest=identity.digest(f"source:{reading.digest}")[:_DIGEST_LENGTH] if reading.digest else "",
    )


def statistics_of(plan: PlanView) -> PlanStatistics:
    """Counts of the plan."""
    if plan.statistics is not None:
        return plan.statistics
    counted = StatisticsBuilder()
    for call in plan.calls:
        change = call.change.value, call.reason.value, json.dumps(call.changed) if call.changed else ""
        counted.add_call(call.start_timestamp, join_zones(call.timezones), change)
        if call.attempts_that_fit < call.max_attempts:
            counted.add_short(call.attempts_that_fit)
        counted.add_round(call.round)
    for exclusion in plan.exclusions:
        counted.add_exclusion(exclusion.reason, exclusion.cause)
    # What may follow calls that were sent before cannot be seen in this plan's calls.
    return replace(counted.statistics(), further_calls=plan.summary["further_calls"])


class Viewer:
    """Masks what belongs to a contact, unless `show_contacts`. Constants of the campaign file are shown."""

    def __init__(self, campaign: Campaign, identity: Identity, *, show_contacts: bool) -> None:
        self._identity = identity
        self._show = show_contacts
        self._constant_metadata = {name for name, source in campaign.metadata.items() if _is_constant(source)}
        self._constant_suffixes = {
            suffix
            for suffix, source in (("ani", campaign.caller_id), ("postd", campaign.post_dial))
            if _is_constant(source)
        }
        self._url_is_constant = _is_constant(campaign.result_url)

    def call(self, call: PlannedCall) -> CallView:
        request = call.request
        phone = self.phone(call.phone)
        return CallView(
            contact=self.contact(call.key),
            ref=call.ref,
            round=call.round,
            phone=phone,
            timezones=call.timezones,
            queue_at=call.queue_at,
            start_timestamp=call.start_timestamp,
            end_timestamp=call.end_timestamp,
            max_attempts=request.max_attempts,
            reattempt_wait=request.reattempt_wait,
            attempts_that_fit=call.attempts_that_fit,
            phone_number=request.phone_number if self._show else self._dial_string(phone, request),
            metadata={
                name: value if name in self._constant_metadata else self.value(value)
                for name, value in request.metadata.items()
            },
            result_url=self._result_url(request.result_url),
            change=call.change,
            reason=call.reason,
            changed=call.changed,
            start_before=call.start_before,
            source=call.source,
            row=call.line,
        )

    def exclusion(self, exclusion: Exclusion) -> ExclusionView:
        key = exclusion.key
        return ExclusionView(
            contact=self.contact(key) if key else "",
            ref=self._identity.ref(key) if key else "",
            reason=exclusion.reason,
            source=exclusion.source,
            row=exclusion.line,
            detail=exclusion.detail,
            cause=exclusion.cause,
        )

    def withdrawal(self, withdrawal: Withdrawal) -> WithdrawalView:
        return WithdrawalView(
            contact=self.contact(withdrawal.key),
            ref=self._identity.ref(withdrawal.key),
            round=withdrawal.round,
            reason=withdrawal.reason,
            detail=withdrawal.detail,
            start_timestamp=withdrawal.start_timestamp,
            timezones=withdrawal.timezones,
        )

    def contact(self, key: str) -> str:
        return key if self._show else self._identity.label(key)

    def phone(self, number: str) -> str:
        return number if self._show else mask(number)

    def _result_url(self, url: str) -> str:
        return _without_query(url) if self._url_is_constant and not self._show else self.value(url)

    def _dial_string(self, masked_phone: str, request: CallRequest) -> str:
        """`tel:+1•••••••701;ani=6175550100;postd=•••`: what belongs to one contact stays hidden."""
        _, *suffixes = request.phone_number.split(";")
        pairs = [suffix.partition("=") for suffix in suffixes]
        shown = [f"{name}={value if name in self._constant_suffixes else MASKED}" for name, _, value in pairs]
        return ";".join([f"tel:{masked_phone}", *shown])

    def value(self, value: str) -> str:
        """An empty value is shown: it holds no personal data."""
        return value if self._show or not value else MASKED


def _is_constant(source: str | None) -> bool:
    """Whether a template of the campaign file gives the same for every contact."""
    return bool(source) and not compile_template(source or "").reads_row


def _without_query(url: str) -> str:
    """The URL of a campaign file as a plan shows it: its query, or a password in it, may be a secret."""
    parts = urlsplit(url)
    place = f"{MASKED}@{parts.netloc.rpartition('@')[2]}" if "@" in parts.netloc else parts.netloc
    hidden = MASKED if parts.query else ""
    return urlunsplit(parts._replace(netloc=place, query=hidden, fragment=""))


def _summary(plan: Plan) -> Mapping[str, int]:
    """Rows = planned + excluded + already_queued + refused + no_window.

    And planned = new + moved + changed + unchanged; already_queued includes uncertain.
    """
    reasons: Counter[Reason] = Counter(plan.statistics.excluded)
    changes: Counter[Change] = Counter()
    for (change, *_), number in plan.statistics.changes.items():
        changes[change] += number
    apart = sum(reasons[reason] for reason in _COUNTED_APART)
    return {
        "rows": plan.rows,
        "planned": len(plan.calls),
        "excluded": len(plan.exclusions) - apart,
        "already_queued": reasons[Reason.ALREADY_QUEUED],
        "uncertain": plan.statistics.already_queued.get(Cause.UNCERTAIN, 0),
        "new": changes[Change.NEW],
        "moved": changes[Change.MOVED],
        "changed": changes[Change.CHANGED],
        "unchanged": changes[Change.UNCHANGED],
        "withdrawn": len(plan.withdrawals),
        "no_window": reasons[Reason.NO_WINDOW],
        "refused": reasons[Reason.REFUSED],
        "further_calls": plan.statistics.further_calls,
    }
