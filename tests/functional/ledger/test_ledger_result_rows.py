"""Every call of a campaign with its result, in the order that exports and reports need."""

import pytest
from ledger_values import begin, claim_all
from planned_calls import CAMPAIGN, NOW, call, phone
from sqlalchemy import insert

from runner.calls import CallState, ResultStatus
from runner.ledger import result_rows as module
from runner.ledger.claim import AttemptResult
from runner.ledger.result_rows import first_start, result_rows
from runner.ledger.tables import results


def queued(ledger, *calls):
    """A campaign whose calls Insight has; their numbers in the ledger, by contact."""
    _, queue = begin(ledger, *calls)
    claims = claim_all(queue, now=max(each.queue_at for each in calls))
    for number, claim in enumerate(claims):
        queue.finish(claim, AttemptResult(state=CallState.QUEUED, call_id=f"{7000 + number}"), NOW)
    return {claim.key: claim.call for claim in claims}


def learn(ledger, number, status, **values):
    row = {"call": number, "campaign": CAMPAIGN, "status": status, "source": "asked", "learned_at": NOW}
    with ledger.engine.begin() as connection:
        connection.execute(insert(results).values(row | {"events": []} | values))


def found(ledger):
    return {row.contact: row for row in result_rows(ledger.engine, CAMPAIGN)}


def test_a_planned_call_has_neither_result_nor_dials(ledger):
    begin(ledger, call("a", phone(1)))
    row = found(ledger)["a"]
    assert (row.state, row.result, row.dials, row.attempts, row.call_id) == (
        CallState.PLANNED, None, (), None, None,
    )  # fmt: skip
    assert (row.ref, row.phone, row.round, row.zones) == ("ref-a", phone(1), 1, ("America/New_York",))
    assert (row.queue_at, row.start, row.end) == (NOW, NOW + 300, NOW + 3900)


def test_dials_are_read_from_the_events(ledger):
    numbers = queued(ledger, call("a", phone(1)))
    events = [
        {"event": "dialing", "timestamp": NOW + 60},
        {"event": "disconnected", "timestamp": NOW + 90},
        {"event": "dialing", "timestamp": NOW + 30},
    ]
    learn(
        ledger, numbers["a"], "failed", attempts=2, first_dial=NOW, last_attempt_timestamp=NOW, events=events
    )
    row = found(ledger)["a"]
    assert (row.dials, row.attempts) == ((NOW + 30, NOW + 60), 2)


def test_without_events_the_first_and_the_last_dial_are_known(ledger):
    numbers = queued(ledger, call("a", phone(1)), call("b", phone(2)))
    learn(ledger, numbers["a"], "failed", attempts=3, first_dial=NOW, last_attempt_timestamp=NOW + 60)
    learn(ledger, numbers["b"], "failed", attempts=1, last_attempt_timestamp=NOW + 60)
    assert (found(ledger)["a"].dials, found(ledger)["b"].dials) == ((NOW, NOW + 60), (NOW + 60,))


def test_a_call_that_was_given_up_is_queued_with_an_unknown_result(ledger):
    numbers = queued(ledger, call("a", phone(1)))
    learn(ledger, numbers["a"], "unknown")
    row = found(ledger)["a"]
    assert (row.state, row.result, row.call_id) == (CallState.QUEUED, ResultStatus.UNKNOWN, "7000")


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_contacts_come_together_and_their_rounds_in_order(ledger, monkeypatch, at_once):
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    rounds = [
        call(key, phone(place), round=number) for place, key in enumerate("bca") for number in (2, 1, 3)
    ]
    begin(ledger, *rounds)
    read = [(row.contact, row.round) for row in result_rows(ledger.engine, CAMPAIGN)]
    assert read == [(key, number) for key in "abc" for number in (1, 2, 3)]


def test_another_campaigns_calls_are_not_read(ledger):
    begin(ledger, call("a", phone(1)))
    assert list(result_rows(ledger.engine, "another")) == []


def test_the_first_start_is_that_of_a_call_that_insight_has(ledger):
    queued(ledger, call("a", phone(1), start=NOW + 900), call("b", phone(2), start=NOW + 600))
    begin(ledger, call("c", phone(3), start=NOW + 300))
    assert first_start(ledger.engine, CAMPAIGN) == NOW + 600


def test_before_insight_has_a_call_the_first_start_is_unknown(ledger):
    begin(ledger, call("a", phone(1)))
    assert first_start(ledger.engine, CAMPAIGN) is None
