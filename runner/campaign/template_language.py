"""What a template means: Jinja in its sandbox, with `row` and `vars` as the only names.

The sandbox keeps templates away from Python, but lets them fill the memory. So every operation that could
grow is bounded (see `runner.campaign.filters`).
"""
# ruff: noqa: ANN401 - the hooks of Jinja's environment are given any value and return any

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any

import jinja2
from jinja2 import runtime
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runner.campaign import filters
from runner.campaign.diagnostics import did_you_mean
from runner.campaign.filters import RefusedError

NAMES = ("row", "vars")


class Columns(dict[str, object]):
    """A row, as distinct from mappings inside it: only a row's own names are shown in errors.

    Any mapping will do as a row; this one is not copied for each template.
    """


class Constants(dict[str, object]):
    """The campaign's `vars`, as distinct from mappings inside them."""


class Names:
    """All of Jinja's context that the allowed syntax needs. Jinja's own costs more than the rendering."""

    __slots__ = ("resolve_or_missing",)

    def __init__(self, row: Mapping[str, object], constants: Mapping[str, object]) -> None:
        self.resolve_or_missing = {
            "row": row if isinstance(row, Columns) else Columns(row),
            "vars": constants if isinstance(constants, Constants) else Constants(constants),
        }.__getitem__


class _Missing(jinja2.StrictUndefined):
    """A column or constant that does not exist: an error as soon as it is used, other than by `default`."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_name is None:
            return self._undefined_hint or "this value is missing"
        known = frozenset(self._undefined_obj) if isinstance(self._undefined_obj, Columns | Constants) else ()
        what = "constant" if isinstance(self._undefined_obj, Constants) else "column"
        hint = _near(self._undefined_name, known)
        return f"there is no {what} `{self._undefined_name}`" + (f"; {hint}" if hint else "")


_near = lru_cache(maxsize=256)(did_you_mean)
"""A misspelt column fails in every row, and finding the near one is slow."""


class _Environment(ImmutableSandboxedEnvironment):
    """Attributes and items are columns of a mapping, never anything of Python's."""

    intercepted_binops = filters.OPERATORS

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`row.x` and `row['x']`. The name is part of the template, so an error may show it."""
        if isinstance(obj, dict):
            try:
                return filters.bounded(obj[attribute])
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        _require_defined(obj)
        raise RefusedError(f"a single value has no `{attribute}`; use a filter to change it: `| upper`")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`row[…]` where the name is computed: perhaps the content of a row, so that no error shows it."""
        if isinstance(obj, dict) and isinstance(argument, str):
            return (
                filters.bounded(obj[argument]) if argument in obj else self.undefined("this value is missing")
            )
        if isinstance(obj, str | list | tuple) and isinstance(argument, int):
            if -len(obj) <= argument < len(obj):
                return filters.bounded(obj[argument])
            raise RefusedError("this position is out of range")
        _require_defined(obj, argument)
        raise RefusedError("`[ ]` needs a column name in a mapping, or a position in a text or list")

    def call_binop(self, context: runtime.Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - Jinja's signature
        _require_defined(left, right)
        return filters.arithmetic(operator, left, right)


def _require_defined(*values: object) -> None:
    for value in values:
        if isinstance(value, jinja2.Undefined):
            raise jinja2.UndefinedError(value._undefined_message)  # noqa: SLF001 - Jinja's hook for subclasses


def _finalize(value: object) -> str:
    _require_defined(value)
    return filters.plain_text(value)


def _of_defined(function: Callable[..., object]) -> Callable[..., object]:
    @wraps(function)
    def of_defined(*values: object, **named: object) -> object:
        _require_defined(*values, *named.values())
        return function(*values, **named)

    return of_defined


def _default(value: object, default: object = "", boolean: object = False) -> object:  # noqa: FBT002 - templates pass it by position
    return default if isinstance(value, jinja2.Undefined) or (boolean and not value) else value


CONCATENATE = "~"
"""The operator of this name, as a filter: no template can write it."""

TRUTH = "?"
"""Whether a value counts as yes in a condition, as a filter that no template can write."""

_JINJAS_TESTS = (
    "boolean", "defined", "eq", "equalto", "false", "float", "ge", "gt", "in", "integer", "le", "lt",
    "mapping", "ne", "none", "number", "string", "true", "undefined",
)  # fmt: skip


ENVIRONMENT = _Environment(
    undefined=_Missing, autoescape=False, finalize=_finalize, optimized=False, cache_size=0
)
ENVIRONMENT.globals = {}
ENVIRONMENT.filters = {
    "default": _default,
    CONCATENATE: _of_defined(filters.concatenate),
    TRUTH: _of_defined(filters.holds),
    **{name: _of_defined(function) for name, function in filters.FILTERS.items()},
}
ENVIRONMENT.tests = {
    "divisibleby": _of_defined(filters.divisible_by),
    "even": _of_defined(filters.is_even),
    "odd": _of_defined(filters.is_odd),
    **{name: ENVIRONMENT.tests[name] for name in _JINJAS_TESTS},
}
