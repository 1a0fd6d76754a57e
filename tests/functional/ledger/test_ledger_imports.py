"""Contacts that another tool queued, in the ledger: entered once, never called."""

from dataclasses import replace

import pytest
from ledger_values import QUEUED, begin, claim_all, rows, states
from planned_calls import BINDING, CAMPAIGN, NOW, call, phone, plan

from runner.calls import CallState
from runner.errors import LedgerChangedError, LedgerError
from runner.ledger.imports import ImportedContact, enter_imports, imported_contacts, imported_rows
from runner.ledger.ledger import RunProcess
from runner.ledger.operators import Operators
from runner.ledger.overview import overview, read_history


def contact(key="c1", number="", **values):
    return ImportedContact(
        **{"key": key, "ref": f"ref-{key}", "phone": number, "call_id": None, "queued_at": None,
           "start": None, "end": None, **values}
    )  # fmt: skip


def enter(ledger, *contacts):
    return enter_imports(ledger.engine, "ann@desk", CAMPAIGN, contacts, "queued.csv", NOW)


def test_an_imported_contact_is_found_by_key_and_by_number_before_the_first_apply(ledger):
    assert enter(ledger, contact("0001", call_id="155761"), contact("c2", phone(2))).imported == 2
    found = imported_contacts(ledger.engine, CAMPAIGN)
    assert found.has("1", "+1")
    assert found.has("x", phone(2))
    assert not found.has("c3", phone(3))
    assert not imported_contacts(ledger.engine, "another").has("0001", "")


def test_importing_again_changes_nothing(ledger):
    enter(ledger, contact("c1", call_id="1"))
    before = list(imported_rows(ledger.engine, CAMPAIGN))
    again = enter(ledger, contact("C1", call_id="2"))
    assert (again.imported, again.known) == (0, 1)
    assert list(imported_rows(ledger.engine, CAMPAIGN)) == before
    assert len(rows(ledger, "SELECT id FROM actions")) == 1


def test_a_call_that_is_planned_is_withdrawn_and_one_that_was_sent_stays_as_it_is(ledger):
    _, queue = begin(ledger, call("c1"), call("c2"), call("c3", start=NOW + 9000))
    for claim in claim_all(queue):
        queue.finish(claim, QUEUED if claim.key == "c1" else replace(QUEUED, call_id="7"), NOW)
    summary = enter(ledger, contact("c1"), contact("x", phone(2)), contact("c3"))
    assert [(each.key, each.state) for each in summary.called] == [
        ("c1", CallState.QUEUED),
        ("c2", CallState.QUEUED),
    ]
    assert (summary.imported, summary.withdrawn) == (1, 1)
    assert states(ledger) == {"c1": "queued", "c2": "queued", "c3": "skipped"}
    assert claim_all(queue, now=NOW + 9000) == []


def test_a_plan_from_before_the_import_is_not_entered(ledger):
    begin(ledger, call("c1"))
    made = plan(call("c1"), call("c2"), revision=ledger.history(CAMPAIGN).revision)
    enter(ledger, contact("c2"))
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE runs SET lease_until = 0")
    with pytest.raises(LedgerError):
        ledger.begin_run(BINDING, made, RunProcess(host="here", pid=1), NOW)


def test_the_first_plan_from_before_the_import_is_not_entered_either(ledger):
    made = plan(call("c2"), revision=ledger.history(CAMPAIGN).revision)
    enter(ledger, contact("c2"))
    with pytest.raises(LedgerError):
        ledger.begin_run(BINDING, made, RunProcess(host="here", pid=1), NOW)


@pytest.mark.parametrize("counts", [None, {}], ids=["further rounds", "new contacts"])
def test_a_plan_from_before_the_import_adds_nothing_to_a_run_that_goes_on(ledger, counts):
    run, _ = begin(ledger, call("c1"))
    made = plan(call("c2"), call("c3", round=2), revision=ledger.history(CAMPAIGN).revision)
    enter(ledger, contact("c2"), contact("c9", phone(3)))
    with pytest.raises(LedgerChangedError):
        sum(ledger.extend_run(BINDING, run, made, NOW, counts=counts))
    assert states(ledger) == {"c1": "planned"}


def test_nothing_is_imported_into_a_canceled_campaign(ledger):
    begin(ledger, call("c1"))
    Operators(ledger.engine, "ann@desk").cancel(CAMPAIGN, NOW)
    with pytest.raises(LedgerError, match="canceled"):
        enter(ledger, contact("c2"))


def test_history_and_status_show_the_import_apart_from_the_calls(ledger):
    begin(ledger, call("c1"))
    enter(ledger, contact("c2", call_id="155761"))
    seen = overview(ledger.engine, CAMPAIGN, NOW, 0)
    assert (seen.imported, sum(seen.states.values())) == (1, 1)
    (of_contact,) = read_history(ledger.engine, CAMPAIGN, "ref-c2")
    assert (of_contact.what, of_contact.detail, of_contact.who) == ("imported", "call_id 155761", "ann@desk")
    acts = [each for each in read_history(ledger.engine, CAMPAIGN, None) if each.what == "import"]
    assert [each.detail for each in acts] == ["1 contact of queued.csv"]
