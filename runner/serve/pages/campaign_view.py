"""What the page of one campaign shows. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from runner.calls import CallState
from runner.campaign.diagnostics import Diagnostic
from runner.contacts.identity import Identity
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.operators import CampaignState
from runner.ledger.overview import Entry, Overview, Problem
from runner.ledger.schedule import NextWindow, Schedule
from runner.reports.campaign_report import answer_section, round_section
from runner.reports.live import event_words
from runner.reports.notices import pause_text
from runner.reports.plan_facts import count, totals
from runner.reports.plan_text import zone_names
from runner.reports.sections import Section
from runner.reports.state_reasons import reason_text
from runner.reports.times import local_time, machine_time
from runner.results.figures import Figures
from runner.serve.pages.day_chart import DayChart, day_chart
from runner.serve.pages.moments import Moment, moment, optional_moment
from runner.serve.pages.progress_bar import ProgressBar, progress_bar
from runner.serve.pages.status_words import StatusWords, ledger_words, served_words
from runner.serve.served import SeenEvent, ServedCampaign, ServeStatus

MOST_PEOPLE = 25
MOST_WINDOWS = 12
MOST_EVENTS = 20
_ANSWER_CHARACTERS = 300
_RESOLVABLE = frozenset({CallState.UNCERTAIN})


class Sections(NamedTuple):
    """What the page shows of the report; None where there is nothing to show."""

    answers: Section | None
    by_round: Section | None


def sections(figures: Figures) -> Sections:
    return Sections(
        answers=answer_section(figures) if figures.by_hour() else None,
        by_round=round_section(figures) if figures.by_round() else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFacts:
    """All that the page is made from."""

    name: str
    served: ServedCampaign | None
    overview: Overview
    schedule: Schedule | None
    """None while it is not read yet, as the figures."""
    schedule_at: float | None
    acts: Sequence[Entry]
    """What people did last, oldest first."""
    sections: Sections | None
    """None while the figures are not counted yet."""
    figures_at: float | None
    identity: Identity
    is_operator: bool


@dataclass(frozen=True, slots=True)
class Button:
    """A link to an act's page of confirmation, or to the plan."""

    label: str
    path: str
    """After the campaign's own address."""
    is_main: bool = False
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """Somebody about whom a person has to decide."""

    contact: str
    ref: str
    state: str
    at: Moment
    """When the request was sent; of an opt-out, until when Insight may dial."""
    why: str
    call_id: str = ""
    is_seen: bool = False
    buttons: Sequence[Button] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    zones: str
    first: str
    last: str
    end: str
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    at: Moment
    words: str
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignView:
    name: str
    status: StatusWords
    since: Moment | None
    note: str
    """That an operator paused or canceled it."""
    plan: str
    """What its newest plan would do."""
    approved: str
    problem: str
    hint: str
    diagnostics: Sequence[Diagnostic]
    buttons: Sequence[Button]
    tiles: Sequence[tuple[str, str]]
    progress: ProgressBar
    pace: str
    next_due: Moment | None
    results: str
    people: Sequence[PersonRow]
    people_left: int
    """Those that are not listed."""
    people_buttons: Sequence[Button]
    opted_out: Sequence[PersonRow]
    opted_out_left: int
    schedule_at: Moment | None
    days: DayChart
    windows: Sequence[WindowRow]
    windows_left: str
    rounds: Sequence[tuple[str, Sequence[int]]]
    """Each state with its calls, in all and by round."""
    round_names: Sequence[str]
    events: Sequence[EventRow]
    figures_at: Moment | None
    answers: Section | None
    by_round: Section | None
    has_plan: bool = False
    is_operator: bool = field(default=False)


