"""What a run is to do: enter a plan that was just made, and carry it out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from runner.contacts.suppression import Suppressed
from runner.dispatch.exclusion_check import NewlySuppressed, Unwanted
from runner.ledger.ledger import Ledger, RunProcess
from runner.ledger.plan_entry import Binding
from runner.planning.plan import PlannedCall
from runner.reports.activity import activity
from runner.reports.progress import progress
from runner.services.planning import PreparedPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """What `carry_out` needs to know of it."""

    calls: int
    has_any: bool
    """Whether there is a call to queue or to withdraw."""
    begin: Callable[[RunProcess, float], int]
    """Begins the run at a time (UTC Unix seconds) and returns its id. Raises LedgerError."""
    is_limited: bool
    """Whether only calls that this run enters itself are sent, as `--limit` asks."""
    excluded_now: Unwanted
    newly_suppressed: NewlySuppressed


def to_enter(
    prepared: PreparedPlan, ledger: Ledger, binding: Binding, entered: Callable[[], None]
) -> PlannedRun:
    """`entered` is called when the plan is written into the ledger, just before that is committed."""
    plan = prepared.plan

    def begin(runner: RunProcess, now: float) -> int:
        with activity("entering the plan"):
            return ledger.begin_run(binding, plan, runner, now, watch=_watch_entering, entered=entered)

    return PlannedRun(
        calls=len(plan.calls),
        has_any=bool(plan.calls or plan.withdrawals),
        begin=begin,
        is_limited=prepared.limit is not None,
        excluded_now=_left_out_or_listed(prepared),
        newly_suppressed=_newly_suppressed(prepared.suppressed),
    )


def _watch_entering(planned: Sequence[PlannedCall]) -> Iterator[PlannedCall]:
    return progress("entering the plan", len(planned), planned)


def _left_out_or_listed(prepared: PreparedPlan) -> Unwanted:
    """Whom the plan does not hold, and whom the lists name now: a call that comes back is held against both.

    What the plan calls queued may come back from a run beside this one, as part of the plan they share.
    """
    lists, working_set = prepared.suppressed, prepared.working_set
    return lambda key, phone: working_set.left_out(key, phone) or lists.match(key, phone)


def _newly_suppressed(lists: Suppressed) -> NewlySuppressed:
    return lambda: lists.match if lists.refresh() else None
