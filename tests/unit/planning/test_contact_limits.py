"""Caps on how often one number is dialled, over all campaigns."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from runner.campaign.rules.rule_set import Cap
from runner.planning.contact_limits import (
    OTHER_CAMPAIGN,
    Dials,
    broken_by,
    first_reached,
    within_limits,
)
from runner.planning.windows import Window

HOUR, DAY = 3600, 86_400
THREE_A_DAY = Cap(calls=3, per_seconds=DAY, name="us-fl")
WEEK = (Window(0, 7 * DAY),)


def test_a_number_without_other_calls_keeps_all_its_windows() -> None:
    assert within_limits(WEEK, (), (THREE_A_DAY,), attempts=3) == WEEK


def test_more_attempts_than_the_cap_leave_no_window() -> None:
    assert within_limits(WEEK, (), (THREE_A_DAY,), attempts=4) == ()
    assert first_reached(WEEK, (), (THREE_A_DAY,), attempts=4) == THREE_A_DAY


def test_a_call_waits_until_a_day_after_the_last_dial_that_fills_the_cap() -> None:
    made = Dials(first=HOUR, last=2 * HOUR, number=3, is_own=True)

    assert within_limits(WEEK, (made,), (THREE_A_DAY,), attempts=1) == (Window(2 * HOUR + DAY, 7 * DAY),)


def test_a_call_fits_next_to_others_while_their_sum_keeps_the_cap() -> None:
    made = Dials(first=HOUR, last=2 * HOUR, number=2, is_own=True)

    assert within_limits(WEEK, (made,), (THREE_A_DAY,), attempts=1) == WEEK


def test_a_cap_without_a_time_counts_the_dials_of_this_campaign_alone() -> None:
    cap = Cap(calls=10, per_seconds=None, name="de-research")
    own = Dials(first=-90 * DAY, last=-90 * DAY, number=8, is_own=True)
    other = Dials(first=-90 * DAY, last=-90 * DAY, number=8, is_own=False)

    assert within_limits(WEEK, (other,), (cap,), attempts=3) == WEEK
    assert within_limits(WEEK, (own, other), (cap,), attempts=3) == ()


def test_nobody_is_called_while_another_campaign_may_be_dialling() -> None:
    other = Dials(first=DAY, last=DAY + 8 * HOUR, number=1, is_own=False)

    assert within_limits(WEEK, (other,), (), attempts=1) == (
        Window(0, DAY),
        Window(DAY + 8 * HOUR + 1, 7 * DAY),
    )
    assert first_reached((Window(DAY, DAY + HOUR),), (other,), (), attempts=1) == OTHER_CAMPAIGN


def test_an_own_earlier_call_does_not_close_its_hours_without_a_cap() -> None:
    assert within_limits(WEEK, (Dials(DAY, 2 * DAY, 1, is_own=True),), (), attempts=1) == WEEK


@st.composite
def _others(draw: st.DrawFn) -> list[Dials]:
    firsts = draw(st.lists(st.integers(-50, 250), max_size=5))
    return [
        Dials(first, first + draw(st.integers(0, 20)), draw(st.integers(1, 3)), draw(st.booleans()))
        for first in firsts
    ]


@given(
    others=_others(),
    calls=st.integers(1, 6),
    per=st.integers(1, 60),
    attempts=st.integers(1, 3),
    start=st.integers(0, 200),
    length=st.integers(0, 20),
)
def test_a_slot_is_allowed_exactly_when_no_possible_dial_is_near_too_many_others(
    others: Sequence[Dials], calls: int, per: int, attempts: int, start: int, length: int
) -> None:
    cap = Cap(calls=calls, per_seconds=per, name="cap")

    def too_many(at: int) -> bool:
        near = sum(each.number for each in others if each.first - per < at < each.last + per)
        same = any(not each.is_own and each.first <= at <= each.last for each in others)
        return near + attempts > calls or same

    expected = not any(too_many(at) for at in range(start, start + length + 1))

    assert (broken_by(start, start + length, others, (cap,), attempts) is None) is expected
    inside = within_limits((Window(start, start + length + 1),), others, (cap,), attempts)
    open_seconds = {at for window in inside for at in range(window.start, window.end)}
    assert open_seconds == {at for at in range(start, start + length + 1) if not too_many(at)}
