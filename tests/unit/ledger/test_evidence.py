"""What follows from evidence: every state, every result, of the last attempt and of an earlier one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.calls import FINAL, CallState
from runner.ledger.evidence import Verdict, decide
from runner.ledger.states import availability, may_move
from runner.planning.plan import Availability

SAYS = [*sorted(FINAL), None]
# For each state: of its last attempt, and of one before that, what canceled, completed, failed, rejected and
# "Insight has it" lead to. A state is where the call moves; a word in capitals is what is noted instead.
TABLE = """
planned    canceled completed failed rejected queued          canceled completed failed rejected queued
refused    canceled completed failed rejected queued          canceled completed failed rejected queued
skipped    canceled completed failed rejected queued          canceled completed failed rejected queued
sending    HELD HELD HELD HELD HELD                           HELD HELD HELD HELD HELD
uncertain  canceled completed failed rejected queued          HELD completed HELD HELD HELD
abandoned  canceled completed failed rejected queued          HELD completed HELD HELD HELD
queued     canceled completed failed rejected NOT_FINAL       EARLIER completed EARLIER EARLIER EARLIER
completed  OTHER SAME OTHER OTHER NOT_FINAL                   OTHER SAME OTHER OTHER NOT_FINAL
failed     OTHER completed SAME OTHER NOT_FINAL               OTHER completed SAME OTHER NOT_FINAL
canceled   SAME completed OTHER OTHER NOT_FINAL               SAME completed OTHER OTHER NOT_FINAL
rejected   OTHER completed OTHER SAME NOT_FINAL               OTHER completed OTHER SAME NOT_FINAL
"""
NOTED = {
    "HELD": Verdict.HELD,
    "NOT_FINAL": Verdict.NOT_FINAL,
    "EARLIER": Verdict.EARLIER_ATTEMPT,
    "OTHER": Verdict.CONTRADICTION,
    "SAME": Verdict.REPEATED,
}
CASES = [
    (CallState(state), says, is_earlier, word)
    for state, *words in map(str.split, TABLE.strip().splitlines())
    for (is_earlier, says), word in zip(
        [(is_earlier, says) for is_earlier in (False, True) for says in SAYS], words, strict=True
    )
]


def test_the_table_names_every_state():
    assert {state for state, *_ in CASES} == set(CallState)


@pytest.mark.parametrize(("state", "says", "is_earlier", "word"), CASES)
def test_evidence_leads_where_the_table_says(state, says, is_earlier, word):
    verdict, after = decide(state, says, is_earlier=is_earlier)
    expected = (NOTED[word], None) if word in NOTED else (Verdict.APPLIED, CallState(word))
    assert (verdict, after) == expected


@pytest.mark.parametrize(("state", "says", "is_earlier", "word"), CASES)
def test_evidence_never_leads_to_a_call(state, says, is_earlier, word):
    del word
    _, after = decide(state, says, is_earlier=is_earlier)
    if after is not None:
        assert availability(after) is Availability.TAKEN
        assert after is not CallState.SENDING
        assert may_move(state, after)


class Insight:
    """One call as the ledger and as people see it, whatever was said of it."""

    def __init__(self):
        self.state, self.fence, self.sent = CallState.PLANNED, 0, []
        self.held, self.heard = [], set()

    def hear(self, fence, says):
        if not 0 < fence <= self.fence:
            return
        self.heard.add((fence, says))
        verdict, after = decide(self.state, says, is_earlier=fence < self.fence)
        if verdict is Verdict.HELD:
            self.held.append((fence, says))
        if after is not None:
            self.state = after

    def settle(self):
        """As the ledger does when the fate of a request is known."""
        held, self.held = self.held, []
        for fence, says in held:
            self.hear(fence, says)

    def step(self, word):
        if word == "claim" and self.state is CallState.PLANNED:
            self.state, self.fence = CallState.SENDING, self.fence + 1
            self.sent.append(frozenset(self.heard))
        elif word in {"queued", "uncertain", "refused", "planned"} and self.state is CallState.SENDING:
            self.state = CallState(word)
            self.settle()
        elif word == "not-queued" and self.state in {CallState.UNCERTAIN, CallState.ABANDONED}:
            self.state = CallState.PLANNED
            self.settle()
        elif word == "abandoned" and self.state is CallState.UNCERTAIN:
            self.state = CallState.ABANDONED
        elif word == "retry" and self.state is CallState.REFUSED:
            self.state = CallState.PLANNED


STEPS = st.one_of(
    st.sampled_from(
        ["claim", "queued", "uncertain", "refused", "planned", "not-queued", "abandoned", "retry"]
    ),
    st.tuples(st.integers(1, 3), st.sampled_from(SAYS)),
)


@given(st.lists(STEPS, max_size=25))
def test_nobody_is_called_once_insight_has_said_anything_of_the_call(steps):
    call = Insight()
    for step in steps:
        if isinstance(step, str):
            call.step(step)
        else:
            call.hear(*step)
    for heard_before in call.sent:
        assert not heard_before


@given(st.lists(STEPS, max_size=25))
def test_a_call_that_insight_completed_stays_completed(steps):
    call, completed = Insight(), False
    for step in steps:
        if isinstance(step, str):
            call.step(step)
        else:
            call.hear(*step)
        completed = completed or call.state is CallState.COMPLETED
        assert not completed or call.state is CallState.COMPLETED
