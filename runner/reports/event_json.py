"""The events of a run as values for JSON lines. Contacts are named by label and ref, never by number."""

from typing import assert_never

from runner.contacts.identity import Identity
from runner.dispatch import events
from runner.dispatch.events import Event
from runner.ledger.late_opt_outs import LateOptOut
from runner.reports.event_forms import (
    AnswersUnrecordedLine,
    AnyEventLine,
    BackingOffLine,
    CallEndedLine,
    CallsJoinedLine,
    CallsLostLine,
    CallsMovedLine,
    CallsWithdrawnLine,
    ClockIsOffLine,
    EventLine,
    ListsReadAgainLine,
    ListUnreadableLine,
    OptedOutTooLateLine,
    PausedLine,
    ResultsLearnedLine,
    ResultsUnavailableLine,
    ResumedLine,
    RoundsNotPlannedLine,
    RoundsPlannedLine,
    RunBeganLine,
    RunsShareLine,
    WaitingLine,
)
from runner.reports.forms import LateOptOutForm
from runner.reports.state_reasons import reason_text


def event_line(  # noqa: C901, PLR0911, PLR0912 - one for each kind of event
    event: Event, line: EventLine, identity: Identity
) -> AnyEventLine:
    """`line` has what all lines have."""
    match event:
        case events.RunBegan():
            return RunBeganLine(type="run_began", **line)
        case events.CallEnded():
            return _call_ended(event, line, identity)
        case events.RoundsPlanned():
            return RoundsPlannedLine(type="rounds_planned", **line, calls=event.calls)
        case events.CallsJoined():
            return CallsJoinedLine(type="calls_joined", **line, calls=event.calls)
        case events.RoundsNotPlanned():
            return RoundsNotPlannedLine(type="rounds_not_planned", **line, problem=event.problem)
        case events.CallsMoved():
            return CallsMovedLine(type="calls_moved", **line, moved=event.moved, skipped=event.skipped)
        case events.CallsWithdrawn():
            return CallsWithdrawnLine(type="calls_withdrawn", **line, calls=event.count)
        case events.ListUnreadable():
            return ListUnreadableLine(type="list_unreadable", **line, problem=event.problem)
        case events.ListsReadAgain():
            return ListsReadAgainLine(type="lists_read_again", **line)
        case events.OptedOutTooLate():
            found = [late_opt_out_json(late, identity) for late in event.found]
            return OptedOutTooLateLine(type="opted_out_too_late", **line, calls=found)
        case events.BackingOff():
            return BackingOffLine(type="backing_off", **line, problem=event.reason, seconds=event.seconds)
        case events.ClockIsOff():
            return ClockIsOffLine(type="clock_is_off", **line, seconds=event.seconds)
        case events.Waiting():
            return WaitingLine(type="waiting", **line, until=event.until)
        case events.Paused(pause_info=info):
            return PausedLine(type="paused", **line, state=info.state, by=info.by, since=int(info.at))
        case events.Resumed():
            return ResumedLine(type="resumed", **line)
        case events.RunsShare():
            return RunsShareLine(type="runs_share", **line, runs=event.runs)
        case events.AnswersUnrecorded():
            return AnswersUnrecordedLine(type="answers_unrecorded", **line, calls=event.count)
        case events.CallsLost():
            return CallsLostLine(type="calls_lost", **line, calls=event.count)
        case events.ResultsLearned():
            return ResultsLearnedLine(type="results_learned", **line, results=dict(event.counts))
        case events.ResultsUnavailable():
            return ResultsUnavailableLine(
                type="results_unavailable",
                **line,
                failure=event.failure,
                calls=event.calls,
                problem=event.problem,
            )
        case _:
            assert_never(event)


def late_opt_out_json(late: LateOptOut, identity: Identity) -> LateOptOutForm:
    return {
        "contact": identity.label(late.key),
        "ref": late.ref,
        "state": late.state.value,
        "reason": late.reason,
        "dialled_until": late.until,
    }


def _call_ended(event: events.CallEnded, line: EventLine, identity: Identity) -> CallEndedLine:
    return CallEndedLine(
        type="call_ended",
        **line,
        contact=identity.label(event.key),
        ref=event.ref,
        state=event.state,
        reason_code=event.reason.code,
        reason=reason_text(event.reason),
        call_id=event.call_id,
        start_timestamp=event.start_timestamp,
    )
