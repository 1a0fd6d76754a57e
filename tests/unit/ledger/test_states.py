"""The life of a call: which moves may happen, and what each state means for a new plan."""

import pytest

from runner.calls import PROBLEMS, CallState
from runner.ledger.states import availability, may_move, takes_evidence
from runner.planning.plan import Availability

FINAL = {"completed", "failed", "canceled", "rejected"}
MOVES = {
    "planned": {"sending", "skipped", "queued", "uncertain", *FINAL},
    "sending": {"queued", "refused", "planned", "uncertain", "skipped"},
    "queued": FINAL,
    "refused": {"planned", "skipped", "queued", *FINAL},
    "uncertain": {"queued", "refused", "planned", "skipped", "abandoned", *FINAL},
    "skipped": {"planned", "queued", "uncertain", *FINAL},
    "completed": set(),
    "failed": {"completed"},
    "canceled": {"completed"},
    "rejected": {"completed"},
    "abandoned": {"queued", "planned", *FINAL},
}


def test_the_table_of_moves_names_every_state():
    assert set(MOVES) == set(CallState)


@pytest.mark.parametrize("before", CallState)
@pytest.mark.parametrize("after", CallState)
def test_a_call_may_move_as_the_table_says_and_not_otherwise(before, after):
    assert may_move(before, after) is (after in MOVES[before])


@pytest.mark.parametrize("state", CallState)
def test_a_call_that_may_have_reached_insight_is_taken(state):
    expected = {
        "planned": Availability.PLANNED,
        "refused": Availability.REFUSED,
        "skipped": Availability.OPEN,
    }.get(state, Availability.TAKEN)
    assert availability(state) is expected


def test_refused_and_uncertain_calls_need_a_person():
    assert {"refused", "uncertain"} == PROBLEMS


@pytest.mark.parametrize("state", CallState)
@pytest.mark.parametrize("ending", ["queued", "refused", "planned", "uncertain"])
def test_a_late_answer_settles_what_is_open_and_overrules_a_person_only_with_proof_of_a_call(state, ending):
    open_still = state in {"sending", "uncertain"}
    proof = ending == "queued" and state in {"planned", "skipped", "abandoned", "queued"}
    takes = takes_evidence(state, CallState(ending), has_call_id=ending == "queued")
    assert takes is (open_still or proof)
    if takes and state != ending:
        assert may_move(state, CallState(ending))


@pytest.mark.parametrize("state", CallState)
def test_a_late_answer_with_a_call_id_keeps_a_call_resolved_as_not_queued_from_being_sent(state):
    takes = takes_evidence(state, CallState.UNCERTAIN, has_call_id=True)
    assert takes is (state in {"planned", "skipped", "sending", "uncertain"})
    if takes and state is not CallState.UNCERTAIN:
        assert may_move(state, CallState.UNCERTAIN)


def reachable_from(state):
    """Every state to which some moves lead, one after the other."""
    found, left = set(), {state}
    while left:
        moves = {after for before in left for after in CallState if may_move(before, after)}
        left, found = moves - found, found | moves
    return found


@pytest.mark.parametrize("state", ["queued", "completed", "failed", "canceled", "rejected"])
def test_no_moves_lead_from_queued_or_a_final_state_to_a_second_sending(state):
    assert not reachable_from(CallState(state)) & {"planned", "sending", "skipped"}


def test_a_call_is_planned_again_only_after_a_state_that_says_it_was_not_queued():
    assert {state for state in CallState if may_move(state, CallState.PLANNED)} == {
        CallState.SENDING,  # provably nothing was sent
        CallState.REFUSED,
        CallState.SKIPPED,
        CallState.UNCERTAIN,  # an operator resolved it
        CallState.ABANDONED,  # an operator decided again
    }
