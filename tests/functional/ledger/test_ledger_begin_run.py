"""A plan enters the ledger: what it adds, changes, withdraws and leaves alone."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_values import THIS, begin, claim_all, rows, states, trail
from planned_calls import BINDING, CAMPAIGN, NOW, call, phone, plan
from planned_calls import calls as people

from runner.calls import CallState, ReasonCode, StateReason
from runner.errors import CampaignHeldError, LedgerError
from runner.ledger.claim import AttemptResult
from runner.planning.plan import Availability, Change

LATER = NOW + 60
_INDEXES = {
    "sqlite": "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name",
    "postgresql": "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname",
}
"""Those of the ledger as it stands."""


def row(ledger, contact):
    (found,) = rows(ledger, "SELECT * FROM calls WHERE contact = :contact", contact=contact)
    return found


def refuse(queue, contact):
    (claim,) = [claim for claim in claim_all(queue) if claim.key == contact]
    queue.finish(
        claim,
        AttemptResult(
            state=CallState.REFUSED,
            http_status=400,
            reason=StateReason.of(ReasonCode.REFUSED, error="bad number"),
        ),
        NOW,
    )


def test_new_calls_are_planned_and_belong_to_the_run(ledger):
    run, queue = begin(ledger, call("a", phone(1)), call("b", phone(2), start=NOW + 900))
    assert states(ledger) == {"a": "planned", "b": "planned"}
    assert {row["run"] for row in rows(ledger, "SELECT run FROM calls")} == {run}
    assert trail(ledger, "a") == [(None, "planned")]
    assert queue.queue_status().next_due == NOW


def test_a_plan_of_thousands_enters_as_it_is(ledger):
    begin(ledger, *people(3000))
    found = rows(ledger, "SELECT contact, phone FROM calls")
    assert {r["contact"]: r["phone"] for r in found} == {f"c{n}": phone(n) for n in range(3000)}
    begun_by = rows(ledger, "SELECT contact, after FROM transitions JOIN calls ON calls.id = call")
    assert len({r["contact"] for r in begun_by}) == len(begun_by) == 3000


def test_a_watcher_sees_every_call_of_a_first_and_of_a_later_plan(ledger):
    for change in (Change.NEW, Change.UNCHANGED):
        seen = []
        revision = ledger.history(CAMPAIGN).revision
        made = plan(*people(900, change=change), revision=revision)
        ledger.begin_run(
            BINDING, made, THIS, NOW, watch=lambda calls, seen=seen: (seen.append(c) or c for c in calls)
        )
        assert seen == list(made.calls)


DIES_HALFWAY = """
import os, signal, sys
sys.path.append(sys.argv[2])
from ledger_values import THIS
from planned_calls import BINDING, CAMPAIGN, NOW, calls, plan
from runner.ledger.ledger import Ledger

def watch(planned):
    for number, call in enumerate(planned):
        if number == 120_000:
            os.kill(os.getpid(), signal.SIGKILL)
        yield call

