"""What serve does next with a campaign: for all that can be found of one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_campaign import DAY, HOUR, NINE, NOW, campaign, people, plan_of, remembered

from runner.errors import (
    CampaignHeldError,
    EmptySourceError,
    GuardError,
    LedgerError,
    LedgerUnavailableError,
    MissingSourceError,
    NeedsPersonError,
    StoppedError,
)
from runner.ledger.operators import CampaignState
from runner.planning.plan import Availability
from runner.serve.decisions import (
    FileState,
    Found,
    Step,
    is_another,
    next_step,
    pause_after,
    status_after,
    status_of,
)
from runner.serve.served import ServeStatus

CONTENT, OTHER = "a" * 64, "b" * 64
FOUND = st.builds(
    Found,
    file=st.sampled_from(FileState),
    content=st.just(CONTENT),
    is_approved=st.booleans(),
    state=st.sampled_from(CampaignState),
    is_stopped=st.booleans(),
    is_to_stop=st.booleans(),
    running=st.sampled_from([None, CONTENT, OTHER]),
    is_outdated=st.booleans(),
    is_planning=st.booleans(),
    is_due=st.booleans(),
)


def found(**given):
    usual = {
        "file": FileState.VALID,
        "content": CONTENT,
        "is_approved": True,
        "state": CampaignState.ACTIVE,
        "is_stopped": False,
        "is_to_stop": False,
        "running": None,
        "is_outdated": False,
        "is_planning": False,
        "is_due": True,
    }
    return Found(**{**usual, **given})


@given(FOUND)
def test_only_an_approved_valid_campaign_that_is_not_canceled_is_carried_out(found):
    if next_step(found) in {Step.APPLY, Step.COMPARE}:
        assert found.file is FileState.VALID
        assert found.is_approved
        assert found.state is not CampaignState.CANCELED


@given(FOUND)
def test_a_run_of_anything_else_than_the_approved_content_is_ended(found):
    if found.running is not None and not (found.may_run and found.running == found.content):
        assert next_step(found) is Step.END_RUN


@given(FOUND)
def test_at_most_one_plan_and_one_run_of_a_campaign_are_under_way(found):
    step = next_step(found)
    if found.is_planning:
        assert step in {Step.WAIT, Step.END_RUN}
    if found.running is not None:
        assert step not in {Step.APPLY, Step.REVIEW}
    else:
        assert step not in {Step.COMPARE, Step.END_RUN}


@given(FOUND)
def test_nothing_is_carried_out_before_the_ledger_knows_of_a_problem(found):
    if found.is_to_stop:
        assert next_step(found) in {Step.STOP, Step.END_RUN, Step.WAIT}


@given(FOUND)
def test_a_status_never_says_that_calls_go_out_where_they_may_not(found):
    status = status_of(found, None, has_begun=True, has_calls=True, was_planned=True)
    if not found.may_run:
        assert status not in {ServeStatus.RUNNING, ServeStatus.PAUSED, ServeStatus.WAITING_FOR_RESULTS}


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({}, Step.APPLY),
        ({"is_due": False}, Step.WAIT),
        ({"is_approved": False}, Step.REVIEW),
        ({"running": CONTENT}, Step.COMPARE),
        ({"running": CONTENT, "is_due": False}, Step.WAIT),
        ({"running": CONTENT, "is_outdated": True}, Step.END_RUN),
        ({"running": CONTENT, "state": CampaignState.PAUSED}, Step.COMPARE),
        ({"file": FileState.REMOVED}, Step.WAIT),
        ({"is_to_stop": True, "is_due": False, "file": FileState.REMOVED}, Step.STOP),
    ],
)
def test_a_step_follows_from_what_was_found(given, step):
    assert next_step(found(**given)) is step


@pytest.mark.parametrize(
    ("given", "more", "status"),
    [
        ({"file": FileState.BROKEN}, {}, ServeStatus.BROKEN),
        ({"is_approved": False}, {}, ServeStatus.WAITING_FOR_APPROVAL),
        ({"is_approved": False}, {"was_planned": False}, ServeStatus.PLANNING),
        ({"is_approved": False}, {"outcome": ServeStatus.UNREACHABLE}, ServeStatus.UNREACHABLE),
        ({}, {}, ServeStatus.PLANNING),
        ({}, {"outcome": ServeStatus.GUARDED}, ServeStatus.GUARDED),
        ({"running": CONTENT}, {}, ServeStatus.RUNNING),
        ({"running": CONTENT}, {"has_begun": False}, ServeStatus.PLANNING),
        ({"running": CONTENT}, {"has_calls": False}, ServeStatus.WAITING_FOR_RESULTS),
        ({"running": CONTENT, "state": CampaignState.PAUSED}, {}, ServeStatus.PAUSED),
        ({"running": CONTENT, "state": CampaignState.PAUSED, "is_stopped": True}, {}, ServeStatus.STOPPED),
        ({"state": CampaignState.PAUSED, "is_stopped": True}, {}, ServeStatus.STOPPED),
        ({"running": CONTENT, "state": CampaignState.CANCELED}, {}, ServeStatus.CANCELED),
    ],
)
def test_a_status_follows_from_what_was_found(given, more, status):
    assert (
        status_of(
            found(**given),
            **{"outcome": None, "has_begun": True, "has_calls": True, "was_planned": True, **more},
        )
        is status
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (GuardError, ServeStatus.GUARDED),
        (CampaignHeldError, ServeStatus.HELD_ELSEWHERE),
        (MissingSourceError, ServeStatus.UNREACHABLE),
        (EmptySourceError, ServeStatus.BROKEN),
        (LedgerUnavailableError, ServeStatus.UNREACHABLE),
        (LedgerError, ServeStatus.STOPPED),
        (StoppedError, ServeStatus.STOPPED),
        (NeedsPersonError, ServeStatus.STOPPED),
    ],
)
def test_an_error_decides_the_status(error, status):
    assert status_after(error("it failed")) is status


@given(st.sampled_from(ServeStatus), st.integers(1, 10_000))
def test_pauses_between_tries_grow_up_to_a_bound(status, failures):
    assert 5 <= pause_after(status, failures) <= pause_after(status, failures + 1) <= 3600


LOADED = campaign()
PEOPLE = people(1, 2, 3)
RUNNING = remembered(plan_of(LOADED, PEOPLE))


def test_a_run_goes_on_where_calls_are_late_or_new():
    assert not is_another(plan_of(LOADED, PEOPLE, history=RUNNING))
    assert not is_another(plan_of(LOADED, PEOPLE, history=RUNNING, now=NINE + HOUR))
    assert not is_another(plan_of(LOADED, people(1, 2, 3, 4), history=RUNNING))


@pytest.mark.parametrize(
    ("loaded", "rows", "more"),
    [
        (LOADED, people(1, 2), {}),
        (campaign(more="caller_id: '+16175550100'"), PEOPLE, {}),
        (campaign(hours="10:00-12:00"), PEOPLE, {}),
    ],
    ids=["row that left", "changed request", "closed window"],
)
def test_a_run_begins_again_where_its_plan_is_another(loaded, rows, more):
    assert is_another(plan_of(loaded, rows, history=RUNNING, **more))


def test_a_call_that_is_under_way_is_in_no_other_plan():
    taken = remembered(plan_of(LOADED, PEOPLE), Availability.TAKEN, "queued")
    assert not is_another(plan_of(LOADED, PEOPLE, history=taken, now=NOW + DAY))
