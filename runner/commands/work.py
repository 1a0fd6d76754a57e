"""What a run is to do: enter a plan that was just made, and carry it out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from runner.commands.planning import PreparedPlan
from runner.contacts.suppression import Suppressed
from runner.dispatch.wishes import NewlySuppressed, Unwanted
from runner.ledger.ledger import Ledger, Runner
from runner.ledger.plan_entry import Binding
from runner.planning.plan import PlannedCall
from runner.reports.at_work import at_work
from runner.reports.progress import progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What `carry_out` needs to know of it."""

    calls: int
    has_any: bool
    """Whether there is a call to queue or to withdraw."""
    begin: Callable[[Runner, float], int]
    """Begins the run at a time (UTC Unix seconds) and returns its id. Raises LedgerError."""
    is_limited: bool
    """Whether only calls that this run enters itself are sent, as `--limit` asks."""
    unwanted: Unwanted
    newly_suppressed: NewlySuppressed


def to_enter(prepared: PreparedPlan, ledger: Ledger, binding: Binding, entered: Callable[[], None]) -> Work:
    """`entered` is called when the plan is written into the ledger, just before that is committed."""
    plan = prepared.plan

    def begin(runner: Runner, now: float) -> int:
        with at_work("entering the plan"):
            return ledger.begin_run(binding, plan, runner, now, watch=_watch_entering, entered=entered)

    return Work(
        calls=len(plan.calls),
        has_any=bool(plan.calls or plan.withdrawals),
        begin=begin,
        is_limited=prepared.limit is not None,
        unwanted=_left_out_or_listed(prepared),
        newly_suppressed=_newly_suppressed(prepared.suppressed),
    )


def _watch_entering(planned: Sequence[PlannedCall]) -> Iterator[PlannedCall]:
    return progress("entering the plan", len(planned), planned)


def _left_out_or_listed(prepared: PreparedPlan) -> Unwanted:
    """Whom the plan does not hold, and whom the lists name now: a call that comes back is held against both.

    What the plan calls queued may come back from a run beside this one, as part of the plan they share.
    """
    lists, staging = prepared.suppressed, prepared.staging
    return lambda key, phone: staging.left_out(key, phone) or lists.match(key, phone)


def _newly_suppressed(lists: Suppressed) -> NewlySuppressed:
    return lambda: lists.match if lists.refresh() else None
