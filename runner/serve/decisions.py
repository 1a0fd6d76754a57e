"""What `serve` does next with one campaign, from what was found of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto

from runner.campaign.diagnostics import CampaignInvalidError
from runner.errors import (
    CampaignHeldError,
    GuardError,
    LedgerUnavailableError,
    RunnerError,
    SettingsError,
    SourceContentError,
    SourceError,
)
from runner.ledger.operators import CampaignState
from runner.planning.plan import Change, ChangeReason, Plan
from runner.serve.served import ServeStatus


class FileState(StrEnum):
    """Of a campaign file."""

    VALID = auto()
    BROKEN = auto()
    REMOVED = auto()


class Step(StrEnum):
    """What follows."""

    WAIT = auto()
    REVIEW = auto()
    """Plan, for people who decide whether to approve it. Nothing is entered into the ledger."""
    APPLY = auto()
    """Check, plan and run, as `apply` does."""
    COMPARE = auto()
    """Plan next to the run: new calls join it, and other changes end it."""
    END_RUN = auto()
    """Send no new calls, and finish what is under way."""
    STOP = auto()
    """Pause it in the ledger, until a person resumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One campaign, as it was found at one moment."""

    file: FileState
    content: str
    """Of its file, with the one that it extends."""
    is_approved: bool
    """Whether exactly this content may be carried out."""
    state: CampaignState
    """What operators allow."""
    is_stopped: bool
    """Whether the ledger says that a problem paused it."""
    is_to_stop: bool
    """Whether a run of it met a problem that the ledger does not know of yet."""
    running: str | None
    """The content that a run carries out; None without a run."""
    is_outdated: bool
    """Whether another plan than the run's is to be carried out."""
    is_planning: bool
    """Also while a run has not begun."""
    is_due: bool
    """Whether it is time to plan again."""

    @property
    def may_run(self) -> bool:
        allowed = self.is_approved and self.state is not CampaignState.CANCELED
        return self.file is FileState.VALID and allowed


def next_step(found: Found) -> Step:
    if found.running is not None and (
        not found.may_run or found.running != found.content or found.is_outdated
    ):
        return Step.END_RUN
    if found.is_to_stop:
        return Step.WAIT if found.is_planning else Step.STOP
    if found.is_planning or not found.is_due or found.file is not FileState.VALID:
        return Step.WAIT
    if found.state is CampaignState.CANCELED:
        return Step.WAIT
    if not found.is_approved:
        return Step.REVIEW
    return Step.APPLY if found.running is None else Step.COMPARE


def status_of(
    found: Found, outcome: ServeStatus | None, *, has_begun: bool, has_calls: bool, was_planned: bool
) -> ServeStatus:
    """`outcome` is what became of the last try to carry out this content; None before the first.

    `has_begun`: the run has entered its plan. `has_calls`: some are planned or being sent. `was_planned`:
    there is a plan of this content.
    """
    if found.file is not FileState.VALID:
        return ServeStatus.REMOVED if found.file is FileState.REMOVED else ServeStatus.BROKEN
    if found.state is CampaignState.CANCELED:
        return ServeStatus.CANCELED
    if not found.is_approved:
        waiting = ServeStatus.WAITING_FOR_APPROVAL if was_planned else ServeStatus.PLANNING
        return outcome or waiting
    if found.running is None or not has_begun:
        planning = ServeStatus.STOPPED if found.is_stopped else ServeStatus.PLANNING
        return outcome or planning
    if found.state is CampaignState.PAUSED:
        return ServeStatus.STOPPED if found.is_stopped else ServeStatus.PAUSED
    return ServeStatus.RUNNING if has_calls else ServeStatus.WAITING_FOR_RESULTS


_BY_ITS_RUN = frozenset(
    {
        (Change.UNCHANGED, ChangeReason.SLOT_KEPT),
        (Change.MOVED, ChangeReason.START_PASSED),
        (Change.MOVED, ChangeReason.RETRIED),
        (Change.MOVED, ChangeReason.RESOLVED),
        (Change.MOVED, ChangeReason.TOO_CLOSE_TO_WINDOW_END),
    }
)
"""What a run does by itself: it gives late calls new slots."""


def is_another(plan: Plan) -> bool:
    """Whether a run must begin again to carry out this plan, which was made next to it: new calls join it."""
    changes = {(change, why) for change, why, _ in plan.statistics.changes if change is not Change.NEW}
    return bool(plan.withdrawals) or not changes <= _BY_ITS_RUN


_STATUS_OF: Mapping[type[RunnerError], ServeStatus] = {
    GuardError: ServeStatus.GUARDED,
    CampaignHeldError: ServeStatus.HELD_ELSEWHERE,
    CampaignInvalidError: ServeStatus.BROKEN,
    SettingsError: ServeStatus.BROKEN,
    SourceContentError: ServeStatus.BROKEN,
    SourceError: ServeStatus.UNREACHABLE,
    LedgerUnavailableError: ServeStatus.UNREACHABLE,
}
"""The nearest class of an error counts."""


def status_after(error: RunnerError) -> ServeStatus:
    """Of a campaign that could not be carried out because of this error."""
    return next((_STATUS_OF[kind] for kind in type(error).__mro__ if kind in _STATUS_OF), ServeStatus.STOPPED)


_PAUSES: Mapping[ServeStatus, tuple[int, int]] = {
    ServeStatus.HELD_ELSEWHERE: (5, 60),
    ServeStatus.UNREACHABLE: (10, 600),
    ServeStatus.STOPPED: (60, 3600),
}
_OTHER_PAUSES = (60, 900)


def pause_after(status: ServeStatus, failures: int) -> float:
    """Seconds until the next try after so many failures in a row."""
    first, most = _PAUSES.get(status, _OTHER_PAUSES)
    return min(first * 2.0 ** min(failures - 1, 20), most)
