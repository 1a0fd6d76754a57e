"""What every form of a plan shows, counted and grouped once."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from runner.calls import Cause, Reason
from runner.campaign.diagnostics import Diagnostic
from runner.campaign.warning_codes import URGENT, WarningCode
from runner.planning.guards import allow_options, guards_of
from runner.planning.plan import Change, ChangeReason
from runner.planning.plan_view import CallView, ExclusionView, PlanView, statistics_of
from runner.reports.exclusion_reasons import REASONS
from runner.reports.times import local_time, local_times

_Group = TypeVar("_Group", bound=Hashable)
_T = TypeVar("_T")

FIRST_PLAN = (
    "This is the first plan: the ledger holds no calls of this campaign yet.\n"
    "If it was applied before, check RUNNER_LEDGER_URL: it names another ledger.\n"
)

_QUEUED_BY_CAUSE: Mapping[Cause, str] = {
    Cause.NONE: "queued before",
    Cause.FINISHED: "reached",
    Cause.WAITING_FOR_RESULT: "waiting for the result",
    Cause.ROUNDS_USED: "tried in every round",
    Cause.NOT_RETRIED: "not tried again after this result",
    Cause.DATES_OVER: "without a window for another round",
    Cause.CAPPED: "dialled as often as a cap allows",
    Cause.UNCERTAIN: "uncertain: Insight may have queued {them}",
    Cause.IMPORTED: "imported: queued by another tool",
}
"""Of contacts that were called before: why none is called now."""

_NO_ROUND: Mapping[Cause, str] = {
    Cause.FINISHED: "the contact was reached",
    Cause.WAITING_FOR_RESULT: "its result is not known yet",
    Cause.ROUNDS_USED: "the contact was tried in every round",
    Cause.NOT_RETRIED: "retry_policy.retry_on does not name this result",
    Cause.DATES_OVER: "no calling window is left for another round",
    Cause.CAPPED: "another round would be more dials than a cap allows",
}
"""Of one contact."""

_CHANGE_REASONS: Mapping[ChangeReason, str] = {
    ChangeReason.FIRST_CALL: "the ledger has no call to this contact yet",
    ChangeReason.REFUSED_REQUEST_CHANGED: "Insight refused the earlier request, and it has changed since",
    ChangeReason.FURTHER_ROUND: "nobody was reached in the earlier round",
    ChangeReason.SKIPPED_BEFORE: "an earlier call was skipped, and now it can be made",
    ChangeReason.FIELDS_CHANGED: "its request changed",
    ChangeReason.START_PASSED: "its earlier start has passed",
    ChangeReason.RETRIED: "`runner retry` planned it again",
    ChangeReason.RESOLVED: "an operator resolved it as not queued",
    ChangeReason.WINDOW_CLOSED: "its earlier start is no longer in a calling window",
    ChangeReason.WINDOW_END_CHANGED: "its calling window now closes at another time",
    ChangeReason.TOO_CLOSE_TO_WINDOW_END: "its earlier start is too close to the end of its window",
    ChangeReason.DAY_FULL: "the policy allows fewer calls on the day of its earlier start",
    ChangeReason.SLOT_KEPT: "it keeps its slot",
}

_REFUSALS: Mapping[str, str] = {
    WarningCode.CANCELED: "The campaign is canceled: apply will refuse it, and calls nobody.",
    WarningCode.EMPTY_SOURCE: "A contact source has no rows: apply will refuse this plan and change nothing.",
}
"""Of what `apply` does not carry out, by the code of the warning."""

SIGNS: Mapping[str, str] = {"new": "+", "moved": "~", "changed": "~", "withdrawn": "-", "unchanged": " "}
"""As in a diff: what comes, what changes, what goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGroup:
    """Calls with which the plan does the same thing, for the same reason."""

    kind: str
    """`new`, `moved`, `changed`, `withdrawn` or `unchanged`."""
    reason: str
    count: int
    rows: Sequence[tuple[str, str]]
    """(contact, what becomes of its call) of the first; none where the reason is enough."""


def for_readers(plan: PlanView) -> PlanView:
    """The plan as people read it: of a canceled campaign nothing is called, moved or withdrawn."""
    if not _is_canceled(plan):
        return plan
    counts = ("planned", "new", "moved", "changed", "unchanged", "withdrawn", "further_calls")
    none = dict.fromkeys(counts, 0)
    statistics = replace(
        statistics_of(plan), changes={}, starts={}, rounds={}, first_start=None, last_start=None, short=0
    )
    return replace(plan, calls=(), withdrawals=(), summary={**plan.summary, **none}, statistics=statistics)


def _is_canceled(plan: PlanView) -> bool:
    return any(finding.code == WarningCode.CANCELED for finding in plan.diagnostics)


def change_words(reason: ChangeReason, changed: Sequence[str]) -> str:
    """Why a call is new, moved, changed or unchanged; `changed` are the fields that changed."""
    return f"{', '.join(changed)} changed" if changed else _CHANGE_REASONS[reason]


