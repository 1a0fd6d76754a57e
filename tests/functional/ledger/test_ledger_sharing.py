"""Several runs of one campaign on PostgreSQL: they share its calls, and the dead are noticed."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import chain
from threading import Barrier

import pytest
from ledger_values import THIS, begin, claim_all, let_leases_lapse, new_slots, rows, states
from planned_calls import BINDING, CAMPAIGN, NOW, call, phone, plan
from planned_calls import calls as people
from sqlalchemy import NullPool, create_engine, text

from runner.calls import CallState, ReasonCode, Resolution, StateReason
from runner.errors import CampaignHeldError, LedgerError
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import AttemptResult
from runner.ledger.lease import LEASE_SECONDS
from runner.ledger.ledger import Ledger, RunProcess
from runner.ledger.operators import CampaignState, Operators
from runner.ledger.process_ids import pid_space
from runner.planning.pacing import PaceLimit
from runner.planning.plan import Change, Slot

QUEUED = AttemptResult(state=CallState.QUEUED, http_status=200, call_id="155761")


@pytest.fixture
def ledger(postgres_url) -> Iterator[Ledger]:
    with closing(Ledger.open(postgres_url)) as ledger:
        yield ledger


def join(ledger, *calls, withdrawals=(), runner=THIS, binding=BINDING):
    """A run that shares the campaign with the active ones."""
    run = ledger.begin_run(binding, plan(*calls, withdrawals=withdrawals), runner, NOW)
    return run, CallQueue(ledger.engine, CAMPAIGN, run)


def test_a_second_run_shares_the_calls_of_the_first(ledger):
    planned = people(6)
    _, first = begin(ledger, *planned)
    _, second = join(ledger, *planned)
    mine, theirs = claim_all(first, most=2), claim_all(second, most=10)
    assert len(mine) == 2
    assert {claim.key for claim in mine}.isdisjoint(claim.key for claim in theirs)
    assert len(mine) + len(theirs) == 6


def test_runs_that_claim_at_the_same_moment_never_get_the_same_call(ledger):
    planned = people(60)
    _, first = begin(ledger, *planned)
    queues = [first, *[join(ledger, *planned)[1] for _ in range(3)]]
    together = Barrier(len(queues))

    def claim_until_none_is_left(queue):
        together.wait()
        claimed = []
        while found := claim_all(queue, most=3):
            claimed += [claim.key for claim in found]
        return claimed

    with ThreadPoolExecutor(len(queues)) as threads:
        claimed = [key for keys in threads.map(claim_until_none_is_left, queues) for key in keys]
    assert sorted(claimed) == sorted(call.key for call in planned)


def test_runs_that_share_a_campaign_keep_its_pace_together(ledger):
    planned = [call(f"c{n}", phone(n), start=NOW + 2 * n, queue_at=NOW + 2 * n) for n in range(60)]
    first, _ = begin(ledger, *planned)
    runs = [first, *[join(ledger, *planned)[0] for _ in range(2)]]
    together = Barrier(len(runs))

    def claim_as_time_passes(number):
        queue = CallQueue(ledger.engine, CAMPAIGN, runs[number], pace=PaceLimit(30, 0))
        together.wait()
        found = []
        for now in range(NOW, NOW + 150, 3):
            found += [claim.start_timestamp for claim in queue.claim_due(now, 2, now - 60).claims]
        return found

    with ThreadPoolExecutor(len(runs)) as threads:
        found = list(threads.map(claim_as_time_passes, range(len(runs))))
    starts = sorted(chain.from_iterable(found))
    assert len(starts) == len(set(starts)) == 60
    assert all(later - earlier >= 60 for earlier, later in zip(starts, starts[30:], strict=False))


@pytest.fixture
def process():
    """Another process of this machine."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.mark.skipif(not pid_space(), reason="this system does not say where a process has its number")
def test_a_run_whose_process_has_ended_is_not_waited_for(ledger, process):
    run = RunProcess(host="here", pid=process.pid, pid_space=pid_space())
    _, first = join(ledger, *people(3), runner=run)
    claim_all(first, most=1)
    second, _ = join(ledger, *people(3))
    lease = ledger.lease(CAMPAIGN, second)
    assert (lease.renew().sharers, states(ledger)["c0"]) == (2, "sending")
    process.kill()
    process.wait()
    renewal = lease.renew()
    assert (renewal.orphaned, renewal.sharers, states(ledger)["c0"]) == (1, 1, "uncertain")


