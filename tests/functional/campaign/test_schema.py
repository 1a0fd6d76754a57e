"""The JSON Schema says the same as the loader, as far as one can. The validator shares no code with it."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from runner.campaign.diagnostics import CampaignInvalidError
from runner.campaign.loader import parse_campaign
from runner.campaign.reference import campaign_schema, schema_text

TESTS = Path(__file__).parents[2]
SCHEMA = TESTS.parent / "schemas" / "campaign.schema.json"
VALID = sorted((TESTS / "campaigns" / "valid").glob("*.yaml"))
INVALID = sorted((TESTS / "campaigns" / "invalid").glob("*.yaml"))

STRUCTURAL = {
    "bad_country",
    "bad_day",
    "bad_duration",
    "bad_identifier",
    "bad_metadata_name",
    "bad_metadatabase",
    "bad_name",
    "bad_percentage",
    "empty_value",
    "missing_key",
    "missing_metadata",
    "missing_reattempt_wait",
    "bad_preset_name",
    "unknown_key",
    "unknown_source_type",
    "unknown_value",
    "wrong_type",
}
"""Mistakes of form, which an editor must show as well."""


VALIDATOR = Draft7Validator(campaign_schema())


def accepts(campaign):
    return VALIDATOR.is_valid(campaign)


def loaded(path):
    return YAML(typ="safe", pure=True).load(path)


def codes(path):
    return {each.split(":")[1] for each in path.read_text(encoding="utf-8").splitlines()[0].split()[2:]}


def test_the_schema_in_the_repository_is_that_of_the_models():
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_valid_draft_07():
    schema = campaign_schema()
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert "$defs" not in schema_text()


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_the_schema_accepts_what_the_loader_accepts(path):
    errors = [each.message for each in VALIDATOR.iter_errors(loaded(path))]
    assert errors == []


@pytest.mark.parametrize(
    "path", [path for path in INVALID if codes(path) & STRUCTURAL], ids=lambda path: path.stem
)
def test_the_schema_refuses_mistakes_of_form(path):
    assert not accepts(loaded(path))


def test_every_key_is_described_for_editors():
    schema = campaign_schema()
    for each in [schema, *schema["definitions"].values()]:
        for name, field in each["properties"].items():
            described = field | schema["definitions"].get(field.get("$ref", "").rpartition("/")[2], {})
            assert described.get("description"), name


def test_no_object_takes_unknown_keys():
    schema = campaign_schema()
    for each in [schema, *schema["definitions"].values()]:
        assert each["additionalProperties"] is False


BASE = {
    "version": 1,
    "name": "a",
    "survey": {"survey_id": "1", "instance_id": "2"},
    "contacts": {"sources": [{"type": "csv", "path": "a.csv"}], "phone": "{{ row.phone }}"},
    "calling_windows": {"weekly": {"daily": "10:00-18:00"}},
    "guard": {},
}

leaves = st.sampled_from(
    [None, True, 0, 1, 2, 11, 1.5, "", "a", "45m", "US", "2026-12-01", "front", "10:00-12:00"]
)
values = (
    leaves
    | st.lists(leaves, max_size=2)
    | st.dictionaries(st.sampled_from(["type", "from", "to", "mon"]), leaves)
)
places = st.sampled_from(
    [
        ("name",),
        ("version",),
        ("description",),
        ("survey", "survey_id"),
        ("contacts", "region"),
        ("contacts", "where"),
        ("contacts", "suppress"),
        ("calling_windows", "dates"),
        ("calling_windows", "blackout"),
        ("pacing",),
        ("guard",),
        ("guard", "withdraw"),
        ("vars",),
        ("calling_windows", "close_margin"),
        ("calling_windows", "holidays"),
        ("rules",),
        ("metadata",),
        ("calling_windows", "weekly"),
        ("retry_policy",),
        ("caller_id",),
        ("contacts", "sources"),
        ("unknown",),
    ]
)

BEYOND_FORM = {
    "bad_date",
    "bad_dates",
    "bad_hours",
    "bad_phone",
    "bad_template",
    "bad_zone",
    "duplicate_day",
    "never_opens",
}
BEYOND_FORM |= {"out_of_range", "bad_post_dial", "bad_url", "unquoted_date", "unquoted_number"}


@settings(max_examples=200)
@given(places, values)
def test_schema_and_models_agree_on_the_form_of_any_value(place, value):
    campaign = copy.deepcopy(BASE)
    parent = campaign
    for part in place[:-1]:
        parent = parent[part]
    parent[place[-1]] = value
    try:
        parse_campaign(json.dumps(campaign), "a.yaml")
    except CampaignInvalidError as invalid:
        found = {each.code for each in invalid.diagnostics}
    else:
        found = set()
    if not found:
        assert accepts(campaign)
    elif found - BEYOND_FORM:
        assert not accepts(campaign)
