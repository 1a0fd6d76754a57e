"""AAPOR's outcome rates against published worked examples, and Wilson's interval against known values."""

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.results.dispositions import Group
from runner.results.rates import Counts, Share, counts_of, estimated_eligibility, rates

OUTCOMERATE = Counts(i=4, p=2, r=1, nc=1, o=1, uh=1, uo=1, ne=1)
"""The example in the README of the R package outcomerate, with what it prints for it."""
OUTCOMERATE_RATES = {
    "RR1": 0.364, "RR2": 0.545, "RR3": 0.370, "RR4": 0.556, "RR5": 0.444, "RR6": 0.667,
    "COOP1": 0.500, "COOP2": 0.750, "COOP3": 0.571, "COOP4": 0.857,
    "REF1": 0.091, "REF2": 0.093, "REF3": 0.111,
    "CON1": 0.727, "CON2": 0.741, "CON3": 0.889,
}  # fmt: skip

numbers = st.integers(0, 10_000)
all_counts = st.builds(Counts, numbers, numbers, numbers, numbers, numbers, numbers, numbers, numbers)


def values(counts, e):
    return {rate.name: rate.value for rate in rates(counts, e)}


def test_rates_are_those_of_the_published_example():
    found = values(OUTCOMERATE, estimated_eligibility(OUTCOMERATE))
    assert {name: round(value, 3) for name, value in found.items()} == OUTCOMERATE_RATES


def test_eligibility_is_estimated_from_contacts_whose_eligibility_is_known():
    assert estimated_eligibility(OUTCOMERATE) == pytest.approx(0.9)


@pytest.mark.parametrize("counts", [Counts(), Counts(uh=7), Counts(i=3, uo=2)])
def test_eligibility_is_1_where_no_contact_is_known_to_be_ineligible(counts):
    assert estimated_eligibility(counts) == 1


def test_rates_of_the_readme_of_responserates():
    found = values(Counts(i=100, nc=20), 1)
    assert {round(value, 3) for name, value in found.items() if name[:2] in {"RR", "CO"}} == {0.833, 1.0}
    assert [found[name] for name in ("COOP1", "REF1")] == [1, 0]
    assert round(found["CON1"], 3) == 0.833


def test_a_rate_without_a_denominator_has_no_value():
    assert set(values(Counts(), 1).values()) == {None}


@given(all_counts, st.floats(0, 1))
def test_formula_text_says_what_was_computed(counts, e):
    names = {"I": counts.i, "P": counts.p, "R": counts.r, "NC": counts.nc, "O": counts.o,
             "UH": counts.uh, "UO": counts.uo, "e": e}  # fmt: skip
    for rate in rates(counts, e):
        top, bottom = rate.formula.replace("e(", "e*(").split(" / ")
        assert rate.numerator == eval(top, {}, names)
        assert rate.denominator == pytest.approx(eval(bottom, {}, names))


@given(all_counts, st.floats(0, 1))
def test_every_rate_is_a_share_and_weighing_lies_between_the_extremes(counts, e):
    found = values(counts, e)
    assert all(value is None or 0 <= value <= 1 for value in found.values())
    for low, middle, high in (("RR1", "RR3", "RR5"), ("RR2", "RR4", "RR6"), ("CON1", "CON2", "CON3")):
        if found[high] is not None:
            assert found[low] - 1e-9 <= found[middle] <= found[high] + 1e-9


def test_counts_are_taken_from_the_groups_of_dispositions():
    assert counts_of({Group.COMPLETE: 4, Group.UNKNOWN_HOUSEHOLD: 2}) == Counts(i=4, uh=2)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # Newcombe (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(part, whole, low, high):
    assert Share(part, whole).interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_in_its_interval(numbers):
    share = Share(*numbers)
    low, high = share.interval
    assert 0 <= low <= share.value <= high <= 1


def test_a_share_of_nothing_has_neither_value_nor_interval():
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, None)
    assert astuple(Share(0, 0)) == (0, 0)