def reason_words(plan: PlanView, reason: Reason) -> str:
    """What a reason means for the rows that this plan leaves out for it."""
    causes = statistics_of(plan).already_queued if reason is Reason.ALREADY_QUEUED else {}
    if set(causes) <= {Cause.NONE}:
        return REASONS[reason]
    return ", ".join(
        f"{causes[cause]:,} {words.format(them='it' if causes[cause] == 1 else 'them')}"
        for cause, words in _QUEUED_BY_CAUSE.items()
        if cause in causes
    )


def exclusion_words(exclusion: ExclusionView) -> str:
    """Why one row gets no call."""
    if exclusion.reason is not Reason.ALREADY_QUEUED or exclusion.cause not in _NO_ROUND:
        return exclusion.detail
    return f"{exclusion.detail}; {_NO_ROUND[exclusion.cause]}"


def rounds_words(plan: PlanView) -> str:
    """Of which rounds the calls are, and how many calls may follow; empty for a campaign with one round."""
    if plan.rounds == 1 or _is_canceled(plan):
        return ""
    rounds = statistics_of(plan).rounds
    calls = [f"{count(number, 'call')} of round {round_}" for round_, number in rounds.items()]
    further = plan.summary["further_calls"]
    follow = f"up to {count(further, 'further call')} may follow" if further else "none can follow"
    return (
        f"{', '.join(calls) or 'No call now'}; {follow} in later rounds. "
        f"The plan covers all {plan.rounds} rounds that the campaign declares."
    )


def headline(plan: PlanView) -> str:
    """`Plan: 1,204 to call, 12 moved, 87 excluded, 903 already queued`."""
    return f"Plan: {totals(plan)}"


def totals(plan: PlanView) -> str:
    """`1,204 to call, 12 moved, 87 excluded, 903 already queued, 3 uncertain`."""
    if _is_canceled(plan):
        return "nobody to call, the campaign is canceled"
    counts = {**plan.summary, "already_queued": plan.summary["already_queued"] - plan.summary["uncertain"]}
    parts = [f"{plan.summary['planned']:,} to call"]
    parts += [
        f"{counts[name]:,} {words}"
        for name, words in (
            ("moved", "moved"),
            ("changed", "changed"),
            ("withdrawn", "withdrawn"),
            ("excluded", "excluded"),
            ("no_window", "without a window"),
            ("already_queued", "already queued"),
            ("uncertain", "uncertain"),
            ("refused", "refused before"),
        )
        if counts[name]
    ]
    return ", ".join(parts)


def verdict(plan: PlanView) -> str:
    """What `apply` would do, in one sentence."""
    counts = plan.summary
    refused = refusal(plan.diagnostics)
    if refused:
        return refused
    if not plan.calls and not plan.withdrawals:
        return f"Nothing to do: {_why_nothing(plan)}."
    if counts["unchanged"] == counts["planned"] and not plan.withdrawals:
        return f"No changes: apply continues with the {count(counts['planned'], 'call')} that it has planned."
    if not plan.calls:
        return f"apply withdraws {count(counts['withdrawn'], 'call')}, and calls nobody."
    counted = statistics_of(plan)
    first, last = counted.first_start or 0, counted.last_start or 0
    if first == last:
        calls = "The call" if len(plan.calls) == 1 else f"All {len(plan.calls):,} calls"
        return f"{calls} may start {local_time(first, counted.first_zones)}."
    since, until = local_times(first, last, counted.first_zones, counted.last_zones)
    return f"The first call may start {since}, the last {until}, by the contacts' own clocks."


def read_words(plan: PlanView) -> str:
    """`read visits.csv (4,807 rows) · stop.csv (12 rows)`."""
    named = [f"{each.name} ({count(each.rows, 'row')})" for each in plan.sources[:_MOST_SOURCES]]
    more = len(plan.sources) - _MOST_SOURCES
    return f"read {' · '.join([*named, *([f'{more:,} more'] if more > 0 else [])])}"


_MOST_SOURCES = 6
"""That are named."""


def records_words(plan: PlanView) -> str:
    """What is pushed to a metadatabase; empty for nothing."""
    if not plan.metadatabase or not plan.calls:
        return ""
    are = "record is" if len(plan.calls) == 1 else "records are"
    where = f"the metadatabase {plan.metadatabase}"
    return f"{len(plan.calls):,} {are} pushed to {where}, each once and before its call."


def day_limit_words(plan: PlanView) -> str:
    """What the policy allows in a day; empty for any number."""
    most = plan.calls_per_day
    if most is None:
        return ""
    calls = "1 call starts" if most == 1 else f"{most:,} calls start"
    return f"The policy allows at most {calls} in a day of UTC, over all campaigns."


def variables_words(plan: PlanView) -> str:
    """What `--var` has set; empty for nothing."""
    given = ", ".join(f"{name}={value}" for name, value in plan.variables.items())
    return f"Set with --var: {given}." if given else ""


