"""The values of workbooks, Parquet files and databases as text, as a CSV export would have them. Pure."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isinf, isnan
from typing import Any
from uuid import UUID

EXACT = 2**53
"""From here on, neighbouring whole numbers have the same float."""


class NoTextError(ValueError):
    """The value cannot be written as text without a loss. The message says why, without the value."""


def text_of(value: object, exact: int = EXACT) -> str:
    """A missing value is empty. Whole numbers are written without a fraction where a program kept them as
    floats, which are right below `exact`. Raises NoTextError.
    """
    if isinstance(value, float):
        return _of_float(value, exact)
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    raise NoTextError(f"is of the type {type(value).__name__}, which is not read")


def _of_float(value: float, exact: int) -> str:
    if isnan(value):
        # Programs without a missing number write this one.
        return ""
    if isinf(value):
        raise NoTextError("is an infinite number")
    if not value.is_integer():
        return repr(value)
    if abs(value) >= exact:
        raise NoTextError("is a number with more digits than its program keeps: the last ones are lost")
    return str(int(value))


def _of_datetime(value: datetime) -> str:
    """Workbooks and pandas keep a date as its midnight."""
    is_date = value.tzinfo is None and value.time() == time()
    return (value.date() if is_date else value).isoformat()


def _of_decimal(value: Decimal) -> str:
    if value.is_nan():
        return ""
    if not value.is_finite():
        raise NoTextError("is an infinite number")
    return format(value, "f")


def _of_text(value: str) -> str:
    if "\0" in value:
        raise NoTextError("contains a NUL character")
    return value


def _refuse(problem: str) -> Callable[[object], str]:
    def refuse(_value: object) -> str:
        raise NoTextError(problem)

    return refuse


_WRITERS: tuple[tuple[tuple[type, ...], Callable[[Any], str]], ...] = (
    ((str,), _of_text),
    ((type(None),), lambda _value: ""),
    ((bool,), lambda value: "true" if value else "false"),
    ((int, UUID, timedelta), str),
    ((Decimal,), _of_decimal),
    ((datetime,), _of_datetime),
    ((date, time), lambda value: str(value.isoformat())),
    ((bytes, bytearray, memoryview), _refuse("is binary data")),
    ((dict, list, tuple, set), _refuse("is a list or an object, not a single value")),
)
"""The first that fits: a boolean is a number to Python, and a point in time is a date."""