ledger = Ledger.open(sys.argv[1])
made = plan(*calls(120_001), revision=ledger.history(CAMPAIGN).revision)
ledger.begin_run(BINDING, made, THIS, NOW, watch=watch)
"""


def test_a_process_that_dies_while_entering_a_first_plan_leaves_the_ledger_unchanged(
    sqlite_ledger, sqlite_url
):
    """By then its tables have no indexes, and some of its pages are on disk."""
    before = rows(sqlite_ledger, _INDEXES["sqlite"])
    here = Path(__file__).parent
    died = subprocess.run(
        [sys.executable, "-c", DIES_HALFWAY, sqlite_url, here.parents[1]], cwd=here, check=False
    )
    assert died.returncode == -signal.SIGKILL
    assert rows(sqlite_ledger, "SELECT * FROM calls") == rows(sqlite_ledger, "SELECT * FROM runs") == []
    assert rows(sqlite_ledger, _INDEXES["sqlite"]) == before
    begin(sqlite_ledger, *people(3))
    assert len(states(sqlite_ledger)) == 3


@pytest.mark.parametrize(("key", "number"), [("c7", phone(9_999)), ("z", phone(7))])
def test_a_first_plan_that_would_call_somebody_twice_leaves_nothing_behind(ledger, key, number):
    before = rows(ledger, _INDEXES[ledger.engine.dialect.name])
    with pytest.raises(LedgerError, match=r"(?i)unique"):
        begin(ledger, *people(3000), call(key, number))
    assert rows(ledger, "SELECT * FROM calls") == rows(ledger, "SELECT * FROM runs") == []
    begin(ledger, *people(3000))
    assert rows(ledger, _INDEXES[ledger.engine.dialect.name]) == before


def test_the_first_plan_of_another_campaign_leaves_those_before_as_they_are(ledger):
    begin(ledger, *people(30))
    another = replace(BINDING, campaign="another")
    revision = ledger.history("another").revision
    with pytest.raises(LedgerError, match=r"(?i)unique"):
        ledger.begin_run(another, plan(*people(40), call("z", phone(7)), revision=revision), THIS, NOW)
    ledger.begin_run(another, plan(*people(40), revision=revision), THIS, NOW)
    found = rows(ledger, "SELECT campaign, count(*) AS held FROM calls GROUP BY campaign ORDER BY campaign")
    assert [(row["campaign"], row["held"]) for row in found] == [("another", 40), (CAMPAIGN, 30)]


def test_what_a_call_asks_for_comes_back_as_it_went_in(ledger):
    asked = call("a", phone(1), metadata={"name": "Åse", "z": "", "a": "1"}, zones='["A/B", "C/D"]')
    _, queue = begin(ledger, asked)
    (known,) = ledger.history(CAMPAIGN).calls
    (claim,) = claim_all(queue)
    assert known.request == claim.request == asked.request
    assert list(claim.request.metadata) == ["name", "z", "a"]
    assert known.timezones == asked.timezones
    assert (claim.start_timestamp, claim.end_timestamp) == (asked.start_timestamp, asked.end_timestamp)


def test_an_unchanged_call_moves_to_the_new_run_without_a_trace(ledger):
    begin(ledger, call("a", phone(1)))
    before = row(ledger, "a")
    run, _ = begin(ledger, call("a", phone(1), change=Change.UNCHANGED), now=LATER)
    assert row(ledger, "a") == {**before, "run": run, "updated_at": LATER}
    assert trail(ledger, "a") == [(None, "planned")]


@pytest.mark.parametrize(("before", "planned", "after"), [(-60, 0, -60), (0, -60, -60), (-60, 90, 90)])
def test_an_unchanged_call_that_is_due_keeps_when_it_was_to_leave(ledger, before, planned, after):
    """In seconds from the moment when the plan is entered: what is to leave later or earlier is written."""
    begin(ledger, call("a", phone(1), start=LATER + 300, queue_at=LATER + before))
    unchanged = call("a", phone(1), start=LATER + 300, queue_at=LATER + planned, change=Change.UNCHANGED)
    run, _ = begin(ledger, unchanged, now=LATER)
    assert (row(ledger, "a")["run"], row(ledger, "a")["queue_at"]) == (run, LATER + after)


def test_a_changed_call_keeps_its_place_in_the_ledger_and_leaves_a_trace(ledger):
    begin(ledger, call("a", phone(1)))
    before = row(ledger, "a")["id"]
    begin(
        ledger,
        call("a", phone(2), start=NOW + 900, metadata={"x": "1"}, change=Change.CHANGED),
        now=LATER,
    )
    after = row(ledger, "a")
    assert (after["id"], after["phone"], after["start_timestamp"]) == (before, phone(2), NOW + 900)
    assert after["phone_number"] == f"tel:{phone(2)}"
    assert after["metadata"] in ({"x": "1"}, '{"x": "1"}')
    assert trail(ledger, "a") == [(None, "planned"), ("planned", "planned")]


def test_two_contacts_may_swap_their_numbers(ledger):
    begin(ledger, call("a", phone(1)), call("b", phone(2)))
    begin(
        ledger,
        call("a", phone(2), change=Change.CHANGED),
        call("b", phone(1), change=Change.CHANGED),
    )
    found = rows(ledger, "SELECT contact, phone FROM calls ORDER BY contact")
    assert [(r["contact"], r["phone"]) for r in found] == [("a", phone(2)), ("b", phone(1))]


def test_numbers_may_move_on_in_a_ring_with_somebody_new(ledger):
    begin(ledger, call("a", phone(1)), call("b", phone(2)), call("c", phone(3)))
    begin(
        ledger,
        call("new", phone(1)),
        call("a", phone(2), change=Change.CHANGED),
        call("b", phone(3), change=Change.CHANGED),
        withdrawals=[("c", "no source has this contact any more")],
    )
    found = {r["contact"]: (r["phone"], r["state"]) for r in rows(ledger, "SELECT * FROM calls")}
    assert found == {
        "new": (phone(1), "planned"),
        "a": (phone(2), "planned"),
        "b": (phone(3), "planned"),
        "c": (phone(3), "skipped"),
    }


def test_a_withdrawn_call_is_skipped_with_its_reason(ledger):
    begin(ledger, call("a", phone(1)), call("b", phone(2)))
    _, queue = begin(
        ledger, call("b", phone(2), change=Change.UNCHANGED), withdrawals=[("a", "suppressed: on list:4")]
    )
    assert states(ledger) == {"a": "skipped", "b": "planned"}
    assert row(ledger, "a")["reason"] == 'withdrawn {"exclusion": "", "detail": "suppressed: on list:4"}'
    assert [claim.key for claim in claim_all(queue)] == ["b"]


def test_a_skipped_call_is_revived_in_its_own_row(ledger):
    begin(ledger, call("a", phone(1)))
    begin(ledger, withdrawals=[("a", "no_window")])
    begin(ledger, call("a", phone(2)))
    assert (row(ledger, "a")["state"], row(ledger, "a")["phone"]) == ("planned", phone(2))
    assert row(ledger, "a")["reason"] == ""
    assert trail(ledger, "a") == [(None, "planned"), ("planned", "skipped"), ("skipped", "planned")]


def test_a_skipped_call_is_revived_though_its_old_number_is_somebody_elses_now(ledger):
    begin(ledger, call("a", phone(1)))
    begin(ledger, call("b", phone(1)), withdrawals=[("a", "in no source")])
    begin(ledger, call("a", phone(2)), call("b", phone(1), change=Change.UNCHANGED))
    assert (row(ledger, "a")["phone"], row(ledger, "b")["phone"]) == (phone(2), phone(1))
    assert states(ledger) == {"a": "planned", "b": "planned"}


def test_a_refused_call_is_planned_again(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    refuse(queue, "a")
    _, queue = begin(ledger, call("a", phone(1), metadata={"mended": "yes"}))
    (claim,) = claim_all(queue)
    assert claim.request.metadata == {"mended": "yes"}
    assert trail(ledger, "a")[-2:] == [("refused", "planned"), ("planned", "sending")]


def test_the_number_of_a_refused_call_may_come_back_under_another_key(ledger):
    _, queue = begin(ledger, call("wrong-key", phone(1)))
    refuse(queue, "wrong-key")
    _, queue = begin(ledger, call("right-key", phone(1)))
    assert states(ledger) == {"wrong-key": "skipped", "right-key": "planned"}
    assert [claim.key for claim in claim_all(queue)] == ["right-key"]


def test_a_refused_call_that_the_plan_leaves_alone_stays_refused(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    refuse(queue, "a")
    begin(ledger, call("b", phone(2)))
    assert states(ledger) == {"a": "refused", "b": "planned"}
    assert [known.availability for known in ledger.history(CAMPAIGN).calls] == [
        Availability.REFUSED,
        Availability.PLANNED,
    ]


def test_calls_beyond_the_limit_keep_their_old_run_and_are_not_claimed(ledger):
    first, _ = begin(ledger, call("a", phone(1)), call("b", phone(2)))
    second, queue = begin(ledger, call("a", phone(1), change=Change.UNCHANGED), limited=True)
    assert (row(ledger, "a")["run"], row(ledger, "b")["run"]) == (second, first)
    assert [claim.key for claim in claim_all(queue)] == ["a"]
    assert queue.queue_status().next_due is None
    assert states(ledger)["b"] == "planned"


def test_the_number_of_a_call_beyond_the_limit_may_come_to_one_within(ledger):
    begin(ledger, call("a", phone(1)), call("b", phone(2)))
    _, queue = begin(ledger, call("a", phone(2), change=Change.CHANGED))
    assert states(ledger) == {"a": "planned", "b": "skipped"}
    assert [(claim.key, claim.phone) for claim in claim_all(queue)] == [("a", phone(2))]


def test_an_earlier_run_claims_nothing_once_a_later_one_has_begun(ledger):
    _, earlier = begin(ledger, call("a", phone(1)))
    begin(ledger, call("a", phone(1), change=Change.UNCHANGED))
    with pytest.raises(CampaignHeldError):
        claim_all(earlier)
    assert states(ledger) == {"a": "planned"}


@pytest.mark.parametrize("state", ["sending", "queued", "uncertain"])
@pytest.mark.parametrize(("key", "number"), [("a", phone(9)), ("z", phone(1))])
def test_the_database_itself_refuses_a_second_call_to_a_contact_or_number(ledger, state, key, number):
    _, queue = begin(ledger, call("a", phone(1)))
    (claim,) = claim_all(queue)
    if state != "sending":
        queue.finish(claim, AttemptResult(state=CallState(state), call_id="1"), NOW)
    with pytest.raises(LedgerError, match=r"(?i)unique"):
        begin(ledger, call(key, number))
    assert states(ledger) == {"a": state}


@pytest.mark.parametrize("withdrawn", ["a", "nobody"])
def test_a_withdrawal_of_what_is_not_planned_any_more_writes_nothing(ledger, withdrawn):
    _, queue = begin(ledger, call("a", phone(1)))
    claim_all(queue)
    with pytest.raises(LedgerError, match="changed while the plan was made"):
        begin(ledger, call("b", phone(2)), withdrawals=[(withdrawn, "gone")])
    assert states(ledger) == {"a": "sending"}


def test_a_run_is_kept_with_who_began_it_and_how_it_ended(ledger):
    run, _ = begin(ledger, call("a", phone(1)))
    ledger.end_run(run, "done", LATER)
    (kept,) = rows(ledger, "SELECT * FROM runs")
    assert kept == {
        "id": run,
        "campaign": CAMPAIGN,
        "plan_id": "sha256:test",
        "host": "here",
        "pid": 4711,
        "pid_space": "",
        "git_commit": "",
        "started_at": NOW,
        "ended_at": LATER,
        "ending": "done",
        "lease_until": kept["lease_until"],
        "inputs": "",
        "session": run,
    }
