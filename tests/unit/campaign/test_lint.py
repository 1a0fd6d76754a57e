import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.campaign.hours import MINUTES_A_DAY, Stretches, parse_weekly, weekly_entries
from runner.campaign.loader import parse_campaign


def campaign(*, weekly='{daily: "10:15-18:00"}', windows="", caller_id="+16175550100", more=""):
    text = f"""\
version: 1
name: followup
survey: {{survey_id: "48211", instance_id: "3"}}
contacts:
  sources: [{{type: csv, path: contacts.csv}}]
  phone: "{{{{ row.phone }}}}"
calling_windows:
  weekly: {weekly}
{windows}
caller_id: "{caller_id}"
{more}
"""
    return parse_campaign(text, "a.yaml")


def warnings(**declared):
    return campaign(**declared).warnings


def codes(**declared):
    return [warning.code for warning in warnings(**declared)]


def only(**declared):
    (warning,) = warnings(**declared)
    return warning


def test_a_usual_campaign_has_no_warning():
    assert codes() == []


@pytest.mark.parametrize("hours", ["9:00-12:00", "00:00-08:30", "22:00-02:00"])
def test_a_window_that_starts_on_the_hour_is_warned_of_at_its_place(hours):
    found = only(weekly=f'{{mon-fri: "10:15-18:00", sat: ["08:15-08:45", "{hours}"]}}')
    assert (found.code, found.line) == ("on_the_hour", 8)
    assert found.source_line[found.col - 1 :].startswith(f'"{hours}"')
    assert f"{int(hours.split(':')[0])}:15" in found.hint


@pytest.mark.parametrize("weekly", ['{daily: "00:00-24:00"}', '{sat: "20:15-24:00", sun: "00:00-02:00"}'])
def test_a_window_that_goes_on_from_the_one_before_starts_nothing(weekly):
    assert codes(weekly=weekly) == []


def test_a_first_whole_day_does_start_on_the_hour():
    assert codes(weekly='{"sat,sun": "00:00-24:00"}') == ["on_the_hour"]


def test_a_missing_and_an_empty_caller_id_are_warned_of():
    assert codes(caller_id="") == ["no_caller_id"]
    assert codes(caller_id="{{ row.line }}") == []


@pytest.mark.parametrize(("ahead", "expected"), [("15m", []), ("901", ["long_queue_ahead"])])
def test_requests_that_leave_too_early_are_warned_of(ahead, expected):
    assert codes(more=f"pacing: {{queue_ahead: {ahead}}}") == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://hooks.example.org/{{ row.id }}", ["insecure_result_url"]),
        ("HTTP://hooks.example.org/", ["insecure_result_url"]),
        ("https://hooks.example.org/{{ row.id }}", []),
        ("http://127.0.0.1:8080/", []),
        ("http://[::1]:8080/", []),
        ("http://localhost:8080/", []),
        ("http://localhost.example.org/", ["insecure_result_url"]),
        ("http://127.0.0.1.example.org/", ["insecure_result_url"]),
        ("http://127.0.0.1@example.org/", ["insecure_result_url"]),
    ],
)
def test_results_in_clear_text_are_warned_of_unless_they_stay_on_this_machine(url, expected):
    assert codes(more=f'result_url: "{url}"') == expected


def retry(attempts, wait):
    return f"retry_policy: {{max_attempts: {attempts}, reattempt_wait: {wait}}}"


def test_attempts_that_fit_into_no_window_are_warned_of_with_those_that_do():
    found = only(weekly='{mon: "10:15-12:20"}', more=retry(4, "45m"))
    assert (found.code, found.line) == ("attempts_do_not_fit", 11)
    assert found.message == (
        "4 attempts, 45m apart, do not fit into any window: mon 10:15-12:20 has room for 3"
    )


def test_attempts_that_fit_into_some_windows_name_the_others():
    found = only(weekly='{mon-fri: "10:15-18:00", sat: ["10:15-11:20", "12:15-15:00"]}', more=retry(3, "1h"))
    assert "do not fit into 1 of 3 windows: sat 10:15-11:20 has room for 2" in found.message


def test_the_last_attempt_may_be_at_the_last_moment_to_dial():
    assert codes(weekly='{mon: "10:15-11:20"}', more=retry(2, "1h")) == []
    assert codes(weekly='{mon: "10:15-11:19"}', more=retry(2, "1h")) == ["attempts_do_not_fit"]


