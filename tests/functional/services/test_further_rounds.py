"""A campaign of several rounds, rehearsed to its end: days of calls, results and further calls."""

import asyncio
import tempfile
from collections import Counter, defaultdict
from itertools import cycle

import pytest
from sqlalchemy import text

from runner.campaign.loader import load_campaign
from runner.dispatch.events import RoundsNotPlanned, RoundsPlanned, RunEnd
from runner.errors import SourceContentError
from runner.insight.sandbox import Behavior, parse_callbacks, parse_outcomes
from runner.results.receiver import Receiver
from runner.services import planning_process
from runner.services import rehearsal as simulation
from runner.services.apply import Apply
from runner.services.rehearsal import rehearsal
from runner.settings import Settings

PEOPLE = 40
GAP = 20 * 3600
CAMPAIGN = """\
version: 1
name: clinic
survey: {{survey_id: "48211", instance_id: "3"}}
contacts:
  sources: [{{type: csv, path: people.csv}}]
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  region: US
  timezone: America/New_York
calling_windows: {{weekly: {{mon-fri: "15:00-20:00", sat: "10:00-16:00"}}}}
retry_policy: {{max_attempts: 2, reattempt_wait: 30m, rounds: {rounds}}}
pacing: {{calls_per_minute: 5}}
"""
CALLBACKS = ["lost=30%,doubled=30%,late:7200=10%", "lost=100%"]


def rehearsed(folder, callbacks, *, rounds=3, people=PEOPLE, **options):
    """How the run ended, its events, the calls of the ledger and those that the sandbox received."""
    (folder / "clinic.yaml").write_text(CAMPAIGN.format(rounds=rounds))
    rows = "".join(f"p{number},617 555 {1000 + number}\n" for number in range(people))
    (folder / "people.csv").write_text(f"id,phone\n{rows}")
    behavior = Behavior(outcomes=parse_outcomes("answered=35%"), callbacks=parse_callbacks(callbacks))
    events = []
    with rehearsal(Settings(), behavior) as environment:
        apply = Apply(load_campaign(folder / "clinic.yaml", data_roots=tuple), environment, **options)
        apply.check()
        finish = asyncio.run(apply.run(apply.plan(), events.append))
        with environment.ledger.engine.connect() as connection:
            calls = connection.execute(
                text(
                    "SELECT calls.*, results.status AS result, results.last_attempt_timestamp AS last_dial "
                    "FROM calls LEFT JOIN results ON results.call = calls.id ORDER BY contact, round"
                )
            ).all()
    return finish, events, calls


@pytest.mark.parametrize("callbacks", CALLBACKS)
def test_three_rounds_are_carried_to_their_end_by_callbacks_and_by_asking(tmp_path, callbacks):
    finish, events, calls = rehearsed(tmp_path, callbacks)
    assert finish is RunEnd.DONE
    assert all(call.result in {"completed", "failed"} for call in calls)
    by_contact = defaultdict(list)
    for call in calls:
        by_contact[call.contact].append(call)
    assert len(by_contact) == PEOPLE
    for its_calls in by_contact.values():
        *earlier, last = its_calls
        assert [call.round for call in its_calls] == list(range(1, len(its_calls) + 1))
        assert all(call.result == "failed" for call in earlier)
        assert last.result == "completed" or last.round == 3
        for before, after in zip(earlier, its_calls[1:], strict=True):
            assert after.start_timestamp - before.last_dial >= GAP
    assert Counter(call.round for call in calls)[2] > 0
    added = sum(event.calls for event in events if isinstance(event, RoundsPlanned))
    assert added == sum(call.round > 1 for call in calls)


def test_results_from_a_receiver_with_a_slow_clock_lead_to_rounds_too(tmp_path, monkeypatch):
    """Of two receivers: the clock of one is far behind that of the other."""
    behind = cycle([0, 24 * 3600, 24 * 3600])

    def receiver(tokens, record, now):
        return Receiver(tokens, record, lambda: now() - next(behind))

    monkeypatch.setattr(simulation, "Receiver", receiver)
    _, _, calls = rehearsed(tmp_path, "lost=0%", people=4)
    last = {call.contact: call for call in calls}
    assert all(call.result == "completed" or call.round == 3 for call in last.values())


def test_with_wait_a_run_of_one_round_ends_when_all_results_are_in(tmp_path):
    _, _, calls = rehearsed(tmp_path, "lost=50%", rounds=1, wait=True)
    assert {call.round for call in calls} == {1}
    assert all(call.result is not None for call in calls)


def test_a_limited_run_tries_only_its_own_contacts_again(tmp_path):
    _, _, calls = rehearsed(tmp_path, "lost=0%", limit=10)
    assert len({call.contact for call in calls}) == 10
    assert max(call.round for call in calls) > 1


def test_rounds_that_another_process_plans_are_carried_out_and_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(planning_process, "_FEW", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    finish, events, calls = rehearsed(tmp_path, "lost=0%", rounds=2, people=10)
    assert finish is RunEnd.DONE
    last = {call.contact: call for call in calls}
    assert len(last) == 10
    assert all(call.result == "completed" or call.round == 2 for call in last.values())
    assert sum(event.calls for event in events if isinstance(event, RoundsPlanned)) == len(calls) - 10 > 0
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_source_that_cannot_be_read_for_a_while_holds_up_further_rounds_and_nothing_else(
    tmp_path, monkeypatch
):
    planned = planning_process.prepare_plan
    tries = []

    def unreadable_at_first(*arguments, **options):
        tries.append(options["now"])
        if len(tries) < 3:
            raise SourceContentError("people.csv cannot be read")
        return planned(*arguments, **options)

    monkeypatch.setattr(planning_process, "prepare_plan", unreadable_at_first)
    finish, events, calls = rehearsed(tmp_path, "lost=0%", rounds=2)
    assert finish is RunEnd.DONE
    assert [event.problem for event in events if isinstance(event, RoundsNotPlanned)] == [
        "people.csv cannot be read"
    ] * 2
    assert tries[2] - tries[1] >= 900
    assert max(call.round for call in calls) == 2


def test_a_run_whose_planning_of_rounds_fails_ends_with_the_error(tmp_path, monkeypatch):
    def fail(*_args, **_options):
        raise ZeroDivisionError

    monkeypatch.setattr("runner.services.planning_process.prepare_plan", fail)
    with pytest.raises(ZeroDivisionError):
        rehearsed(tmp_path, "lost=0%")
