"""Whom the entries of the ledger's suppression list name."""

import pytest

from runner.contacts.kept_list import KeptEntries, KeptEntry

NOW = 1_796_166_000
BOSTON = "+16175550100"


def entry(**values):
    return KeptEntry(**{"since": NOW - 60, **values})


def test_a_number_is_found_by_the_number_alone_and_the_reason_says_since_when_and_why():
    entries = KeptEntries([entry(phone=BOSTON, reason="asked by phone")])
    assert entries.match("c-1", "+16175550101", NOW) is None
    assert entries.match("c-1", BOSTON, NOW) == (
        "on the ledger's suppression list since 2026-12-01T22:59:00Z (asked by phone)"
    )


@pytest.mark.parametrize("spelling", ["0002", "2", " 2.0"])
def test_a_key_is_found_in_any_spelling(spelling):
    assert KeptEntries([entry(key=spelling)]).match("0002", BOSTON, NOW)


def test_an_entry_counts_until_its_end_and_not_at_it():
    entries = KeptEntries([entry(phone=BOSTON, until=NOW + 10)])
    assert entries.match("", BOSTON, NOW + 9.9)
    assert entries.match("", BOSTON, NOW + 10) is None


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_entries_the_one_that_lasts_longer_counts(order):
    both = [entry(phone=BOSTON, until=NOW + 10), entry(phone=BOSTON)][::order]
    assert KeptEntries(both).match("", BOSTON, NOW + 99)


def test_a_key_still_counts_where_the_entry_of_the_number_has_expired():
    entries = KeptEntries([entry(phone=BOSTON, until=NOW), entry(key="c-1")])
    assert entries.match("C-1", BOSTON, NOW)
