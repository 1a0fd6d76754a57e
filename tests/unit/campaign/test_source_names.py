"""What plans and guards call each source."""

import pytest
from smallest_campaign import CAMPAIGN

from runner.campaign.loader import parse_campaign

DUE = '{type: sql, connection: clinic, query: "SELECT phone FROM due"}'
LATE = '{type: sql, connection: clinic, query: "SELECT phone FROM late"}'
OPEN = "{type: http, connection: crm, path: /people?status=open}"
DONE = "{type: http, connection: crm, path: /people?status=done}"
LIST = '{type: sql, connection: clinic, query: "SELECT phone FROM stop", phone: "{{ row.phone }}"}'


def contacts(sources, suppress=""):
    text = CAMPAIGN.replace("{type: csv, path: contacts.csv}", sources)
    text = text.replace("calling_windows:", f"  suppress: [{suppress}]\ncalling_windows:")
    return parse_campaign(text, "a.yaml").campaign.contacts


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        ("{type: csv, path: a.csv}, {type: jsonl, path: b.jsonl}", ["a.csv", "b.jsonl"]),
        (
            "{type: xlsx, path: a.xlsx, sheet: May}, {type: xlsx, path: a.xlsx, sheet: June}",
            ["a.xlsx/May", "a.xlsx/June"],
        ),
        ("{type: xlsx, path: a.xlsx}", ["a.xlsx"]),
        (f"{DUE}, {LATE}", ["sql:clinic", "sql:clinic#2"]),
        (f"{OPEN}, {DONE}, {DUE}", ["http:crm/people", "http:crm/people#2", "sql:clinic"]),
        ("{type: csv, path: a.csv}, {type: csv, path: a.csv, region: GB}", ["a.csv", "a.csv#2"]),
        (
            '{type: csv, path: "a.csv#2"}, {type: csv, path: a.csv}, {type: csv, path: a.csv}',
            ["a.csv#2", "a.csv", "a.csv#3"],
        ),
    ],
)
def test_each_source_of_a_campaign_has_a_name_of_its_own(sources, names):
    assert [source.name for source in contacts(sources).sources] == names


def test_a_list_is_named_without_regard_to_the_sources():
    assert [each.name for each in contacts(f"{DUE}, {LATE}", f"{LIST}, {LIST}").suppress] == [
        "sql:clinic",
        "sql:clinic#2",
    ]
