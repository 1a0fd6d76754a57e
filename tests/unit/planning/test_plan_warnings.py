"""Windows in which no contact of a plan can be called, and suppressed warnings of a plan."""

from small_campaign import DAY, HOUR, NOW, SAN_FRANCISCO, campaign, person, plan_of

from runner.campaign.warning_codes import SuppressedWarning

THREE_DAYS = '{from: "2026-12-01", to: "2026-12-03"}'


def unused(weekly, rows, *, dates=THREE_DAYS, more="", now=NOW):
    loaded = campaign(more=more, weekly=weekly, dates=dates)
    found = plan_of(loaded, rows, now=now).diagnostics
    return [
        (warning.source_line[warning.col - 1 :].split('"')[1], warning.code)
        for warning in found
        if warning.code in {"unreachable_window", "unused_window"}
    ]


def test_a_window_in_which_a_contact_can_be_called_is_not_reported():
    assert unused('{daily: ["09:15-12:00", "13:15-17:00"]}', [person("a")]) == []


def test_a_window_whose_every_date_is_a_holiday_is_reported():
    weekly = '{mon-thu: "09:15-12:00", fri: "10:15-12:00"}'
    dates = '{from: "2026-12-21", to: "2026-12-27"}'
    closed = [("10:15-12:00", "unreachable_window")]
    assert unused(weekly, [person("a")], dates=dates, more="  holidays: {country: US}") == closed
    assert unused(weekly, [person("a")], dates=dates) == []


def test_a_window_that_is_never_open_in_all_zones_of_a_number_is_reported():
    """Toll-free numbers may be in any of some forty zones: no one hour is a quarter past nine in all."""
    weekly = '{tue: "00:15-24:00", wed: "00:00-24:00", fri: "09:15-10:00"}'
    rows = [person("a", "800 555 0199")]
    dates = '{from: "2026-12-01", to: "2026-12-04"}'
    assert unused(weekly, rows, dates=dates) == [("09:15-10:00", "unused_window")]
    assert unused(weekly, [*rows, person("b", SAN_FRANCISCO)], dates=dates) == []


def test_a_past_window_is_not_reported():
    weekly = '{tue: "09:15-12:00", thu: "10:15-12:00"}'
    assert unused(weekly, [person("a")], now=NOW + 2 * DAY) == []
    assert unused(weekly, [person("a")], dates='{to: "2026-12-03"}', now=NOW + 2 * DAY) == []


def test_a_window_that_the_file_check_reports_is_not_reported_twice():
    weekly = '{tue: "09:15-12:00", sat: "10:15-12:00"}'
    assert unused(weekly, [person("a")]) == []
    assert [warning.code for warning in campaign(weekly=weekly, dates=THREE_DAYS).warnings] == [
        "no_caller_id",
        "unreachable_window",
    ]


def test_a_plan_without_candidates_has_no_warnings_about_windows():
    assert unused('{fri: "09:15-12:00"}', [], dates='{from: "2026-12-25", to: "2026-12-25"}') == []


def test_a_suppressed_warning_of_the_plan_is_kept_with_its_reason():
    at_night = NOW + 14 * HOUR
    silence = "silence: {asleep: They work at night}"
    loaded = campaign(hours="10:00-05:00", more=silence)
    plan = plan_of(loaded, [person("east"), person("west", SAN_FRANCISCO)], now=at_night)
    assert plan.diagnostics == ()
    assert plan.suppressed_warnings == (SuppressedWarning("asleep", "They work at night"),)