def notes(plan: PlanView) -> list[str]:
    """What else there is to know, a sentence each."""
    words = variables_words(plan), day_limit_words(plan), rounds_words(plan), records_words(plan)
    return [each for each in words if each]


def refusal(diagnostics: Iterable[Diagnostic]) -> str:
    """Why `apply` would not carry out a plan with these warnings; empty where it would."""
    codes = [finding.code for finding in diagnostics]
    refused = next((words for code, words in _REFUSALS.items() if code in codes), "")
    guards = guards_of(codes)
    if refused or not guards:
        return refused
    return (
        "The plan changes more than `guard` allows: apply will refuse it and change nothing. "
        f"If it is right, run apply with {allow_options(guards)}."
    )


def _why_nothing(plan: PlanView) -> str:
    refused, uncertain = plan.summary["refused"], plan.summary["uncertain"]
    waiting = statistics_of(plan).already_queued.get(Cause.WAITING_FOR_RESULT, 0)
    queued = plan.summary["already_queued"] - uncertain - waiting
    if not refused and not uncertain and not waiting:
        return "everybody who can be called is queued already" if queued else "nobody to call"
    parts = ["all others are queued" if queued else "nobody else to call"]
    if waiting:
        have = "contact has" if waiting == 1 else "contacts have"
        parts.append(f"{waiting:,} {have} a call whose result is not known yet")
    if refused:
        again = f"`runner retry {plan.campaign} --all` plans {'it' if refused == 1 else 'them'} again"
        parts.append(f"Insight refused {count(refused, 'call')}, {again}")
    if uncertain:
        settles = f"`runner resolve {plan.campaign}` settles that"
        parts.append(f"{count(uncertain, 'call')} may be queued or not, {settles}")
    return "; ".join(parts)


def urgent(plan: PlanView) -> list[str]:
    """What must be read before anything else."""
    return [finding.message for finding in plan.diagnostics if finding.code in URGENT]


def count(number: int, noun: str) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def change_groups(plan: PlanView, most_rows: int) -> list[ChangeGroup]:
    """What the plan changes in the ledger, the most important first, at most `most_rows` rows a group."""
    counted = statistics_of(plan).changes
    listed = {
        group: number for group, number in counted.items() if group[0] in {Change.MOVED, Change.CHANGED}
    }
    calls = _first(listed, plan.calls, lambda call: (call.change, call.reason, call.changed), most_rows)
    groups = [
        ChangeGroup(
            kind=group[0].value,
            reason=change_words(*group[1:]),
            count=number,
            rows=[(call.contact, _from_to(call)) for call in calls.get(group, ())],
        )
        for group, number in counted.items()
    ]
    withdrawn: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for withdrawal in plan.withdrawals:
        planned = f"planned for {local_time(withdrawal.start_timestamp, withdrawal.timezones)}"
        if withdrawal.reason is None:
            withdrawn[withdrawal.detail].append((withdrawal.contact, planned))
        else:
            # The detail is of each call, such as the line of a list.
            withdrawn[withdrawal.reason.value].append((withdrawal.contact, withdrawal.detail or planned))
    groups += [
        ChangeGroup(kind="withdrawn", reason=reason, count=len(found), rows=found[:most_rows])
        for reason, found in withdrawn.items()
    ]
    order = list(SIGNS)
    return sorted(groups, key=lambda group: (order.index(group.kind), -group.count, group.reason))


def exclusion_groups(plan: PlanView, most_rows: int) -> list[tuple[Reason, int, Sequence[ExclusionView]]]:
    """Who is not called: each reason with how many, the most frequent first, and at most `most_rows` rows."""
    counted = statistics_of(plan).excluded
    rows = _first(counted, plan.exclusions, lambda exclusion: exclusion.reason, most_rows)
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [(reason, number, rows[reason]) for reason, number in ranked]


def _first(
    groups: Mapping[_Group, int], members: Iterable[_T], group_of: Callable[[_T], _Group], most: int
) -> Mapping[_Group, Sequence[_T]]:
    """The first members of each group, given how many each has. Looks no further than it must."""
    found: dict[_Group, list[_T]] = {group: [] for group in groups}
    missing = sum(min(number, most) for number in groups.values())
    for member in members if missing else ():
        group = found.get(group_of(member))
        if group is not None and len(group) < most:
            group.append(member)
            missing -= 1
            if not missing:
                break
    return found


def short_of_attempts(plan: PlanView) -> str:
    """That windows close before all attempts are made; empty where they do not."""
    counted = statistics_of(plan)
    if not counted.short:
        return ""
    has = "has" if counted.short == 1 else "have"
    return (
        f"{counted.short:,} of them {has} time for fewer than {plan.calls[0].max_attempts} attempts "
        f"before their window closes (the fewest: {counted.fewest_attempts})"
    )


def _from_to(call: CallView) -> str:
    if call.start_before is None or call.start_before == call.start_timestamp:
        return local_time(call.start_timestamp, call.timezones)
    return " → ".join(local_times(call.start_before, call.start_timestamp, call.timezones))
