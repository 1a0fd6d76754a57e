"""Counts of all campaigns together, on both databases."""

from dataclasses import replace

from ledger_values import QUEUED, REFUSED, UNCERTAIN, begin, claim_all
from planned_calls import CAMPAIGN, NOW, call

from runner.ledger.operators import Operators
from runner.ledger.overview import overview
from runner.ledger.totals import totals


def test_totals_agree_with_the_overview_of_the_campaign(ledger):
    _, queue = begin(ledger, *(call(f"c{n}") for n in range(4)), call("c8", start=NOW + 7200))
    ends = (QUEUED, replace(QUEUED, call_id="155762"), REFUSED, UNCERTAIN)
    for claim, end in zip(claim_all(queue), ends, strict=True):
        queue.finish(claim, end, NOW)
    Operators(ledger.engine, "ann@desk").acknowledge(CAMPAIGN, NOW)
    _, queue = begin(ledger, call("c5"))
    for claim in claim_all(queue):
        queue.finish(claim, UNCERTAIN, NOW)

    seen = overview(ledger.engine, CAMPAIGN, NOW, 10)
    (found,) = totals(ledger.engine).values()
    assert {state: number for state, number in seen.states.items() if number} == found.states
    assert (found.next_due, found.awaited) == (seen.next_due, seen.awaited)
    assert (found.unacknowledged, seen.unacknowledged) == (1, 1)
