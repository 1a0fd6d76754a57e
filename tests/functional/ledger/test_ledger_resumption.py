"""A run goes on with the plan that the ledger holds, unless a new one might say something else."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from ledger_values import (
    BINDING,
    CAMPAIGN,
    NOW,
    THIS,
    call,
    claim_all,
    let_leases_lapse,
    new_slots,
    people,
    phone,
    plan,
    rows,
    states,
)
from sqlalchemy import event, text

from runner.errors import LedgerError
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import Ending
from runner.ledger.operators import Operators, Resolution
from runner.ledger.resumption import Basis, DoubtError
from runner.ledger.states import CallState
from runner.planning.plan import Change, Slot

BASIS = Basis(digest="all of it", until=None)
QUEUED = Ending(state=CallState.QUEUED, http_status=200, call_id="155761")
UNCERTAIN = Ending(state=CallState.UNCERTAIN, reason="no answer")
LATER = NOW + 3600
ANN = "ann@desk"


def enter(ledger, *planned, withdrawals=(), now=NOW, basis=BASIS, runner=THIS):
    """A run that enters this plan after every one before it has died, and its queue."""
    let_leases_lapse(ledger)
    made = plan(*planned, withdrawals=withdrawals, stamp=ledger.history(CAMPAIGN).stamp)
    run = ledger.begin_run(BINDING, made, runner, now, basis=basis)
    return run, CallQueue(ledger.engine, CAMPAIGN, run)


def remainder(ledger, *, digest=BASIS.digest, now=LATER, late_before=NOW):
    """None also where nobody may go on."""
    try:
        return ledger.remainder(CAMPAIGN, digest, now, late_before=late_before)
    except DoubtError:
        return None


def resume(ledger, left=None, *, now=LATER):
    run = ledger.resume_run(BINDING, left or remainder(ledger), BASIS.digest, THIS, now)
    return run, CallQueue(ledger.engine, CAMPAIGN, run)


def settle(queue, ending, most=1):
    (claim,) = claim_all(queue, most=most)
    queue.finish(claim, ending, NOW)
    return claim.key


def die(ledger):
    let_leases_lapse(ledger)
    ledger.bury_dead_runs(CAMPAIGN)


# What it goes on with


def test_what_is_left_is_counted(ledger):
    run, queue = enter(ledger, *people(4), call("late", phone(9), start=NOW - 400))
    settle(queue, QUEUED)
    die(ledger)
    left = remainder(ledger)
    assert (left.session, left.plan_id, left.entered_at) == (run, "sha256:test", NOW)
    assert (left.planned, left.late, left.queued) == (4, 1, 1)


def test_a_run_that_goes_on_touches_no_call_and_sends_what_is_left(ledger):
    _, queue = enter(ledger, *people(3))
    settle(queue, QUEUED)
    die(ledger)
    held = rows(ledger, "SELECT * FROM calls ORDER BY id")
    trail = rows(ledger, "SELECT id FROM transitions")
    _, queue = resume(ledger)
    assert rows(ledger, "SELECT * FROM calls ORDER BY id") == held
    assert rows(ledger, "SELECT id FROM transitions") == trail
    assert [claim.key for claim in claim_all(queue)] == ["c1", "c2"]


def test_it_is_a_run_of_its_own_in_the_session_of_the_first(ledger):
    first, _ = enter(ledger, *people(3))
    die(ledger)
    second, _ = resume(ledger)
    (kept,) = rows(
        ledger, "SELECT session, plan_id, started_at, ended_at FROM runs WHERE id = :id", id=second
    )
    assert kept == {"session": first, "plan_id": "sha256:test", "started_at": LATER, "ended_at": None}
    assert ledger.lease(CAMPAIGN, second).renew().sharers == 1


def test_it_may_die_and_be_gone_on_with_again(ledger):
    _, queue = enter(ledger, *people(4))
    settle(queue, QUEUED)
    for expected in ("c1", "c2"):
        die(ledger)
        _, queue = resume(ledger)
        assert settle(queue, replace(QUEUED, call_id=expected)) == expected
    die(ledger)
    assert remainder(ledger).planned == 1


def test_what_a_dead_run_was_sending_is_uncertain_and_no_reason_to_plan_anew(ledger):
    _, queue = enter(ledger, *people(3))
    claim_all(queue, most=2)
    die(ledger)
    _, queue = resume(ledger)
    assert states(ledger) == {"c0": "uncertain", "c1": "uncertain", "c2": "planned"}
    assert [claim.key for claim in claim_all(queue)] == ["c2"]


def test_a_late_proof_that_a_call_was_not_sent_brings_it_back_into_its_plan(ledger):
    _, first = enter(ledger, *people(2))
    (claim,) = claim_all(first, most=1)
    die(ledger)
    first.finish(claim, Ending(state=CallState.PLANNED, reason="not sent"), NOW)
    _, second = resume(ledger)
    assert [each.key for each in claim_all(second)] == ["c0", "c1"]


def test_late_calls_that_were_moved_are_no_change(ledger):
    _, queue = enter(ledger, *people(2, start=NOW - 100))
    slots = [Slot(queue_at=NOW, start_timestamp=NOW + n, end_timestamp=NOW + 900) for n in (300, 360)]
    new_slots(queue, slots)
    die(ledger)
    assert remainder(ledger).planned == 2


def test_calls_that_the_plan_itself_withdrew_are_no_change(ledger):
    enter(ledger, *people(2))
    enter(
        ledger, call("c1", phone(1), change=Change.UNCHANGED), withdrawals=[("c0", "suppressed: on list:4")]
    )
    die(ledger)
    assert remainder(ledger).planned == 1


def test_a_pause_is_no_change(ledger):
    enter(ledger, *people(2))
    die(ledger)
    Operators(ledger.engine, ANN).pause(CAMPAIGN, NOW + 1)
    assert remainder(ledger) is not None
    Operators(ledger.engine, ANN).resume(CAMPAIGN, NOW + 2)
    assert remainder(ledger) is not None


def test_other_campaigns_are_no_concern(ledger):
    enter(ledger, *people(2))
    other = replace(BINDING, campaign="other")
    run = ledger.begin_run(other, plan(*people(2)), THIS, NOW)
    queue = CallQueue(ledger.engine, "other", run)
    settle(queue, UNCERTAIN)
    queue.skip({queue.waiting_people()[0][0]: "a list names them"}, NOW + 1)
    Operators(ledger.engine, ANN).cancel("other", NOW + 1)
    assert remainder(ledger).planned == 2


# Where it does not


def test_a_ledger_that_knows_nothing_has_nothing_left(ledger):
    assert remainder(ledger) is None


@pytest.mark.parametrize("basis", [None, Basis(digest="something else", until=None)])
def test_not_from_another_basis_or_none(ledger, basis):
    enter(ledger, *people(2), basis=basis)
    assert remainder(ledger) is None


def test_no_basis_is_like_no_other(ledger):
    enter(ledger, *people(2), basis=None)
    assert remainder(ledger, digest="") is None


def test_not_when_the_days_have_moved_on(ledger):
    enter(ledger, *people(2), basis=replace(BASIS, until=LATER))
    assert remainder(ledger, now=LATER - 1) is not None
    assert remainder(ledger, now=LATER) is None


def test_not_when_the_clock_went_back(ledger):
    enter(ledger, *people(2))
    assert remainder(ledger, now=NOW) is not None
    assert remainder(ledger, now=NOW - 1) is None


def test_when_nothing_is_left_that_is_known_at_once_too(ledger):
    _, queue = enter(ledger, call("a", phone(1)))
    settle(queue, QUEUED)
    left = remainder(ledger)
    assert (left.planned, left.queued) == (0, 1)
    assert remainder(ledger, digest="something else") is None


def test_not_when_another_plan_came_after(ledger):
    enter(ledger, *people(2))
    enter(ledger, *people(2, change=Change.UNCHANGED), basis=None, runner=replace(THIS, limited=True))
    assert remainder(ledger) is None
    enter(ledger, *people(2, change=Change.UNCHANGED))
    assert remainder(ledger).planned == 2


@pytest.mark.parametrize("seconds", [0, 1, 3600, -3600])
def test_not_after_a_call_was_skipped(ledger, seconds):
    """On a machine whose clock is behind, what comes later may bear an earlier time."""
    _, queue = enter(ledger, *people(3))
    (call_id, _, _), *_ = queue.waiting_people()
    queue.skip({call_id: "suppressed: on list:4"}, NOW + seconds)
    assert remainder(ledger, now=LATER + 3600) is None


def test_a_plan_made_right_after_a_call_was_skipped_is_gone_on_with(ledger):
    _, queue = enter(ledger, *people(3))
    (call_id, _, _), *_ = queue.waiting_people()
    queue.skip({call_id: "suppressed: on list:4"}, NOW)
    enter(ledger, *people(3, change=Change.UNCHANGED)[1:])
    die(ledger)
    assert remainder(ledger).planned == 2


def test_not_after_a_late_call_fitted_nowhere(ledger):
    _, queue = enter(ledger, call("late", phone(9), start=NOW - 100), *people(2))
    new_slots(queue, [None], now=NOW + 1)
    assert states(ledger)["late"] == "skipped"
    assert remainder(ledger) is None


@pytest.mark.parametrize("resolution", Resolution)
def test_not_after_an_operators_word(ledger, resolution):
    _, queue = enter(ledger, *people(2))
    settle(queue, UNCERTAIN)
    Operators(ledger.engine, ANN).resolve(CAMPAIGN, None, resolution, None, NOW + 1)
    assert remainder(ledger) is None


def test_not_after_a_call_was_skipped_while_another_that_was_skipped_proved_to_be_queued(ledger):
    _, queue = enter(ledger, *people(3))
    (claim,) = claim_all(queue, most=1)
    queue.finish(claim, Ending(state=CallState.PLANNED, reason="not sent"), NOW)
    (first, _, _), (second, _, _), _ = queue.waiting_people()
    queue.skip({first: "suppressed: on list:4"}, NOW)
    enter(ledger, *people(3, change=Change.UNCHANGED)[1:])
    die(ledger)
    assert remainder(ledger).planned == 2
    queue.finish(claim, QUEUED, NOW)
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE calls SET state = 'skipped' WHERE id = :id"), {"id": second})
    assert sorted(states(ledger).values()) == ["planned", "queued", "skipped"]
    assert remainder(ledger) is None


@pytest.mark.parametrize(
    ("basis", "now", "says"),
    [
        (replace(BASIS, digest="something else"), LATER, "the campaign, its contacts or lists"),
        (BASIS, NOW - 1, "the clock went back"),
        (replace(BASIS, until=NOW + 1), LATER, "the days on which the campaign may call have moved on"),
        (None, LATER, "had a limit"),
    ],
)
def test_it_is_said_why_a_new_plan_is_made(ledger, basis, now, says):
    enter(ledger, *people(2), basis=basis)
    with pytest.raises(DoubtError, match=says):
        ledger.remainder(CAMPAIGN, BASIS.digest, now, late_before=NOW)


def test_a_plan_made_right_after_an_operators_word_is_gone_on_with(ledger):
    _, queue = enter(ledger, *people(3))
    settle(queue, UNCERTAIN)
    Operators(ledger.engine, ANN).resolve(CAMPAIGN, None, Resolution.NOT_QUEUED, None, NOW + 10**9)
    assert remainder(ledger) is None
    enter(ledger, *people(3, change=Change.UNCHANGED))
    die(ledger)
    assert remainder(ledger).planned == 3


def test_a_word_about_nothing_is_no_change_and_is_not_kept(ledger):
    enter(ledger, *people(2))
    die(ledger)
    assert Operators(ledger.engine, ANN).resolve(CAMPAIGN, None, Resolution.QUEUED, None, NOW) == []
    assert remainder(ledger) is not None
    assert rows(ledger, "SELECT * FROM actions") == []


def test_not_after_the_campaign_was_canceled_or_the_ledger_trusted(ledger):
    enter(ledger, *people(2))
    operators = Operators(ledger.engine, ANN)
    operators.note(CAMPAIGN, "trust-ledger", "", NOW + 1)
    assert remainder(ledger) is None
    enter(ledger, *people(2, change=Change.UNCHANGED))
    assert remainder(ledger) is not None
    operators.cancel(CAMPAIGN, LATER)
    assert remainder(ledger) is None


@pytest.mark.parametrize("answered", [True, False])
def test_a_plan_made_while_an_older_call_was_uncertain_is_never_gone_on_with(ledger, answered):
    """It may come back unsent, and the plan knows nothing of it."""
    _, first = enter(ledger, *people(2))
    (claim,) = claim_all(first, most=1)
    if answered:
        first.finish(claim, UNCERTAIN, NOW)
    _, second = enter(ledger, call("c1", phone(1), change=Change.UNCHANGED))
    assert remainder(ledger) is None
    first.finish(claim, Ending(state=CallState.PLANNED, reason="not sent"), NOW)
    assert states(ledger) == {"c0": "planned", "c1": "planned"}
    assert remainder(ledger) is None
    assert [each.key for each in claim_all(second)] == ["c1"]


def test_not_while_another_sessions_call_is_uncertain(ledger):
    enter(ledger, call("a", phone(1)))
    older, _ = enter(ledger, call("a", phone(1), change=Change.UNCHANGED), call("b", phone(2)))
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE calls SET state = 'uncertain', run = 1 WHERE contact = 'b'"))
    assert older != 1
    assert remainder(ledger) is None


# Between the question and the run


def test_what_changed_while_somebody_was_asked_is_noticed(ledger):
    _, queue = enter(ledger, *people(3))
    die(ledger)
    left = remainder(ledger)
    queue.skip({queue.waiting_people()[0][0]: "suppressed: on list:4"}, NOW + 1)
    with pytest.raises(LedgerError, match="changed while the plan was made"):
        resume(ledger, left)
    assert len(rows(ledger, "SELECT id FROM runs")) == 1


def test_another_plan_that_came_between_is_noticed_though_its_basis_is_the_same(ledger):
    enter(ledger, *people(3))
    left = remainder(ledger)
    enter(ledger, *people(3, change=Change.UNCHANGED))
    with pytest.raises(LedgerError, match="changed while the plan was made"):
        resume(ledger, left)


def test_a_campaign_that_is_bound_elsewhere_is_refused(ledger):
    enter(ledger, *people(3))
    left = remainder(ledger)
    with pytest.raises(LedgerError, match="another Insight account"):
        ledger.resume_run(replace(BINDING, account="else"), left, BASIS.digest, THIS, LATER)


def test_no_question_looks_through_all_calls(sqlite_ledger):
    """There may be a million."""
    enter(sqlite_ledger, *people(3))
    asked = []
    event.listen(
        sqlite_ledger.engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3]))
    )
    resume(sqlite_ledger)
    steps = [
        (step[3], query)
        for query, values in asked
        if "FROM calls" in query
        for step in explained(sqlite_ledger, query, values)
    ]
    assert steps
    for step, query in steps:
        if "calls" in step:
            assert step.startswith("SEARCH"), query
            assert "COVERING INDEX" in step or "state=?" in step, query


def explained(ledger, query, values):
    with closing(sqlite3.connect(ledger.path)) as database:
        return database.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()


# Several machines


def test_two_that_go_on_at_the_same_moment_share_what_is_left(postgres_ledger):
    enter(postgres_ledger, *people(4))
    die(postgres_ledger)
    left = remainder(postgres_ledger)
    _, one = resume(postgres_ledger, left)
    two_id, two = resume(postgres_ledger, left)
    assert postgres_ledger.lease(CAMPAIGN, two_id).renew().sharers == 2
    mine = [claim.key for claim in claim_all(one, most=2)]
    theirs = [claim.key for claim in claim_all(two)]
    assert sorted(mine + theirs) == ["c0", "c1", "c2", "c3"]


def test_a_plan_that_joined_another_is_not_gone_on_with_on_its_own_basis(postgres_ledger):
    enter(postgres_ledger, *people(3))
    other = replace(BASIS, digest="read on another machine")
    postgres_ledger.begin_run(BINDING, plan(*people(3, change=Change.UNCHANGED)), THIS, NOW, basis=other)
    die(postgres_ledger)
    assert remainder(postgres_ledger, digest=other.digest) is None
    assert remainder(postgres_ledger).planned == 3


def test_not_beside_a_run_of_another_session(postgres_ledger):
    enter(postgres_ledger, *people(3))
    enter(postgres_ledger, *people(3, change=Change.UNCHANGED))
    with postgres_ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE runs SET ended_at = NULL, lease_until = extract(epoch FROM clock_timestamp()) + 9")
        )
    assert remainder(postgres_ledger) is None
