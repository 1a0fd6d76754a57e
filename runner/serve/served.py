"""What `serve` does with each campaign now, as pages, the API and metrics see it.

Facts of the ledger are not copied here: `ledger.overview` and the reports read them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from runner.campaign.diagnostics import Diagnostic
from runner.campaign.model import Notification
from runner.characters import on_one_line
from runner.dispatch.events import Event
from runner.ledger.approvals import Approval
from runner.planning.plan_view import PlanView


class ServeStatus(StrEnum):
    """Of one campaign file."""

    PLANNING = "planning"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    """Nobody approved its content yet: nothing is sent."""
    GUARDED = "guarded"
    """Its plan is beyond a guard: nothing is sent."""
    RUNNING = "running"
    WAITING_FOR_RESULTS = "waiting_for_results"
    """Every call is queued, and results may still come."""
    FINISHED = "finished"
    """Nothing is left to send, and no result is awaited. New rows start it again."""
    STOPPED = "stopped"
    """No call can succeed, such as when Insight does not accept the credentials. It is tried again, unless
    calls failed already: then it is paused until a person resumes it, and the problem says so.
    """
    BROKEN = "broken"
    """The file or its sources have errors. It goes on when they are corrected."""
    UNREACHABLE = "unreachable"
    """A source, a list or the ledger cannot be read now. It is tried again."""
    PAUSED = "paused"
    CANCELED = "canceled"
    REMOVED = "removed"
    """The file is gone: nothing is sent, and nothing was withdrawn."""
    HELD_ELSEWHERE = "held_elsewhere"
    """Another process carries it out. It is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a campaign is not carried out, and what to do about it."""

    message: str
    hint: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    """The errors and warnings of a file that has errors."""

    @property
    def words(self) -> str:
        """On one line, with the first of the diagnostics."""
        lines = [*map(str, self.diagnostics[:1]), *self.message.splitlines(), self.hint]
        return on_one_line("; ".join(line for line in lines if line))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEvent:
    """Something that happened in a run, at UTC Unix seconds. `reports.live.event_words` has the words."""

    at: float
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCampaign:
    """One campaign file. Times are UTC Unix seconds."""

    name: str
    """The path, where the file was never valid enough to name its campaign."""
    path: Path
    status: ServeStatus
    since: float
    """When it came into this status."""
    problem: Problem | None
    content: str
    """A hash of the file with the one that it extends; empty where it cannot be read."""
    approved: Approval | None
    """The approval of this content; None where nobody gave one."""
    planned_at: float | None
    plan: PlanView | None
    """The newest plan, masked. Its rows are on the disk."""
    next_due: int | None
    """When the next request is to be sent; None where none is planned."""
    notify: tuple[Notification, ...] = ()
    """Where its newest valid file has it reported."""
    last_events: tuple[SeenEvent, ...]
    """The newest of its runs in this process, oldest first; a bounded number."""


class Served(Protocol):
    """All campaigns of one `serve`. Use it in its event loop."""

    def campaigns(self) -> Sequence[ServedCampaign]:
        """In the order of their names."""

    def campaign(self, name: str) -> ServedCampaign | None:
        """The one of this name; None for an unknown one."""

    async def approve(self, name: str, content: str, who: str) -> None:
        """Raises RunnerError when this is not the content of the campaign now: nobody reviewed the other."""

    def seconds_since_look(self) -> float:
        """How long ago the files and the ledger were looked at."""

    def reload(self) -> None:
        """Reads all files and contacts again now."""

    async def changed(self) -> None:
        """Returns after the next change of any campaign, which may be one of many calls a second."""
