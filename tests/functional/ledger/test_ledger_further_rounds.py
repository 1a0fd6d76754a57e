"""Calls of further rounds, added to a run that goes on."""

import threading

import pytest
from ledger_values import THIS, begin, claim_all, let_leases_lapse, rows, states
from planned_calls import BINDING, CAMPAIGN, NOW, call, phone, plan

from runner.calls import CallState
from runner.errors import CampaignHeldError, LedgerError
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import AttemptResult
from runner.ledger.evidence import EvidenceSource, Report
from runner.ledger.operators import Operators
from runner.ledger.overview import overview, round_starts
from runner.ledger.results import Results

LATER = NOW + 90_000


def second_round(number=0, **values):
    return call(f"c{number}", round=2, start=LATER + 300, **values)


def send(queue, claim, state=CallState.QUEUED):
    more = {"call_id": str(1000 + claim.call)} if state is CallState.QUEUED else {}
    queue.finish(claim, AttemptResult(state=state, **more), NOW + 1)


def say(ledger, claim, says=CallState.FAILED):
    report = Report(call=claim.call, fence=claim.fence, source=EvidenceSource.CALLBACK, says=says)
    Results(ledger.engine).record([report], NOW + 900)


def extend(ledger, run, *calls, **options):
    return sum(ledger.extend_run(BINDING, run, plan(*calls), LATER, **options))


def one_sent(ledger, says=CallState.FAILED):
    run, queue = begin(ledger, call("c0"))
    (claim,) = claim_all(queue)
    send(queue, claim)
    if says is not None:
        say(ledger, claim, says)
    return run, queue, claim


def rounds(ledger):
    found = rows(ledger, "SELECT contact, round, state FROM calls ORDER BY contact, round")
    return [(row["contact"], row["round"], row["state"]) for row in found]


def test_a_second_round_is_added_and_sent_by_the_same_run(ledger):
    run, queue, _ = one_sent(ledger)
    assert extend(ledger, run, second_round()) == 1
    assert [claim.key for claim in claim_all(queue, LATER)] == ["c0"]
    assert rounds(ledger) == [("c0", 1, "failed"), ("c0", 2, "sending")]


def test_calls_are_counted_by_round_and_state(ledger):
    run, queue, _ = one_sent(ledger)
    extend(ledger, run, second_round())
    seen = overview(ledger.engine, CAMPAIGN, LATER, 0)
    assert seen.rounds == {1: {CallState.FAILED: 1}, 2: {CallState.PLANNED: 1}}
    assert seen.queued_last_minute == 0
    assert round_starts(ledger.engine, CAMPAIGN) == {1: (NOW + 300, NOW + 300)}
    (claim,) = claim_all(queue, LATER)
    send(queue, claim)
    seen = overview(ledger.engine, CAMPAIGN, NOW + 2, 0)
    assert list(seen.rounds.items()) == [(1, {CallState.FAILED: 1}), (2, {CallState.QUEUED: 1})]
    assert seen.queued_last_minute == 2
    assert sorted(round_starts(ledger.engine, CAMPAIGN)) == [1, 2]


def test_new_contacts_are_added_where_nobody_has_a_call_to_them_or_their_number(ledger):
    run, _, _ = one_sent(ledger)
    taken = call("c8", phone=call("c0").phone)
    assert extend(ledger, run, call("c0"), call("c9"), taken, counts={}) == 1
    assert rounds(ledger) == [("c0", 1, "failed"), ("c9", 1, "planned")]


def test_new_contacts_are_not_added_where_runs_share_the_campaign(postgres_ledger):
    run, _, _ = one_sent(postgres_ledger)
    joined = plan(second_round(), revision=postgres_ledger.history(CAMPAIGN).revision)
    postgres_ledger.begin_run(BINDING, joined, THIS, LATER)
    assert extend(postgres_ledger, run, call("c9"), counts={}) == 0


def test_nothing_is_added_to_a_canceled_campaign(ledger):
    run, _, _ = one_sent(ledger)
    Operators(ledger.engine, "ann@desk").cancel(CAMPAIGN, LATER)
    with pytest.raises(LedgerError, match="canceled"):
        extend(ledger, run, call("c9"), counts={})


def test_calls_of_the_first_round_are_not_added(ledger):
    run, _, _ = one_sent(ledger)
    assert extend(ledger, run, call("c1")) == 0


@pytest.mark.parametrize("says", [None, CallState.COMPLETED])
def test_no_round_is_added_after_a_call_without_a_result_or_with_an_answer(ledger, says):
    run, _, _ = one_sent(ledger, says)
    assert extend(ledger, run, second_round()) == 0
    assert len(rounds(ledger)) == 1


def test_no_round_is_added_after_an_uncertain_call(ledger):
    run, queue = begin(ledger, call("c0"))
    (claim,) = claim_all(queue)
    send(queue, claim, CallState.UNCERTAIN)
    assert extend(ledger, run, second_round()) == 0


