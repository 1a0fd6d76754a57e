"""The inputs of a plan. Values only."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from runner.campaign.diagnostics import Diagnostic
from runner.campaign.model import Campaign
from runner.campaign.rules.rule_set import RuleSet
from runner.campaign.warning_codes import WarningCode
from runner.contacts.contact import Exclusion, Match
from runner.contacts.identity import Identity
from runner.planning.candidate import Candidate
from runner.planning.contact_limits import Dials
from runner.planning.pacing import DayLimit
from runner.planning.plan import DataVersions
from runner.planning.working_file import KnownCalls, WorkingFile

_T = TypeVar("_T")

Diagnose = Callable[[WarningCode, str, tuple[str | int, ...], str], Diagnostic]
"""(code, message, path in the campaign file, hint) → a warning at its place."""


class Progress(Protocol):
    """Passes items on and may show how many of `total` are done; `what` names the step."""

    def __call__(self, what: str, total: int, items: Iterable[_T]) -> Iterator[_T]: ...


@dataclass(frozen=True, slots=True)
class History:
    """The calls of earlier runs of this campaign. Empty for a new ledger."""

    calls: KnownCalls
    revision: str = ""
    """Of the campaign in the ledger: a plan is only written to the revision that it was made from."""
    survey: tuple[str, str] | None = None
    """The survey_id and instance_id that the waiting calls were planned for; None for a new campaign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInput:
    """`now` is UTC Unix seconds; `limit` bounds the number of calls."""

    campaign: Campaign
    rules: tuple[RuleSet, ...] = ()
    """Those that the campaign obeys, its own and those of others."""
    days: DayLimit | None = None
    rows: Iterable[Candidate | Exclusion]
    """The result of screening each row, in their order."""
    suppressed: Match
    lists_name_keys: bool
    """Whether a list names people by their keys, and not by numbers alone."""
    imported: Callable[[str, str], bool] | None
    """(key, number) → whether another tool has queued this contact; None where no contact was imported."""
    history: History
    dials: Callable[[Iterable[str]], Iterable[tuple[str, Dials]]] = lambda _numbers: ()
    """Numbers → of each what its other calls may dial or have dialled, as far as a cap counts them."""
    working_set: WorkingFile
    """Empty. The plan reads its calls and exclusions from it."""
    identity: Identity
    versions: DataVersions
    now: float
    requests_per_second: float
    limit: int | None
    diagnose: Diagnose
    progress: Progress
    earlier_diagnostics: Callable[[], Iterable[Diagnostic]]
    """Findings of loading the campaign and reading its sources; called when all rows were read."""
