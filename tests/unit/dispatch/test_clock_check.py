"""A machine's clock and Insight's: a difference is tolerated, warned of or refused."""

import pytest

from runner.dispatch.events import ClockIsOff
from runner.dispatch.timer import ClockCheck
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
def test_a_difference_up_to_30_seconds_gives_no_warning(ahead):
    assert compare(answer(ahead)) == []


@pytest.mark.parametrize("ahead", [31, -31, 300, -300])
def test_a_difference_up_to_5_minutes_gives_a_warning_with_its_direction(ahead):
    assert compare(answer(ahead)) == [ClockIsOff(seconds=ahead)]


def test_the_warning_is_given_once():
    assert compare(answer(40), answer(41), answer(-50)) == [ClockIsOff(seconds=40)]


@pytest.mark.parametrize(("ahead", "words"), [(301, "301 s ahead of"), (-301, "301 s behind")])
def test_a_difference_above_5_minutes_stops_the_run(ahead, words):
    with pytest.raises(StoppedError, match=words) as caught:
        compare(answer(ahead))
    assert "set the clocks" in caught.value.hint


def test_a_difference_above_5_minutes_stops_the_run_after_a_warning_too():
    with pytest.raises(StoppedError):
        compare(answer(40), answer(400))


def test_an_answer_without_a_date_is_ignored():
    assert compare(Exchange(sent=True, status=200), Exchange(sent=False)) == []
