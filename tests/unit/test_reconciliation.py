"""The checker of the crash tests finds what it should find."""

from dataclasses import replace
from datetime import time

import pytest
from reconciliation import Hours, Records, reconcile

HOURS = Hours(windows=[(time(9), time(17))], zone_of={"+1212": "America/New_York"})
START = 1_796_140_800  # 2026-12-01 11:00 in New York
CALL = {
    "id": 1, "contact": "a", "phone": "+12125552000", "state": "queued", "call_id": "7", "reason": "",
    "start_timestamp": START, "end_timestamp": START + 3600,
}  # fmt: skip
ACCEPTED = {
    "call_id": 7, "phone_number": "tel:+12125552000;ani=6175550100",
    "start_timestamp": str(START), "end_timestamp": str(START + 3600),
}  # fmt: skip
ATTEMPT = {"call": 1, "finished_at": 1_796_100_000.0, "outcome": "queued"}
BOOKS = Records(calls=[CALL], attempts=[ATTEMPT], last_transition={1: "queued"})
OPEN_ATTEMPT = ATTEMPT | {"finished_at": None, "outcome": None}


def books(**changes):
    call = CALL | changes
    return replace(BOOKS, calls=[call], last_transition={1: call["state"]})


def test_a_sound_ledger_passes():
    found = reconcile([ACCEPTED], BOOKS, HOURS, people=1)
    found.check()
    assert (found.accepted, found.states) == (1, {"queued": 1})


def test_a_number_accepted_twice_is_found():
    found = reconcile([ACCEPTED, ACCEPTED | {"call_id": 8}], BOOKS, HOURS, people=1)
    assert found.twice == 1
    with pytest.raises(AssertionError, match="twice"):
        found.check()


@pytest.mark.parametrize(
    ("accepted", "held", "people", "words"),
    [
        ([ACCEPTED], books(state="planned"), 1, "still planned"),
        ([], books(state="sending"), 1, "still sending"),
        ([ACCEPTED], books(state="skipped", reason="late"), 1, "was accepted, but the ledger says skipped"),
        ([ACCEPTED], books(state="refused", reason="400"), 1, "was accepted, but the ledger says refused"),
        ([], books(state="uncertain", call_id=None), 1, "without a reason"),
        ([], BOOKS, 1, "which the server did not give"),
        ([ACCEPTED], books(call_id="8"), 1, "which the server did not give"),
        ([ACCEPTED], books(call_id=None), 1, "which the server did not give"),
        ([ACCEPTED], books(state="completed", call_id="8"), 1, "which the server did not give"),
        ([], books(state="completed"), 1, "which the server did not give"),
        ([ACCEPTED], books(state="uncertain", reason="reset", call_id="8"), 1, "the server did not give"),
        ([ACCEPTED], books(start_timestamp=START + 60), 1, "accepted for other times"),
        ([ACCEPTED], books(end_timestamp=START + 60), 1, "accepted for other times"),
        ([ACCEPTED], replace(BOOKS, attempts=[]), 1, "without an intent"),
        ([ACCEPTED], replace(BOOKS, attempts=[OPEN_ATTEMPT]), 1, "an attempt without an end"),
        ([ACCEPTED], BOOKS, 2, "2 contacts were declared"),
        ([ACCEPTED], replace(BOOKS, calls=[CALL, CALL]), 1, "has 2 calls"),
        ([ACCEPTED], replace(BOOKS, last_transition={1: "sending"}), 1, "last transition led to sending"),
        ([ACCEPTED], books(phone="+12125552001"), 1, "accepted, and not in the ledger"),
        ([ACCEPTED | {"start_timestamp": str(START - 3 * 3600)}], BOOKS, 1, "outside its windows"),
        ([ACCEPTED | {"end_timestamp": str(START + 7 * 3600)}], BOOKS, 1, "outside its windows"),
        ([ACCEPTED | {"end_timestamp": str(START - 3600)}], BOOKS, 1, "outside its windows"),
        ([ACCEPTED | {"phone_number": "tel:+13125552000"}], BOOKS, 1, "outside its windows"),
    ],
)
def test_every_kind_of_error_is_found(accepted, held, people, words):
    with pytest.raises(AssertionError, match=words):
        reconcile(accepted, held, HOURS, people=people).check()
