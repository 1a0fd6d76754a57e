"""Templates of text, columns and filters without arguments, filled in without Jinja: half its time. Pure.

Most templates are such, and there may be a million rows. What they give is what Jinja would make of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runner.campaign.filters import MAX_TEXT, RefusedError, plain_text

UNFITTING = (TypeError, ValueError, LookupError, ArithmeticError, RecursionError)
"""What Python raises where values do not fit an expression."""


@dataclass(frozen=True, slots=True)
class Column:
    """`{{ row.x | title }}`: one column, and filters without arguments."""

    name: str
    filters: tuple[Callable[[object], object], ...]


Part = str | Column


def only_column(parts: tuple[Part, ...] | None) -> str | None:
    """The name `x` where the whole template is `{{ row.x }}`."""
    match parts:
        case (Column(name=name, filters=()),):
            return name
    return None


def fill_in(parts: tuple[Part, ...], row: Mapping[str, object]) -> str | None:
    """The text for this row. None where a column is missing or no text, a filter does not take it, or the
    result is too long: Jinja has the words for that.
    """
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        value = row.get(part.name)
        if type(value) is not str or len(value) > MAX_TEXT:
            return None
        try:
            for function in part.filters:
                value = function(value)
            texts.append(value if type(value) is str else plain_text(value))
        except (RefusedError, *UNFITTING):
            return None
    text = "".join(texts)
    return text if len(text) <= MAX_TEXT else None