def test_whether_a_process_of_another_machine_has_ended_is_unknown(ledger, process):
    process.kill()
    process.wait()
    elsewhere = RunProcess(host="there", pid=process.pid, pid_space=f"elsewhere {pid_space()}")
    join(ledger, *people(3), runner=elsewhere)
    second, _ = join(ledger, *people(3))
    assert ledger.lease(CAMPAIGN, second).renew().sharers == 2


def test_runs_that_begin_at_the_same_moment_enter_the_plan_once(ledger):
    together = Barrier(4)

    def begin_with_the_others(_):
        together.wait()
        return join(ledger, *people(20))[0]

    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(begin_with_the_others, range(4)))
    assert len(set(runs)) == 4
    assert len(rows(ledger, "SELECT id FROM calls")) == 20


def test_a_plan_made_before_the_others_sent_some_of_it_still_fits(ledger):
    _, first = begin(ledger, *people(3))
    claims = claim_all(first, most=2)
    first.finish(claims[0], QUEUED, NOW)
    _, second = join(ledger, *people(3, change=Change.UNCHANGED))
    assert [claim.key for claim in claim_all(second)] == ["c2"]


@pytest.mark.parametrize(
    "different",
    [call("stranger", phone(9)), call("a", phone(9)), call("a", phone(1), metadata={"name": "Ann"})],
    ids=["somebody new", "another number", "other metadata"],
)
def test_a_run_that_would_do_something_else_is_refused(ledger, different):
    begin(ledger, call("a", phone(1)))
    with pytest.raises(CampaignHeldError, match="process 4711 on here") as caught:
        join(ledger, different)
    assert "contacts, lists" in caught.value.hint
    assert states(ledger) == {"a": "planned"}


def test_a_second_run_next_to_a_limited_one_sends_the_remaining_calls(ledger):
    before = people(4)
    begin(ledger, *before)
    _, limited = begin(ledger, call("c0", phone(0), change=Change.UNCHANGED), limited=True)
    run, joined = join(ledger, *[each._replace(change_name="unchanged") for each in before])
    assert [claim.key for claim in claim_all(limited)] == ["c0"]
    assert [claim.key for claim in claim_all(joined)] == ["c1", "c2", "c3"]
    assert claim_all(joined) == []
    assert {row["run"] for row in rows(ledger, "SELECT run FROM calls WHERE contact <> 'c0'")} == {run}


def test_a_second_run_next_to_a_limited_one_is_refused_where_it_would_call_more_than_the_ledger_holds(ledger):
    begin(ledger, call("c0", phone(0)), limited=True)
    with pytest.raises(CampaignHeldError, match="2 calls of this plan differ") as caught:
        join(ledger, *people(3))
    assert "if the other run has --limit, wait until it ends" in caught.value.hint
    assert states(ledger) == {"c0": "planned"}


def test_a_run_that_joins_brings_nobody_back_whom_the_others_gave_up(ledger):
    _, first = begin(ledger, call("a", phone(1)), call("b", phone(2)))
    (a, _, _), _ = first.waiting_people()
    first.skip({a: StateReason.of(ReasonCode.EXCLUDED, why="on list:4")}, NOW)
    with pytest.raises(CampaignHeldError):
        join(ledger, call("a", phone(1)), call("b", phone(2), change=Change.UNCHANGED))
    join(ledger, call("a", phone(1), change=Change.UNCHANGED), call("b", phone(2), change=Change.UNCHANGED))
    assert states(ledger) == {"a": "skipped", "b": "planned"}


def test_a_run_that_joins_may_take_calls_away(ledger):
    _, first = begin(ledger, *people(3))
    (sent,) = claim_all(first, most=1)
    join(
        ledger,
        call("c2", phone(2), change=Change.UNCHANGED),
        withdrawals=[("c0", "suppressed"), ("c1", "suppressed")],
    )
    assert sent.key == "c0"
    assert states(ledger) == {"c0": "sending", "c1": "skipped", "c2": "planned"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"binding": replace(BINDING, inputs="other")}, "another version of its file"),
        ({"runner": replace(THIS, limited=True)}, "--limit"),
    ],
)
def test_a_run_that_differs_from_the_active_ones_is_refused(ledger, changed, words):
    begin(ledger, *people(2))
    with pytest.raises(CampaignHeldError, match=words):
        join(ledger, *people(2), **changed)


def test_each_run_learns_how_many_share_the_rate(ledger):
    first, _ = begin(ledger, *people(2))
    assert ledger.lease(CAMPAIGN, first).renew().sharers == 1
    second, _ = join(ledger, *people(2))
    assert ledger.lease(CAMPAIGN, first).renew().sharers == 2
    ledger.end_run(second, "done", NOW)
    assert ledger.lease(CAMPAIGN, first).renew().sharers == 1


