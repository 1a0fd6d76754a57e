"""The reference of the campaign file is complete, true to the models, and its examples are valid."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from campaign_reference import reference_markdown

from runner.campaign.loader import parse_campaign
from runner.campaign.reference import campaign_schema, keys, keys_at
from runner.campaign.rules.preset import Preset
from runner.contacts.sources import http, sql
from runner.errors import UsageError

ROOT = Path(__file__).parents[3]
LISTS = ("contacts.sources.", "contacts.suppress.", "calling_windows.blackout.", "notify.")
"""Keys below these belong to an entry of a list, whose own example shows them together."""


def test_schemas_readme_is_what_the_models_give():
    assert (ROOT / "schemas" / "README.md").read_text(encoding="utf-8") == reference_markdown(
        keys(), keys(Preset)
    )


def test_every_key_of_the_json_schema_has_an_entry():
    schema = campaign_schema()
    names = {
        name for each in (schema, *schema["definitions"].values()) for name in each.get("properties", {})
    }
    assert names <= {key.name for key in keys()}


def test_the_examples_together_are_a_valid_campaign():
    campaign = {}
    for key in keys():
        if key.example and not key.path.startswith(LISTS):
            place = campaign
            *above, last = key.path.split(".")
            for name in above:
                place = place.setdefault(name, {})
            place[last] = json.loads(key.example)
    campaign["vars"]["site"] = "Boston"
    # There is no such file.
    del campaign["extends"]
    parse_campaign(json.dumps(campaign), "campaign.yaml")


def test_a_key_that_only_some_types_have_names_them():
    (rows,) = keys_at("contacts.sources.rows")
    assert rows.meaning.endswith("Only with type inline.")
    (kind,) = keys_at("contacts.sources.type")
    assert kind.takes == "`csv`, `jsonl`, `xlsx`, `parquet`, `sql`, `http` or `inline`"


def test_a_key_that_differs_between_types_says_what_it_is_for_each():
    (path,) = keys_at("contacts.sources.path")
    assert path.default == "required with csv, jsonl, xlsx, parquet or http"
    assert path.purpose == (
        "Of type csv, jsonl, xlsx or parquet: Relative to the campaign file. "
        "Of type http: Added to the base URL of `connection`."
    )


def test_the_limits_of_connections_are_those_in_use():
    text = " ".join(reference_markdown(keys(), keys(Preset)).split())
    assert (
        f"A page may take {http.PAGE_SECONDS} seconds and have {http.MOST_BYTES_OF_A_PAGE >> 20} MiB; "
        f"all together {http.ALL_SECONDS // 60} minutes, {http.MOST_BYTES >> 30} GiB "
        f"and {http.MOST_PAGES:,} pages."
    ) in text
    assert f"may take {sql.STATEMENT_SECONDS} seconds" in text


def test_a_mapping_is_described_with_the_keys_below_it():
    assert [key.path for key in keys_at("pacing")] == [
        "pacing",
        "pacing.calls_per_minute",
        "pacing.spread",
        "pacing.queue_ahead",
    ]


def test_an_unknown_key_is_answered_with_the_one_that_was_meant():
    with pytest.raises(UsageError) as caught:
        keys_at("weekly")
    assert caught.value.hint == "did you mean `calling_windows.weekly`?"


def test_runner_schema_describes_one_key():
    shown = subprocess.run(
        [Path(sys.executable).with_name("runner"), "schema", "pacing.queue_ahead"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.splitlines() == [
        "pacing.queue_ahead",
        "  takes:   duration",
        "  default: 5m",
        "  meaning: How long before its start a call's request is sent to Insight.",
        '  example: queue_ahead: "10m"',
    ]


@pytest.mark.parametrize("key", ["policy", "max_calls_per_day"])
def test_a_key_of_the_policy_is_answered_with_its_schema(key):
    with pytest.raises(UsageError) as caught:
        keys_at(key)
    assert "`runner schema --policy`" in caught.value.hint
