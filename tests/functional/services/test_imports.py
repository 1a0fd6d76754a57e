"""What the file of `runner import` may hold, and what of it is refused."""

import pytest

from runner.campaign.loader import parse_campaign
from runner.contacts.identity import Identity
from runner.errors import SourceContentError, UsageError
from runner.services.imports import read_imports

IDENTITY = Identity(b"privacy")
CAMPAIGN = """\
version: 1
name: follow-up
survey: {{survey_id: "1", instance_id: "1"}}
contacts:
  sources: [{{type: csv, path: visits.csv}}]
  phone: "{{{{ row.phone }}}}"
  region: US
{key}
calling_windows: {{weekly: {{daily: "09:00-12:00"}}}}
"""
WITH_KEYS = parse_campaign(CAMPAIGN.format(key='  key: "{{ row.id }}"'), "campaign.yaml")
KEYLESS = parse_campaign(CAMPAIGN.format(key=""), "campaign.yaml")


def read(tmp_path, text, name="queued.csv", loaded=WITH_KEYS):
    file = tmp_path / name
    file.write_text(text)
    return [contact._replace(ref="") for contact in read_imports(file, loaded, IDENTITY)]


def test_all_columns_of_a_table(tmp_path):
    (found,) = read(
        tmp_path,
        "key,phone,call_id,queued,start,end,note\n"
        "c-1,(617) 555-0100,155761,2026-12-01T16:00:00Z,1796166000,2026-12-01T18:30:00-05:00,x\n",
    )
    assert found == ("c-1", "", "+16175550100", "155761", 1796140800, 1796166000, 1796167800)


def test_json_lines_with_the_number_alone(tmp_path):
    (found,) = read(tmp_path, '{"phone": "617 555 0100"}\n', "queued.jsonl")
    assert (found.key, found.phone, found.call_id) == ("+16175550100", "+16175550100", None)


def test_where_keys_are_numbers_a_key_is_read_as_one(tmp_path):
    (found,) = read(tmp_path, "key\n617-555-0100\n", loaded=KEYLESS)
    assert (found.key, found.phone) == ("+16175550100", "+16175550100")


def test_a_contact_that_comes_twice_counts_once(tmp_path):
    assert len(read(tmp_path, "key,phone\n0002,\n2,\nc-1,6175550100\n,617-555-0100\n")) == 2


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("c-2,617555,,,,", "column `phone`: it is too short for a number in US"),
        ("c-2,,abc,,,", "column `call_id`: Insight's call ids are numbers, such as 155761"),
        ("c-2,,,yesterday,,", "column `queued`: it must be a time with its offset"),
        ("c-2,,,,2026-12-01T16:00:00,", "column `start`: it must be a time with its offset"),
        ("c-2,,,,20,10", "column `end`: it is before `start`"),
        (",,155761,,,", "it gives neither a key nor a phone"),
    ],
)
def test_an_invalid_row_is_named_with_its_line_and_column_and_not_with_its_value(tmp_path, row, problem):
    with pytest.raises(SourceContentError) as caught:
        read(tmp_path, f"key,phone,call_id,queued,start,end\nc-1,,,,,\n{row}\n")
    assert caught.value.message.startswith(f"queued.csv:3: {problem}")
    assert "nothing was imported" in caught.value.hint


def test_without_the_campaign_file_a_number_needs_its_country_code(tmp_path):
    with pytest.raises(SourceContentError, match=r"no contacts\.region is known"):
        read(tmp_path, "phone\n6175550100\n", loaded=None)


def test_a_file_without_either_column_or_of_another_type_is_an_error(tmp_path):
    with pytest.raises(SourceContentError, match="neither a column `key` nor a column `phone`"):
        read(tmp_path, "id,tel\nc-1,6175550100\n")
    with pytest.raises(UsageError, match="neither CSV nor JSON lines"):
        read(tmp_path, "x", "queued.xlsx")


@pytest.mark.parametrize(("name", "text"), [("queued.csv", "key,phone\na,b,c\n"), ("queued.jsonl", "[]\n")])
def test_a_row_that_cannot_be_read_is_an_error_of_the_import_and_not_of_a_plan(tmp_path, name, text):
    with pytest.raises(SourceContentError) as caught:
        read(tmp_path, text, name)
    assert caught.value.hint.endswith("; nothing was imported")
    assert "planned" not in caught.value.hint
