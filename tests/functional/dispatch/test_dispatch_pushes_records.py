"""The record of each call is pushed to a metadatabase once, and no call is sent without its record."""

import time
from collections import Counter

import pytest
from dispatch_harness import NO_ANSWER, NOT_SENT, Stage, accepted, answered, declare_dead
from planned_calls import CAMPAIGN, NOW, call, calls
from sqlalchemy import event

from runner.calls import CallState, Resolution
from runner.dispatch.events import BackingOff, CallEnded, RunEnd
from runner.errors import StoppedError
from runner.insight.outcome import Exchange
from runner.ledger.operators import Operators

ADDED = answered(200, success=True)
LATER = NOW + 1000


def added(_claim):
    return ADDED


def in_turn(*exchanges):
    """Each push brings the next of these; the last one is repeated."""
    left = list(exchanges)
    return lambda _claim: left.pop(0) if len(left) > 1 else left[0]


def operators(ledger):
    return Operators(ledger.engine, "ann@desk")


def next_run(ledger, planned):
    """Another run of the same plan, after the first has gone; Insight takes every record."""
    declare_dead(ledger)
    stage = Stage(ledger, planned, push=added)
    assert stage.run() is RunEnd.DONE
    return stage


def test_each_record_is_pushed_once_before_its_call(ledger):
    order = []
    stage = Stage(ledger, calls(3), max_in_flight=3)
    stage.push = lambda claim: order.append(("push", claim.key)) or ADDED
    stage.answer = lambda claim: order.append(("call", claim.key)) or accepted(f"1{claim.key[1:]}")
    assert stage.run() is RunEnd.DONE
    assert set(stage.states().values()) == {"queued"}
    assert Counter(order).most_common(1)[0][1] == 1
    assert all(order.index(("push", key)) < order.index(("call", key)) for key in ("c0", "c1", "c2"))


def test_the_intent_to_push_is_in_the_ledger_before_a_byte_leaves(ledger):
    seen = []
    stage = Stage(ledger, calls(1))
    stage.push = lambda _claim: seen.append((stage.states()["c0"], stage.value("c0", "pushed_at"))) or ADDED
    stage.run()
    assert seen == [("sending", NOW)]


def commits_of(ledger, planned, **values):
    commits = []
    note = commits.append
    event.listen(ledger.engine, "commit", note)
    Stage(ledger, planned, **values).run()
    event.remove(ledger.engine, "commit", note)
    return len(commits)


def test_a_push_takes_no_commit_of_its_own(ledger):
    with_records = commits_of(ledger, calls(5), push=added)
    declare_dead(ledger)
    assert with_records == commits_of(ledger, [call(f"c1{number}") for number in range(5)])


def test_a_push_shares_the_request_rate(ledger):
    rate, burst, count = 100, 5, 12
    stage = Stage(ledger, calls(count), push=added, requests_per_second=rate, max_in_flight=count)
    before = time.monotonic()
    stage.run()
    assert len(stage.pushed) == len(stage.sent) == count
    # A bound that no slow machine can break: so long the rate limit itself must have waited.
    assert time.monotonic() - before >= (2 * count - burst) / rate


def test_a_record_that_was_provably_not_sent_is_pushed_again_later_and_then_its_call_is_sent(ledger):
    stage = Stage(ledger, calls(1), push=in_turn(NOT_SENT, ADDED))
    assert stage.run() is RunEnd.DONE
    assert stage.pushed_keys == ["c0", "c0"]
    assert stage.sent_keys == ["c0"]
    assert stage.states() == {"c0": "queued"}
    assert len(stage.heard(BackingOff)) == 1
    assert [ended.state for ended in stage.heard(CallEnded)] == [CallState.PLANNED, CallState.QUEUED]


def test_a_call_that_was_provably_not_sent_after_its_push_is_sent_without_another(ledger):
    answers = [NOT_SENT, accepted("1")]
    stage = Stage(ledger, calls(1), push=added, answer=lambda _claim: answers.pop(0))
    assert stage.run() is RunEnd.DONE
    assert stage.pushed_keys == ["c0"]
    assert stage.sent_keys == ["c0", "c0"]
    assert stage.states() == {"c0": "queued"}


