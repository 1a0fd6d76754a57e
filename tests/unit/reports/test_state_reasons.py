"""Every reason of a call has a sentence, and survives being stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.calls import NO_REASON, ReasonCode, StateReason
from runner.reports.state_reasons import reason_text

_VALUES = {
    "body": "down for repair",
    "by": "ann@desk",
    "call_id": "7",
    "cap": "us-fl",
    "call_ids": "7, 8",
    "change": "moved",
    "detail": "on do-not-call.csv:7",
    "fields": "",
    "error": "bad {number}",
    "exclusion": "suppressed",
    "problem": "Insight answered 503",
    "resolution": "queued",
    "source": "callback",
    "state": "queued",
    "verdict": "repeated",
    "why": "start_passed",
}


@given(st.sampled_from(ReasonCode), st.dictionaries(st.text(min_size=1), st.text()))
def test_a_stored_reason_is_read_back_as_it_was(code, values):
    reason = StateReason(code, tuple(values.items()))
    assert StateReason.parse(reason.stored()) == reason


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_code_has_a_sentence(code):
    assert bool(reason_text(StateReason.of(code, **_VALUES))) is (code is not ReasonCode.NONE)
    assert reason_text(NO_REASON) == ""


@pytest.mark.parametrize(
    ("code", "values", "text"),
    [
        (ReasonCode.REFUSED, {"error": "bad {number}"}, "bad {number}"),
        (
            ReasonCode.REPLANNED,
            {"change": "changed", "why": "fields_changed", "fields": "phone, metadata[site]"},
            "changed by a new plan: phone, metadata[site] changed",
        ),
        (
            ReasonCode.REPLANNED,
            {"change": "moved", "why": "start_passed", "fields": ""},
            "moved by a new plan: its earlier start has passed",
        ),
        (ReasonCode.CANCELED, {}, "canceled by an operator"),
        (ReasonCode.WITHDRAWN, {"exclusion": "", "detail": "the contact is gone"}, "the contact is gone"),
        (ReasonCode.UNCERTAIN, {"problem": "no answer"}, "no answer"),
        (
            ReasonCode.RECORD_UNCERTAIN,
            {"problem": "no {answer}"},
            (
                "the call was not sent: its record may be in the metadatabase or not: no {answer}; "
                "look there, and `runner retry` sends the call without pushing the record again"
            ),
        ),
        (
            ReasonCode.UNCERTAIN,
            {"problem": "Insight answered 404", "call_ids": "7", "body": "gone"},
            "Insight answered 404 (call_id 7): gone",
        ),
        (
            ReasonCode.SENT_FOR_ANOTHER,
            {"state": "uncertain"},
            "a late answer shows that this number may have been queued before, for another contact",
        ),
    ],
)
def test_a_reason_reads_as_a_sentence_with_its_values(code, values, text):
    assert reason_text(StateReason.of(code, **values)) == text
