"""Whom the sandbox's calls meet: from a mix, by a seed, the same each time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import UsageError
from runner.insight.sandbox import Behavior, parse_callbacks, parse_outcomes
from runner.insight.sandbox.behavior import (
    DEFAULT_OUTCOMES,
    DELIVERY_MEANINGS,
    OUTCOME_MEANINGS,
    Delivery,
    dialled_number,
)
from runner.insight.sandbox.mix import Part
from runner.insight.sandbox.simulation import DialOutcome

NUMBERS = [str(16175550000 + number) for number in range(4000)]


def test_every_kind_has_a_meaning() -> None:
    assert set(OUTCOME_MEANINGS) == set(DialOutcome)
    assert set(DELIVERY_MEANINGS) == set(Delivery)


def test_shares_are_read_with_decimals_spaces_and_seconds() -> None:
    assert parse_outcomes("answered=35%, busy=0.5%").parts == (
        Part(DialOutcome.ANSWERED, 0.35),
        Part(DialOutcome.BUSY, 0.005),
    )
    assert parse_callbacks("lost=30%,late:600=10%").parts == (
        Part(Delivery.LOST, 0.3),
        Part(Delivery.LATE, 0.1, 600),
    )


@pytest.mark.parametrize(
    "text", ["answered=100%", "answered=33.3%,busy=33.3%,no_answer=33.4%", "answered=0%"]
)
def test_shares_may_add_up_to_the_whole(text: str) -> None:
    parse_outcomes(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "answered",
        "answered=35",
        "answered=-1%",
        "answered=35%,",
        "answered:5=35%",
        "voicemail=10%",
        "answered=60%,busy=41%",
        "answered=10%,answered=20%",
    ],
)
def test_anything_else_is_wrong_usage_and_says_what_there_is(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_outcomes(text)
    for kind, meaning in OUTCOME_MEANINGS.items():
        assert f"\n  {kind}: {meaning}" in caught.value.hint


def test_only_late_takes_seconds() -> None:
    with pytest.raises(UsageError):
        parse_callbacks("lost:600=30%")


def first_dials(behavior: Behavior) -> Counter[DialOutcome]:
    return Counter(behavior.dials(number, 1, 1)[0] for number in NUMBERS)


def test_the_shares_come_out_and_what_they_leave_is_not_answered() -> None:
    found = first_dials(Behavior(outcomes=parse_outcomes("answered=35%,busy=15%,rejected=1%")))
    shares = {kind: found[kind] / len(NUMBERS) for kind in found}
    assert shares == pytest.approx(
        {
            DialOutcome.ANSWERED: 0.35,
            DialOutcome.BUSY: 0.15,
            DialOutcome.REJECTED: 0.01,
            DialOutcome.NO_ANSWER: 0.49,
        },
        abs=0.03,
    )


def test_without_a_mix_everybody_answers_and_every_callback_arrives_once() -> None:
    assert set(first_dials(Behavior())) == {DialOutcome.ANSWERED}
    assert {Behavior().delivery(number, 1) for number in NUMBERS[:50]} == {(Delivery.ON_TIME, (0,))}


MIXED = Behavior(outcomes=parse_outcomes(DEFAULT_OUTCOMES), callbacks=parse_callbacks("lost=30%,doubled=30%"))


@given(st.sampled_from(NUMBERS), st.integers(1, 9), st.integers(1, 10))
def test_an_outcome_depends_on_seed_number_time_and_attempt_alone(
    number: str, time: int, attempts: int
) -> None:
    again = Behavior(outcomes=MIXED.outcomes, callbacks=MIXED.callbacks)
    assert again.dials(number, time, attempts) == MIXED.dials(number, time, 10)[:attempts]
    assert again.delivery(number, time) == MIXED.delivery(number, time)


def test_another_seed_number_time_or_attempt_meets_something_else() -> None:
    base = [MIXED.dials(number, 1, 2) for number in NUMBERS]
    others = [
        [Behavior(outcomes=MIXED.outcomes, seed=1).dials(number, 1, 2) for number in NUMBERS],
        [MIXED.dials(number, 2, 2) for number in NUMBERS],
        base[1:] + base[:1],
    ]
    assert all(
        0.3 < sum(a[0] != b[0] for a, b in zip(base, other, strict=True)) / len(NUMBERS) < 0.9
        for other in others
    )
    assert 0.3 < sum(first != second for first, second in base) / len(NUMBERS) < 0.9


def test_callbacks_are_lost_doubled_and_late_as_the_mix_says() -> None:
    behavior = Behavior(callbacks=parse_callbacks("lost=30%,doubled=30%,late:600=10%"))
    found = Counter(behavior.delivery(number, 1) for number in NUMBERS)
    assert set(found) == {
        (Delivery.LOST, ()),
        (Delivery.DOUBLED, (0, 0)),
        (Delivery.LATE, (600,)),
        (Delivery.ON_TIME, (0,)),
    }
    assert found[Delivery.LOST, ()] / len(NUMBERS) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(
    "written", ["6175551234", "tel:6175551234;ani=2125551234", "tel:+16175551234;postd=2", "16175551234"]
)
def test_a_number_is_the_same_however_it_is_written(written: str) -> None:
    assert dialled_number(written) == "16175551234"
