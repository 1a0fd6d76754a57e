"""Planning what is in the ledger: again, and in a second round. Next to a first plan of the same contacts."""

import sqlite3
from contextlib import closing
from typing import NamedTuple

import many_contacts
import pytest
from table import row
from test_planning import AS_OF, CAMPAIGN, MANY, ON_A_LIST, RUNNER, SOME, Cost, cost, sandbox

TWO_ROUNDS = CAMPAIGN.replace('to: "2027-03-07"', 'to: "2027-03-20"') + "retry_policy: {rounds: 2}\n"
AFTER_THE_FIRST = "2027-03-07T12:00:00Z"
NOBODY_ANSWERED = """\
UPDATE calls SET state = 'failed', call_id = id;
INSERT INTO results (call, campaign, status, source, learned_at, last_attempt_timestamp, events)
SELECT id, campaign, 'failed', 'callback', start_timestamp + 600, start_timestamp + 60, '[]' FROM calls;
"""
TIMES = {SOME: 2, MANY: 1}
"""How often each is measured, by the number of contacts."""


class Pair(NamedTuple):
    first: Cost
    later: Cost


@pytest.fixture(scope="module", params=TIMES, ids="{:,}".format)
def measured(request, tmp_path_factory):
    contacts = request.param
    folder = tmp_path_factory.mktemp("rounds")
    many_contacts.write_contacts(folder / "contacts.csv", contacts)
    many_contacts.write_suppressed(folder / "suppressed.csv", contacts // ON_A_LIST, contacts)
    (folder / "campaign.yaml").write_text(TWO_ROUNDS)
    with sandbox(folder) as environment:
        cost([RUNNER, "apply", "campaign.yaml", "--yes", "--until-idle"], folder, environment)
        again = fastest_of_each(folder, environment, AS_OF, "unchanged", TIMES[contacts])
        with closing(sqlite3.connect(folder / "ledger.sqlite3")) as ledger:
            ledger.executescript(NOBODY_ANSWERED)
        says = "nobody was reached in the earlier round"
        second = fastest_of_each(folder, environment, AFTER_THE_FIRST, says, TIMES[contacts])
    return {
        f"planning {contacts:,} contacts again, nothing changed": again,
        f"planning a second round of {contacts:,} contacts": second,
    }


def fastest_of_each(folder, environment, as_of, says, times):
    """A first plan with an empty ledger and the later one, in turns."""
    empty = {**environment, "RUNNER_LEDGER_URL": f"sqlite:///{folder}/empty.sqlite3"}
    pairs = []
    for _ in range(times):
        first = cost([RUNNER, "plan", "campaign.yaml", "--as-of", AS_OF], folder, empty)
        pairs.append(
            Pair(first, cost([RUNNER, "plan", "campaign.yaml", "--as-of", as_of], folder, environment))
        )
        assert says in (folder / "output.txt").read_text()
    return Pair(*(min(costs, key=lambda one: one.processor) for costs in zip(*pairs, strict=True)))


def test_planning_from_the_ledger_costs_about_what_a_first_plan_does(measured):
    ratios = {what: later.processor / first.processor for what, (first, later) in measured.items()}
    for what, (first, later) in measured.items():
        row(
            f"{what}, to a first plan: processor time",
            f"{ratios[what]:.2f} ({later.processor:.1f} s to {first.processor:.1f} s)",
            "at most 1.3",
            ratios[what] <= 1.3,
        )
    assert max(ratios.values()) <= 1.3


def test_planning_from_the_ledger_takes_little_memory(measured):
    for what, (first, later) in measured.items():
        row(
            f"{what}: peak memory",
            f"{later.mebibytes:.0f} MiB (a first plan: {first.mebibytes:.0f} MiB)",
            "under 260 MiB",
            later.mebibytes < 260,
        )
    assert max(later.mebibytes for _, later in measured.values()) < 260
