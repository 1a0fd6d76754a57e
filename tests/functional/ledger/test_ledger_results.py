"""What is said of calls, in any order and by anybody, over real databases."""

import threading
from dataclasses import replace

import pytest
from ledger_values import THIS, begin, claim_all, let_leases_lapse, rows, states, trail
from planned_calls import BINDING, CAMPAIGN, NOW, call, calls, phone, plan
from sqlalchemy import event

from runner.calls import CallState, ReasonCode, Resolution
from runner.errors import LedgerError
from runner.ledger.asking import Patience
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import AttemptResult
from runner.ledger.evidence import EvidenceSource, Report, Verdict
from runner.ledger.kept_evidence import MOST_EVIDENCE
from runner.ledger.operators import Operators
from runner.ledger.overview import overview, read_history
from runner.ledger.results import Results, results_learned_at

COMPLETED, FAILED, QUEUED = CallState.COMPLETED, CallState.FAILED, CallState.QUEUED
PLANNED, UNCERTAIN = CallState.PLANNED, CallState.UNCERTAIN
CALLBACK = EvidenceSource.CALLBACK


def said(claim, says, **more):
    return Report(call=claim.call, fence=claim.fence, source=CALLBACK, says=says, **more)


def record(ledger, *reports, now=NOW + 900):
    return Results(ledger.engine).record(reports, now)


def one_claim(ledger, **kwargs):
    _, queue = begin(ledger, call("c0", phone(0), **kwargs))
    (claim,) = claim_all(queue)
    return queue, claim


def ended(state, **more):
    more = {"call_id": "77"} | more if state is QUEUED else more
    return AttemptResult(state=state, **more)


def one_ended(ledger, state, **kwargs):
    queue, claim = one_claim(ledger, **kwargs)
    queue.finish(claim, ended(state), NOW + 1)
    return queue, claim


def operators(ledger):
    return Operators(ledger.engine, "ann@desk")


def sendable(queue, now=NOW):
    """Whether anything would be sent now."""
    return [claim.key for claim in claim_all(queue, now)]


def evidence(ledger):
    found = rows(ledger, "SELECT verdict, status, source FROM evidence ORDER BY id")
    return [(row["verdict"], row["status"]) for row in found]


def result(ledger):
    (row,) = rows(ledger, "SELECT * FROM results")
    return row


def ask_at(ledger):
    return [row["ask_at"] for row in rows(ledger, "SELECT ask_at FROM calls ORDER BY id")]


@pytest.mark.parametrize("says", ["completed", "failed", "canceled", "rejected"])
def test_a_callback_ends_a_queued_call_and_its_details_are_kept(ledger, says):
    _, claim = one_ended(ledger, QUEUED)
    assert ask_at(ledger) == [NOW + 300 + 600]
    details = {"attempts": 2, "first_dial": NOW + 310, "last_attempt_timestamp": NOW + 400}
    events = (("dialing", NOW + 310), ("disconnected", NOW + 420))
    report = said(claim, CallState(says), ended_at=NOW + 420, events=events, **details)
    assert record(ledger, report) == [Verdict.APPLIED]
    assert states(ledger) == {"c0": says}
    assert trail(ledger, "c0")[-1] == ("queued", says)
    kept = result(ledger)
    assert {name: kept[name] for name in details} == details
    assert (kept["status"], kept["source"], kept["learned_at"]) == (says, "callback", NOW + 900)
    assert (kept["campaign"], kept["ended_at"]) == (CAMPAIGN, NOW + 420)
    assert "disconnected" in str(kept["events"])
    assert ask_at(ledger) == [None]
    assert evidence(ledger) == []


def test_a_callback_that_comes_twice_is_noted_and_changes_nothing(ledger):
    _, claim = one_ended(ledger, QUEUED)
    assert record(ledger, said(claim, FAILED, attempts=1), said(claim, FAILED)) == [
        Verdict.APPLIED,
        Verdict.REPEATED,
    ]
    assert record(ledger, said(claim, FAILED, attempts=9), now=NOW + 5_000) == [Verdict.REPEATED]
    assert (result(ledger)["attempts"], result(ledger)["learned_at"]) == (1, NOW + 900)
    assert evidence(ledger) == [("repeated", "failed")] * 2