def campaign_view(facts: CampaignFacts) -> CampaignView:
    served, seen = facts.served, facts.overview
    people = seen.problems[:MOST_PEOPLE]
    schedule = facts.schedule or Schedule(days={}, windows=())
    windows = schedule.windows
    return CampaignView(
        name=facts.name,
        status=_status(facts),
        since=None if served is None else moment(served.since),
        note="" if seen.pause_info is None else pause_text(seen.pause_info),
        plan=totals(served.plan) if served is not None and served.plan is not None else "",
        approved=_approved(served),
        problem=served.problem.message if served is not None and served.problem is not None else "",
        hint=served.problem.hint if served is not None and served.problem is not None else "",
        diagnostics=served.problem.diagnostics if served is not None and served.problem is not None else (),
        buttons=list(_buttons(facts)),
        tiles=list(_tiles(seen)),
        progress=progress_bar(seen.states),
        pace=_pace(served, seen),
        next_due=optional_moment(seen.next_due),
        results=_results(seen),
        people=[_person(problem, facts) for problem in people],
        people_left=seen.problems_left + len(seen.problems) - len(people),
        people_buttons=list(_people_buttons(seen)) if facts.is_operator else [],
        opted_out=[_opted_out(late, facts.identity) for late in seen.late_opt_outs[:MOST_PEOPLE]],
        opted_out_left=max(0, len(seen.late_opt_outs) - MOST_PEOPLE),
        schedule_at=optional_moment(facts.schedule_at),
        days=day_chart(schedule.days),
        windows=[_window(window) for window in windows[:MOST_WINDOWS]],
        windows_left=_windows_left(windows[MOST_WINDOWS:]),
        rounds=list(_rounds(seen)),
        round_names=[f"Round {number}" for number in seen.rounds] if len(seen.rounds) > 1 else [],
        events=_events(facts),
        figures_at=optional_moment(facts.figures_at),
        answers=facts.sections.answers if facts.sections else None,
        by_round=facts.sections.by_round if facts.sections else None,
        has_plan=served is not None and served.plan is not None,
        is_operator=facts.is_operator,
    )


def _status(facts: CampaignFacts) -> StatusWords:
    if facts.served is not None:
        return served_words(facts.served.status, facts.overview.state)
    return ledger_words(facts.overview)


def _approved(served: ServedCampaign | None) -> str:
    if served is None or served.approved is None:
        return ""
    return f"Approved by {served.approved.by} on {machine_time(served.approved.at)}."


def _buttons(facts: CampaignFacts) -> Iterator[Button]:
    """The acts that make sense now."""
    served, paused = facts.served, facts.overview.pause_info
    waits = served is not None and served.status is ServeStatus.WAITING_FOR_APPROVAL
    if served is not None and served.plan is not None:
        is_main = waits and facts.is_operator
        yield Button("Review and approve" if is_main else "Show the plan", "/plan", is_main)
    if not facts.is_operator:
        return
    is_known = bool(facts.overview.origin)
    if is_known and paused is None:
        yield Button("Pause", "/pause")
    if paused is not None and paused.state is CampaignState.PAUSED:
        yield Button("Resume", "/resume", is_main=True)
    yield Button("Suppress somebody", "/suppress")
    if is_known and (paused is None or paused.state is CampaignState.PAUSED):
        yield Button("Cancel", "/cancel", is_final=True)


def _tiles(seen: Overview) -> Iterator[tuple[str, str]]:
    states = seen.states
    yield "Not sent yet", f"{states[CallState.PLANNED]:,}"
    yield "At Insight", f"{states[CallState.QUEUED] + states[CallState.SENDING]:,}"
    yield "Completed", f"{states[CallState.COMPLETED]:,}"
    yield "Failed", f"{states[CallState.FAILED]:,}"
    for state, words in (
        (CallState.UNCERTAIN, "Uncertain"),
        (CallState.REFUSED, "Refused"),
        (CallState.SKIPPED, "Skipped"),
    ):
        if states[state]:
            yield words, f"{states[state]:,}"
    if seen.imported:
        yield "Imported", f"{seen.imported:,}"


