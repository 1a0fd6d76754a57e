"""What a person is told of uncertain calls, and how the ledger takes a person's word."""

import pytest
from ledger_values import (
    CAMPAIGN,
    NOW,
    begin,
    call,
    claim_all,
    people,
    phone,
    rows,
    states,
)

from runner.errors import LedgerError
from runner.ledger import chronicle as chronicle_module
from runner.ledger.chronicle import chronicle
from runner.ledger.claim import Ending
from runner.ledger.operators import Operators, Resolution
from runner.ledger.overview import overview
from runner.ledger.states import CallState

ANSWERED_500 = Ending(state=CallState.UNCERTAIN, http_status=500, reason="Insight answered 500: out of order")
QUEUED = Ending(state=CallState.QUEUED, http_status=200, call_id="155761")


@pytest.fixture
def ann(ledger):
    return Operators(ledger.engine, "ann@desk")


def leave_uncertain(ledger, *calls):
    _, queue = begin(ledger, *calls)
    for claim in claim_all(queue, NOW + 1):
        queue.finish(claim, ANSWERED_500, NOW + 2)


def test_of_an_uncertain_call_everything_is_told_that_is_known(ledger):
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
    with pytest.raises(
        LedgerError, match=r"contact 2 of 2: .* no call to this contact; nothing was resolved"
    ):
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
    contradictory = Ending(state=CallState.UNCERTAIN, http_status=404, reason="404", call_id="155761")
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


def test_the_history_names_the_person_for_what_a_person_did(ledger, ann):
    leave_uncertain(ledger, call("a", phone(1)))
    ann.resolve(CAMPAIGN, ["a"], Resolution.NOT_QUEUED, None, NOW + 9)
    told = [(entry.what, entry.who) for entry in chronicle(ledger.engine, CAMPAIGN, "a")]
    assert told[-1] == ("uncertain → planned", "ann@desk")
    assert {who for _, who in told[:-1]} == {"here process 4711"}


def test_the_history_of_a_campaign_is_that_of_all_its_contacts_and_of_what_people_did(
    ledger, ann, monkeypatch
):
    monkeypatch.setattr(chronicle_module, "_AT_ONCE", 2)
    leave_uncertain(ledger, call("a", phone(9)))
    begin(ledger, *people(3))
    ann.pause(CAMPAIGN, NOW + 9)
    ann.resolve(CAMPAIGN, ["a"], Resolution.NOT_QUEUED, None, NOW + 10)
    everything = list(chronicle(ledger.engine, CAMPAIGN, None))
    assert [(entry.key, entry.what) for entry in everything][-3:] == [
        ("", "pause"),
        ("a", "uncertain → planned"),
        ("", "resolve"),
    ]
    for key in ("a", "c0", "c1", "c2"):
        of_one = [entry for entry in everything if entry.key == key]
        assert of_one == list(chronicle(ledger.engine, CAMPAIGN, key)) != []
    assert list(chronicle(ledger.engine, "another", None)) == []


def test_a_cancel_takes_away_what_is_planned_and_leaves_what_is_under_way(ledger, ann):
    _, queue = begin(ledger, *people(3))
    claim_all(queue, most=1)
    assert ann.cancel(CAMPAIGN, NOW) == 2
    assert states(ledger) == {"c0": "sending", "c1": "skipped", "c2": "skipped"}
    kept = rows(ledger, "SELECT run, at, before, reason, actor FROM transitions WHERE after = 'skipped'")
    cancel = {"at": NOW, "before": "planned", "reason": "canceled by ann@desk", "actor": "ann@desk"}
    assert kept == [{"run": 1, **cancel}] * 2


def test_a_cancel_says_nothing_of_calls_that_were_given_up_before(ledger, ann):
    _, queue = begin(ledger, *people(3))
    ((call, _, _), *_) = queue.waiting_people()
    queue.skip({call: "on a list"}, NOW)
    assert ann.cancel(CAMPAIGN, NOW) == 2
    kept = rows(ledger, "SELECT call, reason FROM transitions WHERE after = 'skipped' ORDER BY id")
    assert [row["reason"] for row in kept] == ["on a list"] + ["canceled by ann@desk"] * 2
    assert len({row["call"] for row in kept}) == 3
