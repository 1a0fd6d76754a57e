import pytest
import smallest_campaign
from smallest_campaign import CAMPAIGN

from runner.campaign.loader import parse_campaign
from runner.campaign.warning_codes import SUPPRESSIBLE, SuppressedWarning, WarningCode, in_a_line, part

TWO_ON_THE_HOUR = CAMPAIGN.replace('"10:15-18:00"', '["10:00-12:00", "13:00-18:00"]')


def loaded(silence):
    return parse_campaign(f"{TWO_ON_THE_HOUR}silence: {silence}\n", "a.yaml")


def error(silence):
    return smallest_campaign.error(f"{TWO_ON_THE_HOUR}silence: {silence}\n")


def test_a_suppressed_warning_is_not_shown_but_kept_with_its_reason():
    found = loaded('{on_the_hour: " Plum agreed\\n to it "}')
    shown, suppressed = part(found.warnings, found.campaign.silence)
    assert [warning.code for warning in shown] == ["no_caller_id"]
    assert suppressed == (
        SuppressedWarning("on_the_hour", "Plum agreed to it"),
        SuppressedWarning("on_the_hour", "Plum agreed to it"),
    )


def test_one_line_names_each_suppressed_code_its_count_and_its_reason():
    hour = SuppressedWarning("on_the_hour", "Plum agreed")
    line = in_a_line([hour, SuppressedWarning("asleep", "they work at night"), hour])
    assert line == ("3 warnings suppressed: asleep (they work at night), on_the_hour 2 times (Plum agreed)")
    assert in_a_line([hour]) == "1 warning suppressed: on_the_hour (Plum agreed)"
    assert in_a_line([]) == ""


def test_an_unknown_code_gets_the_nearest_one_as_a_hint():
    found = error('{on_the_huor: "x"}')
    assert (found.code, found.line, found.col, found.hint) == (
        "unknown_warning",
        9,
        11,
        "did you mean `on_the_hour`?",
    )


def test_errors_cannot_be_suppressed():
    assert error('{bad_zone: "x"}').code == "unknown_warning"


@pytest.mark.parametrize("code", [code for code in WarningCode if code.always_shown])
def test_warnings_that_decide_the_next_apply_and_plain_mistakes_cannot_be_suppressed(code):
    found = error(f'{{{code}: "x"}}')
    assert (found.code, code.always_shown in found.message) == ("always_shown", True)


@pytest.mark.parametrize("code", SUPPRESSIBLE)
def test_every_other_warning_can_be_suppressed(code):
    assert loaded(f'{{{code}: "a reason"}}').campaign.silence == {code: "a reason"}


@pytest.mark.parametrize("reason", ['""', '" "', '"\\n"', '"\\e[2J"'])
def test_an_empty_or_unprintable_reason_is_an_error(reason):
    assert error(f"{{on_the_hour: {reason}}}").code == "missing_reason"


def test_a_missing_reason_is_an_error():
    assert error("{on_the_hour: }").code == "wrong_type"
