"""AAPOR's outcome rates, and intervals of shares. Pure.

The formulas are those of the Standard Definitions, which the editions since 2000 share. They were compared
with the R packages outcomerate and responserates, which implement them independently, and with AAPOR's own
correction of its calculator 4.0 (COOP1 to COOP4). The tests hold the worked example of outcomerate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from math import sqrt
from typing import NamedTuple

from runner.results.dispositions import Group

_Z = 1.959963984540054
"""95 % of a normal distribution lies within so many standard deviations."""


class Family(StrEnum):
    RESPONSE = "response"
    COOPERATION = "cooperation"
    REFUSAL = "refusal"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One outcome rate. `value` is None where its denominator is 0."""

    name: str
    family: Family
    formula: str
    numerator: float
    denominator: float

    @property
    def value(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None


class Counts(NamedTuple):
    """Contacts by group of their final disposition, in AAPOR's letters."""

    i: int = 0
    p: int = 0
    r: int = 0
    nc: int = 0
    o: int = 0
    uh: int = 0
    uo: int = 0
    ne: int = 0

    @property
    def interviews(self) -> int:
        return self.i + self.p

    @property
    def eligible(self) -> int:
        """(I+P) + (R+NC+O)."""
        return self.interviews + self.r + self.nc + self.o

    @property
    def unknown(self) -> int:
        return self.uh + self.uo

    @property
    def contacted(self) -> int:
        return self.interviews + self.r + self.o


def counts_of(by_group: Mapping[Group, int]) -> Counts:
    return Counts(**{group.lower(): by_group.get(group, 0) for group in Group})


def estimated_eligibility(counts: Counts) -> float:
    """By proportional allocation (CASRO), e: of the contacts whose eligibility is known, the eligible share.

    It is 1 where no contact is known to be ineligible, and where nothing is known.
    """
    known = counts.eligible + counts.ne
    return counts.eligible / known if known else 1.0


_ALL = "((I+P) + (R+NC+O) + (UH+UO))"
_WEIGHED = "((I+P) + (R+NC+O) + e(UH+UO))"
_ELIGIBLE = "((I+P) + (R+NC+O))"


def rates(counts: Counts, e: float) -> tuple[Rate, ...]:
    """RR1 to RR6, COOP1 to COOP4, REF1 to REF3 and CON1 to CON3."""
    response, refusal, contact = Family.RESPONSE, Family.REFUSAL, Family.CONTACT
    complete = _over_all(response, ("RR1", "RR3", "RR5"), "I", counts.i, counts, e)
    responded = _over_all(response, ("RR2", "RR4", "RR6"), "(I+P)", counts.interviews, counts, e)
    return (
        *chain.from_iterable(zip(complete, responded, strict=True)),
        *_cooperation(counts),
        *_over_all(refusal, ("REF1", "REF2", "REF3"), "R", counts.r, counts, e),
        *_over_all(contact, ("CON1", "CON2", "CON3"), "((I+P) + R + O)", counts.contacted, counts, e),
    )


def _over_all(
    family: Family, names: tuple[str, str, str], top: str, part: int, counts: Counts, e: float
) -> tuple[Rate, ...]:
    """One numerator over all contacts, over the eligible with the share e of the unknown, and over the
    eligible alone.
    """
    eligible, unknown = counts.eligible, counts.unknown
    below = ((_ALL, eligible + unknown), (_WEIGHED, eligible + e * unknown), (_ELIGIBLE, eligible))
    return tuple(
        Rate(
            name=name,
            family=family,
            formula=f"{top} / {bottom}",
            numerator=part,
            denominator=denominator,
        )
        for name, (bottom, denominator) in zip(names, below, strict=True)
    )


def _cooperation(counts: Counts) -> tuple[Rate, ...]:
    without_other = counts.interviews + counts.r
    parts = (
        ("COOP1", "I / ((I+P) + R + O)", counts.i, counts.contacted),
        ("COOP2", "(I+P) / ((I+P) + R + O)", counts.interviews, counts.contacted),
        ("COOP3", "I / ((I+P) + R)", counts.i, without_other),
        ("COOP4", "(I+P) / ((I+P) + R)", counts.interviews, without_other),
    )
    return tuple(
        Rate(name=name, family=Family.COOPERATION, formula=formula, numerator=top, denominator=bottom)
        for name, formula, top, bottom in parts
    )


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`, with the interval in which the underlying share lies with 95 % confidence."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval, which stays within 0 and 1 and holds for small numbers too."""
        if not self.whole:
            return None
        share, n = self.part / self.whole, self.whole
        weight = 1 + _Z**2 / n
        middle = (share + _Z**2 / (2 * n)) / weight
        half = _Z / weight * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
        # Rounding must not leave the interval without its own share.
        return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))
