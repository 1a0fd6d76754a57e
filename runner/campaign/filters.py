"""What templates can do to a value: filters and arithmetic that cannot run away.

Pure, and free of any template library. A row's content is untrusted, so every function checks its arguments
and refuses a result above the limits *before* it makes it. No message contains a value.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

_Value = TypeVar("_Value")

MAX_TEXT = 10_000
"""Characters of any text in or out of a template."""

MAX_INTEGER = 10**18

_MAX_POWER_BITS = 60
_MAX_DAYS = 36_525
_MAX_PRECISION = 15

_WHOLE = re.compile(r" *([+-]?[0-9]{1,18})(\.[0-9]{0,30})? *")
_DECIMAL = re.compile(r" *[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})? *", re.ASCII)
_DATE_OR_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)

_DATE_CODE = re.compile("%[A-Za-z]")
_DATE_FORM = re.compile("(?=.*%[yY])(?=.*%d)(?=.*%[mbB])(%[dmyYbBHIMSpf]|[^%]){4,40}", re.DOTALL)
"""Day, month and year, and perhaps a time. Each part once: `strptime` cannot read a part twice."""

_WORDS = re.compile(r"([-\s({\[<]+)")


class RefusedError(Exception):
    """The value does not fit the operation. The message is for people and holds nothing of the value."""


_REQUIRED = object()
"""Marks a default that was not given; None may be given."""

_YES = frozenset({"true", "yes", "y", "1", "on", "t"})
_NO = frozenset({"", "false", "no", "n", "0", "off", "f", "none", "null"})
_NUMBER_AS_TEXT = re.compile(r"[+-]?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?", re.ASCII)


def plain_text(value: object) -> str:
    """A plain value as the text that is sent: None is empty, booleans are true and false.

    Raises RefusedError for anything that is not a single value, and above MAX_TEXT.
    """
    if isinstance(value, str):
        return bounded(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(_number(value))
    raise RefusedError("expected a single value, found a list or a mapping")


def bounded(value: _Value) -> _Value:
    """The value itself. Raises RefusedError when it is a text above MAX_TEXT."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise _too_long()
    return value


def concatenate(first: object, *others: object) -> str:
    return _joined("", [plain_text(value) for value in (first, *others)])


def upper(value: object) -> str:
    return bounded(plain_text(value).upper())


def lower(value: object) -> str:
    return bounded(plain_text(value).lower())


def title(value: object) -> str:
    """Each word with a capital. An apostrophe starts no word, so it gives `O'brien`."""
    text = plain_text(value)
    # A single word, as most names are, has nothing to be split at.
    if text.isalnum():
        return bounded(text[:1].upper() + text[1:].lower())
    return bounded("".join(word[:1].upper() + word[1:].lower() for word in _WORDS.split(text)))


def capitalize(value: object) -> str:
    return bounded(plain_text(value).capitalize())


def trim(value: object, chars: str | None = None) -> str:
    return plain_text(value).strip(None if chars is None else plain_text(chars))


def replace(value: object, old: object, new: object, count: object = -1) -> str:
    text, before, after = plain_text(value), plain_text(old), plain_text(new)
    most = _whole(count)
    found = text.count(before)
    times = found if most < 0 else min(found, most)
    if len(text) + times * (len(after) - len(before)) > MAX_TEXT:
        raise _too_long()
    return text.replace(before, after, times)


def join(value: object, separator: object = "") -> str:
    if not isinstance(value, list | tuple):
        raise RefusedError("`join` needs a list")
    return _joined(plain_text(separator), [plain_text(part) for part in value[: MAX_TEXT + 1]])


def length(value: object) -> int:
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise RefusedError("`length` needs text or a list")


def to_int(value: object, default: object = _REQUIRED) -> object:
    """A whole number, cut at the decimal point. Wrong input is an error unless a default is given."""
    if isinstance(value, str):
        match = _WHOLE.fullmatch(value)
        if match:
            return int(match[1])
    elif isinstance(value, int | float) and math.isfinite(value) and abs(value) <= MAX_INTEGER:
        return int(value)
    if default is _REQUIRED:
        raise RefusedError("invalid whole number; `int(default=0)` gives those rows a number")
    return default


def to_float(value: object, default: object = _REQUIRED) -> object:
    """A number. Wrong input is an error unless a default is given."""
    if isinstance(value, str):
        number = float(value) if _DECIMAL.fullmatch(value) else math.nan
    elif isinstance(value, int | float) and abs(value) <= MAX_INTEGER:
        number = float(value)
    else:
        number = math.nan
    if math.isfinite(number):
        return number
    if default is _REQUIRED:
        raise RefusedError("invalid number; `float(default=0)` gives those rows a number")
    return default


def to_round(value: object, precision: object = 0) -> float:
    digits = _whole(precision)
    if abs(digits) > _MAX_PRECISION:
        raise RefusedError(f"`round` takes at most {_MAX_PRECISION} digits")
    return round(float(_number(value)), digits)


def absolute(value: object) -> int | float:
    return abs(_number(value))


