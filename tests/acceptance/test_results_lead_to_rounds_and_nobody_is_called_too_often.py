"""The promise: whatever dies or is lost, the ledger knows how each call ended, and nobody is called again who
completed, more often than the campaign says, too soon or at a forbidden hour.
"""

from collections import Counter

from rounds import ROUNDS, Rounds, disagreements, ledger_calls, rounds


def check(campaign: Rounds) -> None:
    assert disagreements(campaign) == []
    with_result = Counter(call["round"] for call in ledger_calls(campaign.ledger_url) if call["result"])
    assert with_result.keys() == set(range(1, ROUNDS + 1)), "not all rounds took place"
    answered = {(kind, status) for kind, status in campaign.forged if status}
    assert answered == {("contradiction", 200), ("guessed", 404), ("elsewhere", 404), ("spliced", 404)}


def test_three_rounds_are_carried_through_while_runs_and_receivers_are_killed(person, tmp_path):
    ledger_url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    with rounds(person, tmp_path / "time", ledger_url, people=25, seed=5) as campaign:
        campaign.carry_through(kills=5)
        check(campaign)
        assert campaign.kills >= 3


def test_two_runs_and_two_receivers_on_postgresql_carry_three_rounds_through(person, tmp_path, postgres_url):
    with rounds(person, tmp_path / "time", postgres_url, people=14, seed=3) as campaign:
        campaign.share((("kill-after", "result:2"), ("kill-before", "commit:60")))
        check(campaign)
        assert campaign.kills >= 1
