"""Counts of all campaigns together, on both databases."""

from collections import Counter
from dataclasses import replace

from ledger_values import QUEUED, REFUSED, UNCERTAIN, begin, claim_all, rows
from planned_calls import CAMPAIGN, NOW, call

from runner.calls import CallState
from runner.ledger.operators import Operators
from runner.ledger.overview import overview
from runner.ledger.totals import totals


def test_totals_agree_with_the_rows_of_the_calls(ledger):
    _, queue = begin(ledger, *(call(f"c{n}") for n in range(4)), call("c8", start=NOW + 7200))
    ends = (QUEUED, replace(QUEUED, call_id="155762"), REFUSED, UNCERTAIN)
    for claim, end in zip(claim_all(queue), ends, strict=True):
        queue.finish(claim, end, NOW)
    Operators(ledger.engine, "ann@desk").acknowledge(CAMPAIGN, NOW)
    _, queue = begin(ledger, call("c5"))
    for claim in claim_all(queue):
        queue.finish(claim, UNCERTAIN, NOW)

    (found,) = totals(ledger.engine, NOW).values()
    counted = Counter((row["round"], row["state"]) for row in rows(ledger, "SELECT round, state FROM calls"))
    shown = {(number, state): n for number, states in found.rounds.items() for state, n in states.items()}
    assert shown == counted
    assert found.states[CallState.PLANNED] == 1
    assert (found.next_due, found.awaited, found.unacknowledged) == (NOW + 6900, 2, 1)
    seen = overview(ledger.engine, CAMPAIGN, NOW, 10)
    assert seen == overview(ledger.engine, CAMPAIGN, NOW, 10, found)
    assert seen.queued_last_minute == 2
