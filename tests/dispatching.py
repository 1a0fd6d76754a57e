"""A run as `apply` makes it for the Dispatcher: what a test does not name is at its plainest."""

from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.run import CurrentPlan, Run
from runner.dispatch.timer import ClockCheck


def ignore(_value):
    pass


def current_plan(
    *,
    excluded_now=lambda _key, _phone: None,
    newly_suppressed=lambda: None,
    reschedule=lambda late, _taken, _now: dict.fromkeys([each.id for each in late]),
):
    """By default nobody is suppressed, and a late call gets no other slot."""
    return CurrentPlan(excluded_now=excluded_now, newly_suppressed=newly_suppressed, reschedule=reschedule)


def run_of(queue, lease, clock, *, plan=None, requests_per_second=100_000, on_event=ignore, noted=ignore):
    return Run(
        queue=queue,
        lease=lease,
        plan=plan or current_plan(),
        clock=clock,
        rate=RateLimit(requests_per_second),
        clock_check=ClockCheck(clock.now, on_event),
        on_event=on_event,
        noted=noted,
    )
