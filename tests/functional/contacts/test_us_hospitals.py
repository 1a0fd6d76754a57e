"""The federal list of hospitals: real names of columns, real numbers, real mistakes."""

from collections import Counter
from pathlib import Path

import pytest

from runner.campaign.model import Campaign
from runner.contacts.contact import Contact, Reason
from runner.contacts.phone import is_toll_free, zones_of
from runner.contacts.places import SourceFolder
from runner.contacts.roster import roster
from runner.contacts.sources import SourceReader

DATA = Path(__file__).parents[2] / "data"

CAMPAIGN = Campaign.model_validate(
    {
        "version": 1,
        "name": "hospitals",
        "survey": {"survey_id": "48211", "instance_id": "3"},
        "contacts": {
            "sources": [{"type": "csv", "path": "us-hospitals.csv"}],
            "phone": "{{ row['Phone Number'] }}",
            "key": "{{ row['Provider ID'] }}",
            "region": "US",
        },
        "calling_windows": {"weekly": {"daily": "09:00-17:00"}},
    }
)


@pytest.fixture(scope="module")
def found():
    notices = []
    reader = SourceReader(SourceFolder(DATA / "campaign.yaml"), notices)
    (source,) = CAMPAIGN.contacts.sources
    entries = list(
        roster(CAMPAIGN, ((source, row) for row in reader.rows(source)), lambda _key, _phone: None)
    )
    assert notices == []
    return entries


def test_every_row_ends_as_a_contact_or_with_its_reason(found):
    assert len(found) == 4807
    counts = Counter("contact" if isinstance(entry, Contact) else entry.reason for entry in found)
    assert counts == {"contact": 4789, Reason.DUPLICATE_PHONE: 16, Reason.INVALID_PHONE: 2}


def test_no_key_and_no_number_is_called_twice(found):
    contacts = [entry for entry in found if isinstance(entry, Contact)]
    assert len({contact.key for contact in contacts}) == len(contacts)
    assert len({contact.phone for contact in contacts}) == len(contacts)


def test_the_two_wrong_numbers_are_named_by_their_rows(found):
    wrong = [entry for entry in found if getattr(entry, "reason", None) is Reason.INVALID_PHONE]
    assert [entry.key for entry in wrong] == ["340188", "450210"]
    lines = (DATA / "us-hospitals.csv").read_text().splitlines()
    for entry in wrong:
        assert lines[entry.line - 1].startswith(entry.key)


def test_each_duplicate_names_the_earlier_row_with_the_same_number(found):
    lines = (DATA / "us-hospitals.csv").read_text().splitlines()
    by_line = {entry.row.line: entry for entry in found if isinstance(entry, Contact)}
    for entry in found:
        if getattr(entry, "reason", None) is Reason.DUPLICATE_PHONE:
            place, _, line = entry.detail.rpartition(":")
            assert place == "the same number as us-hospitals.csv"
            assert int(line) < entry.line
            assert by_line[int(line)].phone.removeprefix("+1") in lines[entry.line - 1]


def test_seven_numbers_may_be_anywhere_five_of_them_toll_free(found):
    anywhere = [e.phone for e in found if isinstance(e, Contact) and len(zones_of(e.phone)) > 30]
    assert len(anywhere) == 7
    assert sum(is_toll_free(phone) for phone in anywhere) == 5


def test_identifiers_keep_their_leading_zeros(found):
    assert found[0].key == "010001"
    assert found[0].row.line == 2
