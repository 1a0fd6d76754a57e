"""The federal list of hospitals: real names of columns, real numbers, real mistakes."""

from collections import Counter
from pathlib import Path

import pytest
from small_campaign import plan_of

from runner.calls import Reason
from runner.campaign.loader import parse_campaign
from runner.contacts.phone import is_toll_free, zones_of
from runner.contacts.sources.file import SourceFolder
from runner.contacts.sources.reader import SourceReader

DATA = Path(__file__).parents[2] / "data"

CAMPAIGN = """\
version: 1
name: hospitals
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: us-hospitals.csv}]
  phone: "{{ row['Phone Number'] }}"
  key: "{{ row['Provider ID'] }}"
  region: US
calling_windows: {weekly: {daily: "00:00-24:00"}}
"""


@pytest.fixture(scope="module")
def plan():
    reader = SourceReader(SourceFolder(DATA / "campaign.yaml"))
    loaded = parse_campaign(CAMPAIGN, "campaign.yaml")
    (source,) = loaded.campaign.contacts.sources
    found = plan_of(loaded, [row.values for row in reader.rows(source)])
    assert reader.source(source).notices == []
    return found


def test_every_row_ends_as_a_call_or_with_its_reason(plan):
    assert plan.rows == 4807
    counts = Counter(exclusion.reason for exclusion in plan.exclusions)
    assert len(plan.calls) == 4789
    assert counts == {Reason.DUPLICATE_PHONE: 16, Reason.INVALID_PHONE: 2}


def test_no_key_and_no_number_is_called_twice(plan):
    calls = list(plan.calls)
    assert len({call.key for call in calls}) == len(calls)
    assert len({call.phone for call in calls}) == len(calls)


def test_the_two_wrong_numbers_are_named_by_their_rows(plan):
    wrong = [entry for entry in plan.exclusions if entry.reason is Reason.INVALID_PHONE]
    assert [entry.key for entry in wrong] == ["340188", "450210"]
    lines = (DATA / "us-hospitals.csv").read_text().splitlines()
    for entry in wrong:
        assert lines[entry.line - 1].startswith(entry.key)


def test_each_duplicate_names_the_earlier_row_with_the_same_number(plan):
    lines = (DATA / "us-hospitals.csv").read_text().splitlines()
    by_line = {call.line: call for call in plan.calls}
    for entry in plan.exclusions:
        if entry.reason is Reason.DUPLICATE_PHONE:
            place, _, line = entry.detail.rpartition(":")
            assert place == "the same number as us-hospitals.csv"
            assert int(line) < entry.line
            assert by_line[int(line)].phone.removeprefix("+1") in lines[entry.line - 1]


def test_seven_numbers_may_be_anywhere_five_of_them_toll_free(plan):
    anywhere = [call.phone for call in plan.calls if len(zones_of(call.phone)) > 30]
    assert len(anywhere) == 7
    assert sum(is_toll_free(phone) for phone in anywhere) == 5


def test_identifiers_keep_their_leading_zeros(plan):
    first = min(plan.calls, key=lambda call: call.line)
    assert (first.key, first.line) == ("010001", 2)
