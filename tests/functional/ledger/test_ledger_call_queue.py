"""Claims: the intent is kept before anything leaves, and a run that lost a claim changes nothing."""

from contextlib import closing
from dataclasses import replace

import pytest
from ledger_values import (
    NOT_SENT,
    QUEUED,
    REFUSED,
    THIS,
    UNCERTAIN,
    begin,
    claim_all,
    let_leases_lapse,
    new_slots,
    rows,
    states,
    trail,
)
from planned_calls import BINDING, CAMPAIGN, NOW, call, phone, plan
from planned_calls import calls as people
from sqlalchemy import event

from runner.calls import CallState, ReasonCode, Resolution, StateReason
from runner.errors import CampaignHeldError
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import AttemptResult, LedgerRolledBackError, LostClaimError
from runner.ledger.ledger import Ledger
from runner.ledger.operators import Operators
from runner.ledger.overview import overview
from runner.planning.plan import Availability, Change, Slot


def attempts(ledger):
    return rows(ledger, "SELECT * FROM attempts ORDER BY id")


def mark_orphaned(ledger):
    """As the next apply does, once the one before is dead; returns how many calls became uncertain."""
    let_leases_lapse(ledger)
    return ledger.mark_orphaned_calls(CAMPAIGN)


def only(found):
    (one,) = found
    return one


def test_a_claim_is_on_disk_before_it_is_handed_out(ledger):
    run, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue, NOW + 1))
    assert states(ledger) == {"a": "sending"}
    attempt = only(attempts(ledger))
    assert (attempt["call"], attempt["run"], attempt["fence"]) == (claim.call, run, claim.fence)
    assert (attempt["intended_at"], attempt["finished_at"]) == (NOW + 1, None)
    assert trail(ledger, "a")[-1] == ("planned", "sending")


def test_a_claim_carries_what_is_to_be_sent(ledger):
    asked = call("a", phone(1), metadata={"name": "Ann"})
    _, queue = begin(ledger, asked)
    claim = only(claim_all(queue))
    assert (claim.key, claim.ref, claim.phone, claim.request) == ("a", "ref-a", phone(1), asked.request)
    assert (claim.start_timestamp, claim.end_timestamp) == (asked.start_timestamp, asked.end_timestamp)


