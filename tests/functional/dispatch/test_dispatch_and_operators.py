"""What operators do from another terminal while a run is on its way."""

import asyncio

import pytest
from dispatch_harness import NO_ANSWER, NOT_SENT, Stage, StoppedClock, accepted
from planned_calls import CAMPAIGN, NOW, call, calls

from runner.calls import Resolution
from runner.dispatch.events import Paused, RunEnd
from runner.ledger.operators import Operators

SOMEBODY = "ann@desk"


def operators(ledger):
    return Operators(ledger.engine, SOMEBODY)


def test_a_pause_holds_from_the_next_claim_on_and_a_resume_goes_on(ledger):
    def answer(claim):
        if claim.key == "c1":
            operators(ledger).pause(CAMPAIGN, NOW)
        return accepted("1" + claim.key[1:])

    def on_pause(event):
        if isinstance(event, Paused):
            at_pause.append(dict(stage.states()))
            operators(ledger).resume(CAMPAIGN, NOW)
            stage.context.wake.set()  # as the clock does every 30 s

    at_pause = []
    stage = Stage(ledger, calls(4), answer=answer, on_event=on_pause)
    assert stage.run() is RunEnd.DONE
    assert at_pause == [{"c0": "queued", "c1": "queued", "c2": "planned", "c3": "planned"}]
    (paused,) = stage.heard(Paused)
    assert (paused.pause_info.campaign, paused.pause_info.by) == (CAMPAIGN, SOMEBODY)
    told = [type(event).__name__ for event in stage.events]
    assert told == ["CallEnded"] * 2 + ["Paused", "Resumed"] + ["CallEnded"] * 2
    assert stage.sent_keys == ["c0", "c1", "c2", "c3"]


def test_a_run_that_is_not_to_wait_leaves_a_paused_campaign(ledger):
    def answer(claim):
        operators(ledger).pause(CAMPAIGN, NOW)
        return accepted("1" + claim.key[1:])

    stage = Stage(ledger, calls(3), answer=answer, until_idle=True)
    assert stage.run() is RunEnd.PAUSED
    assert stage.states() == {"c0": "queued", "c1": "planned", "c2": "planned"}


def test_after_a_cancel_nothing_more_is_sent_and_the_run_ends(ledger):
    def answer(claim):
        if claim.key == "c1":
            operators(ledger).cancel(CAMPAIGN, NOW)
        return accepted("1" + claim.key[1:])

    stage = Stage(ledger, calls(5), answer=answer)
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c0", "c1"]
    assert list(stage.states().values()) == ["queued"] * 2 + ["skipped"] * 3


def test_a_call_that_comes_back_unsent_after_a_cancel_is_withdrawn_too(ledger):
    def answer(_claim):
        operators(ledger).cancel(CAMPAIGN, NOW)
        return NOT_SENT

    stage = Stage(ledger, calls(2), answer=answer)
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c0"]
    assert stage.states() == {"c0": "skipped", "c1": "skipped"}
    assert "cancel" in stage.value("c0", "reason")


def test_a_call_resolved_as_not_queued_is_sent_again_by_the_run_that_made_it_uncertain(ledger):
    def answer(claim):
        if claim.fence == 1 and claim.key == "c0":
            return NO_ANSWER
        if claim.key == "c1":
            operators(ledger).resolve(CAMPAIGN, ["c0"], Resolution.NOT_QUEUED, None, NOW)
        return accepted("1" + claim.key[1:])

    stage = Stage(ledger, calls(3), answer=answer)
    assert stage.run() is RunEnd.DONE
    assert sorted(stage.sent_keys) == ["c0", "c0", "c1", "c2"]
    assert set(stage.states().values()) == {"queued"}


def test_a_call_resolved_as_not_queued_is_not_sent_to_somebody_who_is_on_a_list_by_now(ledger):
    def answer(claim):
        if claim.key == "c0":
            return NO_ANSWER
        if claim.key == "c2":
            operators(ledger).resolve(CAMPAIGN, ["c0"], Resolution.NOT_QUEUED, None, NOW)
        return accepted("1" + claim.key[1:])

    # The list names c0 while c0 is uncertain, and so not among those who wait.
    lists = iter([None, lambda key, _phone: "on list:2" if key == "c0" else None])
    stage = Stage(
        ledger,
        [*calls(3), call("c3", start=NOW + 600)],
        answer=answer,
        newly_suppressed=lambda: next(lists, None),
        requests_per_second=20,
    )
    assert stage.run() is RunEnd.DONE
    assert sorted(stage.sent_keys) == ["c0", "c1", "c2", "c3"]
    assert stage.states() == {"c0": "skipped", "c1": "queued", "c2": "queued", "c3": "queued"}
    assert stage.value("c0", "reason") == 'excluded {"why": "on list:2"}'


@pytest.mark.parametrize("act", ["pause", "cancel"])
def test_nothing_leaves_after_an_operator_forbade_it_while_the_connection_was_made(ledger, act):
    async def before(_claim):
        await asyncio.to_thread(getattr(operators(ledger), act), CAMPAIGN, NOW)
        # The run looks once a second.
        while stage.context.may_send:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)

    stage = Stage(ledger, calls(1), before=before, until_idle=True, clock=StoppedClock(NOW))
    stage.run()
    assert stage.sent_keys == []


def test_a_run_does_not_send_whom_its_own_plan_leaves_out(ledger):
    """Under way when the plan was made, the call comes back unsent from a run beside this one."""
    listed = {"c1": "suppressed: on list:2"}
    stage = Stage(ledger, calls(3), lists=lambda key, _phone: listed.get(key))
    stage.run()
    assert sorted(stage.sent_keys) == ["c0", "c2"]
    assert stage.states()["c1"] == "skipped"
    assert stage.value("c1", "reason") == 'excluded {"why": "suppressed: on list:2"}'
