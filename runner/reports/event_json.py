"""The events of a run as values for JSON lines. Contacts are named by label and ref, never by number."""

from typing import assert_never

from runner.contacts.identity import Identity
from runner.dispatch import events
from runner.dispatch.events import Event
from runner.ledger.late_opt_outs import LateOptOut
from runner.reports import event_forms as lines
from runner.reports.forms import LateOptOutForm
from runner.reports.state_reasons import reason_text


def event_line(  # noqa: C901, PLR0911, PLR0912 - one for each kind of event
    event: Event, line: lines.EventLine, identity: Identity
) -> lines.AnyEventLine:
    """`line` has what all lines have."""
    match event:
        case events.RunBegan():
            return lines.RunBeganLine(type="run_began", **line)
        case events.CallEnded():
            return _call_ended(event, line, identity)
        case events.RoundsPlanned():
            return lines.RoundsPlannedLine(type="rounds_planned", **line, calls=event.calls)
        case events.CallsJoined():
            return lines.CallsJoinedLine(type="calls_joined", **line, calls=event.calls)
        case events.RoundsNotPlanned():
            return lines.RoundsNotPlannedLine(type="rounds_not_planned", **line, problem=event.problem)
        case events.CallsMoved():
            return lines.CallsMovedLine(type="calls_moved", **line, moved=event.moved, skipped=event.skipped)
        case events.CallsWithdrawn():
            return lines.CallsWithdrawnLine(type="calls_withdrawn", **line, calls=event.count)
        case events.ListUnreadable():
            return lines.ListUnreadableLine(type="list_unreadable", **line, problem=event.problem)
        case events.ListsReadAgain():
            return lines.ListsReadAgainLine(type="lists_read_again", **line)
        case events.OptedOutTooLate():
            found = [late_opt_out_json(late, identity) for late in event.found]
            return lines.OptedOutTooLateLine(type="opted_out_too_late", **line, calls=found)
        case events.BackingOff():
            return lines.BackingOffLine(
                type="backing_off", **line, problem=event.reason, seconds=event.seconds
            )
        case events.ClockIsOff():
            return lines.ClockIsOffLine(type="clock_is_off", **line, seconds=event.seconds)
        case events.Waiting():
            return lines.WaitingLine(type="waiting", **line, until=event.until)
        case events.Paused(pause_info=info):
            return lines.PausedLine(type="paused", **line, state=info.state, by=info.by, since=int(info.at))
        case events.Resumed():
            return lines.ResumedLine(type="resumed", **line)
        case events.RunsShare():
            return lines.RunsShareLine(type="runs_share", **line, runs=event.runs)
        case events.AnswersUnrecorded():
            return lines.AnswersUnrecordedLine(type="answers_unrecorded", **line, calls=event.count)
        case events.CallsLost():
            return lines.CallsLostLine(type="calls_lost", **line, calls=event.count)
        case events.ResultsLearned():
            return lines.ResultsLearnedLine(type="results_learned", **line, results=dict(event.counts))
        case events.ResultsUnavailable():
            return lines.ResultsUnavailableLine(
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


def _call_ended(event: events.CallEnded, line: lines.EventLine, identity: Identity) -> lines.CallEndedLine:
    return lines.CallEndedLine(
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