def test_completed_replaces_any_other_result_and_no_other_replaces_it(ledger):
    _, claim = one_ended(ledger, QUEUED)
    verdicts = record(ledger, *[said(claim, CallState(each)) for each in ("failed", "rejected", "completed")])
    assert verdicts == [Verdict.APPLIED, Verdict.CONTRADICTION, Verdict.APPLIED]
    assert record(ledger, said(claim, FAILED)) == [Verdict.CONTRADICTION]
    assert states(ledger) == {"c0": "completed"}
    assert result(ledger)["status"] == "completed"
    assert trail(ledger, "c0")[-2:] == [("queued", "failed"), ("failed", "completed")]


def test_reordered_callbacks_lead_to_the_same_result(ledger):
    _, queue = begin(ledger, *calls(2))
    for number, claim in enumerate(claim_all(queue)):
        queue.finish(claim, ended(QUEUED, call_id=str(number + 1)), NOW)
        in_order = [said(claim, None), said(claim, FAILED), said(claim, COMPLETED)]
        for report in in_order if number else reversed(in_order):
            record(ledger, report)
    assert states(ledger) == {"c0": "completed", "c1": "completed"}


def test_what_is_not_final_or_not_readable_changes_nothing_and_is_kept_within_bounds(ledger):
    _, claim = one_ended(ledger, QUEUED)
    garbage = said(claim, None, is_readable=False, excerpt="x" * 10_000)
    for _ in range(3):
        verdicts = record(ledger, *[garbage] * 15, said(claim, None))
        assert set(verdicts) == {Verdict.UNREADABLE, Verdict.NOT_FINAL}
    assert states(ledger) == {"c0": "queued"}
    kept = rows(ledger, "SELECT excerpt FROM evidence")
    assert len(kept) == MOST_EVIDENCE
    assert max(len(row["excerpt"]) for row in kept) == 2_048
    assert record(ledger, said(claim, FAILED)) == [Verdict.APPLIED]


def test_a_callback_before_the_answer_to_the_request_waits_for_it(ledger):
    queue, claim = one_claim(ledger)
    report = said(claim, COMPLETED, attempts=2, events=(("dialing", NOW),))
    assert record(ledger, report, report) == [Verdict.HELD, Verdict.HELD]
    assert states(ledger) == {"c0": "sending"}
    queue.finish_together([(claim, ended(QUEUED))], NOW + 1_000)
    assert states(ledger) == {"c0": "completed"}
    assert result(ledger)["attempts"] == 2
    assert rows(ledger, "SELECT call_id FROM calls") == [{"call_id": "77"}]
    assert trail(ledger, "c0")[-2:] == [("sending", "queued"), ("queued", "completed")]
    assert evidence(ledger) == [("applied", "completed")]


@pytest.mark.parametrize("answer", [PLANNED, UNCERTAIN, CallState.REFUSED, CallState.SKIPPED])
def test_a_callback_before_any_other_answer_proves_that_the_call_was_queued(ledger, answer):
    queue, claim = one_claim(ledger)
    record(ledger, said(claim, FAILED))
    queue.finish_together([(claim, ended(answer))], NOW + 1_000)
    assert states(ledger) == {"c0": "failed"}
    assert sendable(queue) == []


def test_a_callback_before_the_answer_outlives_the_process_that_sent_the_request(ledger):
    _, claim = one_claim(ledger)
    record(ledger, said(claim, COMPLETED))
    let_leases_lapse(ledger)
    assert ledger.mark_orphaned_calls(CAMPAIGN) == 1
    assert states(ledger) == {"c0": "completed"}


def test_an_answer_recorded_again_after_its_result_changes_nothing(ledger):
    queue, claim = one_ended(ledger, QUEUED)
    record(ledger, said(claim, COMPLETED))
    queue.finish(claim, ended(QUEUED), NOW + 1)
    assert states(ledger) == {"c0": "completed"}


