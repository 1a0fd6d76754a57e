"""Many claims and many endings share a commit, and none of them spoils the others."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from ledger_values import (
    NOT_SENT,
    REFUSED,
    UNCERTAIN,
    begin,
    claim_all,
    let_leases_lapse,
    rows,
    states,
    trail,
)
from planned_calls import CAMPAIGN, NOW
from planned_calls import calls as people
from sqlalchemy import event

from runner.calls import CallState
from runner.errors import LedgerError, LedgerUnavailableError
from runner.ledger import attempt_results
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import AttemptResult, LedgerRolledBackError, LostClaimError


def queued(call_id):
    return AttemptResult(state=CallState.QUEUED, http_status=200, call_id=str(call_id), link=f"/{call_id}")


@contextmanager
def counted(ledger):
    """What the database is asked meanwhile: its statements, and COMMIT for each commit."""
    asked = []

    def note(_connection, _cursor, statement, *_rest):
        asked.append(statement)

    def note_commit(_connection):
        asked.append("COMMIT")

    event.listen(ledger.engine, "before_cursor_execute", note)
    event.listen(ledger.engine, "commit", note_commit)
    try:
        yield asked
    finally:
        event.remove(ledger.engine, "before_cursor_execute", note)
        event.remove(ledger.engine, "commit", note_commit)


def test_many_claims_take_as_many_statements_as_one(ledger):
    _, queue = begin(ledger, *people(21))
    with counted(ledger) as for_one:
        assert len(claim_all(queue, most=1)) == 1
    with counted(ledger) as for_many:
        assert len(claim_all(queue, most=20)) == 20
    assert len(for_many) == len(for_one)
    assert for_many.count("COMMIT") == 1


def test_many_claims_each_have_their_intent_and_their_trace(ledger):
    run, queue = begin(ledger, *people(5))
    claims = claim_all(queue, NOW + 1)
    kept = rows(ledger, "SELECT call, run, fence, intended_at, finished_at FROM attempts ORDER BY call")
    assert kept == [
        {"call": claim.call, "run": run, "fence": 1, "intended_at": NOW + 1, "finished_at": None}
        for claim in claims
    ]
    assert all(trail(ledger, claim.key)[-1] == ("planned", "sending") for claim in claims)


def test_the_newest_intent_is_reported_once_it_is_committed(ledger):
    run, _ = begin(ledger, *people(3))
    told = []
    queue = CallQueue(
        ledger.engine,
        CAMPAIGN,
        run,
        intended=lambda newest: told.append((newest, set(states(ledger).values()))),
    )
    claim_all(queue)
    assert told == [(rows(ledger, "SELECT max(id) AS newest FROM attempts")[0]["newest"], {"sending"})]


def test_many_endings_share_a_commit_and_are_kept_as_each_alone(ledger):
    run, queue = begin(ledger, *people(5))
    claims = claim_all(queue)
    ended = list(zip(claims, [queued(1), REFUSED, UNCERTAIN, NOT_SENT, queued(2)], strict=True))
    with counted(ledger) as asked:
        assert queue.finish_together(ended, NOW + 2) == [ending for _, ending in ended]
    assert asked.count("COMMIT") == 1
    for claim, ending in ended:
        (call,) = rows(ledger, "SELECT * FROM calls WHERE id = :id", id=claim.call)
        assert (call["state"], call["reason"], call["call_id"], call["link"], call["run"]) == (
            ending.state,
            ending.reason.stored(),
            ending.call_id,
            ending.link,
            run,
        )
        assert (call["updated_at"], call["fence"]) == (NOW + 2, claim.fence)
        (attempt,) = rows(ledger, "SELECT * FROM attempts WHERE call = :id", id=claim.call)
        assert (attempt["finished_at"], attempt["outcome"]) == (NOW + 2, ending.state)
        assert (attempt["http_status"], attempt["reason"]) == (ending.http_status, ending.reason.stored())
        assert trail(ledger, claim.key)[-1] == ("sending", ending.state)


def test_many_endings_that_are_alike_take_as_many_statements_as_one(ledger):
    """However many times the other threads go first, it is not once for each call."""
    _, queue = begin(ledger, *people(21))
    first, *others = claim_all(queue)
    with counted(ledger) as for_one:
        queue.finish_together([(first, queued(0))], NOW)
    with counted(ledger) as for_many:
        queue.finish_together([(claim, queued(claim.call + 100)) for claim in others], NOW)
    assert len(for_many) == len(for_one)


def test_more_endings_than_fit_into_a_statement_are_each_kept(ledger):
    _, queue = begin(ledger, *people(150))
    claims = claim_all(queue, most=150)
    # In another order than that of the calls.
    ended = [(claim, queued(1000 + claim.call)) for claim in reversed(claims)]
    assert queue.finish_together(ended, NOW) == [ending for _, ending in ended]
    kept = rows(ledger, "SELECT id, call_id, link, state FROM calls ORDER BY id")
    assert kept == [
        {
            "id": claim.call,
            "call_id": str(1000 + claim.call),
            "link": f"/{1000 + claim.call}",
            "state": "queued",
        }
        for claim in claims
    ]


def test_a_lost_claim_among_others_is_lost_alone(ledger):
    _, queue = begin(ledger, *people(3))
    first, lost, last = claim_all(queue)
    queue.finish(lost, REFUSED, NOW)
    results = queue.finish_together([(first, queued(1)), (lost, queued(2)), (last, queued(3))], NOW)
    assert isinstance(results[1], LostClaimError)
    assert [results[0], results[2]] == [queued(1), queued(3)]
    assert states(ledger) == {"c0": "queued", "c1": "refused", "c2": "queued"}


def test_when_the_database_is_gone_it_is_asked_once_for_all_endings(ledger):
    _, queue = begin(ledger, *people(3))
    ended = [(claim, queued(claim.call)) for claim in claim_all(queue)]
    tries = []

    @event.listens_for(ledger.engine, "do_connect")
    def _refuse(dialect, *_):
        tries.append(1)
        raise dialect.loaded_dbapi.OperationalError("gone")

    ledger.engine.dispose()
    results = queue.finish_together(ended, NOW)
    assert [type(error) for error in results] == [LedgerUnavailableError] * 3
    assert len(tries) == 1


def test_a_stale_claim_among_others_changes_nothing_of_a_later_one(ledger):
    _, queue = begin(ledger, *people(2))
    stale, other = claim_all(queue)
    queue.finish(stale, NOT_SENT, NOW)
    claim_all(queue)
    results = queue.finish_together([(stale, queued(1)), (other, queued(2))], NOW)
    assert isinstance(results[0], LostClaimError)
    assert states(ledger) == {"c0": "sending", "c1": "queued"}


def test_a_result_that_the_ledger_lost_is_recorded_again_and_so_are_the_others(ledger):
    _, queue = begin(ledger, *people(2))
    forgotten, other = claim_all(queue)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM attempts WHERE call = {forgotten.call}")
        connection.exec_driver_sql(
            f"UPDATE calls SET state = 'planned', fence = 0 WHERE id = {forgotten.call}"
        )
    results = queue.finish_together([(forgotten, queued(1)), (other, queued(2))], NOW)
    assert isinstance(results[0], LedgerRolledBackError)
    assert results[1] == queued(2)
    assert set(states(ledger).values()) == {"queued"}


def test_endings_with_one_call_id_among_them_prove_only_the_first(ledger):
    _, queue = begin(ledger, *people(3))
    ended = list(zip(claim_all(queue), [queued(7), queued(8), queued(7)], strict=True))
    results = queue.finish_together(ended, NOW)
    assert [ending.state for ending in results] == ["queued", "queued", "uncertain"]
    assert states(ledger) == {"c0": "queued", "c1": "queued", "c2": "uncertain"}


def test_a_call_id_that_another_call_has_proves_nothing_among_others_either(ledger):
    _, queue = begin(ledger, *people(3))
    first, second, third = claim_all(queue)
    queue.finish(first, queued(7), NOW)
    results = queue.finish_together([(second, queued(7)), (third, queued(8))], NOW)
    assert [ending.state for ending in results] == ["uncertain", "queued"]


def test_answers_of_a_run_that_was_declared_dead_settle_their_calls_together_too(ledger):
    _, queue = begin(ledger, *people(2))
    claims = claim_all(queue)
    let_leases_lapse(ledger)
    assert ledger.mark_orphaned_calls(CAMPAIGN) == 2
    ended = list(zip(claims, [queued(1), REFUSED], strict=True))
    assert queue.finish_together(ended, NOW) == [queued(1), REFUSED]
    assert states(ledger) == {"c0": "queued", "c1": "refused"}
    assert {row["outcome"] for row in rows(ledger, "SELECT outcome FROM attempts")} == {"queued", "refused"}


def test_endings_that_are_recorded_again_together_change_nothing(ledger):
    """As when the commit succeeded and its acknowledgement was lost."""
    _, queue = begin(ledger, *people(2))
    ended = list(zip(claim_all(queue), [queued(1), UNCERTAIN], strict=True))
    for _ in range(2):
        assert queue.finish_together(ended, NOW) == [queued(1), UNCERTAIN]
    assert len(trail(ledger, "c0")) == len(trail(ledger, "c1")) == 3


def test_when_they_cannot_be_recorded_together_each_is_tried_alone(ledger, monkeypatch):
    _, queue = begin(ledger, *people(3))
    ended = [(claim, queued(number)) for number, claim in enumerate(claim_all(queue))]
    record_together = attempt_results.record_together

    def break_off_at_the_end(*args):
        record_together(*args)
        raise LedgerError("one of them cannot be written")

    monkeypatch.setattr(attempt_results, "record_together", break_off_at_the_end)
    assert queue.finish_together(ended, NOW) == [ending for _, ending in ended]
    assert set(states(ledger).values()) == {"queued"}
    assert len(trail(ledger, "c0")) == 3


def test_a_move_that_no_call_may_make_is_a_defect_and_writes_nothing(ledger):
    _, queue = begin(ledger, *people(1))
    (claim,) = claim_all(queue)
    with pytest.raises(ValueError, match="cannot move"):
        queue.finish_together([(claim, replace(REFUSED, state=CallState.COMPLETED))], NOW)
    assert states(ledger) == {"c0": "sending"}
    assert len(trail(ledger, "c0")) == 2
