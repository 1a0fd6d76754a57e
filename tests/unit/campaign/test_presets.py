from pathlib import Path

import pytest

from runner.campaign import rules as loaded
from runner.campaign.diagnostics import CampaignInvalidError, render
from runner.campaign.hours import parse_weekly
from runner.campaign.reference import campaign_schema
from runner.campaign.rules.presets import UnknownPresetError, presets
from runner.campaign.rules.rule_set import Cap, applicable
from runner.errors import SettingsError
from runner.planning.candidate import ABROAD

OWN = """\
name: evenings
title: Our own evenings
version: 1
weekly: {mon-fri: "17:00-19:00"}
scope: {purpose: [research]}
source: board decision
checked: "2026-11-27"
confidence: high
"""


def own(folder: Path, text: str = OWN, name: str = "own.yaml") -> Path:
    (folder / name).write_text(text)
    return folder


def errors_in(folder: Path) -> list[str]:
    with pytest.raises(CampaignInvalidError) as caught:
        presets(folder)
    return [render(found) for found in caught.value.diagnostics]


def test_each_shipped_preset_has_source_date_confidence_and_purpose():
    for preset in presets().by_name.values():
        assert preset.source
        assert preset.checked
        assert preset.confidence
        assert preset.scope.purpose


def test_us_states_covers_every_state_that_has_a_preset():
    every = presets()
    covering = {name for name, preset in every.by_name.items() if preset.covers}

    assert set(every.named("us-states").by_state) == {"us-federal", *covering}


def test_contact_in_florida_has_the_federal_rule_and_that_of_florida():
    rules = presets().rule_sets(["us-states"])

    assert {rule.name for rule in applicable(rules, frozenset({"FL"}))} == {"us-federal", "us-fl"}


def test_contact_in_a_state_without_a_preset_has_the_federal_rule():
    rules = presets().rule_sets(["us-states"])

    assert {rule.name for rule in applicable(rules, frozenset({"TX"}))} == {"us-federal"}


def test_contact_in_one_of_several_states_has_the_rules_of_all_of_them():
    rules = presets().rule_sets(["us-states"])

    found = {rule.name for rule in applicable(rules, frozenset({"MD", "VA", "OK"}))}

    assert found == {"us-federal", "us-md", "us-ok"}


def test_contact_whose_state_is_unknown_has_the_rules_of_all_states():
    rules = presets().rule_sets(["us-states"])

    assert applicable(rules, frozenset()) == frozenset(rules)


def test_contact_outside_of_the_united_states_and_canada_has_the_federal_rule_alone():
    rules = presets().rule_sets(["us-federal", "us-states"])

    assert {rule.name for rule in applicable(rules, frozenset({ABROAD}))} == {"us-federal"}


def test_state_preset_that_is_named_itself_applies_everywhere():
    rules = presets().rule_sets(["us-fl"])

    assert {rule.name for rule in applicable(rules, frozenset({"TX"}))} == {"us-fl"}


def test_preset_named_twice_counts_once():
    assert [rule.name for rule in presets().rule_sets(["us-federal", "us-states"])].count("us-federal") == 1


def test_caps_name_their_rule_and_their_time():
    (rule,) = presets().rule_sets(["de-research"])

    assert rule.caps == (
        Cap(calls=10, per_seconds=None, name="de-research"),
        Cap(calls=4, per_seconds=86_400, name="de-research"),
    )


def test_unknown_preset_is_an_error_that_names_the_nearest():
    with pytest.raises(UnknownPresetError) as caught:
        presets().rule_sets(["us-fedral"])

    assert caught.value.hint == "did you mean `us-federal`?"


def test_preset_of_the_added_folder_is_found(tmp_path):
    found = presets(own(tmp_path))

    assert found.rule_sets(["evenings"])[0].weekly == parse_weekly({"mon-fri": "17:00-19:00"})
    assert found.files_of(["us-federal", "evenings"]) == (tmp_path / "own.yaml",)


def test_preset_with_the_name_of_a_shipped_one_is_an_error_at_its_name(tmp_path):
    (found,) = errors_in(own(tmp_path, OWN.replace("evenings\n", "us-fl\n")))

    assert f"{tmp_path / 'own.yaml'}:1:7: error[duplicate_preset]" in found


def test_wrong_preset_is_reported_with_all_its_errors_and_hints(tmp_path):
    text = OWN.replace("scope:", "scop:").replace("17:00-19:00", "5-7 pm").replace("high", "sure")

    found = "\n".join(errors_in(own(tmp_path, text)))

    assert "own.yaml:4:19: error[bad_hours]" in found
    assert "did you mean `scope`?" in found
    assert "the preset needs `scope`" in found
    assert "`confidence` must be" in found


def test_preset_without_any_rule_is_an_error(tmp_path):
    (found,) = errors_in(own(tmp_path, OWN.replace('weekly: {mon-fri: "17:00-19:00"}\n', "")))

    assert "error[empty_preset]" in found


def test_preset_that_consists_of_an_unknown_one_is_an_error_at_its_name(tmp_path):
    (found,) = errors_in(own(tmp_path, f"{OWN}by_state: [us-federal, us-florida]\n"))

    assert "own.yaml:9:24: error[unknown_preset]" in found


def test_preset_of_a_preset_of_several_is_an_error(tmp_path):
    (found,) = errors_in(own(tmp_path, f"{OWN}by_state: [us-states]\n"))

    assert "error[nested_preset]" in found


def test_folder_that_does_not_exist_is_an_error_of_the_settings(tmp_path):
    with pytest.raises(SettingsError, match="RUNNER_RULES"):
        presets(tmp_path / "none")


def test_editors_offer_every_shipped_preset_and_accept_others():
    offered, others = campaign_schema()["properties"]["rules"]["items"]["anyOf"]
    assert offered["enum"] == sorted(presets().by_name)
    assert "pattern" in others


def test_preset_is_named_after_its_file():
    assert {file.stem for file in (Path(loaded.__file__).parent / "shipped").glob("*.yaml")} == set(
        presets().by_name
    )