@pytest.mark.parametrize("says", [COMPLETED, FAILED])
def test_a_callback_settles_an_uncertain_call(ledger, says):
    _, claim = one_ended(ledger, UNCERTAIN)
    assert record(ledger, said(claim, says)) == [Verdict.APPLIED]
    assert states(ledger) == {"c0": says}


def test_a_callback_without_a_final_status_proves_that_an_uncertain_call_was_queued(ledger):
    _, claim = one_ended(ledger, UNCERTAIN)
    assert record(ledger, said(claim, None)) == [Verdict.APPLIED]
    assert states(ledger) == {"c0": "queued"}
    assert ask_at(ledger) == [NOW + 900]


@pytest.mark.parametrize("state", [CallState.REFUSED, PLANNED])
def test_a_callback_for_a_call_that_was_not_queued_keeps_it_from_being_sent(ledger, state):
    queue, claim = one_ended(ledger, state)
    assert record(ledger, said(claim, FAILED)) == [Verdict.APPLIED]
    assert states(ledger) == {"c0": "failed"}
    assert sendable(queue) == []


@pytest.mark.parametrize(
    ("resolution", "says", "becomes"),
    [
        (Resolution.QUEUED, FAILED, "failed"),
        (Resolution.NOT_QUEUED, FAILED, "failed"),
        (Resolution.NOT_QUEUED, None, "queued"),
        (Resolution.ABANDONED, COMPLETED, "completed"),
        (Resolution.ABANDONED, None, "queued"),
    ],
)
def test_a_callback_corrects_what_an_operator_decided(ledger, resolution, says, becomes):
    queue, claim = one_ended(ledger, UNCERTAIN)
    operators(ledger).resolve(CAMPAIGN, ["c0"], resolution, None, NOW + 2)
    assert record(ledger, said(claim, says)) == [Verdict.APPLIED]
    assert states(ledger) == {"c0": becomes}
    assert sendable(queue) == []


def sent_again(ledger):
    """A call that an operator wrongly had sent again: its claims, the second one under way."""
    queue, first = one_ended(ledger, UNCERTAIN)
    operators(ledger).resolve(CAMPAIGN, ["c0"], Resolution.NOT_QUEUED, None, NOW + 2)
    (second,) = claim_all(queue)
    assert second.fence == first.fence + 1
    return queue, first, second


def test_the_result_of_an_earlier_attempt_does_not_end_the_later_one(ledger):
    queue, first, second = sent_again(ledger)
    queue.finish(second, ended(QUEUED), NOW + 3)
    assert record(ledger, said(first, FAILED)) == [Verdict.EARLIER_ATTEMPT]
    assert states(ledger) == {"c0": "queued"}
    assert record(ledger, said(second, CallState.REJECTED)) == [Verdict.APPLIED]
    assert states(ledger) == {"c0": "rejected"}


def test_a_completed_earlier_attempt_completes_the_call(ledger):
    queue, first, second = sent_again(ledger)
    queue.finish(second, ended(QUEUED), NOW + 3)
    assert record(ledger, said(first, COMPLETED)) == [Verdict.APPLIED]
    assert record(ledger, said(second, FAILED)) == [Verdict.CONTRADICTION]
    assert states(ledger) == {"c0": "completed"}


@pytest.mark.parametrize("state", [UNCERTAIN, PLANNED])
def test_the_result_of_an_earlier_attempt_counts_once_the_later_one_is_known_not_to_be_queued(ledger, state):
    queue, first, second = sent_again(ledger)
    assert record(ledger, said(first, FAILED)) == [Verdict.HELD]
    queue.finish(second, ended(state), NOW + 3)
    if state is UNCERTAIN:
        assert states(ledger) == {"c0": "uncertain"}
        (decided,) = operators(ledger).resolve(CAMPAIGN, ["c0"], Resolution.NOT_QUEUED, None, NOW + 4)
        assert decided.after is FAILED
    assert states(ledger) == {"c0": "failed"}
    assert sendable(queue) == []


