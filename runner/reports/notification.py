"""What `serve` posts about a campaign: a sentence for people, and the facts for programs."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from runner.calls import FINAL, CallState
from runner.campaign.model import NotifyEvent
from runner.ledger.overview import Overview
from runner.planning.plan_view import PlanView
from runner.reports.forms import FORMAT_VERSION, Form
from runner.reports.plan_facts import count, totals


class NotificationForm(Form):
    """Posted to each `connection` of `notify`. Nothing in it is about a person.

    Each is posted at least once, in order for each campaign and connection. After a crash the same may come
    twice, with the same `at`. An answer other than 2xx is tried again after growing pauses, for a day.
    """

    format_version: int
    text: str
    """What happened, in a sentence or two. Chat programs show it."""
    campaign: str
    event: NotifyEvent
    at: int
    """When, in UTC Unix seconds."""
    status: str
    """What `serve` does with the campaign, such as `running` or `guarded`."""
    problem: str
    """Why it does not go on; mostly empty."""
    states: dict[str, int]
    """Calls of all rounds by state."""
    unacknowledged: int
    """Refused and uncertain calls that nobody has acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What happened to a campaign, at `at` (UTC Unix seconds)."""

    event: NotifyEvent
    campaign: str
    at: float
    status: str
    path: str
    problem: str = ""
    plan: PlanView | None = None


_STOPPED: Mapping[str, str] = {
    "guarded": "The plan is beyond a guard, and nothing is sent",
    "broken": "The campaign file or its sources have errors, and nothing is sent",
}
"""By status; of others the problem says enough."""


def notification(occasion: Occasion, seen: Overview) -> NotificationForm:
    return NotificationForm(
        format_version=FORMAT_VERSION,
        text=f"{occasion.campaign}: {_words(occasion, seen)}",
        campaign=occasion.campaign,
        event=occasion.event,
        at=int(occasion.at),
        status=occasion.status,
        problem=occasion.problem,
        states={state.value: number for state, number in seen.states.items()},
        unacknowledged=seen.unacknowledged,
    )


def _words(occasion: Occasion, seen: Overview) -> str:
    match occasion.event:
        case "finished":
            return f"Finished. Nothing is left to send, and no result is awaited. {_ends(seen)}"
        case "needs_person":
            calls = count(seen.unacknowledged, "refused or uncertain call")
            need = "needs" if seen.unacknowledged == 1 else "need"
            return f"{calls} {need} a decision. See: runner status {occasion.campaign}"
        case "waiting_for_approval":
            plan = "" if occasion.plan is None else f" The plan: {totals(occasion.plan)}."
            approve = f"runner approve {shlex.quote(occasion.path)}"
            return f"Waiting for approval. Nothing is sent until a person approves the file: {approve}.{plan}"
    stopped = _STOPPED.get(occasion.status, "Stopped, and nothing is sent")
    return f"{stopped}: {occasion.problem}" if occasion.problem else f"{stopped}."


def _ends(seen: Overview) -> str:
    ends = {state: seen.states[state] for state in CallState if state in FINAL}
    # Without a result, a call stays queued.
    shown = {**{state.value: number for state, number in ends.items()}, "without a result": seen.unknown}
    words = ", ".join(f"{number:,} {name}" for name, number in shown.items() if number)
    return f"Calls: {words}." if words else "There was no call."