def urlencode(value: object) -> str:
    """Text made safe for one part of a URL, such as a query value."""
    return bounded(quote(plain_text(value), safe=""))


def add_days(value: object, days: object) -> str:
    """An ISO date or RFC 3339 instant, `days` days on (or back), in the form it was given."""
    count = _whole(days)
    match = _DATE_OR_INSTANT.fullmatch(plain_text(value).strip())
    if match is None:
        raise RefusedError("`add_days` needs a date (2026-12-01) or an instant (2026-12-01T09:00:00Z)")
    if abs(count) > _MAX_DAYS:
        raise RefusedError("`add_days` takes at most a hundred years")
    try:
        datetime.fromisoformat(match[0].upper())
        return f"{date.fromisoformat(match[1]) + timedelta(days=count)}{match[2] or ''}"
    except (ValueError, OverflowError):
        raise RefusedError("`add_days`: the date is out of range") from None


def read_date(value: object, form: object) -> str:
    """The date in a text of another format, as `2026-12-01`; a time of day is left out.

    `form` is as for `strptime`. An empty text stays empty.
    """
    pattern, text = plain_text(form), plain_text(value).strip()
    codes = _DATE_CODE.findall(pattern)
    if not _DATE_FORM.fullmatch(pattern) or len(set(codes)) < len(codes):
        raise RefusedError("`date` needs a format such as '%m/%d/%Y' (month/day/year), each part once")
    if not text:
        return ""
    try:
        return datetime.strptime(text, pattern).date().isoformat()  # noqa: DTZ007 - a local date has no zone
    except (ValueError, OverflowError):
        raise RefusedError("`date`: the text is not a date in this format") from None


def is_even(value: object) -> bool:
    return _whole(value) % 2 == 0


def is_odd(value: object) -> bool:
    return _whole(value) % 2 == 1


def divisible_by(value: object, divisor: object) -> bool:
    by = _whole(divisor)
    if by == 0:
        raise RefusedError("division by zero")
    return _whole(value) % by == 0


def truth(text: str) -> bool | None:
    """Whether a text means yes or no in a condition; None where it means neither, since people who said no
    must not be called. A number means yes unless it is 0.
    """
    word = text.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    number = _NUMBER_AS_TEXT.fullmatch(word)
    return None if number is None else bool(number[1].strip("0."))


def holds(value: object) -> bool:
    """The same of any value, next to `and`, `or`, `not` or `if` in a condition.

    To Jinja every text but the empty one is true, `N` and `false` among them. Raises RefusedError.
    """
    if not isinstance(value, str):
        return bool(value)
    found = truth(value)
    if found is None:
        raise RefusedError("this text means neither yes nor no; compare it: `row.consent == 'Y'`")
    return found


FILTERS: Mapping[str, Callable[..., object]] = {
    "abs": absolute,
    "add_days": add_days,
    "capitalize": capitalize,
    "date": read_date,
    "float": to_float,
    "int": to_int,
    "join": join,
    "length": length,
    "lower": lower,
    "replace": replace,
    "round": to_round,
    "string": plain_text,
    "title": title,
    "trim": trim,
    "upper": upper,
    "urlencode": urlencode,
}
"""`default` is the one other filter: only the template engine knows what is undefined."""

_OPERATORS: Mapping[str, Callable[[Any, Any], object]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}

OPERATORS = frozenset(_OPERATORS)


def arithmetic(symbol: str, left: object, right: object) -> object:
    """`left symbol right` for two bounded numbers; `+` also joins two texts. Raises RefusedError."""
    if symbol == "+" and isinstance(left, str) and isinstance(right, str):
        return _joined("", [left, right])
    first, second = _number(left, symbol), _number(right, symbol)
    if symbol == "**" and _power_bits(first, second) > _MAX_POWER_BITS:
        raise _too_large()
    try:
        return _number(_OPERATORS[symbol](first, second))
    except ZeroDivisionError:
        raise RefusedError("division by zero") from None
    except OverflowError:
        raise _too_large() from None


def _power_bits(base: float, exponent: float) -> float:
    return math.log2(abs(base)) * exponent if base else 0


def _number(value: object, symbol: str = "") -> int | float:
    if not isinstance(value, int | float):
        what = f"`{symbol}`" if symbol else "this"
        raise RefusedError(f"{what} needs numbers; a column of a CSV file is text until `| int` or `| float`")
    if isinstance(value, float) and not math.isfinite(value):
        raise _too_large()
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise _too_large()
    return value


def _whole(value: object) -> int:
    number = _number(value)
    if not isinstance(number, int):
        raise RefusedError("a whole number is needed here; `| int` makes one")
    return number


def _joined(separator: str, parts: list[str]) -> str:
    if sum(map(len, parts)) + len(separator) * (len(parts) - 1) > MAX_TEXT:
        raise _too_long()
    return separator.join(parts)


def _too_long() -> RefusedError:
    return RefusedError(f"a text is longer than {MAX_TEXT:,} characters")


def _too_large() -> RefusedError:
    return RefusedError("a number is too large")