def _pace(served: ServedCampaign | None, seen: Overview) -> str:
    now = f"{count(seen.queued_last_minute, 'call')} queued in the last minute"
    if served is None or served.plan is None:
        return now
    return f"{now}, of at most {served.plan.hours.calls_per_minute:,} a minute"


def _results(seen: Overview) -> str:
    parts = []
    if seen.awaited:
        parts.append(f"{seen.awaited:,} awaited")
    if seen.unknown:
        parts.append(f"{seen.unknown:,} did not come in time")
    if seen.learned_at is not None:
        parts.append(f"the newest came {machine_time(seen.learned_at)}")
    return ", ".join(parts)


def _person(problem: Problem, facts: CampaignFacts) -> PersonRow:
    return PersonRow(
        contact=facts.identity.label(problem.key),
        ref=problem.ref,
        state=problem.state.value,
        at=moment(problem.sent_at),
        why=_cut(reason_text(problem.reason)),
        call_id=problem.call_id or "",
        is_seen=problem.acknowledged,
        buttons=[_decide(problem)] if facts.is_operator else [],
    )


def _decide(problem: Problem) -> Button:
    if problem.state in _RESOLVABLE:
        return Button("Resolve", f"/resolve?contact={problem.ref}")
    return Button("Retry", f"/retry?contact={problem.ref}")


def _people_buttons(seen: Overview) -> Iterator[Button]:
    """For all of them together."""
    uncertain, refused = seen.states[CallState.UNCERTAIN], seen.states[CallState.REFUSED]
    if uncertain > 1:
        yield Button(f"Resolve all {uncertain:,} uncertain calls", "/resolve?all=yes")
    if refused > 1:
        yield Button(f"Retry all {refused:,} refused calls", "/retry?all=yes")
    if seen.unacknowledged:
        yield Button("Acknowledge", "/acknowledge")
    if uncertain or refused or seen.late_opt_outs:
        yield Button("Show numbers", "/show-numbers")


def _opted_out(late: LateOptOut, identity: Identity) -> PersonRow:
    return PersonRow(
        contact=identity.label(late.key),
        ref=late.ref,
        state=late.state.value,
        at=moment(late.until),
        why=_cut(late.reason),
    )


def _window(window: NextWindow) -> WindowRow:
    return WindowRow(
        zones=zone_names(window.zones),
        first=local_time(window.first_start, window.zones),
        last=local_time(window.last_start, window.zones),
        end=local_time(window.end, window.zones),
        calls=window.calls,
    )


def _windows_left(windows: Sequence[NextWindow]) -> str:
    if not windows:
        return ""
    calls = sum(window.calls for window in windows)
    return f"and {count(calls, 'call')} in {count(len(windows), 'later window')}"


def _rounds(seen: Overview) -> Iterator[tuple[str, Sequence[int]]]:
    several = len(seen.rounds) > 1
    for state, number in seen.states.items():
        if number:
            by_round = [counted.get(state, 0) for counted in seen.rounds.values()] if several else []
            yield state.value, [number, *by_round]


def _events(facts: CampaignFacts) -> Sequence[EventRow]:
    """The newest first."""
    happened = () if facts.served is None else facts.served.last_events
    rows = [(event.at, row) for event in happened if (row := _event(event, facts.identity)).words]
    rows += [(act.at, _act(act)) for act in facts.acts]
    return [row for _, row in sorted(rows, key=lambda item: -item[0])[:MOST_EVENTS]]


def _event(seen: SeenEvent, identity: Identity) -> EventRow:
    return EventRow(at=moment(seen.at), words=_cut(event_words(seen.event, identity, machine_time)))


def _act(act: Entry) -> EventRow:
    words = act.what if not act.detail else f"{act.what}: {act.detail}"
    return EventRow(at=moment(act.at), words=_cut(words), who=act.who)


def _cut(words: str) -> str:
    """What Insight answered may be long."""
    return words if len(words) <= _ANSWER_CHARACTERS else f"{words[:_ANSWER_CHARACTERS]}…"
