"""What a person is told of uncertain calls, and how the ledger takes a person's word."""

import pytest
from ledger_values import begin, claim_all, rows, states
from planned_calls import CAMPAIGN, NOW, call, phone
from planned_calls import calls as people

from runner.calls import CallState, ReasonCode, Resolution, StateReason
from runner.errors import LedgerError
from runner.ledger.claim import AttemptResult
from runner.ledger.operators import Operators
from runner.ledger.overview import overview, read_history

ANSWERED_500 = AttemptResult(
    state=CallState.UNCERTAIN,
    http_status=500,
    reason=StateReason.of(ReasonCode.UNCERTAIN, problem="Insight answered 500: out of order"),
)
QUEUED = AttemptResult(state=CallState.QUEUED, http_status=200, call_id="155761")


@pytest.fixture
def ann(ledger):
    return Operators(ledger.engine, "ann@desk")


def leave_uncertain(ledger, *calls):
    _, queue = begin(ledger, *calls)
    for claim in claim_all(queue, NOW + 1):
        queue.finish(claim, ANSWERED_500, NOW + 2)


def test_everything_known_about_an_uncertain_call_is_shown(ledger):
    leave_uncertain(ledger, call("a", phone(1)))
    (problem,) = overview(ledger.engine, CAMPAIGN, NOW, 5).problems
    assert (problem.key, problem.state, problem.reason) == ("a", "uncertain", ANSWERED_500.reason)
    assert (problem.sent_at, problem.at, problem.http_status) == (NOW + 1, NOW + 2, 500)
    assert problem.sender == "process 4711 on here"


def test_a_person_settles_some_calls_by_name_and_the_others_stay(ledger, ann):
    leave_uncertain(ledger, *people(3))
    settled = ann.resolve(CAMPAIGN, ["c0", "ref-c2"], Resolution.ABANDONED, None, NOW)
    assert [(each.key, each.intended_at) for each in settled] == [("c0", NOW + 1), ("c2", NOW + 1)]
    assert states(ledger) == {"c0": "abandoned", "c1": "uncertain", "c2": "abandoned"}


def test_one_wrong_name_and_nothing_is_settled(ledger, ann):
    leave_uncertain(ledger, *people(2))
    with pytest.raises(LedgerError, match=r"contact 2 of 2: .* no call to this contact; nothing was changed"):
        ann.resolve(CAMPAIGN, ["c0", "stranger"], Resolution.ABANDONED, None, NOW)
    assert set(states(ledger).values()) == {"uncertain"}


def test_a_call_id_of_another_call_is_refused_in_words(ledger, ann):
    _, queue = begin(ledger, *people(2))
    first, second = claim_all(queue)
    queue.finish(first, QUEUED, NOW)
    queue.finish(second, ANSWERED_500, NOW)
    with pytest.raises(LedgerError, match="call_id 155761 belongs to another call: ref-c0 of campaign"):
        ann.resolve(CAMPAIGN, ["c1"], Resolution.QUEUED, "155761", NOW)
    assert states(ledger)["c1"] == "uncertain"


@pytest.mark.parametrize(
    ("resolution", "given", "kept"),
    [
        (Resolution.QUEUED, None, "155761"),
        (Resolution.QUEUED, "155762", "155762"),
        (Resolution.ABANDONED, None, "155761"),
        (Resolution.NOT_QUEUED, None, None),
    ],
)
def test_the_call_id_of_a_contradictory_answer_is_shown_and_kept_when_it_is_resolved(
    ledger, ann, resolution, given, kept
):
    _, queue = begin(ledger, call("a", phone(1)))
    contradictory = AttemptResult(
        state=CallState.UNCERTAIN,
        http_status=404,
        reason=StateReason.of(ReasonCode.UNCERTAIN, problem="404"),
        call_id="155761",
    )
    queue.finish(claim_all(queue)[0], contradictory, NOW)
    (problem,) = overview(ledger.engine, CAMPAIGN, NOW, 5).problems
    assert problem.call_id == "155761"
    ann.resolve(CAMPAIGN, ["a"], resolution, given, NOW)
    assert rows(ledger, "SELECT call_id FROM calls") == [{"call_id": kept}]


def test_a_second_word_finds_nothing_to_resolve(ledger, ann):
    leave_uncertain(ledger, call("a", phone(1)))
    ann.resolve(CAMPAIGN, ["a"], Resolution.QUEUED, None, NOW)
    with pytest.raises(LedgerError, match="this call is queued, not uncertain"):
        ann.resolve(CAMPAIGN, ["a"], Resolution.NOT_QUEUED, None, NOW)
    assert states(ledger) == {"a": "queued"}