def test_nothing_is_claimed_before_it_is_due(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    assert claim_all(queue, NOW - 1) == []
    assert len(claim_all(queue, NOW)) == 1


def test_calls_are_claimed_in_order_and_no_more_than_asked_for(ledger):
    _, queue = begin(
        ledger,
        call("third", phone(3), start=NOW + 200, queue_at=NOW - 100),
        call("first", phone(1), start=NOW + 100, queue_at=NOW - 200),
        call("second", phone(2), start=NOW + 150, queue_at=NOW - 100),
    )
    assert [claim.key for claim in claim_all(queue, most=2)] == ["first", "second"]
    assert [claim.key for claim in claim_all(queue, most=2)] == ["third"]


def test_a_claimed_call_is_not_claimed_again(ledger):
    _, queue = begin(ledger, *people(5))
    first, second = claim_all(queue, most=3), claim_all(queue)
    assert sorted(claim.key for claim in first + second) == ["c0", "c1", "c2", "c3", "c4"]
    assert claim_all(queue) == []


def test_two_processes_never_claim_the_same_call(ledger, url):
    run, queue = begin(ledger, *people(30))
    claimed = []
    with closing(Ledger.open(url)) as other:
        rival = CallQueue(other.engine, CAMPAIGN, run)
        for _ in range(6):
            claimed += claim_all(queue, most=3) + claim_all(rival, most=2)
    assert len(claimed) == len({claim.key for claim in claimed}) == 30


def test_a_late_call_is_left_for_a_new_slot(ledger):
    _, queue = begin(ledger, call("late", phone(1), start=NOW - 61), call("due", phone(2), start=NOW - 60))
    assert [claim.key for claim in queue.claim_due(NOW, 10, NOW - 60).claims] == ["due"]
    late, _ = new_slots(queue, [None])
    assert len(late) == 1


@pytest.mark.parametrize("ending", [QUEUED, REFUSED, UNCERTAIN, NOT_SENT], ids=lambda e: e.state)
def test_an_ending_is_kept_with_its_attempt_and_its_trace(ledger, ending):
    _, queue = begin(ledger, call("a", phone(1)))
    assert queue.finish(only(claim_all(queue)), ending, NOW + 2) == ending
    kept = only(rows(ledger, "SELECT * FROM calls"))
    assert (kept["state"], kept["reason"], kept["call_id"], kept["link"], kept["updated_at"]) == (
        ending.state,
        ending.reason.stored(),
        ending.call_id,
        ending.link,
        NOW + 2,
    )
    attempt = only(attempts(ledger))
    assert (attempt["finished_at"], attempt["outcome"], attempt["http_status"], attempt["reason"]) == (
        NOW + 2,
        ending.state,
        ending.http_status,
        ending.reason.stored(),
    )
    assert trail(ledger, "a")[-1] == ("sending", ending.state)


@pytest.mark.parametrize("ending", [QUEUED, REFUSED, UNCERTAIN], ids=lambda e: e.state)
def test_what_may_have_reached_insight_is_not_claimed_again(ledger, ending):
    _, queue = begin(ledger, call("a", phone(1)))
    queue.finish(only(claim_all(queue)), ending, NOW)
    assert claim_all(queue) == []
    assert queue.queue_status().next_due is None


def test_what_was_not_sent_is_claimed_again_under_a_new_fence(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    first = only(claim_all(queue))
    queue.finish(first, NOT_SENT, NOW)
    second = only(claim_all(queue))
    assert second == replace(first, fence=first.fence + 1)
    queue.finish(second, QUEUED, NOW)
    assert [attempt["outcome"] for attempt in attempts(ledger)] == ["planned", "queued"]


def test_a_claim_is_finished_once(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    queue.finish(claim, QUEUED, NOW)
    with pytest.raises(LostClaimError):
        queue.finish(claim, REFUSED, NOW)
    assert states(ledger) == {"a": "queued"}


def test_a_stale_claim_changes_nothing_of_a_later_one(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    stale = only(claim_all(queue))
    queue.finish(stale, NOT_SENT, NOW)
    claim_all(queue)
    before = rows(ledger, "SELECT * FROM calls") + attempts(ledger)
    with pytest.raises(LostClaimError):
        queue.finish(stale, QUEUED, NOW)
    assert rows(ledger, "SELECT * FROM calls") + attempts(ledger) == before


@pytest.mark.parametrize("ending", [QUEUED, REFUSED, NOT_SENT, UNCERTAIN], ids=lambda e: e.state)
def test_the_answer_of_a_run_that_was_declared_dead_still_settles_its_call(ledger, ending):
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    mark_orphaned(ledger)
    assert states(ledger) == {"a": "uncertain"}
    queue.finish(claim, ending, NOW)
    assert states(ledger) == {"a": ending.state}
    assert trail(ledger, "a")[-1] == ("uncertain", ending.state)
    assert only(attempts(ledger))["outcome"] == ending.state


@pytest.mark.parametrize("resolution", [Resolution.QUEUED, Resolution.NOT_QUEUED, Resolution.ABANDONED])
def test_proof_that_a_call_was_queued_overrules_an_operator(ledger, resolution):
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    mark_orphaned(ledger)
    Operators(ledger.engine, "ann@desk").resolve(CAMPAIGN, ["a"], resolution, None, NOW)
    queue.finish(claim, QUEUED, NOW)
    assert only(rows(ledger, "SELECT state, call_id FROM calls")) == {"state": "queued", "call_id": "155761"}


@pytest.mark.parametrize("resolution", Resolution)
@pytest.mark.parametrize("ending", [REFUSED, NOT_SENT, UNCERTAIN], ids=lambda e: e.state)
def test_nothing_else_overrules_an_operator(ledger, resolution, ending):
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    mark_orphaned(ledger)
    Operators(ledger.engine, "ann@desk").resolve(CAMPAIGN, ["a"], resolution, None, NOW)
    before = states(ledger)
    with pytest.raises(LostClaimError):
        queue.finish(claim, ending, NOW)
    assert states(ledger) == before


def test_a_run_that_was_declared_dead_claims_nothing(ledger):
    _, queue = begin(ledger, *people(2))
    mark_orphaned(ledger)
    with pytest.raises(CampaignHeldError, match="was suspended for so long"):
        claim_all(queue)
    assert set(states(ledger).values()) == {"planned"}


def test_a_call_id_that_another_call_has_proves_nothing(ledger):
    _, queue = begin(ledger, *people(2))
    first, second = claim_all(queue)
    queue.finish(first, QUEUED, NOW)
    recorded = queue.finish(second, QUEUED, NOW)
    assert recorded.state is CallState.UNCERTAIN
    assert recorded.reason == StateReason.of(ReasonCode.CALL_ID_TAKEN, call_id="155761")
    assert recorded.call_id is None
    assert states(ledger) == {"c0": "queued", "c1": "uncertain"}
    assert [attempt["outcome"] for attempt in attempts(ledger)] == ["queued", "uncertain"]


def test_a_call_id_is_one_of_its_account_across_campaigns(ledger):
    for number, (name, account) in enumerate([("one", "x"), ("two", "x"), ("three", "y")]):
        binding = replace(BINDING, campaign=name, account=account)
        run = ledger.begin_run(binding, plan(call("a", phone(number))), THIS, NOW)
        queue = CallQueue(ledger.engine, name, run)
        queue.finish(only(claim_all(queue)), QUEUED, NOW)
    found = {r["campaign"]: r["state"] for r in rows(ledger, "SELECT campaign, state FROM calls")}
    assert found == {"one": "queued", "two": "uncertain", "three": "queued"}


def test_a_late_call_is_given_with_what_a_new_slot_needs(ledger):
    _, queue = begin(
        ledger,
        call(
            "b",
            phone(2),
            start=NOW - 100,
            zones='["A/B", "C/D"]',
            earliest=NOW,
            latest=NOW + 5,
            home='["A/B"]',
            states="FL GA",
        ),
        call("a", phone(1), start=NOW - 200),
        call("on-time", phone(3)),
    )
    late, _ = new_slots(queue, [None, None])
    assert [(c.timezones, c.earliest, c.latest, c.home, c.states) for c in late] == [
        (("America/New_York",), None, None, "", ""),
        (("A/B", "C/D"), NOW, NOW + 5, '["A/B"]', "FL GA"),
    ]


def test_a_moved_call_has_its_new_slot_and_a_trace(ledger):
    _, queue = begin(ledger, call("a", phone(1), start=NOW - 100))
    slot = Slot(queue_at=NOW + 10, start_timestamp=NOW + 310, end_timestamp=NOW + 900)
    assert len(new_slots(queue, [slot])[0]) == 1
    assert new_slots(queue, []) == ([], [])
    assert claim_all(queue, NOW + 9) == []
    claim = only(claim_all(queue, NOW + 10))
    assert (claim.start_timestamp, claim.end_timestamp) == (NOW + 310, NOW + 900)
    assert trail(ledger, "a")[1:] == [("planned", "planned"), ("planned", "sending")]


def test_a_skipped_call_is_given_up_with_its_reason(ledger):
    _, queue = begin(ledger, *people(2))
    call_id, key, number = queue.waiting_people()[0]
    assert (key, number) == ("c0", phone(0))
    queue.skip(
        {call_id: StateReason.of(ReasonCode.EXCLUDED, why="late, and no time is left in its windows")}, NOW
    )
    assert states(ledger) == {"c0": "skipped", "c1": "planned"}
    assert trail(ledger, "c0")[-1] == ("planned", "skipped")
    assert [key for _, key, _ in queue.waiting_people()] == ["c1"]
    assert [claim.key for claim in claim_all(queue)] == ["c1"]


def test_a_call_under_way_can_be_neither_moved_nor_skipped(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    before = rows(ledger, "SELECT * FROM calls")
    assert new_slots(queue, [], start_before=NOW + 10_000) == ([], [])
    queue.skip({claim.call: StateReason.of(ReasonCode.EXCLUDED, why="suppressed")}, NOW)
    assert rows(ledger, "SELECT * FROM calls") == before
    assert trail(ledger, "a")[-1] == ("planned", "sending")


def test_the_starts_of_sent_calls_and_of_calls_beyond_the_limit_count_against_the_pace(ledger):
    begin(ledger, call("beyond", phone(1), start=NOW + 400), call("gone", phone(2), start=NOW + 500))
    _, queue = begin(
        ledger,
        call("sent", phone(3), start=NOW + 300),
        call("past", phone(4), start=NOW - 70),
        withdrawals=[("gone", "in no source")],
    )
    claim = only(queue.claim_due(NOW, 10, NOW).claims)
    queue.finish(claim, replace(QUEUED, call_id=claim.key), NOW)
    _, taken = new_slots(queue, [None])
    assert sorted(taken) == [NOW + 300, NOW + 400]


def test_the_next_call_that_is_due_is_the_earliest_that_is_planned(ledger):
    _, queue = begin(ledger, call("a", phone(1)), call("b", phone(2), start=NOW + 900))
    assert queue.queue_status().next_due == NOW
    claim_all(queue)
    assert queue.queue_status().next_due == NOW + 600


def test_a_process_that_died_leaves_uncertain_calls_and_nothing_else(ledger):
    _, queue = begin(ledger, *people(4))
    claims = claim_all(queue, most=3)
    queue.finish(claims[0], QUEUED, NOW)
    assert mark_orphaned(ledger) == 2
    assert states(ledger) == {"c0": "queued", "c1": "uncertain", "c2": "uncertain", "c3": "planned"}
    assert trail(ledger, "c1")[-1] == ("sending", "uncertain")
    recovered = [a for a in attempts(ledger) if a["call"] != claims[0].call]
    assert {a["outcome"] for a in recovered} == {"uncertain"}
    assert all(a["finished_at"] for a in recovered)
    assert mark_orphaned(ledger) == 0


def test_recovery_leaves_other_campaigns_alone(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    claim_all(queue)
    assert ledger.mark_orphaned_calls("another") == 0
    assert states(ledger) == {"a": "sending"}


def test_the_history_says_what_each_call_means_for_a_new_plan(ledger):
    names = ["planned", "sending", "queued", "refused", "uncertain", "skipped"]
    begin(ledger, *[call(name, phone(number)) for number, name in enumerate(names)])
    kept = [call(n, phone(names.index(n)), change=Change.UNCHANGED) for n in names[1:5]]
    _, queue = begin(ledger, *kept, withdrawals=[("skipped", "gone")], limited=True)
    endings = {"queued": QUEUED, "refused": REFUSED, "uncertain": UNCERTAIN}
    for claim in claim_all(queue):
        if claim.key in endings:
            queue.finish(claim, endings[claim.key], NOW)
    assert {known.key: (known.state, known.availability) for known in ledger.history(CAMPAIGN).calls} == {
        "planned": ("planned", Availability.PLANNED),
        "sending": ("sending", Availability.TAKEN),
        "queued": ("queued", Availability.TAKEN),
        "refused": ("refused", Availability.REFUSED),
        "uncertain": ("uncertain", Availability.TAKEN),
        "skipped": ("skipped", Availability.OPEN),
    }


def test_the_overview_counts_every_state_and_names_the_problems(ledger):
    _, queue = begin(ledger, *people(5), call("later", phone(99), start=NOW + 900))
    endings = [QUEUED, REFUSED, UNCERTAIN, replace(QUEUED, call_id="2")]
    for second, (claim, ending) in enumerate(zip(claim_all(queue), endings, strict=False)):
        queue.finish(claim, ending, NOW + second)
    seen = overview(ledger.engine, CAMPAIGN, NOW + 60, 5)
    assert {state: count for state, count in seen.states.items() if count} == {
        CallState.PLANNED: 1,
        CallState.SENDING: 1,
        CallState.QUEUED: 2,
        CallState.REFUSED: 1,
        CallState.UNCERTAIN: 1,
    }
    assert set(seen.states) == set(CallState)
    assert seen.next_due == NOW + 600
    assert seen.queued_last_minute == 1
    assert seen.unacknowledged == 2
    assert [(p.key, p.ref, p.state, p.reason, p.at) for p in seen.problems] == [
        ("c2", "ref-c2", CallState.UNCERTAIN, UNCERTAIN.reason, NOW + 2),
        ("c1", "ref-c1", CallState.REFUSED, REFUSED.reason, NOW + 1),
    ]
    assert len(overview(ledger.engine, CAMPAIGN, NOW, 1).problems) == 1


def test_the_overview_of_an_unknown_campaign_is_empty(ledger):
    seen = overview(ledger.engine, "unknown", NOW, 5)
    assert (sum(seen.states.values()), seen.next_due, seen.problems) == (0, None, ())


def test_an_answer_that_is_recorded_again_changes_nothing(ledger):
    """As when the commit succeeded and its acknowledgement was lost."""
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    for _ in range(2):
        assert queue.finish(claim, QUEUED, NOW) == QUEUED
    assert trail(ledger, "a")[-1] == ("sending", "queued")
    assert len(trail(ledger, "a")) == 3


@pytest.mark.parametrize(("ending", "after"), [(QUEUED, "queued"), (UNCERTAIN, "uncertain")])
def test_an_answer_to_what_the_ledger_forgot_is_kept_and_stops_the_run(ledger, ending, after):
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    # A standby takes over that never heard of the claim.
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts")
        connection.exec_driver_sql("UPDATE calls SET state = 'planned', fence = 0")
    with pytest.raises(LedgerRolledBackError):
        queue.finish(claim, ending, NOW)
    assert states(ledger) == {"a": after}
    assert claim_all(queue) == []
    assert rows(ledger, "SELECT outcome, fence FROM attempts") == [{"outcome": after, "fence": 1}]


def test_a_late_proof_frees_the_number_from_another_contact(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    let_leases_lapse(ledger)
    ledger.mark_orphaned_calls(CAMPAIGN)
    Operators(ledger.engine, "ann@desk").resolve(CAMPAIGN, ["a"], Resolution.NOT_QUEUED, None, NOW + 10**9)
    _, newer = begin(ledger, call("b", phone(1)), withdrawals=[("a", "no source has this contact any more")])
    queue.finish(claim, QUEUED, NOW)
    assert states(ledger) == {"a": "queued", "b": "skipped"}
    assert claim_all(newer) == []


CONTRADICTORY = AttemptResult(
    state=CallState.UNCERTAIN,
    http_status=404,
    reason=StateReason.of(ReasonCode.UNCERTAIN, problem="404"),
    call_id="155761",
)


def test_a_late_answer_with_a_call_id_keeps_a_call_resolved_as_not_queued_from_being_sent(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    mark_orphaned(ledger)
    Operators(ledger.engine, "ann@desk").resolve(CAMPAIGN, ["a"], Resolution.NOT_QUEUED, None, NOW)
    queue.finish(claim, CONTRADICTORY, NOW)
    assert only(rows(ledger, "SELECT state, call_id FROM calls")) == {
        "state": "uncertain",
        "call_id": "155761",
    }


def test_a_late_answer_with_a_call_id_gives_up_another_contacts_call_to_the_number(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    claim = only(claim_all(queue))
    mark_orphaned(ledger)
    Operators(ledger.engine, "ann@desk").resolve(CAMPAIGN, ["a"], Resolution.NOT_QUEUED, None, NOW + 10**9)
    _, newer = begin(ledger, call("b", phone(1)), withdrawals=[("a", "no source has this contact any more")])
    queue.finish(claim, CONTRADICTORY, NOW)
    assert states(ledger) == {"a": "uncertain", "b": "skipped"}
    assert claim_all(newer) == []


def test_of_many_calls_due_at_once_the_next_are_found_without_sorting_all(sqlite_ledger):
    _, queue = begin(sqlite_ledger, *people(3))
    asked = []

    @event.listens_for(sqlite_ledger.engine, "before_cursor_execute")
    def _note(_connection, _cursor, statement, parameters, *_):
        if "ORDER BY" in statement:
            asked.append((statement, parameters))

    claim_all(queue, most=1)
    event.remove(sqlite_ledger.engine, "before_cursor_execute", _note)
    ((statement, parameters),) = asked
    with sqlite_ledger.engine.begin() as connection:
        steps = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
    assert "ix_calls_due" in steps
    assert "TEMP B-TREE" not in steps
