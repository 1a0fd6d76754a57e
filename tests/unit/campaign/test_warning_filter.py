import pytest

from runner.campaign.diagnostics import CampaignInvalidError
from runner.campaign.loader import parse_campaign
from runner.campaign.warning_codes import SILENCEABLE, WarningCode
from runner.campaign.warning_filter import SuppressedWarning, in_a_line, with_reasons

CAMPAIGN = """\
version: 1
name: followup
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: contacts.csv}]
  phone: "{{ row.phone }}"
calling_windows:
  weekly: {daily: ["10:00-12:00", "13:00-18:00"]}
"""


def loaded(silence):
    return parse_campaign(f"{CAMPAIGN}silence: {silence}\n", "a.yaml")


def error(silence):
    with pytest.raises(CampaignInvalidError) as raised:
        loaded(silence)
    (found,) = raised.value.diagnostics
    return found


def test_a_silenced_warning_is_not_shown_but_kept_with_its_reason():
    found = loaded('{on_the_hour: " Plum agreed\\n to it "}')
    assert [warning.code for warning in found.warnings] == ["no_caller_id"]
    assert with_reasons(found.silenced, found.campaign.silence) == (
        SuppressedWarning("on_the_hour", "Plum agreed to it"),
        SuppressedWarning("on_the_hour", "Plum agreed to it"),
    )


def test_one_line_shows_what_was_silenced_how_often_and_why():
    hour = SuppressedWarning("on_the_hour", "Plum agreed")
    told = in_a_line([hour, SuppressedWarning("asleep", "they work at night"), hour])
    assert told == ("3 warnings silenced: asleep (they work at night), on_the_hour 2 times (Plum agreed)")
    assert in_a_line([hour]) == "1 warning silenced: on_the_hour (Plum agreed)"
    assert in_a_line([]) == ""


def test_the_error_for_an_unknown_code_suggests_the_nearest():
    found = error('{on_the_huor: "x"}')
    assert (found.code, found.line, found.col, found.hint) == (
        "unknown_warning",
        9,
        11,
        "did you mean `on_the_hour`?",
    )


def test_no_error_can_be_silenced():
    assert error('{bad_zone: "x"}').code == "unknown_warning"


@pytest.mark.parametrize("code", [code for code in WarningCode if code.always_shown])
def test_what_the_next_apply_turns_on_and_plain_slips_cannot_be_silenced(code):
    found = error(f'{{{code}: "x"}}')
    assert (found.code, code.always_shown in found.message) == ("always_shown", True)


@pytest.mark.parametrize("code", SILENCEABLE)
def test_every_other_warning_can_be_silenced(code):
    assert loaded(f'{{{code}: "a reason"}}').campaign.silence == {code: "a reason"}


@pytest.mark.parametrize("reason", ['""', '" "', '"\\n"', '"\\e[2J"'])
def test_a_reason_says_something_in_plain_text(reason):
    assert error(f"{{on_the_hour: {reason}}}").code == "missing_reason"


def test_a_reason_left_out_is_an_error():
    assert error("{on_the_hour: }").code == "wrong_type"
