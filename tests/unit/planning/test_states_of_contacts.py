"""In which states a contact may be decides which rules of states hold for it."""

import pytest

from runner.contacts.contact import Contact, Row
from runner.planning.candidate import ABROAD
from runner.planning.screening import states_of

BERLIN, KINGSTON, TOLL_FREE, SATELLITE = "+493012345678", "+18765550100", "+18005550100", "+881612345678"


def somebody(phone, postal_code, state):
    return Contact(
        key="7", phone=phone, others=(), timezone="", postal_code=postal_code, state=state, priority=0.0,
        not_before="", not_after="", row=Row("visits.csv", 2, {}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("phone", "postal_code", "state", "states"),
    [
        ("+13055550100", "", "", "FL"),
        ("+14165550100", "", "", "ON"),
        ("+17875550100", "", "", "PR"),
        (BERLIN, "", "", ABROAD),
        (KINGSTON, "", "", ABROAD),
        # What cannot be read says nothing.
        (BERLIN, "SW1A 1AA", "Bavaria", ABROAD),
        # Moved to the United States, and kept the number.
        (BERLIN, "", "Florida", "FL"),
        (BERLIN, "33101", "", "FL"),
        # It may be anywhere.
        (TOLL_FREE, "", "", ""),
        (SATELLITE, "", "", ""),
    ],
)
def test_state_then_postal_code_then_number_say_where_a_contact_may_be(phone, postal_code, state, states):
    assert states_of(somebody(phone, postal_code, state)) == states