def test_a_call_whose_record_is_refused_is_refused_and_a_retry_pushes_the_record_again(ledger):
    stage = Stage(ledger, calls(2), push=in_turn(answered(400, error="no such column"), ADDED))
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c1"]
    assert stage.states() == {"c0": "refused", "c1": "queued"}
    assert stage.value("c0", "reason") == 'record_refused {"error": "no such column"}'
    assert stage.value("c0", "pushed_at") is None
    operators(ledger).retry(CAMPAIGN, ["c0"], LATER)
    again = next_run(ledger, calls(1))
    assert (again.pushed_keys, again.sent_keys) == (["c0"], ["c0"])


UNCERTAIN = {
    "no answer": NO_ANSWER,
    "500": answered(500, error="database error"),
    "429": answered(429),
    "200 without success": answered(200, success=False),
    "200 unreadable": Exchange(sent=True, status=200, body=b"<<<"),
    "400 with a call_id": answered(400, call_id="7"),
}


@pytest.mark.parametrize("exchange", UNCERTAIN.values(), ids=UNCERTAIN.keys())
def test_a_call_whose_record_may_have_been_added_is_not_sent_until_somebody_retries_it(ledger, exchange):
    stage = Stage(ledger, calls(2), push=in_turn(exchange, ADDED))
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c1"]
    assert stage.states() == {"c0": "refused", "c1": "queued"}
    assert stage.value("c0", "reason").startswith("record_uncertain ")
    assert stage.value("c0", "pushed_at") == NOW
    operators(ledger).retry(CAMPAIGN, ["c0"], LATER)
    again = next_run(ledger, calls(1))
    assert (again.pushed_keys, again.sent_keys) == ([], ["c0"])
    assert again.states()["c0"] == "queued"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409, 415])
def test_a_push_whose_status_concerns_the_whole_campaign_stops_it_and_all_is_planned(ledger, status):
    stage = Stage(ledger, calls(3), push=lambda _claim: answered(status, error="not today"))
    with pytest.raises(StoppedError, match=rf"{status}.*not today") as caught:
        stage.run()
    assert caught.value.hint
    assert (stage.pushed_keys, stage.sent_keys) == (["c0"], [])
    assert set(stage.states().values()) == {"planned"}
    assert stage.value("c0", "pushed_at") is None


@pytest.mark.parametrize("exchange", [answered(400, error="no such column"), NO_ANSWER])
def test_ten_failed_pushes_in_a_row_stop_the_campaign(ledger, exchange):
    stage = Stage(ledger, calls(12), push=lambda _claim: exchange)
    with pytest.raises(StoppedError, match=r"10 records in a row"):
        stage.run()
    assert len(stage.pushed) == 10
    assert stage.sent == []
    assert Counter(stage.states().values()) == {"refused": 10, "planned": 2}


def test_somebody_who_opts_out_while_their_record_is_pushed_is_not_called(ledger):
    def opt_out(_claim):
        stage.lists = lambda key, _phone: "on stop.csv:2" if key == "c0" else None
        return ADDED

    stage = Stage(ledger, calls(2), push=opt_out)
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c1"]
    assert stage.states() == {"c0": "skipped", "c1": "queued"}


def test_a_record_that_an_opt_out_stopped_is_pushed_when_the_contact_is_called_after_all(ledger):
    stage = Stage(ledger, calls(1), push=added, lists=lambda _key, _phone: "on stop.csv:2")
    stage.run()
    assert (stage.pushed, stage.states()) == ([], {"c0": "skipped"})
    assert next_run(ledger, calls(1)).pushed_keys == ["c0"]


def test_a_call_that_died_with_its_push_is_uncertain_and_its_record_is_never_pushed_again(ledger):
    def die(_claim):
        raise KeyboardInterrupt

    stage = Stage(ledger, calls(1), push=die)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    assert declare_dead(ledger) == 1
    assert stage.states() == {"c0": "uncertain"}
    operators(ledger).resolve(CAMPAIGN, ["c0"], Resolution.NOT_QUEUED, None, LATER)
    again = next_run(ledger, calls(1))
    assert (again.pushed_keys, again.sent_keys) == ([], ["c0"])
