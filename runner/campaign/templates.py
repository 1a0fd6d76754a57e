"""Templates over a row: `{{ row.first_name | title }}`. The only door to Jinja.

Rows and campaign files are untrusted. Jinja's sandbox keeps templates away from Python, but lets them loop
for ever or fill the memory, so only an allow-list of syntax, filters and tests compiles, and every operation
that could grow is bounded (see `runner.campaign.filters`).
"""
# ruff: noqa: ANN401 - the hooks of Jinja's environment are given any value and return any

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from types import TracebackType
from typing import Any, NoReturn, cast

import jinja2
from jinja2 import nodes, runtime
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from runner.campaign import filters
from runner.campaign.did_you_mean import did_you_mean
from runner.campaign.filters import MAX_INTEGER, MAX_TEXT, RefusedError
from runner.campaign.plain_template import UNFITTING, Column, Part, fill_in, only_column

MAX_SOURCE = 10_000
"""Characters of a template."""

_MAX_DEPTH = 40
"""Expressions inside expressions. Deeper ones would exhaust the stack of the compiler."""

_NAMES = ("row", "vars")

_MOST_KNOWN = 256
_LONGEST_KNOWN = 100
"""Results that one template remembers, and characters of the values that they are remembered by."""


class TemplateSyntaxError(Exception):
    """The template cannot be compiled. `line` counts from 1 within the template."""

    def __init__(self, message: str, line: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.hint = hint


class TemplateRenderError(Exception):
    """The template cannot be filled in for this row. `message` holds nothing of the row's content."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template. `is_constant` when it holds neither `{{` nor `{%`: it is then text as written."""

    source: str
    is_constant: bool
    constants_used: frozenset[str]
    """Names under `vars` without which it cannot be rendered."""
    columns_used: frozenset[str]
    """Names of `row` that it mentions, also where `default` or a branch makes do without them."""
    _compiled: jinja2.Template | None
    _column: str | None = None
    """The one column of which the template is all made: `{{ row.x }}` and nothing else."""
    _plain: tuple[Part, ...] | None = None
    """The parts of a template that is all text, columns, and filters without arguments."""
    _sole_column: str | None = None
    """The one column from which everything in the template follows."""
    _known: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    """What texts in that column come to. Mostly there are few, such as languages, in a million rows."""

    def render(self, row: Mapping[str, object], constants: Mapping[str, object]) -> str:
        """The text for this row. `constants` is the campaign's `vars`. Raises TemplateRenderError."""
        if self._compiled is None:
            return self.source.removesuffix("\n")
        # What is not plain text is Jinja's, which has the words for what is missing or does not fit.
        if self._column is not None:
            value = row.get(self._column)
            if type(value) is str and len(value) <= MAX_TEXT:
                return value
        elif self._plain is not None:
            text = fill_in(self._plain, row)
            if text is not None:
                return text
        elif self._sole_column is not None:
            value = row.get(self._sole_column)
            if type(value) is str and len(value) <= _LONGEST_KNOWN:
                known = self._known.get(value)
                if known is None:
                    known = self._by_jinja(self._compiled, row, constants)
                    if len(self._known) < _MOST_KNOWN:
                        self._known[value] = known
                return known
        return self._by_jinja(self._compiled, row, constants)

    @staticmethod
    def _by_jinja(
        compiled: jinja2.Template, row: Mapping[str, object], constants: Mapping[str, object]
    ) -> str:
        try:
            return _assemble(compiled, row, constants)
        except RefusedError as error:
            message, line = str(error), _line(error.__traceback__, compiled)
        except jinja2.UndefinedError as error:
            message, line = str(error.message), _line(error.__traceback__, compiled)
        except UNFITTING as error:
            # Python's own words may quote the value, so they are left out.
            message, line = _UNFIT, _line(error.__traceback__, compiled)
        raise TemplateRenderError(message, line)


_UNFIT = "the values do not fit this expression (text and numbers do not mix: `| int` makes a number)"


@lru_cache(maxsize=1024)
def compile_template(source: str) -> Template:
    """Compiles text with {{ }} over `row` and `vars`. Raises TemplateSyntaxError."""
    if len(source) > MAX_SOURCE:
        raise TemplateSyntaxError(f"the template is longer than {MAX_SOURCE:,} characters", 1)
    if "{{" not in source and "{%" not in source:
        return Template(
            source, is_constant=True, constants_used=frozenset(), columns_used=frozenset(), _compiled=None
        )
    with warnings.catch_warnings():
        # Python warns about nonsense such as `5[1:]`, which fails with our own words when it is rendered.
        warnings.simplefilter("ignore")
        return _compile(source)


def is_true(text: str) -> bool:
    """Whether a rendered condition holds: not empty, `false`, `no`, `0` or `none`, in any case."""
    return text.strip().lower() not in {"", "false", "no", "0", "none"}


def _compile(source: str) -> Template:
    tree = _parse(source)
    _check(tree)
    _Rewrite().visit(tree)
    constants_used, columns_used = _constants_used(tree), _columns_used(tree)
    plain, sole_column = _plain_parts(tree), _sole_column(tree)
    tree.set_environment(_ENVIRONMENT)
    try:
        compiled = _ENVIRONMENT.from_string(tree)
    except (RefusedError, jinja2.UndefinedError) as error:
        # Jinja computes an expression without any row in it while compiling.
        raise TemplateSyntaxError(str(error), 1) from None
    except (RecursionError, SyntaxError):
        raise _too_deep(1) from None
    return Template(
        source,
        is_constant=False,
        constants_used=constants_used,
        columns_used=columns_used,
        _compiled=compiled,
        _column=only_column(plain),
        _plain=plain,
        _sole_column=sole_column,
    )


def _assemble(compiled: jinja2.Template, row: Mapping[str, object], constants: Mapping[str, object]) -> str:
    parts: list[str] = []
    size = 0
    for part in compiled.root_render_func(_Names(row, constants)):  # type: ignore[arg-type] # see _Names
        size += len(part)
        if size > MAX_TEXT:
            raise RefusedError(f"the result is longer than {MAX_TEXT:,} characters")
        parts.append(part)
    return "".join(parts)


def _line(traceback: TracebackType | None, compiled: jinja2.Template) -> int:
    code = compiled.root_render_func.__code__
    while traceback is not None:
        if traceback.tb_frame.f_code is code:
            return compiled.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return 1


# --- what a template means -------------------------------------------------------------------------------


class Columns(dict[str, object]):
    """A row, told apart from mappings inside it: only a row's own names are shown in errors.

    Any mapping will do as a row; this one is not copied for each template.
    """


class Constants(dict[str, object]):
    """The campaign's `vars`, likewise."""


class _Names:
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
        """`row.x` and `row['x']`. The name stands in the template, so that an error may show it."""
        if isinstance(obj, dict):
            try:
                return filters.bounded(obj[attribute])
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        if isinstance(obj, jinja2.Undefined):
            _fail(obj)
        raise RefusedError(f"`{attribute}` is asked of a plain value; filters change values: `| upper`")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`row[…]` where the name is computed: perhaps the content of a row, so that no error shows it."""
        if isinstance(obj, dict) and isinstance(argument, str):
            return (
                filters.bounded(obj[argument]) if argument in obj else self.undefined("this value is missing")
            )
        if isinstance(obj, str | list | tuple) and isinstance(argument, int):
            if -len(obj) <= argument < len(obj):
                return filters.bounded(obj[argument])
            raise RefusedError("there is nothing at this position")
        for value in (obj, argument):
            if isinstance(value, jinja2.Undefined):
                _fail(value)
        raise RefusedError("`[ ]` needs a column name in a mapping, or a position in a text or list")

    def call_binop(self, context: runtime.Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - Jinja's signature
        for value in (left, right):
            if isinstance(value, jinja2.Undefined):
                _fail(value)
        return filters.arithmetic(operator, left, right)


def _fail(value: jinja2.Undefined) -> NoReturn:
    raise jinja2.UndefinedError(value._undefined_message)  # noqa: SLF001 - Jinja's hook for subclasses


def _finalize(value: object) -> str:
    if isinstance(value, jinja2.Undefined):
        _fail(value)
    return filters.plain_text(value)


def _of_defined(function: Callable[..., object]) -> Callable[..., object]:
    @wraps(function)
    def of_defined(*values: object, **named: object) -> object:
        for value in (*values, *named.values()):
            if isinstance(value, jinja2.Undefined):
                _fail(value)
        return function(*values, **named)

    return of_defined


def _default(value: object, default: object = "", boolean: object = False) -> object:  # noqa: FBT002 - templates pass it by position
    return default if isinstance(value, jinja2.Undefined) or (boolean and not value) else value


_CONCATENATE = "~"
"""The operator of this name, as a filter: no template can write it."""

_JINJAS_TESTS = (
    "boolean", "defined", "eq", "equalto", "false", "float", "ge", "gt", "in", "integer", "le", "lt",
    "mapping", "ne", "none", "number", "string", "true", "undefined",
)  # fmt: skip


def _environment() -> _Environment:
    environment = _Environment(
        undefined=_Missing, autoescape=False, finalize=_finalize, optimized=False, cache_size=0
    )
    jinjas_tests = environment.tests
    environment.globals = {}
    environment.filters = {name: _of_defined(function) for name, function in filters.FILTERS.items()}
    environment.filters |= {"default": _default, _CONCATENATE: _of_defined(filters.concatenate)}
    environment.tests = {name: jinjas_tests[name] for name in _JINJAS_TESTS}
    environment.tests |= {
        "divisibleby": _of_defined(filters.divisible_by),
        "even": _of_defined(filters.is_even),
        "odd": _of_defined(filters.is_odd),
    }
    return environment


_ENVIRONMENT = _environment()


# --- what may be written ---------------------------------------------------------------------------------

_ALLOWED = frozenset({
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow,
    nodes.Concat, nodes.CondExpr, nodes.If, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword,
})  # fmt: skip


_TWO_WORDS = "expected token 'end of print statement', got"


def _parse(source: str) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(source)
    except jinja2.TemplateSyntaxError as error:
        reason = error.message or "this is no template"
        hint = (
            "a column with a space in its name is row['Phone Number']" if "print statement" in reason else ""
        )
        raise TemplateSyntaxError(f"the template cannot be read: {reason}", error.lineno, hint) from None
    except RecursionError:
        raise _too_deep(1) from None
    except (ValueError, OverflowError):
        raise TemplateSyntaxError("a number in the template is too large", 1) from None


def _check(tree: nodes.Template) -> None:
    """Refuses everything that is not on the allow-lists. Without recursion: the depth is not known yet."""
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise _too_deep(node.lineno)
        if type(node) not in _ALLOWED:
            raise _not_allowed(node)
        match node:
            case nodes.Name():
                _check_name(node)
            case nodes.Const():
                _check_number(node)
            case nodes.Filter():
                _check_use(node, "filter", _ENVIRONMENT.filters)
            case nodes.Test():
                _check_use(node, "test", _ENVIRONMENT.tests)
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _check_name(node: nodes.Name) -> None:
    if node.name not in _NAMES:
        raise TemplateSyntaxError(
            f"there is no `{node.name}` in templates",
            node.lineno,
            f"a column is `row.{node.name}`, a constant of the campaign `vars.{node.name}`",
        )


def _check_number(node: nodes.Const) -> None:
    number = node.value
    if isinstance(number, int | float) and not abs(number) <= MAX_INTEGER:
        raise TemplateSyntaxError("a number in the template is too large", node.lineno)


def _check_use(node: nodes.Filter | nodes.Test, kind: str, known: Mapping[str, Any]) -> None:
    if node.name not in known:
        usable = sorted(name for name in known if name != _CONCATENATE)
        hint = did_you_mean(node.name, usable) or f"there are: {', '.join(usable)}"
        raise TemplateSyntaxError(f"there is no {kind} `{node.name}`", node.lineno, hint)
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise TemplateSyntaxError("`*` and `**` arguments are not available in templates", node.lineno)
    # Jinja types them as Pair, but the parser makes Keyword.
    keywords = cast("list[nodes.Keyword]", node.kwargs)
    named = {keyword.key: None for keyword in keywords}
    try:
        inspect.signature(known[node.name]).bind(None, *node.args, **named)
    except TypeError:
        raise TemplateSyntaxError(f"`{node.name}` does not take these arguments", node.lineno) from None


def _not_allowed(node: nodes.Node) -> TemplateSyntaxError:
    if isinstance(node, nodes.Call):
        method = node.node.attr if isinstance(node.node, nodes.Getattr) else ""
        hint = "filters take the place of calls: `{{ row.name | upper }}`"
        if method in _ENVIRONMENT.filters:
            hint = f"write it as a filter: `| {method}`"
        return TemplateSyntaxError("calls are not available in templates", node.lineno, hint)
    what = _STATEMENTS.get(type(node), "this statement")
    return TemplateSyntaxError(
        f"{what} is not available in templates", node.lineno, "there are expressions, filters and `{% if %}`"
    )


_STATEMENTS: Mapping[type[nodes.Node], str] = {
    nodes.For: "`for`",
    nodes.Macro: "`macro`",
    nodes.CallBlock: "`call`",
    nodes.FilterBlock: "`filter` as a block",
    nodes.With: "`with`",
    nodes.Block: "`block`",
    nodes.Extends: "`extends`",
    nodes.Include: "`include`",
    nodes.Import: "`import`",
    nodes.FromImport: "`from`",
    nodes.Assign: "`set`",
    nodes.AssignBlock: "`set`",
    nodes.Scope: "`autoescape`",
}


def _too_deep(line: int) -> TemplateSyntaxError:
    return TemplateSyntaxError("the template is nested too deeply", line)


class _Rewrite(NodeTransformer):
    """Puts what Jinja would do by itself into our hands."""

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802 - named after the node
        """`row['x']` becomes `row.x`."""
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return nodes.Getattr(node.node, node.arg.value, "load", lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - named after the node
        """`a ~ b` becomes a filter: Jinja has no hook by which the operator itself could be bounded."""
        self.generic_visit(node)
        first, *others = node.nodes
        return nodes.Filter(first, _CONCATENATE, others, [], None, None, lineno=node.lineno)


def _constants_used(tree: nodes.Template) -> frozenset[str]:
    """The names `x` of every `vars.x` that is read as it is, without `default` or `is defined`."""
    guarded = {
        id(node.node)
        for node in tree.find_all((nodes.Filter, nodes.Test))
        if node.name in {"default", "defined", "undefined"}
    }
    return frozenset(
        node.attr
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "vars" and id(node) not in guarded
    )


def _columns_used(tree: nodes.Template) -> frozenset[str]:
    """The names `x` of every `row.x`, however it is used."""
    return frozenset(
        node.attr
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "row"
    )


def _sole_column(tree: nodes.Template) -> str | None:
    """The name `x` where `row.x`, once or several times, is all that the template reads."""
    names = [node.name for node in tree.find_all(nodes.Name) if node.name in _NAMES]
    reads = [
        node.attr
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == "row"
    ]
    return reads[0] if len(set(reads)) == 1 and names == ["row"] * len(reads) else None


def _plain_parts(tree: nodes.Template) -> tuple[Part, ...] | None:
    parts: list[Part] = []
    for statement in tree.body:
        if not isinstance(statement, nodes.Output):
            return None
        for node in statement.nodes:
            part = node.data if isinstance(node, nodes.TemplateData) else _plain_column(node)
            if part is None:
                return None
            parts.append(part)
    return tuple(parts)


def _plain_column(node: nodes.Expr) -> Column | None:
    match node:
        case nodes.Getattr(node=nodes.Name(name="row"), attr=column):
            return Column(str(column), ())
        case nodes.Filter(node=nodes.Expr() as inner, name=name, args=[], kwargs=[]):
            found, function = _plain_column(inner), filters.FILTERS.get(name)
            if found is not None and function is not None:
                return Column(found.name, (*found.filters, function))
    return None