def test_a_skipped_call_that_was_queued_after_all_takes_its_number_back(ledger):
    queue, claim = one_ended(ledger, PLANNED)
    _, queue = begin(ledger, call("c9", phone(0)), withdrawals=[("c0", "gone")])
    assert states(ledger) == {"c0": "skipped", "c9": "planned"}
    assert record(ledger, said(claim, FAILED)) == [Verdict.APPLIED]
    assert states(ledger) == {"c0": "failed", "c9": "skipped"}
    assert sendable(queue) == []


def test_a_skipped_call_stays_so_where_its_number_was_called_for_another_contact(ledger):
    _, claim = one_ended(ledger, PLANNED)
    _, queue = begin(ledger, call("c9", phone(0)), withdrawals=[("c0", "gone")])
    (other,) = claim_all(queue)
    queue.finish(other, ended(QUEUED), NOW)
    assert record(ledger, said(claim, FAILED)) == [Verdict.CONTRADICTION]
    assert states(ledger) == {"c0": "skipped", "c9": "queued"}
    assert evidence(ledger) == [("contradiction", "failed")]


def test_a_result_of_an_attempt_that_the_ledger_forgot_is_taken(ledger):
    begin(ledger, call("c0", phone(0)))
    report = Report(call=1, fence=3, source=CALLBACK, says=COMPLETED)
    assert record(ledger, report) == [Verdict.APPLIED]
    assert rows(ledger, "SELECT state, fence FROM calls") == [{"state": "completed", "fence": 3}]


def test_a_report_of_a_call_that_the_ledger_does_not_know_is_said_to_be_one(ledger):
    _, claim = one_ended(ledger, QUEUED)
    unknown = Report(call=4711, fence=1, source=CALLBACK, says=COMPLETED)
    assert record(ledger, unknown, said(claim, FAILED)) == [None, Verdict.APPLIED]


def test_a_later_round_of_somebody_who_completed_is_skipped_in_the_same_transaction(ledger):
    _, claim = one_ended(ledger, QUEUED)
    record(ledger, said(claim, FAILED))
    _, queue = begin(
        ledger,
        call("c0", phone(0), round=2),
        call("same-number", phone(0), round=3),
        call("c2", phone(2), round=2),
    )
    assert record(ledger, said(claim, COMPLETED)) == [Verdict.APPLIED]
    found = rows(ledger, "SELECT contact, round, state FROM calls ORDER BY contact, round")
    assert [tuple(row.values()) for row in found] == [
        ("c0", 1, "completed"),
        ("c0", 2, "skipped"),
        ("c2", 2, "planned"),
        ("same-number", 3, "skipped"),
    ]
    assert sendable(queue) == ["c2"]


def test_a_later_round_that_comes_back_unsent_is_not_sent_to_somebody_who_completed(ledger):
    _, claim = one_ended(ledger, QUEUED)
    record(ledger, said(claim, FAILED))
    _, queue = begin(ledger, call("c0", phone(0), round=2))
    (later,) = claim_all(queue)
    record(ledger, said(claim, COMPLETED))
    queue.finish_together([(later, ended(PLANNED))], NOW + 1_000)
    assert sendable(queue) == []
    assert trail(ledger, "c0")[-1] == ("planned", "skipped")


@pytest.mark.parametrize("state", [UNCERTAIN, QUEUED])
@pytest.mark.parametrize("resolution", [Resolution.COMPLETED, Resolution.FAILED])
def test_an_operator_gives_a_call_its_result(ledger, state, resolution):
    _, claim = one_ended(ledger, state)
    (decided,) = operators(ledger).resolve(CAMPAIGN, ["c0"], resolution, None, NOW + 4)
    assert decided.after == resolution
    assert states(ledger) == {"c0": resolution}
    assert (result(ledger)["source"], result(ledger)["status"]) == ("operator", resolution)
    assert ask_at(ledger) == [None]
    assert rows(ledger, "SELECT actor FROM transitions ORDER BY id")[-1] == {"actor": "ann@desk"}
    record(ledger, said(claim, COMPLETED))
    assert states(ledger) == {"c0": "completed"}