REFUSED = AttemptResult(
    state=CallState.REFUSED,
    http_status=400,
    reason=StateReason.of(ReasonCode.REFUSED, error="Insight answered 400: no such field"),
)


def leave_refused(ledger, *calls):
    _, queue = begin(ledger, *calls)
    for claim in claim_all(queue, NOW + 1):
        queue.finish(claim, REFUSED, NOW + 2)


def test_a_retry_plans_the_refused_calls_again_by_name_or_all_of_them(ledger, ann):
    leave_refused(ledger, *people(3))
    (retried,) = ann.retry(CAMPAIGN, ["ref-c1"], NOW + 3)
    (known,) = (call for call in ledger.history(CAMPAIGN).calls if call.key == "c1")
    assert known.state == "planned"
    assert StateReason.parse(known.state_reason).code is ReasonCode.RETRIED
    assert (retried.key, retried.after) == ("c1", "planned")
    assert states(ledger) == {"c0": "refused", "c1": "planned", "c2": "refused"}
    assert len(ann.retry(CAMPAIGN, None, NOW + 4)) == 2
    assert set(states(ledger).values()) == {"planned"}
    assert ann.retry(CAMPAIGN, None, NOW + 5) == []
    told = list(read_history(ledger.engine, CAMPAIGN, "c1"))[-1]
    assert (told.what, told.reason, told.who) == (
        "refused → planned",
        StateReason.of(ReasonCode.RETRIED, by="ann@desk"),
        "ann@desk",
    )


def test_only_refused_calls_are_retried_and_none_of_a_canceled_campaign(ledger, ann):
    leave_uncertain(ledger, call("a", phone(1)))
    assert ann.retry(CAMPAIGN, None, NOW + 3) == []
    with pytest.raises(LedgerError, match="this call is uncertain, not refused: there is nothing to retry"):
        ann.retry(CAMPAIGN, ["a"], NOW + 3)
    ann.cancel(CAMPAIGN, NOW + 4)
    with pytest.raises(LedgerError, match="canceled, which is final"):
        ann.retry(CAMPAIGN, None, NOW + 5)


def test_an_acknowledged_call_is_not_a_new_problem_until_it_is_sent_again(ledger, ann):
    leave_refused(ledger, *people(2))
    assert overview(ledger.engine, CAMPAIGN, NOW, 5).unacknowledged == 2
    assert ann.acknowledge(CAMPAIGN, NOW + 3) == 2
    assert ann.acknowledge(CAMPAIGN, NOW + 4) == 0
    seen = overview(ledger.engine, CAMPAIGN, NOW, 5)
    assert (seen.unacknowledged, [problem.acknowledged for problem in seen.problems]) == (0, [True, True])
    assert states(ledger) == {"c0": "refused", "c1": "refused"}

    ann.retry(CAMPAIGN, ["c1"], NOW + 5)
    leave_refused(ledger, people(2)[1])
    seen = overview(ledger.engine, CAMPAIGN, NOW, 5)
    assert seen.unacknowledged == 1
    assert [(problem.key, problem.acknowledged) for problem in seen.problems] == [("c1", False), ("c0", True)]


def test_an_abandoned_call_may_be_resolved_again_but_only_by_name(ledger, ann):
    leave_uncertain(ledger, *people(3))
    ann.resolve(CAMPAIGN, ["c0", "c1", "c2"], Resolution.ABANDONED, None, NOW + 3)
    assert ann.seen(CAMPAIGN, None) == []
    ann.resolve(CAMPAIGN, ["c0"], Resolution.QUEUED, "4711", NOW + 4)
    ann.resolve(CAMPAIGN, ["c1"], Resolution.NOT_QUEUED, None, NOW + 4)
    assert states(ledger) == {"c0": "queued", "c1": "planned", "c2": "abandoned"}


def test_all_calls_that_were_shown_are_not_settled_once_a_later_round_went_out(ledger, ann):
    leave_uncertain(ledger, *people(2))
    shown = ann.seen(CAMPAIGN, None)
    ann.resolve(CAMPAIGN, ["c0"], Resolution.FAILED, None, NOW + 3)
    leave_uncertain(ledger, call("c0", round=2))
    with pytest.raises(LedgerError, match=r"contact 1 of 2: this call is failed.* nothing was changed"):
        ann.resolve(CAMPAIGN, shown, Resolution.NOT_QUEUED, None, NOW + 4)
    found = rows(ledger, "SELECT state FROM calls ORDER BY id")
    assert [row["state"] for row in found] == ["failed", "uncertain", "uncertain"]


