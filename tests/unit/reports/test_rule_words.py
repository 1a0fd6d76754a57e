import pytest

from runner.campaign.rules.rule_set import Cap, HolidayHours
from runner.planning.rule_cuts import RuleCut
from runner.reports.rule_words import cap_words, closed_spans, cut_words, days_words, holiday_words


def cut(*left, days=(0, 1, 2, 3, 4), start=18 * 60, end=20 * 60 + 30):
    return RuleCut(days=days, start=start, end=end, left=left)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (cut((1080, 1200)), "mon-fri 18:00-20:30 to 20:00"),
        (cut((1140, 1230)), "mon-fri 18:00-20:30 from 19:00"),
        (cut((1100, 1200)), "mon-fri 18:00-20:30 to 18:20-20:00"),
        (cut(), "all of mon-fri 18:00-20:30"),
        (cut((1320, 1500), start=1320, end=1560), "mon-fri 22:00-02:00 to 01:00"),
    ],
)
def test_cut_says_what_is_left_of_the_window(given, words):
    assert cut_words(given) == words


def test_closed_spans_are_those_that_are_not_left():
    assert list(closed_spans(cut((1100, 1150), (1160, 1200)))) == [(1080, 1100), (1150, 1160), (1200, 1230)]


@pytest.mark.parametrize(
    ("days", "words"),
    [(range(7), "daily"), ((5,), "sat"), ((0, 1, 2, 4), "mon-wed,fri"), ((5, 6), "sat-sun")],
)
def test_days_that_follow_each_other_are_a_range(days, words):
    assert days_words(days) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(86_400, "24 h"), (30 * 86_400, "30 days"), (None, "the whole campaign")]
)
def test_cap_names_its_time(seconds, words):
    found = cap_words(Cap(calls=3, per_seconds=seconds, name="x"))
    assert found == f"at most 3 dials of a number in {words}"


def test_holidays_name_their_place_and_hours():
    assert holiday_words(HolidayHours(country="US", subdivision="LA")) == "closed on public holidays of US-LA"
    assert (
        holiday_words(HolidayHours(country="DE", hours=((600, 1080),)))
        == "10:00-18:00 on public holidays of DE"
    )
