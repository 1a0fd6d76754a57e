"""The suppression list that the ledger keeps: who is on it, since when, and who is told of a change."""

from contextlib import closing

from ledger_values import UNCERTAIN, begin, claim_all
from planned_calls import CAMPAIGN, NOW, call, phone
from sqlalchemy import event

from runner.ledger import late_opt_outs, sqlite
from runner.ledger.call_queue import CallQueue
from runner.ledger.ledger import Ledger
from runner.ledger.overview import read_history
from runner.ledger.revision import ledger_revision
from runner.ledger.rows import reading
from runner.ledger.suppressions import SuppressionActs, Target, entries_in_force

NUMBER, KEY = Target(phone(1), ""), Target("", "0002")


def acts(ledger):
    return SuppressionActs(ledger.engine, "ann@desk")


def add(ledger, *targets, campaign=None, until=None, reason="", now=NOW):
    return acts(ledger).add([(each, "a label") for each in targets], campaign, until, reason, now)


def remove(ledger, target, campaign=None):
    return acts(ledger).remove([(target, "a label")], campaign, NOW + 1)[0]


def match(ledger, key="", number="", campaign=CAMPAIGN, now=NOW):
    live = ledger.suppressions(campaign)
    live.refresh()
    return live.entries.match(key, number, now)


def test_an_entry_of_another_process_is_found_by_number_and_by_key(ledger, url):
    assert match(ledger, "2", phone(1)) is None
    with closing(Ledger.open(url)) as other:
        assert add(other, NUMBER, KEY) == [True, True]
    assert match(ledger, number=phone(1))
    assert match(ledger, key="2")


def test_an_entry_of_a_campaign_counts_in_no_other(ledger):
    add(ledger, NUMBER, campaign="another")
    assert match(ledger, number=phone(1)) is None
    assert match(ledger, number=phone(1), campaign="another")


def test_what_is_suppressed_already_is_not_entered_again_unless_it_lasts_longer_or_for_more(ledger):
    assert add(ledger, NUMBER, campaign=CAMPAIGN, until=NOW + 100) == [True]
    assert add(ledger, NUMBER, campaign=CAMPAIGN, until=NOW + 50) == [False]
    assert add(ledger, NUMBER, campaign=CAMPAIGN) == [True]
    assert add(ledger, NUMBER) == [True]
    assert add(ledger, NUMBER, campaign="another") == [False]


def test_a_removed_entry_counts_no_more_and_what_else_names_the_number_is_returned(ledger):
    add(ledger, NUMBER, campaign=CAMPAIGN)
    add(ledger, NUMBER)
    removed, left = remove(ledger, NUMBER)
    assert removed == 1
    assert [each.campaign for each in left] == [CAMPAIGN]
    assert match(ledger, number=phone(1))
    assert remove(ledger, NUMBER, CAMPAIGN) == (1, [])
    assert match(ledger, number=phone(1)) is None
    assert remove(ledger, NUMBER) == (0, [])


def test_a_key_is_removed_in_any_spelling(ledger):
    add(ledger, KEY)
    assert remove(ledger, Target("", "2.0")) == (1, [])


def test_an_expired_entry_is_not_in_force(ledger):
    add(ledger, NUMBER, until=NOW + 10)
    assert len(entries_in_force(ledger.engine, CAMPAIGN, NOW + 9)) == 1
    assert entries_in_force(ledger.engine, CAMPAIGN, NOW + 10) == []


def test_history_has_who_suppressed_and_who_removed_it_and_an_old_copy_is_recognised(ledger):
    begin(ledger, call())
    with ledger.engine.begin() as connection:
        before = ledger_revision(connection)
    add(ledger, NUMBER, until=NOW + 10, reason="asked by phone")
    remove(ledger, NUMBER)
    done = [(entry.what, entry.detail, entry.who) for entry in read_history(ledger.engine, CAMPAIGN, None)]
    assert ("suppress", "a label, until 2026-12-01T23:00:10Z: asked by phone", "ann@desk") in done
    assert ("unsuppress", "a label", "ann@desk") in done
    with ledger.engine.begin() as connection:
        assert ledger_revision(connection).act == before.act + 2


def test_a_claim_knows_of_an_entry_that_was_committed_before_it(ledger, url):
    """Without another look at the list: the claim reads it in its own transaction."""
    run, _ = begin(ledger, call("c1"))
    live = ledger.suppressions(CAMPAIGN)
    queue = CallQueue(ledger.engine, CAMPAIGN, run, suppressions=live)
    with closing(Ledger.open(url)) as other:
        add(other, NUMBER)
    assert live.entries.match("c1", phone(1), NOW) is None
    assert len(claim_all(queue)) == 1
    assert live.entries.match("c1", phone(1), NOW)


def test_a_transaction_that_began_earlier_does_not_set_the_list_back(ledger):
    """Threads share the list, and one may be done later with what it read earlier."""
    add(ledger, NUMBER)
    add(ledger, KEY)
    live = ledger.suppressions(CAMPAIGN)
    live.refresh()
    with reading(ledger.engine) as connection:
        live.catch_up(connection, "1")
    assert live.revision == 2


def test_late_opt_outs_are_looked_for_while_somebody_writes_and_each_is_found_once(ledger, monkeypatch):
    _, queue = begin(ledger, call("c1"), call("c2"))
    for claim in claim_all(queue):
        queue.finish(claim, UNCERTAIN, NOW)

    def note(name):
        found = late_opt_outs.note(
            ledger.engine, CAMPAIGN, lambda key, _: "opted out" if key == name else None, NOW
        )
        return [(late.key, late.reason) for late in found]

    with monkeypatch.context() as patched, ledger.engine.begin():
        patched.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0)
        assert note("nobody") == []
    assert [note("c1"), note("c1")] == [[("c1", "opted out")], []]


def test_looking_at_a_list_that_did_not_change_takes_one_query_by_primary_key(ledger):
    add(ledger, NUMBER)
    live = ledger.suppressions(CAMPAIGN)
    live.refresh()
    asked = []
    event.listen(ledger.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    live.refresh()
    assert [statement for statement in asked if "suppressions" in statement] == []
    assert len([statement for statement in asked if "facts" in statement]) == 1