def test_a_contact_that_is_named_twice_is_settled_once(ledger, ann):
    leave_uncertain(ledger, call("a", phone(1)))
    assert len(ann.resolve(CAMPAIGN, ["a", "ref-a"], Resolution.ABANDONED, None, NOW + 3)) == 1
    kept = rows(ledger, "SELECT id FROM transitions WHERE after = 'abandoned'")
    assert len(kept) == 1


def test_a_second_pause_or_cancel_keeps_the_time_and_the_person_of_the_first(ledger, ann):
    begin(ledger, *people(1))
    bob = Operators(ledger.engine, "bob@desk")
    assert ann.pause(CAMPAIGN, NOW + 1) is None
    earlier = bob.pause(CAMPAIGN, NOW + 2)
    assert (earlier.at, earlier.by) == (NOW + 1, "ann@desk")
    assert overview(ledger.engine, CAMPAIGN, NOW + 3, 0).pause_info == earlier
    ann.cancel(CAMPAIGN, NOW + 4)
    bob.cancel(CAMPAIGN, NOW + 5)
    halted = overview(ledger.engine, CAMPAIGN, NOW + 6, 0).pause_info
    assert (halted.state, halted.at, halted.by) == ("canceled", NOW + 4, "ann@desk")


def test_the_history_names_the_person_for_what_a_person_did(ledger, ann):
    leave_uncertain(ledger, call("a", phone(1)))
    ann.resolve(CAMPAIGN, ["a"], Resolution.NOT_QUEUED, None, NOW + 9)
    told = [(entry.what, entry.who) for entry in read_history(ledger.engine, CAMPAIGN, "a")]
    assert told[-1] == ("uncertain → planned", "ann@desk")
    assert {who for _, who in told[:-1]} == {"here process 4711"}


def test_the_history_of_a_campaign_is_that_of_all_its_contacts_and_of_what_people_did(
    ledger, ann, monkeypatch
):
    monkeypatch.setattr("runner.ledger.overview._AT_ONCE", 2)
    leave_uncertain(ledger, call("a", phone(9)))
    begin(ledger, *people(3))
    ann.pause(CAMPAIGN, NOW + 9)
    ann.resolve(CAMPAIGN, ["a"], Resolution.NOT_QUEUED, None, NOW + 10)
    everything = list(read_history(ledger.engine, CAMPAIGN, None))
    assert [(entry.key, entry.what) for entry in everything][-3:] == [
        ("", "pause"),
        ("a", "uncertain → planned"),
        ("", "resolve"),
    ]
    for key in ("a", "c0", "c1", "c2"):
        of_one = [entry for entry in everything if entry.key == key]
        assert of_one == list(read_history(ledger.engine, CAMPAIGN, key)) != []
    assert list(read_history(ledger.engine, "another", None)) == []


def test_a_cancel_takes_away_what_is_planned_and_leaves_what_is_under_way(ledger, ann):
    _, queue = begin(ledger, *people(3))
    claim_all(queue, most=1)
    assert ann.cancel(CAMPAIGN, NOW) == 2
    assert states(ledger) == {"c0": "sending", "c1": "skipped", "c2": "skipped"}
    kept = rows(ledger, "SELECT run, at, before, reason, actor FROM transitions WHERE after = 'skipped'")
    cancel = {"at": NOW, "before": "planned", "reason": 'canceled {"by": "ann@desk"}', "actor": "ann@desk"}
    assert kept == [{"run": 1, **cancel}] * 2


def test_a_cancel_says_nothing_of_calls_that_were_given_up_before(ledger, ann):
    _, queue = begin(ledger, *people(3))
    ((call, _, _), *_) = queue.waiting_people()
    queue.skip({call: StateReason.of(ReasonCode.EXCLUDED, why="on a list")}, NOW)
    assert ann.cancel(CAMPAIGN, NOW) == 2
    kept = rows(ledger, "SELECT call, reason FROM transitions WHERE after = 'skipped' ORDER BY id")
    assert [row["reason"] for row in kept] == ['excluded {"why": "on a list"}'] + [
        'canceled {"by": "ann@desk"}'
    ] * 2
    assert len({row["call"] for row in kept}) == 3