def test_an_operator_cannot_give_another_result_to_a_call_that_has_one(ledger):
    _, claim = one_ended(ledger, QUEUED)
    record(ledger, said(claim, FAILED))
    with pytest.raises(LedgerError, match="this call is failed"):
        operators(ledger).resolve(CAMPAIGN, ["c0"], Resolution.COMPLETED, None, NOW + 4)


def test_a_refused_later_round_of_somebody_who_completed_is_not_tried_again(ledger):
    _, claim = one_ended(ledger, QUEUED)
    _, queue = begin(ledger, call("c0", phone(0), round=2))
    (later,) = claim_all(queue)
    record(ledger, said(claim, COMPLETED))
    queue.finish_together([(later, ended(CallState.REFUSED))], NOW + 1_000)
    (decided,) = operators(ledger).retry(CAMPAIGN, ["c0"], NOW + 2_000)
    assert decided.after is CallState.SKIPPED
    assert sendable(queue) == []


def test_a_history_shows_what_was_said_of_a_call(ledger):
    queue, claim = one_claim(ledger)
    record(ledger, said(claim, FAILED), now=NOW + 1)
    queue.finish(claim, ended(QUEUED), NOW + 2)
    record(ledger, said(claim, CallState.CANCELED), said(claim, None, is_readable=False), now=NOW + 3)
    for contact in (None, "c0"):
        entries = list(read_history(ledger.engine, CAMPAIGN, contact))
        assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
        evidence = [
            (entry.what, dict(entry.reason.values)["verdict"])
            for entry in entries
            if entry.reason.code is ReasonCode.EVIDENCE
        ]
        assert evidence == [
            ("callback: failed", "applied"),
            ("callback: canceled", "contradiction"),
            ("callback: ?", "unreadable"),
        ]


def test_the_overview_counts_results_that_are_awaited(ledger):
    _, claim = one_ended(ledger, QUEUED)
    seen = overview(ledger.engine, CAMPAIGN, NOW, 0)
    assert (seen.awaited, seen.learned_at, seen.unknown) == (1, None, 0)
    assert (seen.next_ask, seen.oldest_awaited) == (NOW + 300 + 600, NOW + 300 + 3600)
    Results(ledger.engine).give_up([claim.call], NOW + 100)
    seen = overview(ledger.engine, CAMPAIGN, NOW, 0)
    assert (seen.awaited, seen.states[QUEUED], seen.learned_at) == (0, 1, NOW + 100)
    assert (seen.unknown, seen.next_ask, seen.oldest_awaited) == (1, None, None)


@pytest.mark.parametrize("contact", [None, "c0"])
def test_the_result_that_a_call_has_is_in_its_history_with_the_dials(ledger, contact):
    _, claim = one_ended(ledger, QUEUED)
    record(ledger, said(claim, FAILED, attempts=3))
    record(ledger, said(claim, COMPLETED, attempts=4, last_attempt_timestamp=NOW + 400))
    entries = {entry.what: entry.ended for entry in read_history(ledger.engine, CAMPAIGN, contact)}
    assert entries["queued → failed"] is None
    assert entries["failed → completed"] == (4, NOW + 400)


def test_a_result_of_one_campaign_changes_nothing_in_another(ledger):
    _, claim = one_ended(ledger, QUEUED)
    other = replace(BINDING, campaign="another")
    made = plan(call("c0", phone(0), round=2), revision=ledger.history("another").revision)
    run = ledger.begin_run(other, replace(made, campaign="another"), THIS, NOW)
    queue = CallQueue(ledger.engine, "another", run)
    (later,) = claim_all(queue)
    queue.finish(later, ended(PLANNED), NOW + 1)
    assert record(ledger, said(claim, COMPLETED)) == [Verdict.APPLIED]
    found = rows(ledger, "SELECT campaign, state FROM calls ORDER BY id")
    assert [tuple(row.values()) for row in found] == [(CAMPAIGN, "completed"), ("another", "planned")]
    assert sendable(queue) == ["c0"]


