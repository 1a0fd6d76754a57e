"""Pausing, resuming and canceling a campaign, as pages and the API offer it."""

import asyncio
import time

from runner.calls import CallState
from runner.errors import RunnerError, UsageError
from runner.ledger.operators import CampaignState, PauseInfo
from runner.reports.notices import pause_text
from runner.reports.plan_facts import count
from runner.reports.times import machine_time
from runner.serve.acting import Acting, Done, Field, FieldKind, Given, Question


def pause_question(acting: Acting, _given: Given) -> Question:
    seen = acting.overview()
    return Question(
        lines=[
            (
                f"Nothing more of {acting.campaign} is sent until somebody resumes it. "
                f"Not sent yet: {count(seen.states[CallState.PLANNED], 'call')}, still planned."
            ),
            f"Insight may still dial {count(seen.awaited, 'call')} whose result is not known yet.",
        ]
    )


def pause(acting: Acting, _given: Given) -> Done:
    with acting.desk() as desk:
        earlier = desk.operators.pause(desk.campaign, time.time())
        said = (
            f"{desk.campaign} was paused already, since {machine_time(earlier.at)} by {earlier.by}."
            if earlier
            else f"{desk.campaign} is paused: nothing is sent until somebody resumes it."
        )
    return Done(lines=[said])


def resume_question(acting: Acting, _given: Given) -> Question:
    seen = acting.overview()
    planned = seen.states[CallState.PLANNED]
    return Question(
        lines=[
            (
                f"Calls of {acting.campaign} are sent again. Not sent yet: {count(planned, 'call')}. "
                "Those whose start has passed get a new one, inside their windows and at the campaign's pace."
            )
        ],
        fields=[Field(name="pause", kind=FieldKind.HIDDEN, value=_pause_named(seen.pause_info))],
    )


def _pause_named(found: PauseInfo | None) -> str:
    """Tells one pause from another; empty for none."""
    if found is None or found.state is not CampaignState.PAUSED:
        return ""
    return f"{found.at!r} {found.by}"


def resume(acting: Acting, given: Given) -> Done:
    """Raises RunnerError where it was paused again since the person was asked: they know nothing of that."""
    with acting.desk() as desk:
        paused = _pause_named(desk.ledger.pause_info(desk.campaign))
        if paused and given.get("pause", paused) != paused:
            raise RunnerError(
                f"{desk.campaign} was paused again since you were asked: nothing was changed",
                hint="look why, and resume it then",
            )
        was_paused = desk.operators.resume(desk.campaign, time.time())
        said = "is resumed" if was_paused else "was not paused: nothing was changed"
        return Done(lines=[f"{desk.campaign} {said}."])


def cancel_question(acting: Acting, _given: Given) -> Question:
    with acting.desk() as desk:
        survey_id, instance_id = desk.ledger.survey(desk.campaign)
    planned = acting.overview().states[CallState.PLANNED]
    everything = f"Also cancel EVERY call waiting in instance {instance_id} of survey {survey_id}"
    return Question(
        lines=[
            (
                f"This withdraws what {acting.campaign} has not sent ({count(planned, 'call')}) for good: "
                "nothing is ever sent again under this name."
            ),
            "To stop for a while, pause it instead.",
        ],
        fields=[
            Field(
                name="pending_at_insight",
                label=everything,
                kind=FieldKind.CHECK,
                hint="These include calls that other people or programs queued there. Insight has no way to "
                "cancel fewer.",
            ),
            Field(name="confirm", label=f"To confirm, type the name: {acting.campaign}", is_required=True),
        ],
    )


def cancel(acting: Acting, given: Given) -> Done:
    if given.get("confirm", "").strip() != acting.campaign:
        raise UsageError(
            "the name that you typed is not the name of this campaign: nothing was changed",
            hint=f"type {acting.campaign} to cancel it",
        )
    with acting.desk() as desk:
        earlier = acting.overview().pause_info
        withdrawn = desk.operators.cancel(desk.campaign, time.time())
        lines = [f"{desk.campaign} is canceled for good: {count(withdrawn, 'call')} withdrawn unsent."]
        if earlier is not None and earlier.state is CampaignState.CANCELED:
            lines = [f"{desk.campaign} was canceled already: {pause_text(earlier)}."]
        warnings = []
        if given.get("pending_at_insight") == "yes":
            try:
                asyncio.run(desk.cancel_at_insight(acting.environment.settings))
                lines.append("Insight accepted the request to cancel every call that waits in the instance.")
            except RunnerError as error:
                # The campaign is canceled nevertheless.
                warnings.append(
                    f"Calls that wait at Insight were not canceled: {error.message}. {error.hint}"
                )
    return Done(lines=lines, warnings=warnings)
