"""Rows that share a key or a number: the first that can be called is called, the others name it."""

import pytest
from small_campaign import BOSTON, CHICAGO, NEW_YORK, campaign, person, plan_of, remembered

from runner.calls import Reason
from runner.planning.plan import Availability


def fates(plan):
    """What became of each row, by its line."""
    found = {call.line: call.key for call in plan.calls}
    return found | {exclusion.line: exclusion.reason for exclusion in plan.exclusions}


def details(plan):
    return {exclusion.line: exclusion.detail for exclusion in plan.exclusions}


def test_the_first_row_of_a_number_wins_and_the_others_name_it():
    plan = plan_of(campaign(), [person("1", "617 555 1234"), person("2", "+1 (617) 555-1234")])
    assert fates(plan) == {2: "1", 3: Reason.DUPLICATE_PHONE}
    assert details(plan) == {3: "the same number as visits.csv:2"}
    assert [exclusion.key for exclusion in plan.exclusions] == ["2"]


def test_the_first_row_of_a_key_wins_and_the_others_name_it():
    plan = plan_of(campaign(), [person("1", BOSTON), person("1", CHICAGO)])
    assert fates(plan) == {2: "1", 3: Reason.DUPLICATE_KEY}
    assert details(plan) == {3: "the same contact as visits.csv:2"}


def test_keys_with_composed_and_decomposed_accents_are_equal():
    plan = plan_of(campaign(), [person("Zo\u00eb", BOSTON), person(" Zoe\u0308 ", CHICAGO)])
    assert fates(plan) == {2: "Zo\u00eb", 3: Reason.DUPLICATE_KEY}


def test_if_the_key_is_the_number_the_duplicate_is_of_the_number():
    plan = plan_of(campaign(), [person("+16175550100", BOSTON), person("+16175550100", BOSTON)])
    assert fates(plan) == {2: "+16175550100", 3: Reason.DUPLICATE_PHONE}


def test_a_duplicate_excludes_no_other_row():
    plan = plan_of(campaign(), [person("1", BOSTON), person("1", CHICAGO), person("3", CHICAGO)])
    assert fates(plan) == {2: "1", 3: Reason.DUPLICATE_KEY, 4: "3"}


def test_all_later_duplicates_name_the_first_row():
    rows = [person("1", BOSTON), person("2", BOSTON), person("1", CHICAGO), person("3", BOSTON)]
    plan = plan_of(campaign(), rows)
    assert fates(plan) == {
        2: "1",
        3: Reason.DUPLICATE_PHONE,
        4: Reason.DUPLICATE_KEY,
        5: Reason.DUPLICATE_PHONE,
    }
    assert set(details(plan).values()) == {
        "the same number as visits.csv:2",
        "the same contact as visits.csv:2",
    }


def test_a_filtered_row_makes_no_other_a_duplicate():
    declared = campaign(contacts="  where: \"{{ row.consent == 'Y' }}\"")
    rows = [person("1", BOSTON, consent="N"), person("2", BOSTON, consent="Y")]
    assert fates(plan_of(declared, rows)) == {2: Reason.FILTERED, 3: "2"}


def test_a_suppressed_row_makes_no_other_a_duplicate():
    plan = plan_of(campaign(), [person("1", BOSTON), person("2", BOSTON)], suppressed={"1"})
    assert fates(plan) == {2: Reason.SUPPRESSED, 3: "2"}
    assert details(plan) == {2: "on stop.csv:2"}


def test_a_row_with_a_template_error_makes_no_other_a_duplicate():
    declared = campaign(more='metadata: {name: "{{ row.surname }}"}')
    rows = [
        person("1", BOSTON),
        person("2", BOSTON, surname="Lee"),
        person("1", NEW_YORK, surname="Lee"),
        person("4", BOSTON),
    ]
    plan = plan_of(declared, rows)
    assert fates(plan) == {2: Reason.TEMPLATE_ERROR, 3: "2", 4: "1", 5: Reason.DUPLICATE_PHONE}
    assert details(plan)[5] == "the same number as visits.csv:3"


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (person("1", BOSTON, tz="EST"), Reason.UNKNOWN_TIMEZONE),
        (person("1", BOSTON, until="2026-11-20"), Reason.NO_WINDOW),
    ],
)
def test_a_row_that_cannot_be_called_makes_no_other_a_duplicate(first, reason):
    declared = campaign(contacts="  not_after: \"{{ row.until | default('') }}\"")
    rows = [first, person("2", BOSTON), person("1", CHICAGO)]
    assert fates(plan_of(declared, rows)) == {2: reason, 3: "2", 4: "1"}


def test_a_row_whose_call_was_sent_is_still_the_first():
    sent = remembered(plan_of(campaign(), [person("1", BOSTON)]), Availability.TAKEN, "queued")
    plan = plan_of(campaign(), [person("1", BOSTON), person("2", BOSTON)], history=sent)
    assert fates(plan) == {2: Reason.ALREADY_QUEUED, 3: Reason.DUPLICATE_PHONE}
