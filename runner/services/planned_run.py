"""A plan that was just made, as a run carries it out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runner.campaign.loader import LoadedCampaign
from runner.contacts.contact import Match
from runner.ledger.ledger import Ledger, RunProcess
from runner.ledger.plan_entry import Binding, Watch
from runner.planning.placement import reschedule
from runner.planning.plan import Slot, WaitingCall
from runner.services.planning import PreparedPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """`entered` is called when the plan is written into the ledger, just before the commit."""

    loaded: LoadedCampaign
    prepared: PreparedPlan
    binding: Binding
    entered: Callable[[], None] = lambda: None

    @property
    def campaign(self) -> str:
        return self.loaded.campaign.name

    @property
    def calls(self) -> int:
        return len(self.prepared.plan.calls)

    @property
    def has_changes(self) -> bool:
        """Whether there is a call to queue or to withdraw."""
        return bool(self.prepared.plan.calls or self.prepared.plan.withdrawals)

    @property
    def is_limited(self) -> bool:
        """Whether only calls that this run enters itself are sent, as `--limit` asks."""
        return self.prepared.limit is not None

    def begin(self, ledger: Ledger, process: RunProcess, now: float, watch: Watch) -> int:
        """Enters the plan, begins the run at `now` (UTC Unix seconds) and returns its id.

        Raises LedgerError.
        """
        plan = self.prepared.plan
        return ledger.begin_run(self.binding, plan, process, now, watch=watch, entered=self.entered)

    def excluded_now(self, key: str, phone: str) -> str | None:
        """Why a call that comes back is not sent: the plan leaves the contact out, or a list now holds them.

        A call that the plan counts as queued may come back from another run of the same campaign.
        """
        return self.prepared.working_set.left_out(key, phone) or self.prepared.suppressed.match(key, phone)

    def newly_suppressed(self) -> Match | None:
        """Reads the suppression lists again if they changed. Raises SourceError."""
        lists = self.prepared.suppressed
        return lists.match if lists.refresh() else None

    def reschedule(
        self, late: Sequence[WaitingCall], taken: Sequence[int], now: float, *, requests_per_second: float
    ) -> Mapping[int, Slot | None]:
        """New slots for late calls."""
        return reschedule(self.loaded.campaign, late, taken, now=now, requests_per_second=requests_per_second)
