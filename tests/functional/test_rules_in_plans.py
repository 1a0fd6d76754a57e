"""Rule presets from the command line: listed, shown, obeyed by a plan, and part of a saved one."""

import json

import pytest

from runner.cli import run

AS_OF = "2026-12-04T12:00:00Z"
"""A Friday, 7:00 in New York."""
CAMPAIGN = """\
version: 1
name: rules
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources:
    - type: inline
      rows:
        - {id: florida, phone: "+13055550143"}
        - {id: york, phone: "+12125550143"}
        - {id: alabama, phone: "+12055550143"}
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
rules: [RULES]
calling_windows:
  dates: {from: "2026-12-04", to: "2026-12-06"}
  weekly: {daily: "18:10-20:40"}
caller_id: "+16175550100"
"""
OWN = """\
name: evenings
title: Our own evenings
version: 1
weekly: {daily: "17:00-19:00"}
scope: {purpose: [research]}
source: board decision
checked: "2026-11-27"
confidence: high
"""


@pytest.fixture(autouse=True)
def _own_ledger(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNNER_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUNNER_ENV_FILE", raising=False)
    monkeypatch.delenv("RUNNER_RULES", raising=False)


@pytest.fixture
def campaign(tmp_path):
    def write(rules="us-federal, us-states", **changes):
        text = CAMPAIGN.replace("RULES", rules)
        for before, after in changes.values():
            text = text.replace(before, after)
        path = tmp_path / "campaign.yaml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def own_rules(tmp_path, monkeypatch):
    folder = tmp_path / "rules"
    folder.mkdir()
    monkeypatch.setenv("RUNNER_RULES", str(folder))

    def write(text=OWN):
        (folder / "evenings.yaml").write_text(text)

    return write


def planned(path, capsys, *more):
    assert run(["plan", path, "--as-of", AS_OF, "--output", "json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_list_names_every_preset_and_says_that_it_is_not_legal_advice(capsys):
    assert run(["rules"]) == 0
    out = capsys.readouterr().out
    assert "us-federal" in out
    assert "de-research" in out
    assert "not legal advice" in out


def test_one_preset_is_shown_in_full(capsys):
    assert run(["rules", "us-fl"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "hours daily 08:00-20:00" in out
    assert "caps at most 3 dials of a number in 24 h" in out
    assert "source Fla. Stat. 501.616(6)" in out
    assert "not legal advice" in out


def test_preset_as_json_has_its_facts_and_the_notice(capsys):
    assert run(["rules", "fr-prospection", "--output", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    (preset,) = shown["presets"]
    assert "not legal advice" in shown["notice"]
    assert preset["weekly"][0] == [[600, 780], [840, 1200]]
    assert preset["holidays"] == {"country": "FR", "subdivision": None, "hours": []}
    assert preset["caps"] == [{"calls": 4, "per_seconds": 2_592_000}]


def test_preset_that_does_not_exist_is_wrong_usage_with_the_nearest_name(capsys):
    assert run(["rules", "us-fll"]) == 64
    assert "did you mean `us-fl`?" in capsys.readouterr().err


def test_call_in_florida_ends_with_its_rule_and_that_in_new_york_does_not(campaign, capsys):
    calls = {call["contact"]: call for call in planned(campaign(), capsys)["calls"]}
    minutes = {who: (call["end_timestamp"] - call["start_timestamp"]) // 60 for who, call in calls.items()}
    # 18:10 to 20:00 and to 20:40, each less close_margin.
    assert minutes == {"florida": 105, "york": 145, "alabama": 105}


def test_plan_names_the_preset_of_each_cut(campaign, capsys):
    plan = planned(campaign(), capsys)
    rules = {rule["name"]: rule for rule in plan["rules"]["presets"]}
    assert "not legal advice" in plan["rules"]["notice"]
    assert rules["us-federal"]["cuts"] == []
    assert rules["us-fl"]["states"] == ["FL"]
    assert rules["us-fl"]["cuts"] == [
        {"days": [0, 1, 2, 3, 4, 5, 6], "start": 1090, "end": 1240, "left": [[1090, 1200]]}
    ]
    assert "us-fl 1" in plan["versions"]["rules"]


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_every_form_of_a_plan_shows_what_rules_cut(campaign, capsys, form):
    assert run(["plan", campaign(), "--as-of", AS_OF, "--output", form]) == 0
    out = capsys.readouterr().out
    assert "cuts daily 18:10-20:40 to 20:00" in out
    assert "not legal advice" in out
    if form == "html":
        assert "Friday 20:00-20:40: closed by us-al (contacts in AL), us-fl (contacts in FL)" in out


def test_explanation_names_the_preset_of_each_closed_stretch(campaign, capsys):
    assert run(["plan", campaign(), "--as-of", AS_OF, "--explain", "alabama"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "rules us-al, us-federal it may be in AL" in out
    assert "closed 20:00-20:40 cut by us-al" in out
    assert "Sun 2026-12-06 closed 18:10-20:40 cut by us-al" in out


def test_explanation_says_that_a_contact_abroad_has_the_rules_of_no_state(campaign, capsys):
    path = campaign(berlin=('"+12125550143"', '"+493012345678"'))
    assert run(["plan", path, "--as-of", AS_OF, "--explain", "york"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "rules us-federal it is outside of the United States and Canada, so those of no state" in out


def test_explanation_says_that_rules_without_states_hold_for_every_contact(campaign, capsys):
    assert run(["plan", campaign("us-federal"), "--as-of", AS_OF, "--explain", "york"]) == 0
    assert "rules us-federal for every contact" in " ".join(capsys.readouterr().out.split())


def test_contact_without_a_window_inside_the_rules_is_left_out_for_that_reason(campaign, capsys):
    path = campaign(dates=('from: "2026-12-04"', 'from: "2026-12-06"'))
    (left_out,) = planned(path, capsys)["exclusions"]
    assert (left_out["contact"], left_out["reason"], left_out["cause"]) == ("alabama", "no_window", "rules")
    assert "us-al, us-federal" in left_out["detail"]


def test_contact_whose_own_zone_is_unknown_is_left_out_where_rules_hold(campaign, capsys):
    one_zone = ("calling_windows:", "calling_windows:\n  timezone: America/New_York")
    elsewhere = ("+12055550143", "+88216555012")
    (left_out,) = planned(campaign("us-federal", a=one_zone, b=elsewhere), capsys)["exclusions"]
    assert (left_out["reason"], left_out["cause"]) == ("no_window", "rules")
    assert "its own time zone" in left_out["detail"]


def test_more_attempts_than_a_cap_allows_give_a_warning(campaign, capsys):
    retry = "retry_policy: {max_attempts: 5, reattempt_wait: 10m}\ncaller_id:"
    plan = planned(campaign("us-fl", retry=("caller_id:", retry)), capsys)
    (found,) = plan["diagnostics"]
    assert found["code"] == "attempts_above_cap"
    assert "us-fl 3 in 24 hours" in found["message"]


def test_unknown_preset_is_an_error_at_its_place(campaign, capsys):
    assert run(["validate", campaign("us-federal, us-state")]) == 3
    out = capsys.readouterr().out
    assert "campaign.yaml:13:21: error[unknown_preset]" in out
    assert "did you mean `us-states`?" in out


def test_preset_that_closes_every_window_is_an_error_at_the_windows(campaign, capsys):
    assert run(["validate", campaign("us-federal", hours=("18:10-20:40", "21:15-22:40"))]) == 3
    assert "campaign.yaml:16:11: error[never_opens]" in capsys.readouterr().out


def test_window_outside_of_a_preset_gives_a_warning_at_its_line(campaign, capsys):
    hours = ('{daily: "18:10-20:40"}', '{daily: ["18:10-20:40", "21:15-22:40"]}')
    assert run(["validate", campaign("us-federal", hours=hours)]) == 0
    out = capsys.readouterr().out
    assert "campaign.yaml:16:35: warning[unreachable_window]" in out
    assert "outside the hours of the rule us-federal" in out


def test_preset_of_the_added_folder_is_obeyed(campaign, own_rules, capsys):
    own_rules()
    plan = planned(campaign("evenings"), capsys)
    ends = {call["end_timestamp"] - call["start_timestamp"] for call in plan["calls"]}
    assert ends == {45 * 60}


def test_broken_preset_of_the_added_folder_stops_a_campaign_that_has_rules(campaign, own_rules, capsys):
    own_rules(OWN.replace("17:00-19:00", "5 pm"))
    assert run(["plan", campaign(), "--as-of", AS_OF]) == 3
    assert "evenings.yaml:4:17: error[bad_hours]" in capsys.readouterr().err


def test_rules_of_the_policy_alone_also_choose_by_state(campaign, capsys, tmp_path, monkeypatch):
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [us-states]\n")
    monkeypatch.setenv("RUNNER_POLICY_FILE", str(policy))
    plan = planned(campaign(""), capsys)
    minutes = {
        call["contact"]: (call["end_timestamp"] - call["start_timestamp"]) // 60 for call in plan["calls"]
    }
    assert minutes == {"florida": 105, "york": 145, "alabama": 105}


def test_doctor_names_the_line_of_a_broken_preset(own_rules, capsys):
    own_rules(OWN.replace("17:00-19:00", "5 pm"))
    assert run(["doctor"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "evenings.yaml:4:17: error[bad_hours]" in out


def test_saved_plan_says_which_preset_changed(campaign, own_rules, capsys, tmp_path, monkeypatch):
    own_rules()
    monkeypatch.chdir(tmp_path)
    path, saved = campaign("us-federal, evenings"), "plan.json"
    assert run(["plan", path, "--as-of", AS_OF, "-o", saved]) == 0
    assert run(["plan", saved, "--as-of", AS_OF]) == 0
    own_rules(OWN.replace("version: 1", "version: 2"))
    capsys.readouterr()
    assert run(["plan", saved, "--as-of", AS_OF]) == 4
    err = capsys.readouterr().err
    assert (
        "rules is us-federal 1, evenings 2 here, but the plan was made with us-federal 1, evenings 1" in err
    )
    assert "RUNNER_RULES/evenings.yaml changed" in err
