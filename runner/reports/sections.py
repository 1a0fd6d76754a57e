"""A report as values: sections with notes, tables and a grid. Each form of it writes these, and no other."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runner.results.rates import Share

NOTHING = "-"
"""Stands where a figure has no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Texts in rows. The columns in `right` hold numbers."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Shares by row and column; None where nothing was counted."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Share | None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """`notes` define every figure of the section; `anchor` names it in links."""

    anchor: str
    title: str
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    bars: Sequence[tuple[str, Share]] = ()
    """Shares to be drawn where a form can draw; the first table holds their numbers."""
    grid: Grid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    campaign: str
    title: str
    notes: Sequence[str]
    figures: Sequence[tuple[str, str]]
    """The few figures that people look for first."""
    sections: Sequence[Section] = field(default=())


def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1%}"


def interval(share: Share) -> str:
    """`31.2% to 38.0%`."""
    bounds = share.interval
    return NOTHING if bounds is None else f"{bounds[0]:.1%} to {bounds[1]:.1%}"


def number(value: float) -> str:
    """A count, which the share e of the unknown may have made a fraction."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
