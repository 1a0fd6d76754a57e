"""A contact suppressed by key is not called through another row with the same number."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_campaign import BOSTON, CHICAGO, campaign, person, plan_of, remembered

from runner.calls import Reason

DENVER = "+13035550100"
LIST = '  suppress: [{type: inline, key: "{{ row.id }}", rows: [{id: out}]}]\n'
BY_ANOTHER_ROW = "on stop.csv:2, with the key of another contact that has this number"


def plan_without_out(rows, contacts="", **given):
    return plan_of(campaign(contacts=LIST + contacts), rows, suppressed={"out"}, **given)


def excluded(plan):
    return {found.key: (found.reason, found.detail) for found in plan.exclusions}


@pytest.mark.parametrize("order", [["out", "b", "c"], ["b", "out", "c"], ["b", "c", "out"]])
def test_no_row_with_the_number_of_a_listed_key_is_called_in_any_order(order):
    plan = plan_without_out([person(key) for key in order] + [person("d", CHICAGO)])
    assert [call.key for call in plan.calls] == ["d"]
    assert excluded(plan) == {
        "out": (Reason.SUPPRESSED, "on stop.csv:2"),
        "b": (Reason.SUPPRESSED, BY_ANOTHER_ROW),
        "c": (Reason.SUPPRESSED, BY_ANOTHER_ROW),
    }


@pytest.mark.parametrize(
    ("contacts", "values"),
    [
        ('  where: "{{ row.consent }}"\n', {"consent": "no"}),
        ('  priority: "{{ row.consent }}"\n', {"consent": "no number"}),
        ('  not_before: "{{ row.consent }}"\n', {"consent": "no date"}),
        ('  where: "{{ row.consent | int }}"\n', {"consent": "no number"}),
        ("", {"tz": "Nowhere/Atall"}),
    ],
)
def test_a_row_of_a_listed_key_that_cannot_be_called_suppresses_its_number(contacts, values):
    out = person("out", **{"consent": "", **values})
    other = person("b", consent="1" if "not_before" not in contacts else "")
    plan = plan_without_out([other, out, {**other, "id": "d", "phone": CHICAGO}], contacts)
    assert [call.key for call in plan.calls] == ["d"]
    assert excluded(plan)["b"] == (Reason.SUPPRESSED, BY_ANOTHER_ROW)


@pytest.mark.parametrize("consent", ["yes", "no"])
@pytest.mark.parametrize("extension", [" x5", " ext. 12", "#"])
def test_a_number_with_an_extension_in_the_row_of_a_listed_key_is_not_called_for_another(extension, consent):
    rows = [
        person("b", BOSTON, consent="yes"),
        person("out", BOSTON + extension, consent=consent),
        person("d", CHICAGO, consent="yes"),
    ]
    plan = plan_without_out(rows, '  where: "{{ row.consent }}"\n')
    assert [call.key for call in plan.calls] == ["d"]
    assert excluded(plan)["b"] == (Reason.SUPPRESSED, BY_ANOTHER_ROW)


def test_a_planned_call_to_the_number_of_a_newly_listed_key_is_withdrawn():
    rows = [person("b"), person("out")]
    history = remembered(plan_of(campaign(contacts=LIST), rows))
    plan = plan_without_out(rows, history=history)
    assert list(plan.calls) == []
    assert [(each.reason, each.detail) for each in plan.withdrawals] == [(Reason.SUPPRESSED, BY_ANOTHER_ROW)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["out", "a", "b", "c"]), st.integers(0, 3), st.booleans()), max_size=8)
)
def test_no_rows_lead_to_a_call_to_the_number_of_a_listed_key(rows):
    numbers = [f"617 555 010{number}" for number in range(4)]
    given_rows = [person(key, numbers[number], consent=consent) for key, number, consent in rows]
    plan = plan_without_out(given_rows, '  where: "{{ row.consent }}"\n')
    refused = {f"+1617555010{number}" for key, number, _ in rows if key == "out"}
    assert not refused & {call.phone for call in plan.calls}
    callable_ = {f"+1617555010{number}" for _, number, consent in rows if consent} - refused
    # A key that has two numbers is called at one of them.
    assert bool(plan.calls) == bool(callable_)


def test_rows_that_share_a_number_are_called_once_where_no_list_has_their_keys():
    plan = plan_without_out([person("a", BOSTON), person("b", BOSTON)])
    assert [call.key for call in plan.calls] == ["a"]
    assert excluded(plan)["b"][0] is Reason.DUPLICATE_PHONE


def test_the_number_that_the_ledger_knows_of_a_listed_key_is_not_called_for_another_contact():
    """The row of the listed key left the source meanwhile."""
    before = plan_of(campaign(contacts=LIST), [person("out"), person("d", CHICAGO)])
    plan = plan_without_out([person("b"), person("d", CHICAGO)], history=remembered(before))
    assert [call.key for call in plan.calls] == ["d"]
    assert excluded(plan)["b"] == (Reason.SUPPRESSED, BY_ANOTHER_ROW)


@pytest.mark.parametrize("consent", ["yes", "no"])
@pytest.mark.parametrize("several", ["first", "none"])
@pytest.mark.parametrize("order", [1, -1])
def test_no_number_of_a_listed_key_is_called_for_another_row(several, consent, order):
    rows = [
        person("out", f"{CHICAGO} / {BOSTON}", consent=consent),
        person("b", BOSTON, consent="yes"),
        person("c", CHICAGO, consent="yes"),
        person("d", DENVER, consent="yes"),
    ]
    contacts = '  where: "{{ row.consent }}"\n' + ("  several_numbers: first\n" if several == "first" else "")
    plan = plan_without_out(rows[::order], contacts)
    assert [call.key for call in plan.calls] == ["d"]
    assert excluded(plan)["b"] == excluded(plan)["c"] == (Reason.SUPPRESSED, BY_ANOTHER_ROW)


def test_rows_that_share_another_number_are_both_called_where_no_list_has_their_keys():
    rows = [person("a", f"{CHICAGO} / {BOSTON}"), person("b", BOSTON)]
    plan = plan_without_out(rows, "  several_numbers: first\n")
    assert {call.key for call in plan.calls} == {"a", "b"}
