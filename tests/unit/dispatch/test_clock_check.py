"""A machine's clock beside Insight's: tolerated, warned of, refused."""

import pytest

from runner.dispatch.clock_check import ClockCheck
from runner.dispatch.events import ClockIsOff
from runner.errors import StoppedError
from runner.insight.outcome import Exchange

NOW = 1_796_166_000.0


def answer(ahead):
    """An answer of a server whose clock makes ours look `ahead` seconds ahead."""
    return Exchange(sent=True, status=200, date=NOW - ahead)


def compare(*answers):
    events = []
    check = ClockCheck(lambda: NOW, events.append)
    for each in answers:
        check.compare(each)
    return events


@pytest.mark.parametrize("ahead", [0, 30, -30])
def test_half_a_minute_is_no_cause_for_alarm(ahead):
    assert compare(answer(ahead)) == []


@pytest.mark.parametrize("ahead", [31, -31, 300, -300])
def test_more_is_warned_of_with_its_direction(ahead):
    assert compare(answer(ahead)) == [ClockIsOff(seconds=ahead)]


def test_the_warning_comes_once():
    assert compare(answer(40), answer(41), answer(-50)) == [ClockIsOff(seconds=40)]


@pytest.mark.parametrize(("ahead", "words"), [(301, "301 s ahead of"), (-301, "301 s behind")])
def test_above_five_minutes_nothing_goes_on(ahead, words):
    with pytest.raises(StoppedError, match=words) as caught:
        compare(answer(ahead))
    assert "set the clock" in caught.value.hint


def test_it_stops_though_it_warned_before():
    with pytest.raises(StoppedError):
        compare(answer(40), answer(400))


def test_an_answer_without_a_date_proves_nothing():
    assert compare(Exchange(sent=True, status=200), Exchange(sent=False)) == []