def test_no_round_is_added_for_a_number_whose_call_is_under_way_for_another_contact(ledger):
    run, queue = begin(ledger, call("c0"), call("c1", phone(1)))
    for claim in claim_all(queue):
        send(queue, claim)
        if claim.key == "c0":
            say(ledger, claim)
    assert extend(ledger, run, second_round(number=0, phone=phone(1))) == 0


def test_adding_a_round_again_adds_nothing(ledger):
    run, _, _ = one_sent(ledger)
    assert [extend(ledger, run, second_round()) for _ in range(2)] == [1, 0]


def test_an_answer_that_comes_late_withdraws_the_planned_round(ledger):
    run, queue, claim = one_sent(ledger)
    extend(ledger, run, second_round())
    say(ledger, claim, CallState.COMPLETED)
    assert rounds(ledger) == [("c0", 1, "completed"), ("c0", 2, "skipped")]
    assert claim_all(queue, LATER) == []


def test_an_answer_after_the_result_was_given_up_withdraws_the_round_of_a_plan_made_before(ledger):
    _, queue = begin(ledger, call("c0"))
    (claim,) = claim_all(queue)
    send(queue, claim)
    Results(ledger.engine).give_up([claim.call], NOW + 500)
    let_leases_lapse(ledger)
    made = plan(second_round(), revision=ledger.history(CAMPAIGN).revision)
    say(ledger, claim, CallState.COMPLETED)
    run = ledger.begin_run(BINDING, made, THIS, LATER)
    assert rounds(ledger) == [("c0", 1, "completed"), ("c0", 2, "skipped")]
    assert claim_all(CallQueue(ledger.engine, CAMPAIGN, run), LATER) == []


def test_a_skipped_round_is_planned_again(ledger):
    run, queue, _ = one_sent(ledger)
    extend(ledger, run, second_round())
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE calls SET state = 'skipped', updated_at = {LATER} WHERE round = 2"
        )
    # Its plan was made when the call was not skipped yet.
    assert extend(ledger, run, second_round()) == 0
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE calls SET updated_at = {LATER - 1}")
    assert extend(ledger, run, second_round()) == 1
    assert len(claim_all(queue, LATER)) == 1


def test_a_run_that_was_declared_dead_adds_nothing(ledger):
    run, _, _ = one_sent(ledger)
    ledger.end_run(run, "lost", NOW)
    with pytest.raises(CampaignHeldError):
        extend(ledger, run, second_round())
    assert len(rounds(ledger)) == 1


def test_a_limited_run_tries_those_again_whom_it_called(ledger):
    run, _, _ = one_sent(ledger)
    assert extend(ledger, run, second_round(), only_own=True) == 1


def test_a_limited_run_tries_nobody_again_whom_another_run_called(ledger):
    one_sent(ledger)
    other, _ = begin(ledger, call("c1", phone(1)), limited=True)
    assert extend(ledger, other, second_round(), only_own=True) == 0


def test_two_runs_that_plan_the_same_rounds_at_once_add_each_once(postgres_ledger):
    ledger = postgres_ledger
    run, queue = begin(ledger, *(call(f"c{number}", phone(number)) for number in range(40)))
    for claim in claim_all(queue):
        send(queue, claim)
        say(ledger, claim)
    planned = [second_round(number) for number in range(40)]
    added = []
    threads = [threading.Thread(target=lambda: added.append(extend(ledger, run, *planned))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, 0, 0, 40]


def test_a_run_that_joins_adds_rounds_that_the_others_have_not_planned_yet(postgres_ledger):
    ledger = postgres_ledger
    one_sent(ledger)
    joined = plan(second_round(), revision=ledger.history(CAMPAIGN).revision)
    ledger.begin_run(BINDING, joined, THIS, LATER)
    assert rounds(ledger) == [("c0", 1, "failed"), ("c0", 2, "planned")]
    assert states(ledger)


def test_results_are_awaited_until_all_are_known(ledger):
    _, queue = begin(ledger, call("c0"))
    assert not ledger.awaits_results(CAMPAIGN, NOW)
    (claim,) = claim_all(queue)
    send(queue, claim)
    assert ledger.awaits_results(CAMPAIGN, NOW)
    say(ledger, claim)
    assert not ledger.awaits_results(CAMPAIGN, NOW)


def test_the_callback_of_an_uncertain_call_is_awaited_until_a_while_after_its_end(ledger):
    _, queue = begin(ledger, call("c0"))
    (claim,) = claim_all(queue)
    send(queue, claim, CallState.UNCERTAIN)
    end = claim.end_timestamp
    assert [ledger.awaits_results(CAMPAIGN, at) for at in (NOW, end + 800, end + 1000)] == [True, True, False]


def test_history_tells_the_result_and_the_last_dial_of_a_call(ledger):
    _, _, claim = one_sent(ledger, None)
    report = Report(
        call=claim.call,
        fence=claim.fence,
        source=EvidenceSource.ASKED,
        says=CallState.FAILED,
        last_attempt_timestamp=NOW + 450,
    )
    Results(ledger.engine).record([report], NOW + 900)
    let_leases_lapse(ledger)
    (known,) = ledger.history(CAMPAIGN).calls
    assert (known.result, known.last_dial) == ("failed", NOW + 450)
