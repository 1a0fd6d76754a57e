"""A campaign file extends another: what it takes from it, and what is said where."""

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from runner.campaign.diagnostics import CampaignInvalidError, render
from runner.campaign.loader import load_campaign
from runner.campaign.reference import campaign_schema
from runner.errors import RunnerError, UsageError
from runner.services.campaigns import campaign_files, without_bases

BASE = """\
version: 1
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources:
    - {type: csv, path: lists/all.csv}
    - {type: csv, path: lists/more.csv}
  phone: "{{ row.phone }}"
  suppress:
    - {type: csv, path: stop.csv, phone: "{{ row.phone }}"}
calling_windows:
  weekly: {mon-fri: "10:15-18:00", sat: "10:15-12:00"}
metadata: {site: "{{ vars.site }}", wave: "{{ vars.wave }}"}
vars: {site: Boston, wave: 1, test: false, share: 0.5}
"""
OWN = """\
extends: ../shared/base.yaml
name: second-wave
"""
VALIDATOR = Draft7Validator(campaign_schema())


@pytest.fixture
def load(tmp_path, monkeypatch):
    for folder in (".git", "shared", "campaigns"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)

    def load(own=OWN, base=BASE, **variables):
        Path("shared/base.yaml").write_text(base)
        Path("campaigns/own.yaml").write_text(own)
        return load_campaign(Path("campaigns/own.yaml"), variables=variables)

    return load


def faults(load, *texts):
    with pytest.raises(CampaignInvalidError) as invalid:
        load(*texts)
    return [(found.code, found.file, found.line, found.col) for found in invalid.value.diagnostics]


def test_mappings_are_merged_and_lists_are_replaced(load):
    own = """\
contacts: {sources: [{type: csv, path: mine.csv}]}
calling_windows: {weekly: {sat: closed}}
metadata: {wave: "two"}
"""
    campaign = load(OWN + own).campaign
    assert campaign.name == "second-wave"
    assert [source.path for source in campaign.contacts.sources] == ["mine.csv"]
    assert campaign.contacts.phone == ["{{ row.phone }}"]
    assert campaign.calling_windows.weekly == {"mon-fri": "10:15-18:00", "sat": "closed"}
    assert campaign.metadata == {"site": "{{ vars.site }}", "wave": "two"}


def test_paths_are_relative_to_the_file_that_declares_them(load):
    contacts = load().campaign.contacts
    assert [source.path for source in contacts.sources] == [
        "../shared/lists/all.csv",
        "../shared/lists/more.csv",
    ]
    assert [each.path for each in contacts.suppress] == ["../shared/stop.csv"]


@pytest.mark.parametrize(
    ("own", "base", "place"),
    [
        ("", BASE.replace("10:15-18:00", "10.15-18:00"), ("bad_hours", "shared/base.yaml", 11, 21)),
        ("pacing: {spred: even}\n", BASE, ("unknown_key", "campaigns/own.yaml", 3, 10)),
        ("", BASE + "pacing: {spred: even}\n", ("unknown_key", "shared/base.yaml", 14, 10)),
        ("", BASE.replace("survey:", "survy:"), ("missing_key", "campaigns/own.yaml", 1, 1)),
        ("", BASE.replace("{{ vars.site }}", "{{ vars.site"), ("bad_template", "shared/base.yaml", 12, 18)),
        ("", BASE + "name: base\n", ("not_in_base", "shared/base.yaml", 14, 1)),
        ("", BASE + "extends: other.yaml\n", ("not_in_base", "shared/base.yaml", 14, 1)),
        ("", BASE + "name: [\n", ("yaml_syntax", "shared/base.yaml", 15, 1)),
        ("", "- a\n", ("wrong_type", "shared/base.yaml", 1, 1)),
        ("silence: 3\n", BASE, ("wrong_type", "campaigns/own.yaml", 3, 10)),
    ],
)
def test_an_error_is_at_its_place_in_the_file_that_has_the_value(load, own, base, place):
    assert place in faults(load, OWN + own, base)