def test_another_campaign_of_the_same_account_shares_the_rate_and_one_of_another_does_not(ledger):
    first, _ = begin(ledger, call("a", phone(1)))
    for name, account in (("other", BINDING.account), ("foreign", "another-account")):
        ledger.begin_run(replace(BINDING, campaign=name, account=account), plan(), THIS, NOW)
    assert ledger.lease(CAMPAIGN, first).renew().sharers == 2


def test_what_a_dead_run_was_sending_is_uncertain_and_the_rest_goes_on(ledger):
    dead, first = begin(ledger, *people(3))
    claim_all(first, most=1)
    alive, second = join(ledger, *people(3))
    lapse(ledger, dead)
    assert ledger.lease(CAMPAIGN, alive).renew().orphaned == 1
    assert states(ledger) == {"c0": "uncertain", "c1": "planned", "c2": "planned"}
    assert len(claim_all(second)) == 2


def test_a_run_whose_lease_holds_is_never_declared_dead(ledger):
    _, first = begin(ledger, *people(2))
    claim_all(first, most=1)
    alive, _ = join(ledger, *people(2))
    assert ledger.lease(CAMPAIGN, alive).renew().orphaned == 0
    assert ledger.mark_orphaned_calls(CAMPAIGN) == 0
    assert states(ledger)["c0"] == "sending"


def test_a_run_that_was_declared_dead_cannot_renew_its_lease(ledger):
    dead, _ = begin(ledger, *people(2))
    alive, _ = join(ledger, *people(2))
    lapse(ledger, dead)
    ledger.lease(CAMPAIGN, alive).renew()
    with pytest.raises(CampaignHeldError, match="was suspended for so long"):
        ledger.lease(CAMPAIGN, dead).renew()


def test_a_lease_that_lapsed_unnoticed_is_renewed(ledger):
    run, _ = begin(ledger, *people(2))
    let_leases_lapse(ledger)
    lease = ledger.lease(CAMPAIGN, run)
    lease.renew()
    assert lease.holds()


def test_a_lease_that_was_never_renewed_does_not_hold(ledger):
    run, _ = begin(ledger, *people(2))
    assert not ledger.lease(CAMPAIGN, run).holds()


def test_status_names_every_run_that_is_at_work(ledger):
    assert ledger.holder(CAMPAIGN) is None
    first, _ = begin(ledger, *people(2))
    join(ledger, *people(2), runner=replace(THIS, host="there"))
    assert "4711 on here" in ledger.holder(CAMPAIGN)
    assert "4711 on there" in ledger.holder(CAMPAIGN)
    ledger.end_run(first, "done", NOW)
    assert "4711 on here" not in ledger.holder(CAMPAIGN)


def test_an_operator_settles_nothing_while_the_owner_may_still_be_sending(ledger):
    dead, first = begin(ledger, *people(2))
    claim_all(first, most=1)
    join(ledger, *people(2))
    ann = Operators(ledger.engine, "ann@desk")
    with pytest.raises(Exception, match="being sent right now by process 4711 on here"):
        ann.resolve(CAMPAIGN, ["c0"], Resolution.NOT_QUEUED, None, NOW)
    lapse(ledger, dead, seconds_ago=1)
    ledger.mark_orphaned_calls(CAMPAIGN)
    with pytest.raises(Exception, match="may still be sending it"):
        ann.resolve(CAMPAIGN, ["c0"], Resolution.NOT_QUEUED, None, NOW)
    lapse(ledger, dead, seconds_ago=LEASE_SECONDS * 10)
    (settled,) = ann.resolve(CAMPAIGN, ["c0"], Resolution.NOT_QUEUED, None, NOW)
    assert settled.after is CallState.PLANNED


def lapse(ledger, run, seconds_ago=1):
    """As when this run stopped renewing, and its lease passed so long ago."""
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE runs SET lease_until = extract(epoch FROM clock_timestamp()) - %s WHERE id = %s",
            (seconds_ago, run),
        )


# What a run that comes later must not do


@pytest.mark.parametrize(
    "other",
    [
        {"zones": '["Pacific/Honolulu"]'},
        {"earliest": NOW + 86_400},
        {"latest": NOW + 86_400},
        {"start": NOW + 900},
    ],
    ids=["zone", "not_before", "not_after", "slot"],
)
def test_a_run_that_would_call_at_another_hour_does_not_join(ledger, other):
    begin(ledger, call("a", phone(1)))
    with pytest.raises(CampaignHeldError, match="differ from what is being carried out"):
        join(ledger, call("a", phone(1), change=Change.CHANGED, start_before=NOW + 300, **other))