def test_results_of_other_campaigns_are_apart(ledger):
    _, claim = one_ended(ledger, QUEUED)
    with ledger.engine.begin() as connection:
        assert results_learned_at(connection, CAMPAIGN) is None
    record(ledger, said(claim, FAILED))
    with ledger.engine.begin() as connection:
        assert results_learned_at(connection, CAMPAIGN) == NOW + 900
        assert results_learned_at(connection, "another") is None


def test_a_result_does_not_make_a_plan_stale_unless_the_plan_could_call_the_person(ledger):
    def revision():
        return ledger.history(CAMPAIGN).revision

    _, claim = one_ended(ledger, QUEUED)
    before = revision()
    record(ledger, said(claim, FAILED))
    assert revision() == before
    # A plan may have a second round for this person.
    record(ledger, said(claim, COMPLETED))
    assert revision() != before


def test_a_result_for_a_call_that_may_be_planned_makes_a_plan_stale(ledger):
    _, claim = one_ended(ledger, PLANNED)
    before = ledger.history(CAMPAIGN).revision
    record(ledger, said(claim, FAILED))
    assert ledger.history(CAMPAIGN).revision != before


def test_many_results_at_once_from_several_receivers_are_all_kept(postgres_ledger):
    _, queue = begin(postgres_ledger, *calls(400))
    claims = claim_all(queue, most=400)
    queue.finish_together([(claim, ended(QUEUED, call_id=str(claim.call))) for claim in claims], NOW)
    verdicts = []

    def receive(order):
        for start in range(0, 400, 50):
            some = [said(claims[number], FAILED) for number in order[start : start + 50]]
            verdicts.extend(record(postgres_ledger, *some))

    orders = [list(range(400)), list(range(399, -1, -1)), list(range(0, 400, 2)) + list(range(1, 400, 2))]
    receivers = [threading.Thread(target=receive, args=[order]) for order in orders]
    for receiver in receivers:
        receiver.start()
    for receiver in receivers:
        receiver.join()
    assert sorted(verdicts) == ["applied"] * 400 + ["repeated"] * 800
    assert set(states(postgres_ledger).values()) == {"failed"}
    assert rows(postgres_ledger, "SELECT count(*) AS n FROM results") == [{"n": 400}]


def test_results_are_recorded_and_asked_for_by_indexes(sqlite_ledger):
    """A campaign may have a million calls, and five thousand may end in one minute."""
    _, claim = one_ended(sqlite_ledger, QUEUED)
    statements = []

    @event.listens_for(sqlite_ledger.engine, "before_cursor_execute")
    def _note(_connection, _cursor, statement, parameters, *_):
        one = parameters[0] if isinstance(parameters, list) else parameters
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            statements.append((statement, one))

    results = Results(sqlite_ledger.engine)
    results.due_to_ask(CAMPAIGN, NOW + 10_000, Patience(every=900, give_up=9_000), 20)
    results.next_ask(CAMPAIGN)
    results.record([said(claim, FAILED), said(claim, COMPLETED), said(claim, FAILED)], NOW + 900)
    event.remove(sqlite_ledger.engine, "before_cursor_execute", _note)
    assert len(statements) > 7
    with sqlite_ledger.engine.begin() as connection:
        for statement, parameters in statements:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(parameters)).all()
            assert "SCAN" not in str(steps), (statement, steps)
            assert "ix_calls_due" not in str(steps), (statement, steps)


def test_two_queues_never_send_a_call_whose_result_is_known(ledger):
    run, claim = one_ended(ledger, PLANNED)
    del run
    record(ledger, said(claim, COMPLETED))
    (last,) = rows(ledger, "SELECT max(id) AS run FROM runs")
    assert sendable(CallQueue(ledger.engine, CAMPAIGN, last["run"])) == []
