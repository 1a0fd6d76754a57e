"""Approvals in a ledger: the newest of a campaign counts, and the history shows them."""

from planned_calls import NOW

from runner.ledger.approvals import Approval, approvals_of, approve
from runner.ledger.overview import read_history

FIRST, SECOND = "a" * 64, "b" * 64


def newest(ledger, campaign="clinic"):
    with ledger.engine.begin() as connection:
        return approvals_of(connection, [campaign]).get(campaign)


def test_the_newest_approval_of_a_campaign_counts(ledger):
    assert newest(ledger) is None
    for content in (FIRST, SECOND, FIRST):
        approve(ledger.engine, "clinic", Approval(content=content, by="ana@desk", at=NOW))
        assert newest(ledger) == Approval(content=content, by="ana@desk", at=NOW)
    assert newest(ledger, "other") is None


def test_the_history_shows_who_approved_which_content_and_when(ledger):
    approve(ledger.engine, "clinic", Approval(content=FIRST, by="ana@desk", at=NOW))
    (entry,) = read_history(ledger.engine, "clinic", None)
    assert (entry.at, entry.what, entry.who) == (NOW, "approve", "ana@desk")
    assert entry.detail == "content aaaaaaaaaaaa"