def test_windows_that_touch_at_midnight_have_room_together():
    weekly = '{fri: "23:15-24:00", sat: "00:00-01:30"}'
    assert codes(weekly=weekly, more=retry(3, "1h")) == []


def test_a_window_shorter_than_the_close_margin_and_a_call_is_warned_of():
    found = only(weekly='{mon-fri: "10:15-18:00", sat: "10:15-10:34"}', windows="  close_margin: 15m")
    assert found.code == "unreachable_window"
    assert "close_margin" in found.message
    assert codes(weekly='{mon: "10:15-18:00", sat: "10:15-10:35"}', windows="  close_margin: 15m") == []


TUESDAY_TO_THURSDAY = '  dates: {from: "2026-12-01", to: "2026-12-03"}'


def test_a_window_whose_weekday_the_dates_never_hold_is_warned_of():
    found = only(weekly='{tue: "10:15-18:00", "sat,sun": "10:15-12:00"}', windows=TUESDAY_TO_THURSDAY)
    assert found.code == "unreachable_window"
    assert "there is no sat, sun between 2026-12-01 and 2026-12-03" in found.message


def test_a_range_of_days_wider_than_the_dates_is_valid():
    assert codes(weekly='{mon-fri: "10:15-18:00"}', windows=TUESDAY_TO_THURSDAY) == []


def test_a_window_whose_dates_are_all_blacked_out_is_warned_of():
    windows = f'{TUESDAY_TO_THURSDAY}\n  blackout: ["2026-12-02"]'
    found = only(weekly='{tue: "10:15-18:00", wed: "10:15-12:00"}', windows=windows)
    assert "`blackout` closes every wed" in found.message


@pytest.mark.parametrize("dates", ['{from: "2026-12-01"}', '{to: "2026-12-03"}'])
def test_with_an_open_end_any_weekday_may_come(dates):
    assert codes(weekly='{tue: "10:15-18:00", sat: "10:15-12:00"}', windows=f"  dates: {dates}") == []


times = st.integers(0, 24 * 4 - 1).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
windows = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]).map("-".join)
weeks = st.dictionaries(
    st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
    st.lists(windows, min_size=1, max_size=3),
    min_size=1,
)


@given(weeks)
def test_the_stretch_around_a_window_holds_it_and_is_open_throughout(weekly):
    hours = parse_weekly(weekly)
    spans = {
        (week * 7 + day) * MINUTES_A_DAY + minute
        for week in (-1, 0, 1)
        for day, opens in enumerate(hours)
        for start, end in opens
        for minute in range(start, end, 15)
    }
    for entry in weekly_entries(weekly):
        for day in entry.days:
            start, end = Stretches(hours).around(day, entry.start)
            assert start <= entry.start < entry.end <= end
            if end - start < 7 * MINUTES_A_DAY:
                midnight = day * MINUTES_A_DAY
                assert {midnight + minute for minute in range(start, end, 15)} <= spans
                assert not {midnight + start - 15, midnight + end} & spans


def test_a_week_of_thousands_of_windows_is_judged_at_once():
    """Quadratic work would make this last for hours: a file is given by anybody."""
    windows = [
        f"{n // 60 % 24:02}:{n % 60:02}-{(n + 7) // 60 % 24:02}:{(n + 7) % 60:02}" for n in range(20_000)
    ]
    assert warnings(weekly="{daily: [\n" + ",\n".join(f'"{window}"' for window in windows) + "]}") == ()


def test_a_window_past_midnight_longer_than_12_hours_is_warned_of_as_possibly_reversed():
    found = only(weekly='{mon-fri: ["20:30-17:10"]}')
    assert (found.code, found.line) == ("reversed_window", 8)
    assert "20 h 40 min" in found.message
    assert "`17:10-20:30`" in found.hint


@pytest.mark.parametrize("hours", ["20:15-08:15", "22:15-02:00", "08:15-24:00", "00:15-24:00"])
def test_a_window_past_midnight_of_12_hours_or_up_to_midnight_is_not(hours):
    assert "reversed_window" not in codes(weekly=f'{{daily: "{hours}"}}')


def test_a_window_that_ends_at_midnight_and_lasts_longer_than_12_hours_is():
    assert "reversed_window" in codes(weekly='{tue: "10:15-00:00"}')