def test_the_line_that_is_quoted_is_that_of_the_base(load):
    with pytest.raises(CampaignInvalidError) as invalid:
        load(OWN, BASE.replace('"3"', "3"))
    assert 'survey: {survey_id: "48211", instance_id: 3}' in render(invalid.value.diagnostics[0])


def test_rows_of_a_base_are_not_quoted(load):
    rows = "{type: inline, rows: [{phone: 6175550100}]}"
    with pytest.raises(CampaignInvalidError) as invalid:
        load(OWN, BASE.replace("{type: csv, path: lists/all.csv}", rows))
    assert "6175550100" not in "".join(map(render, invalid.value.diagnostics))


@pytest.mark.parametrize(
    "given", ["../../outside.yaml", "/etc/passwd", "../.git/config.yaml", "../a.csv", "no.yaml"]
)
def test_a_base_that_may_not_be_read_is_an_error_at_extends(load, tmp_path, given):
    (tmp_path.parent / "outside.yaml").write_text("secret: yes\n")
    own = OWN.replace("../shared/base.yaml", given)
    assert faults(load, own) == [("bad_base", "campaigns/own.yaml", 1, 10)]


def test_a_link_out_of_the_work_tree_is_not_followed(load, tmp_path):
    load()
    (tmp_path.parent / "outside.yaml").write_text("secret: yes\n")
    Path("shared/link.yaml").symlink_to(tmp_path.parent / "outside.yaml")
    assert faults(load, OWN.replace("base.yaml", "link.yaml")) == [("bad_base", "campaigns/own.yaml", 1, 10)]


def test_a_base_is_left_out_of_the_campaigns_of_a_folder(load, tmp_path):
    load()
    assert campaign_files(Path("shared/..")) == [Path("shared/../campaigns/own.yaml")]
    assert without_bases([Path("shared/base.yaml"), tmp_path / "campaigns/own.yaml"]) == [
        tmp_path / "campaigns/own.yaml"
    ]


@pytest.mark.parametrize(
    "text", [OWN, BASE, OWN + "contacts: {region: US}\nretry_policy: {max_attempts: 2}\n"]
)
def test_an_editor_accepts_a_campaign_that_extends_and_its_base(text):
    assert list(VALIDATOR.iter_errors(YAML(typ="safe").load(text))) == []


def test_an_editor_still_asks_for_what_a_campaign_needs():
    whole = YAML(typ="safe").load(BASE) | {"name": "a"}
    assert VALIDATOR.is_valid(whole)
    for section, key in [("survey", "instance_id"), ("contacts", "phone"), ("calling_windows", "weekly")]:
        without = copy.deepcopy(whole)
        del without[section][key]
        assert not VALIDATOR.is_valid(without)
    assert not VALIDATOR.is_valid({"extends": "base.yaml"})


def test_a_variable_takes_the_type_that_the_file_declares(load):
    campaign = load(OWN, BASE, site="007", wave="3", test="true", share="0.25").campaign
    assert campaign.vars == {"site": "007", "wave": 3, "test": True, "share": 0.25}
    assert load(OWN, BASE, share="1").campaign.vars["share"] == 1.0


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"wav": "3"}, "did you mean `wave`?"),
        ({"wave": "three"}, "expected a whole number"),
        ({"share": "nan"}, "expected a number"),
        ({"test": "yes"}, "expected true or false"),
    ],
)
def test_a_variable_that_does_not_fit_is_wrong_usage(load, variables, said):
    with pytest.raises(UsageError) as wrong:
        load(OWN, BASE, **variables)
    assert said in f"{wrong.value.message} {wrong.value.hint}"


def test_a_variable_may_not_be_a_template(load):
    with pytest.raises(CampaignInvalidError):
        load(OWN, BASE, site="{{ row.phone }}")


def test_a_text_alone_extends_nothing():
    from runner.campaign.loader import parse_campaign  # noqa: PLC0415

    with pytest.raises(RunnerError):
        parse_campaign(json.dumps({"extends": "a.yaml", "name": "a"}), "a.yaml")