def test_a_run_joins_though_the_others_have_moved_a_call_meanwhile(ledger):
    _, first = begin(ledger, call("a", phone(1), start=NOW - 100))
    seen_before = call("a", phone(1), start=NOW - 100, change=Change.UNCHANGED, start_before=NOW - 100)
    new_slots(first, [Slot(queue_at=NOW, start_timestamp=NOW + 300, end_timestamp=NOW + 900)])
    join(ledger, seen_before)


def test_a_plan_brings_nobody_back_whom_a_newer_plan_withdrew(ledger):
    run, _ = begin(ledger, *people(2))
    ledger.end_run(run, "idle", NOW)
    stale = plan(*people(2, change=Change.UNCHANGED), revision=ledger.history(CAMPAIGN).revision)
    newer, _ = begin(ledger, call("c1", phone(1), change=Change.UNCHANGED), withdrawals=[("c0", "filtered")])
    ledger.end_run(newer, "done", NOW)
    with pytest.raises(LedgerError, match="changed while the plan was made"):
        ledger.begin_run(BINDING, stale, THIS, NOW)
    assert states(ledger) == {"c0": "skipped", "c1": "planned"}


def test_a_run_that_begins_during_a_renewal_sees_who_lives(ledger, postgres_url):
    run, _ = begin(ledger, *people(2))
    let_leases_lapse(ledger)
    with closing(Ledger.open(postgres_url)) as other, ThreadPoolExecutor() as threads:
        with ledger.engine.begin() as renewing:
            renewing.execute(
                text(
                    "UPDATE runs SET lease_until = extract(epoch FROM clock_timestamp()) + 15 WHERE id = :run"
                ),
                {"run": run},
            )
            limited = replace(THIS, limited=True)
            beginning = threads.submit(
                other.begin_run, BINDING, plan(*people(2, change=Change.UNCHANGED)), limited, NOW
            )
            _wait_for_a_lock(ledger)
        with pytest.raises(CampaignHeldError, match="--limit cannot be used while the campaign"):
            beginning.result()


def _wait_for_a_lock(ledger):
    """Until some connection waits for another's lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    deadline = time.monotonic() + 20
    with ledger.engine.connect() as watching:
        while not watching.scalar(waiting):
            assert time.monotonic() < deadline, "nobody waits"
            watching.rollback()


def test_runs_that_give_new_slots_take_turns(ledger):
    """Else both would count the same free starts, and one would skip what the other has just placed."""
    _, first = begin(ledger, *people(3, start=NOW - 100))
    _, second = join(ledger, *people(3, start=NOW - 100))
    slots = [Slot(queue_at=NOW, start_timestamp=NOW + n, end_timestamp=NOW + 900) for n in (300, 360, 420)]
    seen = []

    def reschedule(late, _taken, _now):
        # While the first is at it, the second finds the campaign held and then nothing that is late.
        seen.append(threads.submit(new_slots, second, [None, None, None]))
        _wait_for_a_lock(ledger)
        return dict(zip([each.id for each in late], slots, strict=True))

    with ThreadPoolExecutor() as threads:
        assert first.reschedule_late(NOW - 60, NOW, 100, reschedule) == (3, 0)
        assert seen[0].result() == ([], [])
    assert set(states(ledger).values()) == {"planned"}


def test_a_call_settled_as_not_queued_waits_for_the_next_plan(ledger):
    """Its own plan is an old one: lists, windows and contacts may have changed since."""
    _, first = begin(ledger, *people(2))
    (claim,) = claim_all(first, most=1)
    first.finish(
        claim,
        AttemptResult(
            state=CallState.UNCERTAIN, reason=StateReason.of(ReasonCode.UNCERTAIN, problem="no answer")
        ),
        NOW,
    )
    _, second = begin(ledger, call("c1", phone(1), change=Change.UNCHANGED))
    Operators(ledger.engine, "ann@desk").resolve(CAMPAIGN, ["c0"], Resolution.NOT_QUEUED, None, NOW + 10**9)
    assert states(ledger)["c0"] == "planned"
    assert [each.key for each in claim_all(second)] == ["c1"]
    assert second.queue_status().next_due is None
    _, third = begin(ledger, call("c0", phone(0), change=Change.UNCHANGED))
    assert [each.key for each in claim_all(third)] == ["c0"]


def test_a_connection_that_the_server_ended_is_replaced(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    queue.queue_status()
    with create_engine(ledger.engine.url, poolclass=NullPool).begin() as other:
        other.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert queue.queue_status().state is CampaignState.ACTIVE
