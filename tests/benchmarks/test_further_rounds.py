"""Planning what is in the ledger: again, and in a second round. Next to a first plan of the same contacts."""

import sqlite3
from contextlib import closing
from typing import NamedTuple

import many_contacts
import pytest
from table import row
from test_planning import AS_OF, CAMPAIGN, ON_A_LIST, RUNNER, SOME, Cost, cost, sandbox

TWO_ROUNDS = CAMPAIGN.replace('to: "2027-03-07"', 'to: "2027-03-20"') + "retry_policy: {rounds: 2}\n"
AFTER_THE_FIRST = "2027-03-07T12:00:00Z"
NOBODY_ANSWERED = """\
UPDATE calls SET state = 'failed', call_id = id;
INSERT INTO results (call, campaign, status, source, learned_at, last_attempt_timestamp, events)
SELECT id, campaign, 'failed', 'callback', start_timestamp + 600, start_timestamp + 60, '[]' FROM calls;
"""
TIMES = 2


class Pair(NamedTuple):
    first: Cost
    later: Cost


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounds")
    many_contacts.write_contacts(folder / "contacts.csv", SOME)
    many_contacts.write_suppressed(folder / "suppressed.csv", SOME // ON_A_LIST, SOME)
    (folder / "campaign.yaml").write_text(TWO_ROUNDS)
    with sandbox(folder) as environment:
        cost([RUNNER, "apply", "campaign.yaml", "--yes", "--until-idle"], folder, environment)
        again = fastest_of_each(folder, environment, AS_OF, "unchanged")
        with closing(sqlite3.connect(folder / "ledger.sqlite3")) as ledger:
            ledger.executescript(NOBODY_ANSWERED)
        second = fastest_of_each(
            folder, environment, AFTER_THE_FIRST, "nobody was reached in the earlier round"
        )
    return {"again": again, "second": second}


def fastest_of_each(folder, environment, as_of, says):
    """A first plan with an empty ledger and the later one, in turns."""
    empty = {**environment, "RUNNER_LEDGER_URL": f"sqlite:///{folder}/empty.sqlite3"}
    pairs = []
    for _ in range(TIMES):
        first = cost([RUNNER, "plan", "campaign.yaml", "--as-of", AS_OF], folder, empty)
        pairs.append(
            Pair(first, cost([RUNNER, "plan", "campaign.yaml", "--as-of", as_of], folder, environment))
        )
        assert says in (folder / "output.txt").read_text()
    return Pair(*(min(costs, key=lambda one: one.processor) for costs in zip(*pairs, strict=True)))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("again", f"planning {SOME:,} contacts again, nothing changed"),
        ("second", f"planning a second round of {SOME:,} contacts"),
    ],
)
def test_planning_from_the_ledger_costs_about_what_a_first_plan_does(measured, name, what):
    first, later = measured[name]
    ratio = later.processor / first.processor
    holds = ratio <= 1.3
    row(
        f"{what}, to a first plan: processor time",
        f"{ratio:.2f} ({later.processor:.1f} s to {first.processor:.1f} s, {later.mebibytes:.0f} MiB)",
        "at most 1.3",
        holds,
    )
    assert holds
