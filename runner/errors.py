"""The one tree of errors that a user can cause, and the exit status of each.

Every error says what is wrong and where; `hint` says what to do about it.
`runner.cli` turns each into one message and one exit status; none reaches a user as a traceback.
"""

import copyreg
import traceback
from enum import IntEnum
from pathlib import Path
from typing import Any


class ExitStatus(IntEnum):
    """What the process tells the shell. Pipelines rely on the numbers: they do not change."""

    DONE = 0
    FAILED = 1
    CHANGES_PENDING = 2
    CAMPAIGN_INVALID = 3
    PLAN_STALE = 4
    CAMPAIGN_HELD = 5
    FINISHED_WITH_PROBLEMS = 6
    """Everything was tried; some calls were refused or are uncertain."""
    GUARDED = 7
    """A guard stopped it: the plan changes more than the campaign allows."""
    WRONG_USAGE = 64
    INTERRUPTED = 130


class RunnerError(Exception):
    """Something a person can correct. `message` is one sentence; `hint` is what to do next, or empty."""

    exit_status: ExitStatus = ExitStatus.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # For another process, whatever arguments its class was made with.
        return copyreg.__newobj__, (type(self), self.message), vars(self)  # type: ignore[attr-defined]


class UsageError(RunnerError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_status = ExitStatus.WRONG_USAGE


class DeclinedError(RunnerError):
    """The person who was asked did not agree."""


class SettingsError(RunnerError):
    """The environment, the `.env` file or the secrets folder holds a wrong value, or lacks one."""


class SourceError(RunnerError):
    """A contact source or suppression list cannot be read. Never treated as if it were empty."""


class MissingSourceError(SourceError):
    """There is no file where the campaign file names a source or list."""


class SourceContentError(SourceError):
    """A source was read, but some of its rows make no sense (ragged, not JSON, not text)."""

    exit_status = ExitStatus.CAMPAIGN_INVALID


class EmptySourceError(SourceContentError):
    """A source or list has no content at all, not even a header."""


class LedgerError(RunnerError):
    """The ledger cannot be opened, or does not belong to this campaign, account or release."""


class LedgerChangedError(LedgerError):
    """Something was done in the ledger between a plan and its entry: a new plan is needed."""


class UnknownCampaignError(LedgerError):
    """The ledger has no campaign of this name."""


class LedgerUnavailableError(LedgerError):
    """The database itself does not answer, or cannot do its work: that concerns every call alike."""


class CampaignHeldError(RunnerError):
    """Another process is applying this campaign."""

    exit_status = ExitStatus.CAMPAIGN_HELD


class GuardError(RunnerError):
    """The plan changes more than the campaign's `guard` allows."""

    exit_status = ExitStatus.GUARDED


class StoppedError(RunnerError):
    """The campaign was stopped because going on could not succeed; unsent calls stay planned."""


class NeedsPersonError(StoppedError):
    """It was stopped by what became of its requests: another try may cost more calls, so a person decides."""


def unexpected(error: Exception, kind: type[RunnerError] = RunnerError) -> RunnerError:
    """An error in runner itself, as people see it: without its text, which may hold what was in a row."""
    *_, last = traceback.extract_tb(error.__traceback__) or [None]
    place = "" if last is None else f" in {Path(last.filename).name}:{last.lineno}"
    return kind(
        f"unexpected error {type(error).__name__}{place}",
        hint="this is an error in runner: please report it",
    )
