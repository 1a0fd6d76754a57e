"""A second round of a million contacts, next to a first plan of the same."""

import sqlite3
from contextlib import closing

import many_contacts
from table import row
from test_planning import AS_OF, CAMPAIGN, MANY, ON_A_LIST, RUNNER, cost, sandbox

TWO_ROUNDS = CAMPAIGN.replace('to: "2027-03-07"', 'to: "2027-03-20"') + "retry_policy: {rounds: 2}\n"
AFTER_THE_FIRST = "2027-03-07T12:00:00Z"
NOBODY_ANSWERED = """\
UPDATE calls SET state = 'failed', call_id = id;
INSERT INTO results (call, campaign, status, source, learned_at, last_attempt_timestamp, events)
SELECT id, campaign, 'failed', 'callback', start_timestamp + 600, start_timestamp + 60, '[]' FROM calls;
"""


def test_planning_a_second_round_costs_about_what_a_first_plan_does(tmp_path):
    many_contacts.write_contacts(tmp_path / "contacts.csv", MANY)
    many_contacts.write_suppressed(tmp_path / "suppressed.csv", MANY // ON_A_LIST, MANY)
    (tmp_path / "campaign.yaml").write_text(TWO_ROUNDS)
    with sandbox(tmp_path) as environment:
        first = cost([RUNNER, "plan", "campaign.yaml", "--as-of", AS_OF], tmp_path, environment)
        cost([RUNNER, "apply", "campaign.yaml", "--yes", "--until-idle"], tmp_path, environment)
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as ledger:
            ledger.executescript(NOBODY_ANSWERED)
        second = cost([RUNNER, "plan", "campaign.yaml", "--as-of", AFTER_THE_FIRST], tmp_path, environment)
    assert "nobody was reached in the earlier round" in (tmp_path / "output.txt").read_text()
    ratio = second.seconds / first.seconds
    holds = ratio <= 1.3
    row(
        "planning a second round of a million contacts, to a first plan",
        f"{ratio:.2f} ({second.seconds:.0f} s to {first.seconds:.0f} s, {second.mebibytes:.0f} MiB)",
        "at most 1.3",
        holds,
    )
    assert holds
