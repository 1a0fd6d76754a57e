"""How far a campaign is, and what happened to it, as people and programs read it."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from runner.calls import CallState, ReasonCode, StateReason
from runner.contacts.identity import Identity
from runner.ledger.overview import Ended, Entry, EntryKind, Overview
from runner.reports.history import Words, print_history
from runner.reports.status import CampaignStatus, print_status, status_json
from runner.reports.times import machine_time

NOW = 1_796_166_000
IDENTITY = Identity(b"privacy")
ONE_ROUND = Overview(
    campaign="follow-up",
    as_of=NOW,
    rounds={1: {CallState.PLANNED: 1200, CallState.QUEUED: 5}},
    awaited=5,
    next_ask=NOW + 900,
    oldest_awaited=NOW + 300,
    learned_at=None,
    next_due=NOW + 60,
    queued_last_minute=0,
    problems=(),
    pause_info=None,
    origin="",
    account="",
    late_opt_outs=(),
    unacknowledged=0,
)
TWO_ROUNDS = replace(
    ONE_ROUND,
    rounds={
        1: {CallState.COMPLETED: 180, CallState.FAILED: 120, CallState.QUEUED: 3},
        2: {CallState.PLANNED: 90, CallState.QUEUED: 30},
    },
    awaited=31,
    next_ask=NOW - 60,
    oldest_awaited=NOW - 7200,
    learned_at=NOW - 90.5,
)


def status(seen, holder=None):
    return CampaignStatus(
        seen=seen, holder=holder, warning="", late_opt_outs=(), lists_read=True, lists_problem=""
    )


def as_text(seen, holder=None):
    out = StringIO()
    print_status(Console(file=out, width=200), [status(seen, holder)], IDENTITY)
    return out.getvalue()


def history(*entries, show_contacts=False):
    out = StringIO()
    words = Words(identity=IDENTITY, show_contacts=show_contacts)
    print_history(Console(file=out, width=200), entries, words)
    return out.getvalue().splitlines()


def entry(**values):
    return Entry(
        **{"at": NOW, "key": "p1", "ref": "ref0000001", "who": "Insight", "kind": EntryKind.CHANGE} | values
    )


def test_the_calls_of_several_rounds_are_counted_by_round():
    shown = as_text(TWO_ROUNDS).splitlines()
    assert [line.split() for line in shown[1:6]] == [
        ["all", "round", "1", "round", "2"],
        ["planned", "90", "0", "90"],
        ["queued", "33", "3", "30"],
        ["completed", "180", "180", "0"],
        ["failed", "120", "120", "0"],
    ]


def test_the_calls_of_one_round_are_counted_without_rounds():
    shown = as_text(ONE_ROUND)
    assert [line.split() for line in shown.splitlines()[1:3]] == [["planned", "1,200"], ["queued", "5"]]
    assert "round" not in shown
    assert "in time" not in shown


def test_awaited_results_are_shown_with_the_next_and_the_oldest():
    assert (
        "results: 5 awaited; the newest: none yet\n"
        f"  the next is due to be asked for {machine_time(NOW + 900)}; "
        f"the oldest call ends {machine_time(NOW + 300)}\n"
    ) in as_text(ONE_ROUND)
    assert (
        f"results: 31 awaited, 2 did not come in time; the newest: {machine_time(NOW - 91)}\n"
        f"  the next is due to be asked for now, since {machine_time(NOW - 60)}; "
        f"the oldest call ended {machine_time(NOW - 7200)}\n"
    ) in as_text(TWO_ROUNDS)


@pytest.mark.parametrize(
    ("seen", "holder", "is_advised"),
    [(TWO_ROUNDS, None, True), (TWO_ROUNDS, "process 1 on desk", False), (ONE_ROUND, None, False)],
)
def test_an_overdue_result_that_no_run_asks_for_comes_with_the_command_that_does(seen, holder, is_advised):
    assert ("to ask Insight now: runner refresh follow-up" in as_text(seen, holder)) is is_advised


def test_without_awaited_results_nothing_is_said_of_them():
    shown = as_text(replace(ONE_ROUND, rounds={}, awaited=0, next_ask=None, oldest_awaited=None))
    assert "awaited" not in shown


def test_the_json_keeps_its_keys_and_has_rounds_results_and_awaited():
    found = status_json(status(TWO_ROUNDS), IDENTITY)
    assert found["states"]["queued"] == 33
    assert found["results"] == {"completed": 180, "failed": 120, "canceled": 0, "rejected": 0, "unknown": 2}
    assert found["awaited"] == {"calls": 31, "next_ask": NOW - 60, "oldest": NOW - 7200}
    assert [each["round"] for each in found["rounds"]] == [1, 2]
    assert found["rounds"][1]["states"] == {state.value: 0 for state in CallState} | {
        "planned": 90,
        "queued": 30,
    }


def test_a_result_in_the_history_has_its_dials():
    learned = StateReason.of(ReasonCode.RESULT, source="callback")
    (line,) = history(entry(before="queued", after="failed", reason=learned, ended=Ended(3, NOW - 60)))
    assert line == (
        f"{machine_time(NOW)} p1 [ref0000001] queued → failed: Insight posted it: 3 dials, "
        f"the last at {machine_time(NOW - 60)} (Insight)"
    )


def test_a_result_without_details_has_its_reason_alone():
    learned = StateReason.of(ReasonCode.RESULT, source="asked")
    (line,) = history(entry(before="queued", after="failed", reason=learned, ended=Ended(None, None)))
    assert line.endswith("queued → failed: Insight said it when asked (Insight)")


def test_what_could_not_be_read_is_shown_only_where_contacts_are():
    came = entry(
        kind=EntryKind.EVIDENCE,
        reason=StateReason.of(ReasonCode.EVIDENCE, verdict="unreadable"),
        detail="name=Ann Smith&phone=6175550123",
    )
    assert "Ann" not in "".join(history(came))
    assert "--show-contacts" in "".join(history(came))
    assert "Ann Smith&phone=6175550123" in "".join(history(came, show_contacts=True))
